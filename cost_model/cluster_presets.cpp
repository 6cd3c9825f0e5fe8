// Named cluster descriptions. Figures come from published measurements (docs/cluster_format.md lists them); a
// preset never looks at the machine, except hostxN, which is described in host_cluster.cpp.
#include "cost_model/cpu_core.h"

#include <sys/stat.h>

#include <algorithm>

namespace ampc::cost {
namespace {

constexpr uint64_t nodeDevices = 8;

/// Whole nodes, so that the last tier contains every device.
uint64_t wholeNodes(uint32_t devices) { return (devices + nodeDevices - 1) / nodeDevices * nodeDevices; }

Cluster cpuCluster(uint32_t devices) {
  Device core = cpuDevice(1, "avx512", cpuCopyBytesPerSecond);
  core.memoryBytes = uint64_t(8) << 30;
  Cluster cluster;
  cluster.description =
      "generic server cores with AVX-512, one per device, 8 devices of a node in one process";
  cluster.devices.assign(devices, core);
  cluster.tiers = {sharedMemoryTier(nodeDevices, cpuCopyBytesPerSecond)};
  if (devices > nodeDevices) {
    // 100 Gbit/s a node, divided among its 8 devices; messages by MPI.
    LinkTier network;
    network.name = "100 Gbit/s Ethernet";
    network.transport = Transport::Network;
    network.groupSize = wholeNodes(devices);
    network.latencySeconds = 15e-6;
    network.bandwidthBytesPerSecond = 1.4e9;
    cluster.tiers.push_back(std::move(network));
  }
  return cluster;
}

Device cudaDevice() {
  Device device;
  device.kind = "cuda";
  // halfM..halfK: products of 1,024^3 reach about half of the peak, of 8,192^3 the fraction seen on one card.
  device.efficiency[size_t(WorkKind::Contraction)] = {0.858, 128, 128, 256};
  device.efficiency[size_t(WorkKind::Convolution)] = {0.70, 128, 64, 256};
  // Nothing is known yet about generated products on these devices: they are left to libraries.
  device.efficiency[size_t(WorkKind::GeneratedContraction)] = device.efficiency[size_t(WorkKind::Contraction)];
  device.efficiency[size_t(WorkKind::GeneratedConvolution)] = device.efficiency[size_t(WorkKind::Convolution)];
  device.efficiency[size_t(WorkKind::Elementwise)] = {0.30, 0, 0, 0};
  device.efficiency[size_t(WorkKind::Reduction)] = {0.30, 0, 0, 0};
  device.launchSeconds = 4.5e-6;
  device.queues = 2; // a stream for kernels, a stream for NCCL
  return device;
}

Device h100() {
  Device device = cudaDevice();
  device.name = "H100 SXM 80 GB";
  device.peakFlopsPerSecond = {{DataType::F64, 67e12},   {DataType::F32, 67e12},  {DataType::F16, 989e12},
                               {DataType::BF16, 989e12}, {DataType::I8, 1979e12}, {DataType::I32, 33e12},
                               {DataType::I64, 8e12},    {DataType::U8, 1979e12}};
  device.memoryBytes = 80'000'000'000;
  device.memoryBandwidthBytesPerSecond = 3.0e12;
  return device;
}

Device a100() {
  Device device = cudaDevice();
  device.name = "A100 SXM 80 GB";
  device.peakFlopsPerSecond = {{DataType::F64, 19.5e12}, {DataType::F32, 19.5e12}, {DataType::F16, 312e12},
                               {DataType::BF16, 312e12}, {DataType::I8, 624e12},   {DataType::I32, 19.5e12},
                               {DataType::I64, 5e12},    {DataType::U8, 624e12}};
  device.memoryBytes = 80'000'000'000;
  device.memoryBandwidthBytesPerSecond = 1.75e12; // 2.0e12 by data sheet, scaled as the H100's copy
  return device;
}

LinkTier nvlinkTier(double bandwidthBytesPerSecond) {
  LinkTier tier;
  tier.name = "NVLink";
  tier.transport = Transport::Link;
  tier.groupSize = nodeDevices;
  tier.latencySeconds = 10e-6;
  tier.bandwidthBytesPerSecond = bandwidthBytesPerSecond;
  tier.protocols = {{"LL", 8e-6, 0.6e-6, 0.25, false},
                    {"LL128", 14e-6, 1.6e-6, 0.90, false},
                    {"Simple", 8.4e-6, 3.4e-6, 1, false}};
  return tier;
}

LinkTier infinibandTier(uint32_t devices, double bandwidthBytesPerSecond, double contention) {
  LinkTier tier;
  tier.name = "InfiniBand";
  tier.transport = Transport::Network;
  tier.groupSize = wholeNodes(devices);
  tier.latencySeconds = 20e-6;
  tier.bandwidthBytesPerSecond = bandwidthBytesPerSecond;
  tier.contention = contention;
  tier.protocols = {{"LL", 8e-6, 2.7e-6, 0.25, false},
                    {"LL128", 14e-6, 4e-6, 0.90, false},
                    {"Simple", 8.4e-6, 14e-6, 1, false}};
  return tier;
}

Cluster h100Cluster(uint32_t devices) {
  Cluster cluster;
  cluster.description = "nodes of 8 H100 SXM with NVLink switches, one 400 Gbit/s adapter per device";
  cluster.devices.assign(devices, h100());
  cluster.tiers = {nvlinkTier(370e9)};
  cluster.tiers[0].protocols.push_back({"NVLS", 23.5e-6, 0, 468.0 / 370.0, true});
  if (devices > nodeDevices)
    cluster.tiers.push_back(infinibandTier(devices, 48e9, 1.0));
  return cluster;
}

Cluster a100Cluster(uint32_t devices) {
  Cluster cluster;
  cluster.description = "nodes of 8 A100 SXM 80 GB with NVLink switches, one 200 Gbit/s adapter per device";
  cluster.devices.assign(devices, a100());
  cluster.tiers = {nvlinkTier(230e9)};
  if (devices > nodeDevices)
    cluster.tiers.push_back(infinibandTier(devices, 24e9, 0));
  return cluster;
}

struct Preset {
  std::string_view name;
  Cluster (*make)(uint32_t devices);
};
const Preset presets[] = {
    {"cpu", cpuCluster},
    {"host", [](uint32_t devices) { return hostCluster(devices); }},
    {"h100", h100Cluster},
    {"a100", a100Cluster},
};

/// Splits "NAMExN" at its last x; nothing if the text does not have that form.
std::optional<std::pair<std::string_view, std::string_view>> splitPresetName(std::string_view text) {
  const size_t x = text.rfind('x');
  if (x == std::string_view::npos || x == 0 || x + 1 == text.size())
    return std::nullopt;
  const std::string_view family = text.substr(0, x), count = text.substr(x + 1);
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  auto isWord = [&](char c) { return isDigit(c) || (c >= 'a' && c <= 'z'); };
  if (!std::all_of(count.begin(), count.end(), isDigit) || !std::all_of(family.begin(), family.end(), isWord))
    return std::nullopt;
  return std::pair(family, count);
}

} // namespace

bool looksLikePreset(std::string_view text) { return splitPresetName(text).has_value(); }

std::optional<Cluster> presetCluster(std::string_view text, ClusterError &error) {
  const std::string remedy = "presets are cpuxN, hostxN, h100xN and a100xN with N from 1 to 4096";
  const auto parts = splitPresetName(text);
  if (!parts) {
    error = {ClusterError::Kind::Usage, "'" + std::string(text) + "' is not a preset name", remedy};
    return std::nullopt;
  }
  const auto [family, digits] = *parts;
  const auto preset = std::find_if(std::begin(presets), std::end(presets),
                                   [&](const Preset &candidate) { return candidate.name == family; });
  if (preset == std::end(presets)) {
    error = {ClusterError::Kind::Usage, "there is no cluster preset '" + std::string(family) + "xN'", remedy};
    return std::nullopt;
  }
  uint32_t devices = 0;
  for (char digit : digits.substr(0, std::min<size_t>(digits.size(), 8)))
    devices = devices * 10 + uint32_t(digit - '0');
  if (digits.size() > 8 || devices < 1 || devices > maxDevices) {
    error = {ClusterError::Kind::Usage,
             "preset '" + std::string(text) + "' asks for " + std::string(digits.substr(0, 20)) + " devices",
             remedy};
    return std::nullopt;
  }
  Cluster cluster = preset->make(devices);
  cluster.name = std::string(family) + "x" + std::to_string(devices);
  return cluster;
}

std::optional<Cluster> resolveCluster(const std::string &presetOrFile, ClusterError &error) {
  // A file of that name wins only if it is not a preset: presets mean the same in every folder.
  if (looksLikePreset(presetOrFile)) {
    std::optional<Cluster> cluster = presetCluster(presetOrFile, error);
    struct stat unused;
    if (cluster || stat(presetOrFile.c_str(), &unused) != 0)
      return cluster;
  }
  return loadCluster(presetOrFile, error);
}

} // namespace ampc::cost
