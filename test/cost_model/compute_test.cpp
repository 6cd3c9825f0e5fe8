// Kernel times: the roofline's three regimes, monotonicity, and agreement with recorded measurements.
#include "cost_model/compute.h"
#include "cost_model/work.h"

#include <gtest/gtest.h>

using namespace ampc;
using namespace ampc::cost;

namespace {

Device deviceOf(const std::string &preset) {
  ClusterError error;
  return presetCluster(preset, error).value().devices[0];
}

Work product(double m, double n, double k, DataType type = DataType::F32) {
  Work work;
  work.kind = WorkKind::Contraction;
  work.type = type;
  work.m = m, work.n = n, work.k = k;
  work.flops = 2 * m * n * k;
  work.bytesRead = (m * k + k * n) * bitWidth(type) / 8;
  work.bytesWritten = m * n * bitWidth(type) / 8;
  return work;
}

TEST(Compute, takesTheLargestOfThreeTerms) {
  Device device;
  device.peakFlopsPerSecond = {{DataType::F32, 1e9}};
  device.memoryBandwidthBytesPerSecond = 1e9;
  device.launchSeconds = 1e-3;
  Work work;
  work.flops = 5e6, work.bytesRead = 1e6, work.bytesWritten = 1e6;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), 5e-3);
  work.bytesRead = 9e6;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), 10e-3);
  work = {};
  work.flops = 1;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), 1e-3);
  EXPECT_EQ(computeSeconds(Work(), device), 0); // an empty shard
}

TEST(Compute, roundsReadTheirBytesFromTheCacheEachTime) {
  Device device;
  device.peakFlopsPerSecond = {{DataType::F32, 1e12}};
  device.memoryBandwidthBytesPerSecond = 1e9;
  device.cacheBytes = 1000000;
  device.cacheBandwidthBytesPerSecond = 10e9;
  device.launchSeconds = 1e-6;
  Work work;
  work.bytesRead = 10e6;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), 9e6 / 1e9 + 1e6 / 10e9); // at once: most of it from memory
  work.rounds = 10;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), 10 * 1e6 / 10e9);
  work.bytesRead = 10;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), 10 * 1e-6);
}

plan::Kernel recurrenceOf(const std::string &cell, int64_t gates) {
  plan::Kernel kernel;
  kernel.kind = plan::KernelKind::Library;
  kernel.symbol = "onednn.recurrence";
  kernel.strings = {{"cell", cell}};
  for (const std::vector<int64_t> &shape : {std::vector<int64_t>{20, 3, 64}, {64, gates * 128}, {128, gates * 128}})
    kernel.operands.push_back({DataType::F32, shape});
  kernel.results = {{DataType::F32, {20, 3, 128}}};
  return kernel;
}

TEST(Work, recurrencesReadTheirWeightsInEveryStep) {
  const std::tuple<const char *, int, int> cells[] = {
      {"lstm", 4, 2}, {"gru", 3, 2}, {"lbr_gru", 3, 1}, {"rnn_tanh", 1, 1}};
  for (auto [cell, gates, calls] : cells) {
    plan::Step step;
    step.flops = 20.0 * 3 * 128 * gates * 2 * (64 + 128);
    step.bytes = 1e6;
    const Work work = workOf(step, recurrenceOf(cell, gates));
    EXPECT_EQ(work.kind, WorkKind::Contraction);
    EXPECT_EQ(work.rounds, 20);
    EXPECT_EQ(work.m, 3);
    EXPECT_DOUBLE_EQ(work.n, gates * 128);
    EXPECT_DOUBLE_EQ(work.bytesRead + work.bytesWritten, 1e6 + 19.0 * 128 * gates * 128 * 4);
    EXPECT_EQ(work.libraryCalls, 1 + 20 * calls);
  }
}

TEST(Compute, coreShareDividesRates) {
  Device device = deviceOf("cpux4");
  const Work heavy = product(512, 512, 512);
  const double seconds = computeSeconds(heavy, device);
  device.coreShare = 0.5;
  EXPECT_DOUBLE_EQ(computeSeconds(heavy, device), 2 * seconds);
}

