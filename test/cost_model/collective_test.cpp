// Collective times against published NCCL measurements, and the properties that any search relies on.
#include "cost_model/collective.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace ampc;
using namespace ampc::cost;
using plan::StepKind;

namespace {

constexpr double kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
const StepKind collectives[] = {StepKind::AllReduce, StepKind::AllGather, StepKind::ReduceScatter,
                                StepKind::AllToAll,  StepKind::Broadcast, StepKind::Exchange};

Cluster preset(const std::string &name) {
  ClusterError error;
  return presetCluster(name, error).value();
}

std::vector<uint32_t> ranks(uint32_t count, uint32_t stride = 1, uint32_t first = 0) {
  std::vector<uint32_t> list(count);
  for (uint32_t i = 0; i < count; ++i)
    list[i] = first + i * stride;
  return list;
}

/// What nccl-tests calls bus bandwidth of an all-reduce, bytes per second: published numbers are in it.
double busBandwidth(double bytesPerRank, double numRanks, double seconds) {
  return 2 * bytesPerRank * (numRanks - 1) / numRanks / seconds;
}

TEST(Collective, matchesNcclAllReduceOnEightH100) {
  const Cluster cluster = preset("h100x8");
  const auto all = ranks(8);
  EXPECT_NEAR(collectiveSeconds(StepKind::AllReduce, kib, all, cluster), 16.9e-6, 0.25 * 16.9e-6);
  EXPECT_NEAR(collectiveSeconds(StepKind::AllReduce, mib, all, cluster), 27.4e-6, 0.25 * 27.4e-6);
  const double seconds = collectiveSeconds(StepKind::AllReduce, gib, all, cluster);
  EXPECT_NEAR(busBandwidth(gib, 8, seconds), 466e9, 0.25 * 466e9);
}

TEST(Collective, followsThePublishedSweepOverNodes) {
  // Bus bandwidth at 256 MB over 1, 2, 4... nodes of 8 H100. One sweep of one network: a factor of 1.5 is
  // accepted.
  const double measured[] = {436e9, 362e9, 160e9, 100e9, 85e9, 65e9, 33e9};
  for (uint32_t i = 0; i < 7; ++i) {
    const uint32_t devices = 8u << i;
    const Cluster cluster = preset("h100x" + std::to_string(devices));
    const double seconds = collectiveSeconds(StepKind::AllReduce, 256e6, ranks(devices), cluster);
    const double predicted = busBandwidth(256e6, devices, seconds);
    EXPECT_LT(predicted, 1.5 * measured[i]) << devices << " devices";
    EXPECT_GT(predicted, measured[i] / 1.5) << devices << " devices";
    RecordProperty("gbps_" + std::to_string(devices), int(predicted / 1e9));
  }
}

TEST(Collective, growsWithBytes) {
  for (const char *name : {"cpux4", "cpux16", "h100x8", "h100x64", "a100x16"}) {
    const Cluster cluster = preset(name);
    for (StepKind kind : collectives) {
      const auto all = ranks(cluster.numDevices());
      double before = collectiveSeconds(kind, 0, all, cluster);
      EXPECT_GT(before, 0) << name;
      for (double bytes = 16; bytes <= gib; bytes *= 2) {
        const double seconds = collectiveSeconds(kind, bytes, all, cluster);
        EXPECT_GE(seconds, before) << name << " kind " << int(kind) << " bytes " << bytes;
        before = seconds;
      }
      EXPECT_GT(before, 2 * collectiveSeconds(kind, 0, all, cluster)) << name;
    }
  }
}

TEST(Collective, handingOverIsMeetingTwice) {
  const Cluster threads = preset("cpux8");
  EXPECT_EQ(handoverSeconds(1, threads), 0);
  EXPECT_DOUBLE_EQ(handoverSeconds(2, threads), 2 * threads.tiers[0].latencySeconds);
  EXPECT_DOUBLE_EQ(handoverSeconds(8, threads), 6 * threads.tiers[0].latencySeconds);
  EXPECT_EQ(handoverSeconds(8, preset("h100x8")), 0); // no threads of one process
}

TEST(Collective, costsNothingAlone) {
  const Cluster cluster = preset("cpux4");
  const std::vector<uint32_t> one = {2};
  for (StepKind kind : collectives)
    EXPECT_EQ(collectiveSeconds(kind, mib, one, cluster), 0);
  EXPECT_EQ(collectiveSeconds(StepKind::Launch, mib, ranks(4), cluster), 0);
}

TEST(Collective, isDearerAcrossNodes) {
  for (const char *name : {"cpux16", "h100x16", "a100x16"}) {
    const Cluster cluster = preset(name);
    for (StepKind kind :
         {StepKind::AllReduce, StepKind::AllGather, StepKind::ReduceScatter, StepKind::AllToAll})
      EXPECT_GT(collectiveSeconds(kind, 64 * mib, ranks(2, 8), cluster),
                collectiveSeconds(kind, 64 * mib, ranks(2, 1), cluster))
          << name << " kind " << int(kind);
  }
}

TEST(Collective, allReduceIsReduceScatterPlusAllGather) {
  const Cluster cluster = preset("a100x8");
  const auto all = ranks(8);
  const double both = collectiveSeconds(StepKind::ReduceScatter, gib, all, cluster) +
                      collectiveSeconds(StepKind::AllGather, gib / 8, all, cluster);
  EXPECT_NEAR(collectiveSeconds(StepKind::AllReduce, gib, all, cluster), both, 0.05 * both);
}

TEST(Collective, threadsPayRendezvousAndCopies) {
  const Cluster cluster = preset("cpux4");
  const auto all = ranks(4);
  const double empty = collectiveSeconds(StepKind::AllReduce, 0, all, cluster);
  EXPECT_GE(empty, 2e-6);
  EXPECT_LE(empty, 50e-6);
  // 1 MiB: between one and four passes over the data at 14 GB/s.
  const double seconds = collectiveSeconds(StepKind::AllReduce, mib, all, cluster) - empty;
  EXPECT_GE(seconds, mib / 14e9);
  EXPECT_LE(seconds, 4 * mib / 14e9);
}

TEST(Collective, sharedCoresCostContextSwitches) {
  const Cluster own = cpuHostCluster(4, 1, 4, "avx512", uint64_t(8) << 30);
  const Cluster shared = cpuHostCluster(4, 1, 2, "avx512", uint64_t(8) << 30);
  const auto all = ranks(4);
  for (StepKind kind : collectives) {
    EXPECT_GE(collectiveSeconds(kind, 0, all, shared), collectiveSeconds(kind, 0, all, own) + 5e-6);
    EXPECT_GT(collectiveSeconds(kind, mib, all, shared), collectiveSeconds(kind, mib, all, own));
  }
}

TEST(Exchange, busiestRankDecides) {
  const Cluster cluster = preset("h100x8");
  const std::vector<PairBytes> one = {{0, 1, mib}};
  const std::vector<PairBytes> disjoint = {{0, 1, mib}, {2, 3, mib}};
  const std::vector<PairBytes> bothWays = {{0, 1, mib}, {1, 0, mib}};
  const std::vector<PairBytes> fan = {{0, 1, mib}, {0, 2, mib}, {0, 3, mib}};
  const double seconds = exchangeSeconds(one, cluster);
  EXPECT_DOUBLE_EQ(exchangeSeconds(disjoint, cluster), seconds);
  EXPECT_DOUBLE_EQ(exchangeSeconds(bothWays, cluster), seconds);
  EXPECT_GT(exchangeSeconds(fan, cluster), seconds);
  EXPECT_EQ(exchangeSeconds({}, cluster), 0);
}

TEST(Exchange, acceptsRanksBeyondTheCluster) {
  const std::vector<PairBytes> pairs = {{0, 9999, 100}};
  EXPECT_GT(exchangeSeconds(pairs, preset("cpux4")), 0);
}

TEST(Communication, readsMovesOrEstimate) {
  const Cluster cluster = preset("cpux4");
  plan::Communication gather;
  gather.kind = StepKind::AllGather;
  gather.type = DataType::F32;
  gather.groups = {{0, 1, 2, 3}};
  for (uint32_t source = 0; source < 4; ++source)
    for (uint32_t target = 0; target < 4; ++target)
      gather.moves.push_back({source, target, 0, source * 1024, {{1024, 1, 1}}});
  const double expected = collectiveSeconds(StepKind::AllGather, 4096, ranks(4), cluster);
  EXPECT_DOUBLE_EQ(communicationSeconds(gather, 0, cluster), expected);
  gather.moves.clear();
  gather.bytesPerRank = 4096;
  EXPECT_DOUBLE_EQ(communicationSeconds(gather, 0, cluster), expected);
  EXPECT_EQ(communicationSeconds(gather, 1, cluster), 0);

  plan::Communication reduce;
  reduce.kind = StepKind::AllReduce;
  reduce.type = DataType::BF16;
  reduce.elements = 1000;
  reduce.groups = {{0, 1}, {2, 3}};
  EXPECT_DOUBLE_EQ(communicationSeconds(reduce, 1, cluster),
                   collectiveSeconds(StepKind::AllReduce, 2000, ranks(2, 1, 2), cluster));
}

} // namespace
