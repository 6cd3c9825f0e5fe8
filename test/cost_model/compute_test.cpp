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

TEST(Compute, coreShareDividesRates) {
  Device device = deviceOf("cpux4");
  const Work heavy = product(512, 512, 512);
  const double seconds = computeSeconds(heavy, device);
  device.coreShare = 0.5;
  EXPECT_DOUBLE_EQ(computeSeconds(heavy, device), 2 * seconds);
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
  EXPECT_EQ(convolution.kind, WorkKind::Contraction);
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
      WorkKind::Contraction);
  EXPECT_EQ(workKindOf(kernel(KernelKind::Generated, "k2", {{64, 64}, {64, 64}}, {64, 64}), 64 * 64),
            WorkKind::Elementwise);
  EXPECT_EQ(workKindOf(kernel(KernelKind::Generated, "k3", {{64, 64}}, {64}), 64 * 64), WorkKind::Reduction);
  EXPECT_EQ(workKindOf(kernel(KernelKind::Generated, "k4", {{64, 64}}, {64, 64}), 0), WorkKind::Movement);
}

TEST(Work, survivesStrangeKernels) {
  plan::Step step;
  step.flops = 1e9;
  EXPECT_GT(computeSeconds(workOf(step, plan::Kernel()), deviceOf("cpux1")), 0);
  const plan::Kernel empty = kernel(plan::KernelKind::Library, "onednn.matmul", {{0, 3}, {}}, {0, -1});
  EXPECT_GT(computeSeconds(workOf(step, empty), deviceOf("cpux1")), 0);
}

} // namespace