TEST(Compute, productsReadTheCacheAtARateOfTheirOwn) {
  Device device;
  device.peakFlopsPerSecond = {{DataType::F32, 1e15}};
  device.memoryBandwidthBytesPerSecond = 1e9;
  device.cacheBytes = 1e6;
  device.cacheBandwidthBytesPerSecond = 4e9;
  Work work = product(1, 250, 1000); // 1.005 MB, of which 5 kB are beyond the cache
  const double bytes = work.bytesRead + work.bytesWritten, beyond = (bytes - 1e6) / 1e9;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), beyond + 1e6 / 4e9);
  device.cacheReadBytesPerSecond = 10e9;
  const double cachedRead = 1e6 * work.bytesRead / bytes;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), beyond + cachedRead / 10e9 + (1e6 - cachedRead) / 4e9);
  work.kind = WorkKind::Elementwise;
  EXPECT_DOUBLE_EQ(computeSeconds(work, device), beyond + 1e6 / 4e9);
  EXPECT_DOUBLE_EQ(memorySeconds(bytes, device), beyond + 1e6 / 4e9);
}

TEST(Compute, neverDecreasesWithWork) {
  for (const char *name : {"cpux4", "h100x8", "a100x8"}) {
    const Device device = deviceOf(name);
    for (DataType type : {DataType::F32, DataType::BF16, DataType::I8, DataType::I64}) {
      double before = 0;
      for (double size = 1; size <= 8192; size *= 2) {
        for (const Work &work : {product(size, 256, 256, type), product(size * 1.5, 256, 256, type)}) {
          EXPECT_GE(computeSeconds(work, device), before) << name << " m " << work.m;
          before = computeSeconds(work, device);
        }
      }
      before = 0;
      for (double size = 1; size <= 8192; size *= 2) {
        EXPECT_GE(computeSeconds(product(64, 64, size, type), device), before) << name << " k " << size;
        before = computeSeconds(product(64, 64, size, type), device);
      }
    }
    double before = 0;
    for (double bytes = 1; bytes < 1e9; bytes *= 1.5) { // across the cache size
      Work work;
      work.kind = WorkKind::Movement;
      work.bytesRead = bytes;
      EXPECT_GE(computeSeconds(work, device), before) << name << " bytes " << bytes;
      before = computeSeconds(work, device);
    }
  }
}

TEST(Compute, aSmallShardIsLessEfficient) {
  const Device device = deviceOf("cpux4");
  EXPECT_GT(efficiencyOf(product(512, 768, 768), device), efficiencyOf(product(512, 8, 768), device));
  EXPECT_GT(efficiencyOf(product(512, 768, 768), device), efficiencyOf(product(512, 768, 8), device));
}

TEST(Compute, h100ReachesThePublishedProductAndCopy) {
  const Device device = deviceOf("h100x8");
  const Work work = product(8192, 8192, 8192, DataType::BF16);
  EXPECT_NEAR(work.flops / computeSeconds(work, device), 798e12, 0.03 * 798e12);
  EXPECT_NEAR(6e9 / memorySeconds(6e9, device), 3.0e12, 0.03 * 3.0e12);
}

