// The probe gives positive rates that make a valid cluster, quickly. How fast this machine is, is not tested.
#include "cost_model/probe.h"

#include <gtest/gtest.h>

#include <chrono>

using namespace ampc;
using namespace ampc::cost;

namespace {

TEST(Probe, givesAClusterThatCanBeWrittenAndRead) {
  ProbeOptions options;
  options.devices = 2;
  options.secondsPerMeasurement = 0.02;
  const auto start = std::chrono::steady_clock::now();
  const ProbeRates rates = measureHost(options);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20);
  EXPECT_GE(rates.cores, 1u);
  for (double value :
       {rates.f32FlopsOneCore, rates.f32FlopsAllCores, rates.f64FlopsOneCore, rates.f64FlopsAllCores,
        rates.copyBytesOneCore, rates.copyBytesAllCores, rates.cacheBytesOneCore, rates.cacheBytesAllCores,
        rates.rendezvousSeconds, rates.switchSeconds})
    EXPECT_GT(value, 0);
  const Cluster cluster = clusterOf(rates, detectHostCores(), options);
  EXPECT_EQ(check(cluster), std::nullopt);
  EXPECT_EQ(cluster.numDevices(), 2u);
  ClusterError error;
  const std::optional<Cluster> again = parseCluster(writeCluster(cluster), error);
  ASSERT_TRUE(again) << error.message;
  EXPECT_EQ(*again, cluster);
}

TEST(Probe, oneDeviceAloneGetsTheRateOfOneCore) {
  ProbeRates rates;
  rates.cores = 4;
  rates.instructionSet = "avx512";
  rates.f32FlopsOneCore = 200e9, rates.f32FlopsAllCores = 640e9;
  rates.copyBytesOneCore = 30e9, rates.copyBytesAllCores = 60e9;
  const HostCores host{4, "avx512", uint64_t(16) << 30};
  const Cluster four = clusterOf(rates, host, {4, 0, 0.1});
  EXPECT_DOUBLE_EQ(four.devices[0].peak(DataType::F32), 160e9);
  EXPECT_DOUBLE_EQ(four.devices[0].memoryBandwidthBytesPerSecond, 15e9);
  const Cluster one = clusterOf(rates, host, {1, 1, 0.1});
  EXPECT_DOUBLE_EQ(one.devices[0].peak(DataType::F32), 200e9);
  EXPECT_DOUBLE_EQ(one.devices[0].memoryBandwidthBytesPerSecond, 30e9);
  const Cluster whole = clusterOf(rates, host, {1, 0, 0.1});
  EXPECT_DOUBLE_EQ(whole.devices[0].peak(DataType::F32), 640e9);
  const Cluster shared = clusterOf(rates, host, {8, 0, 0.1});
  EXPECT_DOUBLE_EQ(shared.devices[0].peak(DataType::F32), 80e9);
}

} // namespace
