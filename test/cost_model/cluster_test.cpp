// Cluster descriptions: presets, host descriptions, JSON both ways, and errors that name the place.
#include "cost_model/cluster.h"
#include "cost_model/cpu_core.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

using namespace ampc;
using namespace ampc::cost;

namespace {

Cluster preset(const std::string &name) {
  ClusterError error;
  std::optional<Cluster> cluster = presetCluster(name, error);
  EXPECT_TRUE(cluster) << error.message;
  return cluster.value_or(Cluster());
}

/// The error for a description that differs from cpux2 in one place (JSON pointer).
ClusterError errorFor(const std::string &pointer, const nlohmann::json &value) {
  auto json = nlohmann::json::parse(writeCluster(preset("cpux2")));
  json[nlohmann::json::json_pointer(pointer)] = value;
  ClusterError error;
  EXPECT_FALSE(parseCluster(json.dump(), error)) << pointer;
  return error;
}

TEST(Preset, allAreValidAtAllSizes) {
  for (const char *family : {"cpu", "host", "h100", "a100"})
    for (uint32_t devices : {1u, 2u, 7u, 8u, 9u, 64u, 1000u, 4096u}) {
      const Cluster cluster = preset(family + ("x" + std::to_string(devices)));
      EXPECT_EQ(check(cluster), std::nullopt) << family << devices;
      EXPECT_EQ(cluster.numDevices(), devices);
      EXPECT_EQ(cluster.name, family + ("x" + std::to_string(devices)));
      for (const Device &device : cluster.devices)
        EXPECT_EQ(device, cluster.devices[0]);
    }
}

TEST(Preset, unknownNamesAndCountsAreUsageErrors) {
  for (const char *name :
       {"b200x8", "cpux0", "cpux4097", "cpux99999999999999999999", "cpux", "x4", "cpu", "", "cpux-1"}) {
    ClusterError error;
    EXPECT_FALSE(presetCluster(name, error)) << name;
    EXPECT_EQ(error.kind, ClusterError::Kind::Usage) << name;
    EXPECT_NE(error.remedy.find("cpuxN"), std::string::npos) << name;
  }
}

TEST(Preset, nodesOfEight) {
  const Cluster cluster = preset("h100x64");
  EXPECT_EQ(cluster.tierBetween(0, 7).transport, Transport::Link);
  EXPECT_EQ(cluster.tierBetween(7, 8).transport, Transport::Network);
  const uint32_t node[] = {8, 9, 15}, across[] = {0, 8};
  EXPECT_EQ(cluster.tierOf(node), 0u);
  EXPECT_EQ(cluster.tierOf(across), 1u);
  EXPECT_EQ(preset("h100x8").tiers.size(), 1u);
}

TEST(Preset, doesNotDependOnTheHost) {
  // The figures that tests of choices lean on.
  const Device device = preset("cpux4").devices[0];
  EXPECT_DOUBLE_EQ(device.peak(DataType::F32), 190e9);
  EXPECT_DOUBLE_EQ(device.memoryBandwidthBytesPerSecond, 14e9);
}

TEST(Cluster, firstDevicesDropsTiers) {
  const Cluster node = preset("h100x64").firstDevices(8);
  EXPECT_EQ(node.numDevices(), 8u);
  EXPECT_EQ(node.tiers.size(), 1u);
  EXPECT_EQ(check(node), std::nullopt);
  EXPECT_EQ(preset("cpux4").firstDevices(0).numDevices(), 1u);
}

TEST(Host, ownCoresAndSharedCores) {
  const uint64_t memory = uint64_t(32) << 30;
  const Cluster two = cpuHostCluster(2, 0, 8, "avx512", memory);
  EXPECT_EQ(two.devices[0].threads, 4u);
  EXPECT_EQ(two.devices[0].coreShare, 1);
  EXPECT_NE(two.description.find("4 cores of its own"), std::string::npos) << two.description;

  const Cluster eight = cpuHostCluster(8, 0, 2, "avx2", memory);
  EXPECT_EQ(eight.devices[0].threads, 1u);
  EXPECT_EQ(eight.devices[0].coreShare, 0.25);
  EXPECT_NE(eight.description.find("share 2 cores"), std::string::npos) << eight.description;
  EXPECT_NE(eight.description.find("divided by 4"), std::string::npos) << eight.description;
  EXPECT_EQ(eight.devices[0].memoryBytes, memory / 8);

  EXPECT_EQ(cpuHostCluster(2, 4, 4, "avx512", memory).devices[0].coreShare, 0.5);
  EXPECT_GT(two.devices[0].peak(DataType::F32), eight.devices[0].peak(DataType::F32));
  EXPECT_EQ(hostCluster(3), hostCluster(3)); // detected, not measured
}

TEST(Device, threadsScaleEveryRate) {
  Device one = cpuDevice(1, "avx512", 20e9);
  Device four = cpuDevice(4, "avx512", 20e9);
  four.name = one.name;
  for (auto &[device, threads] : {std::pair(&one, 1), std::pair(&four, 4)})
    device->cacheReadBytesPerSecond = 80e9 * threads;
  EXPECT_EQ(withThreads(one, 4), four);
  Device back = withThreads(four, 1);
  EXPECT_NEAR(back.launchSeconds, one.launchSeconds, 1e-15); // what joining threads costs was added and taken off
  back.launchSeconds = one.launchSeconds;
  EXPECT_EQ(back, one);
  EXPECT_DOUBLE_EQ(four.memoryBandwidthBytesPerSecond, 4 * one.memoryBandwidthBytesPerSecond);
}

TEST(Device, typesFallBack) {
  Device device;
  device.peakFlopsPerSecond = {{DataType::F32, 100}, {DataType::BF16, 200}};
  EXPECT_EQ(device.peak(DataType::F16), 200);
  EXPECT_EQ(device.peak(DataType::I8), 100);
  EXPECT_EQ(device.peak(DataType::Bool), 100);
  device.coreShare = 0.5;
  EXPECT_EQ(device.peak(DataType::BF16), 100);
}

TEST(ClusterJson, roundTrip) {
  for (const char *name : {"cpux4", "cpux20", "h100x1024", "a100x64", "hostx3"}) {
    const Cluster cluster = preset(name);
    const std::string text = writeCluster(cluster);
    ClusterError error;
    const std::optional<Cluster> again = parseCluster(text, error);
    ASSERT_TRUE(again) << error.message;
    EXPECT_EQ(*again, cluster);
    EXPECT_EQ(writeCluster(*again), text);
    EXPECT_LT(text.size(), 5000u) << "equal devices are written once";
  }
}

TEST(ClusterJson, mixedDevicesKeepTheirOrder) {
  Cluster cluster = preset("cpux4");
  cluster.devices[1].memoryBytes = 5;
  cluster.devices[2].cacheReadBytesPerSecond = 90e9;
  ClusterError error;
  EXPECT_EQ(parseCluster(writeCluster(cluster), error), cluster);
}

TEST(ClusterJson, errorsNameThePlace) {
  struct Case {
    const char *pointer;
    nlohmann::json value;
    const char *expected;
  };
  const Case cases[] = {
      {"/ampc_cluster", 2, "ampc_cluster: this program reads format 1"},
      {"/name", 3, "name: must be a string"},
      {"/devices", 3, "devices: must be an array"},
      {"/devices", nlohmann::json::array(), "devices: there must be at least one device"},
      {"/devices/0", 1, "devices[0]: must be an object"},
      {"/devices/0/kind", "tpu", "devices[0].kind: must be \"cpu\" or \"cuda\""},
      {"/devices/0/count", 5000, "devices[0].count: there must be 1 to 4096"},
      {"/devices/0/count", 0, "devices[0].count"},
      {"/devices/0/count", -1, "devices[0].count: must be an integer from 0"},
      {"/devices/0/threads", 0, "devices[0].threads: must be at least 1"},
      {"/devices/0/threads", 1.5, "devices[0].threads: must be an integer"},
      {"/devices/0/memory_bytes", 0, "devices[0].memory_bytes: must be positive"},
      {"/devices/0/memory_bandwidth_bytes_per_second", -3, "must be a positive finite number"},
      {"/devices/0/cache_read_bandwidth_bytes_per_second", 1, "must not be below the cache bandwidth"},
      {"/devices/0/memory_bandwith", 3, "devices[0].memory_bandwith: unknown member (known: "},
      {"/devices/0/peak_flops_per_second", nlohmann::json::object(), "must have a rate for f32"},
      {"/devices/0/peak_flops_per_second/f33", 1, "peak_flops_per_second.f33: unknown type"},
      {"/devices/0/peak_flops_per_second/f32", "fast", "peak_flops_per_second.f32: must be a number"},
      {"/devices/0/efficiency/contraction/fraction", 1.5, "efficiency.contraction.fraction: must be above 0"},
      {"/devices/0/efficiency/matmul", 1, "devices[0].efficiency.matmul: unknown member"},
      {"/devices/0/core_share", 0, "devices[0].core_share"},
      {"/devices/0/queues", 0, "devices[0].queues: must be from 1 to 2"},
      {"/devices/0/queues", 2, "devices[0].queues: must be 1 for a CPU device"},
      {"/links", nlohmann::json::array(), "links: there must be at least one tier"},
      {"/links/0/transport", "pigeon",
       "links[0].transport: must be \"shared-memory\", \"link\" or \"network\""},
      {"/links/0/group_size", 1, "links[0].group_size: the last tier must contain all devices"},
      {"/links/0/latency_seconds", nullptr, "links[0].latency_seconds: must be a number"},
      {"/links/0/protocols", {{{"name", "LL"}}}, "links[0].protocols[0].base_seconds: is missing"},
      {"/extra", 1, "extra: unknown member"},
  };
  for (const Case &test : cases) {
    const ClusterError error = errorFor(test.pointer, test.value);
    EXPECT_EQ(error.kind, ClusterError::Kind::Invalid);
    EXPECT_NE(error.message.find(test.expected), std::string::npos) << test.pointer << ": " << error.message;
    EXPECT_FALSE(error.remedy.empty());
  }
}

TEST(ClusterJson, theDocumentedExampleIsValid) {
  std::ifstream stream(AMPC_SOURCE_FOLDER "/docs/cluster_format.md");
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  const size_t begin = text.find("```json") + 7, end = text.find("```", begin);
  ASSERT_LT(end, text.size());
  ClusterError error;
  EXPECT_TRUE(parseCluster(text.substr(begin, end - begin), error)) << error.message;
}

TEST(ClusterJson, tiersMustNest) {
  ClusterError error;
  Cluster cluster = preset("h100x16");
  cluster.tiers[1].groupSize = 20;
  EXPECT_FALSE(parseCluster(writeCluster(cluster), error));
  EXPECT_NE(error.message.find("links[1].group_size: must be a larger multiple"), std::string::npos)
      << error.message;
}

TEST(ClusterJson, malformedTextIsAnError) {
  for (const std::string &text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("{\"ampc_cluster\": 1e999}"), std::string(1 << 20, '['), std::string("\0\xff", 2)}) {
    ClusterError error;
    EXPECT_FALSE(parseCluster(text, error));
    EXPECT_FALSE(error.message.empty());
  }
}

TEST(ClusterFile, presetOrFile) {
  ClusterError error;
  EXPECT_TRUE(resolveCluster("h100x8", error));
  EXPECT_FALSE(resolveCluster("no_such_file.json", error));
  EXPECT_EQ(error.kind, ClusterError::Kind::FileSystem);
  EXPECT_FALSE(resolveCluster("b200x8", error));
  EXPECT_EQ(error.kind, ClusterError::Kind::Usage);
  EXPECT_FALSE(resolveCluster(".", error)); // a folder
  EXPECT_EQ(error.kind, ClusterError::Kind::FileSystem);

  const std::string file = testing::TempDir() + "cluster_test.json";
  std::ofstream(file) << writeCluster(preset("cpux3"));
  const std::optional<Cluster> cluster = resolveCluster(file, error);
  ASSERT_TRUE(cluster) << error.message;
  EXPECT_EQ(cluster->numDevices(), 3u);
  std::ofstream(file) << "{}";
  EXPECT_FALSE(loadCluster(file, error));
  EXPECT_NE(error.message.find(file), std::string::npos);
  std::remove(file.c_str());
}

} // namespace