TEST(Compute, genericCoreIsWithinAFactorOfTwoOfMeasuredKernels) {
  const Device device = deviceOf("cpux1");
  struct Measured {
    Work work;
    double seconds;
  };
  auto convolution = [](double points, double channels, double reduction, double inputBytes) {
    Work work;
    work.kind = WorkKind::Convolution;
    work.m = points, work.n = channels, work.k = reduction;
    work.flops = 2 * points * channels * reduction;
    work.bytesRead = inputBytes + channels * reduction * 4;
    work.bytesWritten = points * channels * 4;
    return work;
  };
  auto elementwise = [](double elements, double flopsPerElement, double bytes) {
    Work work;
    work.flops = elements * flopsPerElement;
    work.bytesRead = work.bytesWritten = bytes / 2;
    return work;
  };
  // One core of a 3.5 GHz server with AVX-512: 222 GFLOP/s peak, 29 GB/s copies.
  const Measured cases[] = {
      {product(128, 768, 768), 2 * 128 * 768 * 768 / 168e9},
      {product(512, 3072, 768), 2.0 * 512 * 3072 * 768 / 172e9},
      {product(512, 768, 3072), 2.0 * 512 * 768 * 3072 / 168e9},
      {product(1, 3072, 768), 330e-6},
      {product(1, 4096, 4096), 2755e-6},
      {convolution(4 * 56 * 56, 64, 576, 4 * 56 * 56 * 64 * 4), 2.0 * 4 * 56 * 56 * 64 * 576 / 191e9},
      {convolution(4 * 56 * 56, 256, 64, 4 * 56 * 56 * 64 * 4), 2.0 * 4 * 56 * 56 * 256 * 64 / 173e9},
      {convolution(4 * 14 * 14, 256, 2304, 4 * 14 * 14 * 256 * 4), 2.0 * 4 * 14 * 14 * 256 * 2304 / 206e9},
      {convolution(4 * 56 * 56, 72, 9, 4 * 56 * 56 * 72 * 4), 2.0 * 4 * 56 * 56 * 72 * 9 / 52e9},
      {elementwise(4 * 256 * 56 * 56, 2, 3.0 * 4 * 256 * 56 * 56 * 4), 1285e-6}, // relu + add
      {elementwise(4 * 128 * 3072, 25, 2.0 * 4 * 128 * 3072 * 4), 700e-6},       // GELU (erf)
  };
  for (const Measured &measured : cases) {
    const double seconds = computeSeconds(measured.work, device);
    EXPECT_LT(seconds, 2.2 * measured.seconds) << "m " << measured.work.m << " n " << measured.work.n;
    EXPECT_GT(seconds, measured.seconds / 2) << "m " << measured.work.m << " n " << measured.work.n;
  }
}

plan::Kernel kernel(plan::KernelKind kind, std::string symbol, std::vector<std::vector<int64_t>> operands,
                    std::vector<int64_t> result) {
  plan::Kernel kernel;
  kernel.kind = kind;
  kernel.symbol = std::move(symbol);
  for (auto &shape : operands)
    kernel.operands.push_back({DataType::F32, shape});
  kernel.results.push_back({DataType::F32, std::move(result)});
  return kernel;
}

TEST(Work, readsTheShapeOfAProduct) {
  const plan::Kernel matmul =
      kernel(plan::KernelKind::Library, "onednn.matmul", {{4, 128, 768}, {768, 3072}}, {4, 128, 3072});
  plan::Step step;
  step.flops = 2.0 * 4 * 128 * 768 * 3072;
  step.reads.push_back({plan::Space::Activation, 0, 0, 1000});
  step.writes.push_back({plan::Space::Activation, 0, 0, 500});
  const Work work = workOf(step, matmul);
  EXPECT_EQ(work.kind, WorkKind::Contraction);
  EXPECT_EQ(work.m, 512);
  EXPECT_EQ(work.n, 3072);
  EXPECT_EQ(work.k, 768);
  EXPECT_EQ(work.bytesRead + work.bytesWritten, 1500);
  step.bytes = 900;
  EXPECT_EQ(workOf(step, matmul).bytesRead + workOf(step, matmul).bytesWritten, 900);
}

TEST(Work, seesNoBatchOfMatricesInTheWeightsOfAConvolution) {
  plan::Step step;
  step.flops = 2.0 * 32 * 128 * 128 * 32 * 9;
  const Work convolution = workOf(
      step, kernel(plan::KernelKind::Generated, "k", {{1, 32, 128, 128}, {32, 32, 3, 3}}, {1, 32, 128, 128}));
  EXPECT_EQ(convolution.kind, WorkKind::GeneratedContraction);
  EXPECT_EQ(convolution.m * convolution.n, 32.0 * 128 * 128);
  EXPECT_EQ(convolution.k, 32.0 * 9);
  step.flops = 2.0 * 8 * 64 * 32 * 128;
  const Work batched = workOf(step, kernel(plan::KernelKind::Generated, "k", {{8, 64, 32}, {8, 32, 128}}, {8, 64, 128}));
  EXPECT_EQ(batched.m, 64);
}

