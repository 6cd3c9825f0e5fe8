// Fitting finds the parameters that made synthetic times, and stays sensible where times say little or nothing.
#include "cost_model/product_fit.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ampc;
using namespace ampc::cost;

namespace {

Device core() {
  Device device = cpuHostCluster(1, 1, 1, "avx512", uint64_t(8) << 30).devices[0];
  device.cacheBytes = 32 << 20; // so that arithmetic decides about most shapes
  device.cacheBandwidthBytesPerSecond = 100e9;
  return device;
}

std::vector<Work> shapes(WorkKind kind) {
  std::vector<Work> works;
  const bool isConvolution = kind == WorkKind::Convolution || kind == WorkKind::GeneratedConvolution;
  const bool isLibrary = kind == WorkKind::Contraction || kind == WorkKind::Convolution;
  for (double m : {1, 4, 32, 128})
    for (double n : {4, 16, 64, 512, 2048})
      for (double k : {4, 32, 256}) {
        Work work;
        work.kind = kind;
        work.m = m, work.n = n, work.k = k;
        work.flops = 2 * m * n * k;
        work.bytesRead = 4 * (m * k + k * n);
        work.bytesWritten = 4 * m * n;
        work.libraryCalls = isLibrary;
        work.readsPlainRows = !isConvolution && !isLibrary;
        works.push_back(work);
      }
  return works;
}

void addTimes(std::vector<TimedWork> &times, WorkKind kind, Device device) {
  device.launchSeconds = 0;
  for (const Work &work : shapes(kind))
    times.push_back({work, computeSeconds(work, device)});
}

void expectNear(const Efficiency &found, const Efficiency &known) {
  EXPECT_NEAR(found.fraction, known.fraction, 0.01 * known.fraction);
  EXPECT_NEAR(found.halfM, known.halfM, 0.02 * known.halfM + 0.05);
  EXPECT_NEAR(found.halfN, known.halfN, 0.02 * known.halfN + 0.05);
  EXPECT_NEAR(found.halfK, known.halfK, 0.02 * known.halfK + 0.05);
  EXPECT_NEAR(found.fadeN, known.fadeN, 0.02 * known.fadeN);
}

constexpr WorkKind products[] = {WorkKind::Contraction, WorkKind::Convolution, WorkKind::GeneratedContraction,
                                 WorkKind::GeneratedConvolution};

TEST(ProductFit, findsTheParametersThatMadeTheTimes) {
  const Efficiency known[][4] = {
      {{0.7, 2, 24, 10, 0}, {0.6, 3, 7, 30, 0}, {0.9, 0.5, 40, 3, 1200}, {0.5, 4, 20, 9, 0}},
      {{0.99, 0, 0, 0, 0}, {0.2, 60, 1, 0, 0}, {0.35, 6, 3, 50, 300}, {1, 0, 90, 1, 0}}};
  const double calls[] = {0.8e-6, 0.1e-6}, readsPerCopy[] = {1, 2.5};
  for (size_t set = 0; set < 2; ++set) {
    Device truth = core();
    for (size_t k = 0; k < 4; ++k)
      truth.efficiency[size_t(products[k])] = known[set][k];
    truth.libraryCallSeconds = calls[set];
    truth.cacheReadBytesPerSecond = readsPerCopy[set] * truth.cacheBandwidthBytesPerSecond;
    std::vector<TimedWork> times;
    for (WorkKind kind : products)
      addTimes(times, kind, truth);
    const ProductFit fit = fitProducts(core(), times);
    for (size_t k = 0; k < 4; ++k) {
      SCOPED_TRACE(std::string(name(products[k])) + ", set " + std::to_string(set));
      expectNear(fit.device.efficiency[size_t(products[k])], known[set][k]);
      EXPECT_EQ(fit.timesUsed[size_t(products[k])], shapes(products[k]).size());
      EXPECT_LT(fit.logError[size_t(products[k])], 1e-3);
    }
    EXPECT_NEAR(fit.device.libraryCallSeconds, calls[set], 0.02 * calls[set]);
    EXPECT_EQ(fit.device.launchSeconds, core().launchSeconds);
    EXPECT_NEAR(fit.device.cacheReadBytesPerSecond, truth.cacheReadBytesPerSecond,
                0.02 * truth.cacheReadBytesPerSecond);
    const Cluster cluster = withProductFit(cpuHostCluster(2, 2, 4, "avx512", uint64_t(8) << 30), fit);
    for (const Device &device : cluster.devices)
      EXPECT_NEAR(device.cacheReadBytesPerSecond / device.cacheBandwidthBytesPerSecond, readsPerCopy[set],
                  0.02 * readsPerCopy[set]);
  }
}

TEST(ProductFit, isNotLedAstrayByNoise) {
  Device truth = core();
  truth.efficiency[size_t(WorkKind::GeneratedContraction)] = {0.6, 2, 30, 8, 1500};
  std::vector<TimedWork> times;
  addTimes(times, WorkKind::GeneratedContraction, truth);
  for (size_t i = 0; i < times.size(); ++i)
    times[i].seconds *= i % 2 ? 1.1 : 0.9;
  const ProductFit fit = fitProducts(core(), times);
  EXPECT_NEAR(fit.logError[size_t(WorkKind::GeneratedContraction)], 0.1, 0.02);
  truth.launchSeconds = 0;
  Device found = fit.device;
  found.launchSeconds = 0;
  for (const Work &work : shapes(WorkKind::GeneratedContraction))
    EXPECT_NEAR(std::log(computeSeconds(work, found) / computeSeconds(work, truth)), 0, 0.1) << work.m << " " << work.n;
}

TEST(ProductFit, keepsTheBoundsOfADescription) {
  // Times that no device has: all alike, far too short, far too long.
  for (double seconds : {1e-12, 1e-6, 10.0}) {
    std::vector<TimedWork> times;
    for (WorkKind kind : products)
      for (const Work &work : shapes(kind))
        times.push_back({work, seconds});
    Cluster cluster = cpuHostCluster(2, 1, 2, "avx512", uint64_t(8) << 30);
    cluster = withProductFit(cluster, fitProducts(core(), times));
    EXPECT_EQ(check(cluster), std::nullopt) << seconds;
  }
}

TEST(ProductFit, leavesWhatWasNotMeasured) {
  Device truth = core();
  truth.efficiency[size_t(WorkKind::GeneratedContraction)] = {0.5, 2, 30, 8, 1500};
  std::vector<TimedWork> times;
  addTimes(times, WorkKind::GeneratedContraction, truth);
  for (size_t i = 0; i + 1 < leastTimesOfKind; ++i) // too few
    times.push_back({shapes(WorkKind::Contraction)[i], 1e-3});
  for (const Work &work : shapes(WorkKind::Convolution)) // no times at all
    times.push_back({work, NAN});
  const Cluster given = cpuHostCluster(2, 1, 2, "avx512", uint64_t(8) << 30);
  const Cluster fitted = withProductFit(given, fitProducts(core(), times));
  for (size_t d = 0; d < 2; ++d) {
    const Device &before = given.devices[d], &after = fitted.devices[d];
    EXPECT_EQ(after.libraryCallSeconds, before.libraryCallSeconds);
    for (size_t kind = 0; kind < numWorkKinds; ++kind)
      if (WorkKind(kind) == WorkKind::GeneratedContraction)
        expectNear(after.efficiency[kind], truth.efficiency[kind]);
      else
        EXPECT_EQ(after.efficiency[kind], before.efficiency[kind]) << name(WorkKind(kind));
  }
}

} // namespace