TEST(Work, knowsKindsOfKernels) {
  using plan::KernelKind;
  EXPECT_EQ(
      workKindOf(
          kernel(KernelKind::Library, "onednn.convolution", {{1, 3, 9, 9}, {8, 3, 3, 3}}, {1, 8, 7, 7}), 1e6),
      WorkKind::Convolution);
  EXPECT_EQ(
      workKindOf(kernel(KernelKind::Generated, "k1", {{64, 64}, {64, 64}}, {64, 64}), 2.0 * 64 * 64 * 64),
      WorkKind::GeneratedContraction);
  EXPECT_EQ(workKindOf(kernel(KernelKind::Generated, "k2", {{64, 64}, {64, 64}}, {64, 64}), 64 * 64),
            WorkKind::Elementwise);
  EXPECT_EQ(workKindOf(kernel(KernelKind::Generated, "k3", {{64, 64}}, {64}), 64 * 64), WorkKind::Reduction);
  EXPECT_EQ(workKindOf(kernel(KernelKind::Generated, "k4", {{64, 64}}, {64, 64}), 0), WorkKind::Movement);
  // A quarter of the operand is read: nothing is reduced.
  plan::Kernel part = kernel(KernelKind::Generated, "k5", {{64, 256}}, {64, 64});
  EXPECT_EQ(workKindOf(part, 64 * 64), WorkKind::Reduction);
  describeReads(part, {64 * 64});
  EXPECT_EQ(workKindOf(part, 64 * 64), WorkKind::Elementwise);
}

// Everything about both executors of a product [m, k] x [k, n] on `device`.
struct BothSeconds {
  double generated, library;
};
BothSeconds productSeconds(int64_t m, int64_t n, int64_t k, bool isPacked, const Device &device) {
  plan::Kernel generated = kernel(plan::KernelKind::Generated, "k", {{m, k}, {k, n}}, {m, n});
  plan::Kernel library = kernel(plan::KernelKind::Library, "onednn.matmul", {{m, k}, {k, n}}, {m, n});
  describeProduct(generated, false, false, {m, k}, {k, n}, {m, n});
  library.integers.push_back({"packed", {isPacked}});
  plan::Step step;
  step.flops = 2.0 * double(m) * double(n) * double(k);
  step.bytes = 4.0 * double(m * k + k * n + m * n);
  step.writes.push_back({plan::Space::Activation, 0, 0, uint64_t(4 * m * n)});
  return {computeSeconds(workOf(step, generated), device), computeSeconds(workOf(step, library), device)};
}

// Measured by executor_rates on a Zen 5 core (generated us, library us): m, n, k.
TEST(Work, pricesOfBothExecutorsOrderThemAsMeasured) {
  const Device device = deviceOf("cpux1");
  struct Case {
    int64_t m, n, k;
    bool isGeneratedFaster;
  };
  const Case cases[] = {{1, 64, 64, true},      // 0.06, 0.66
                        {1, 1, 256, true},      // 0.01, 0.86
                        {64, 1, 256, true},     // 0.37, 2.74
                        {4, 16, 64, true},      // 0.06, 0.44
                        {8, 64, 64, true},      // 0.27, 0.67
                        {16, 256, 16, true},    // 0.62, 1.07
                        {1, 1024, 256, false},  // 14.08, 7.75
                        {1, 1024, 1024, false}, // 89.12, 44.27
                        {64, 1024, 256, false}, // 199.89, 139.40
                        {64, 4, 256, false},    // 4.31, 2.72
                        {128, 768, 768, false}};
  for (const Case &c : cases) {
    const BothSeconds seconds = productSeconds(c.m, c.n, c.k, true, device);
    EXPECT_EQ(seconds.generated < seconds.library, c.isGeneratedFaster)
        << c.m << " " << c.n << " " << c.k << ": " << seconds.generated << " " << seconds.library;
  }
  // Where the library has no packed operand either, its advantage with long rows is gone (14.08, 23.86).
  const BothSeconds plain = productSeconds(1, 1024, 256, false, device);
  EXPECT_LT(plain.generated, plain.library);
}

// Depthwise convolutions with channels last, as measured (generated us, library us).
TEST(Work, windowsAtTheBorderOfAnImageCostMore) {
  const Device device = deviceOf("cpux1");
  struct Case {
    int64_t channels, size, taps;
    bool isGeneratedFaster;
  };
  const Case cases[] = {{64, 28, 3, true},   // 4.7, 8.1
                        {16, 28, 3, true},   // 0.9, 3.2
                        {64, 14, 5, false},  // 5.8, 5.3
                        {384, 7, 5, false},  // 9.5, 6.4
                        {384, 56, 5, true}}; // margins are a small part of it
  for (const Case &c : cases) {
    const std::vector<int64_t> image = {1, c.channels, c.size, c.size}, weights = {c.channels, 1, c.taps, c.taps};
    plan::Kernel generated = kernel(plan::KernelKind::Generated, "k", {image, weights}, image);
    plan::Kernel library = kernel(plan::KernelKind::Library, "onednn.convolution", {image, weights}, image);
    describeProduct(generated, true, true, image, weights, image);
    plan::Step step;
    step.flops = 2.0 * double(c.channels * c.size * c.size * c.taps * c.taps);
    step.bytes = 8.0 * double(c.channels * c.size * c.size);
    const double byCode = computeSeconds(workOf(step, generated), device),
                 byLibrary = computeSeconds(workOf(step, library), device);
    EXPECT_EQ(byCode < byLibrary, c.isGeneratedFaster) << c.channels << " " << c.size << ": " << byCode << " " << byLibrary;
  }
}

TEST(Work, aDeviceWithoutFiguresOfGeneratedCodePrefersTheLibrary) {
  const Device device = deviceOf("h100x1");
  for (int64_t extent : {1, 16, 256, 4096}) {
    const BothSeconds seconds = productSeconds(extent, extent, extent, false, device);
    EXPECT_GE(seconds.generated, seconds.library) << extent;
  }
}

TEST(Work, extentsOfGeneratedProducts) {
  auto extents = [](bool isConvolution, bool isLast, const std::vector<int64_t> &a, const std::vector<int64_t> &b,
                    const std::vector<int64_t> &c) {
    plan::Kernel kernel;
    describeProduct(kernel, isConvolution, isLast, a, b, c);
    return kernel.integers.empty() ? std::vector<int64_t>() : kernel.integers[0].second;
  };
  using List = std::vector<int64_t>;
  EXPECT_EQ(extents(false, false, {4, 128, 64}, {64, 32}, {4, 128, 32}), List({512, 32, 64}));
  EXPECT_EQ(extents(false, false, {4, 128, 64}, {4, 64, 32}, {4, 128, 32}), List({128, 32, 64}));
  EXPECT_EQ(extents(false, false, {8, 64}, {64, 1}, {8, 1}), List({8, 64, 1})); // lanes along the sum
  EXPECT_EQ(extents(true, false, {1, 3, 32, 32}, {8, 3, 3, 3}, {1, 8, 32, 32}), List({256, 32, 27}));
  EXPECT_EQ(extents(true, false, {1, 3, 32, 32}, {8, 3, 1, 1}, {1, 8, 32, 32}), List({8, 1024, 3})); // one dimension
  EXPECT_EQ(extents(true, true, {1, 3, 32, 32}, {8, 3, 3, 3}, {1, 8, 32, 32}), List({1024, 8, 27}));
  EXPECT_EQ(extents(true, true, {1, 64, 28, 28}, {64, 1, 3, 3}, {1, 64, 28, 28}), List({784, 64, 9}));  // depthwise
  EXPECT_EQ(extents(true, true, {1, 64, 28, 28}, {64, 16, 3, 3}, {1, 64, 28, 28}), List({3136, 16, 144})); // 4 groups
  EXPECT_EQ(extents(false, false, {0, 4}, {4, 4}, {0, 4}), List());
}

TEST(Work, survivesStrangeKernels) {
  plan::Step step;
  step.flops = 1e9;
  EXPECT_GT(computeSeconds(workOf(step, plan::Kernel()), deviceOf("cpux1")), 0);
  const plan::Kernel empty = kernel(plan::KernelKind::Library, "onednn.matmul", {{0, 3}, {}}, {0, -1});
  EXPECT_GT(computeSeconds(workOf(step, empty), deviceOf("cpux1")), 0);
}

} // namespace
