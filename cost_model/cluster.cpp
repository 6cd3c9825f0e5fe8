// Questions about a cluster description and the checks that make it safe to divide by its numbers.
#include "cost_model/cluster.h"

#include "runtime/plan/plan.h"

#include <algorithm>
#include <cmath>

namespace ampc::cost {

std::string_view name(WorkKind kind) {
  switch (kind) {
  case WorkKind::Contraction:
    return "contraction";
  case WorkKind::Convolution:
    return "convolution";
  case WorkKind::Elementwise:
    return "elementwise";
  case WorkKind::Reduction:
    return "reduction";
  case WorkKind::Movement:
    return "movement";
  case WorkKind::GeneratedContraction:
    return "generated_contraction";
  case WorkKind::GeneratedConvolution:
    return "generated_convolution";
  }
  return "?";
}

std::string_view name(Transport transport) {
  switch (transport) {
  case Transport::SharedMemory:
    return "shared-memory";
  case Transport::Link:
    return "link";
  case Transport::Network:
    return "network";
  }
  return "?";
}

double Device::peak(DataType type) const {
  auto rate = [&](std::initializer_list<DataType> order) {
    for (DataType candidate : order)
      if (auto it = peakFlopsPerSecond.find(candidate); it != peakFlopsPerSecond.end())
        return it->second;
    return 0.0;
  };
  double undivided = 0;
  switch (type) {
  case DataType::F16:
    undivided = rate({DataType::F16, DataType::BF16, DataType::F32});
    break;
  case DataType::BF16:
    undivided = rate({DataType::BF16, DataType::F16, DataType::F32});
    break;
  case DataType::I8:
  case DataType::U8:
    undivided = rate({type, DataType::I8, DataType::U8, DataType::F32});
    break;
  default:
    undivided = rate({type, DataType::F32});
  }
  return undivided * coreShare;
}

const LinkTier &Cluster::tierBetween(uint32_t a, uint32_t b) const {
  const uint32_t last = numDevices() == 0 ? 0 : numDevices() - 1;
  a = std::min(a, last);
  b = std::min(b, last);
  for (const LinkTier &tier : tiers)
    if (a / tier.groupSize == b / tier.groupSize)
      return tier;
  return tiers.back();
}

size_t Cluster::tierOf(std::span<const uint32_t> ranks) const {
  if (ranks.size() < 2)
    return 0;
  const auto [low, high] = std::minmax_element(ranks.begin(), ranks.end());
  return size_t(&tierBetween(*low, *high) - tiers.data());
}

Cluster Cluster::firstDevices(uint32_t count) const {
  Cluster part = *this;
  part.devices.resize(std::clamp<uint32_t>(count, 1, numDevices()));
  while (part.tiers.size() > 1 && part.tiers[part.tiers.size() - 2].groupSize >= part.numDevices())
    part.tiers.pop_back();
  return part;
}

namespace {

/// Collects the first complaint, so that checks read as a list.
class Checker {
public:
  void require(bool holds, const std::string &path, std::string_view complaint) {
    if (!holds && !problem)
      problem = path + ": " + std::string(complaint);
  }
  void positive(double value, const std::string &path) {
    require(std::isfinite(value) && value > 0, path, "must be a positive finite number");
  }
  void notNegative(double value, const std::string &path) {
    require(std::isfinite(value) && value >= 0, path, "must be zero or a positive finite number");
  }
  std::optional<std::string> problem;
};

void checkDevice(const Device &device, const std::string &path, Checker &checker) {
  checker.require(device.kind == "cpu" || device.kind == "cuda", path + ".kind",
                  "must be \"cpu\" or \"cuda\"");
  checker.require(device.peakFlopsPerSecond.count(DataType::F32) == 1, path + ".peak_flops_per_second",
                  "must have a rate for f32, which other types fall back to");
  for (const auto &[type, rate] : device.peakFlopsPerSecond)
    checker.positive(rate, path + ".peak_flops_per_second." + std::string(name(type)));
  for (size_t kind = 0; kind < numWorkKinds; ++kind) {
    const Efficiency &efficiency = device.efficiency[kind];
    const std::string at = path + ".efficiency." + std::string(name(WorkKind(kind)));
    checker.require(efficiency.fraction > 0 && efficiency.fraction <= 1, at + ".fraction",
                    "must be above 0 and at most 1");
    checker.notNegative(efficiency.halfM, at + ".half_m");
    checker.notNegative(efficiency.halfN, at + ".half_n");
    checker.notNegative(efficiency.halfK, at + ".half_k");
    checker.notNegative(efficiency.fadeN, at + ".fade_n");
  }
  checker.require(device.memoryBytes > 0, path + ".memory_bytes", "must be positive");
  checker.positive(device.memoryBandwidthBytesPerSecond, path + ".memory_bandwidth_bytes_per_second");
  if (device.cacheBytes > 0)
    checker.require(std::isfinite(device.cacheBandwidthBytesPerSecond) &&
                        device.cacheBandwidthBytesPerSecond >= device.memoryBandwidthBytesPerSecond,
                    path + ".cache_bandwidth_bytes_per_second", "must not be below the memory bandwidth");
  checker.notNegative(device.cacheReadBytesPerSecond, path + ".cache_read_bandwidth_bytes_per_second");
  if (device.cacheReadBytesPerSecond > 0)
    checker.require(device.cacheReadBytesPerSecond >= device.cacheBandwidthBytesPerSecond,
                    path + ".cache_read_bandwidth_bytes_per_second", "must not be below the cache bandwidth");
  checker.notNegative(device.launchSeconds, path + ".launch_seconds");
  checker.notNegative(device.libraryCallSeconds, path + ".library_call_seconds");
  checker.require(device.threads >= 1, path + ".threads", "must be at least 1");
  checker.require(device.coreShare > 0 && device.coreShare <= 1, path + ".core_share",
                  "must be above 0 and at most 1");
  checker.require(device.queues >= 1 && device.queues <= plan::maxQueues, path + ".queues",
                  "must be from 1 to " + std::to_string(plan::maxQueues));
  checker.require(device.kind != "cpu" || device.queues == 1, path + ".queues",
                  "must be 1 for a CPU device, whose queues would share its cores");
}

void checkTier(const LinkTier &tier, const std::string &path, Checker &checker) {
  checker.require(tier.groupSize >= 1, path + ".group_size", "must be at least 1");
  checker.notNegative(tier.latencySeconds, path + ".latency_seconds");
  checker.positive(tier.bandwidthBytesPerSecond, path + ".bandwidth_bytes_per_second");
  checker.notNegative(tier.switchSeconds, path + ".switch_seconds");
  checker.notNegative(tier.contention, path + ".contention");
  for (size_t i = 0; i < tier.protocols.size(); ++i) {
    const std::string at = path + ".protocols[" + std::to_string(i) + "]";
    checker.notNegative(tier.protocols[i].baseSeconds, at + ".base_seconds");
    checker.notNegative(tier.protocols[i].stepSeconds, at + ".step_seconds");
    checker.positive(tier.protocols[i].bandwidthFraction, at + ".bandwidth_fraction");
  }
}

} // namespace

std::optional<std::string> check(const Cluster &cluster) {
  Checker checker;
  checker.require(!cluster.devices.empty(), "devices", "there must be at least one device");
  checker.require(cluster.devices.size() <= maxDevices, "devices",
                  "there are " + std::to_string(cluster.devices.size()) + ", at most " +
                      std::to_string(maxDevices) + " are supported");
  checker.require(!cluster.tiers.empty(), "links", "there must be at least one tier");
  if (checker.problem)
    return checker.problem;
  for (size_t i = 0; i < cluster.devices.size(); ++i)
    if (i == 0 || !(cluster.devices[i] == cluster.devices[i - 1]))
      checkDevice(cluster.devices[i], "devices[" + std::to_string(i) + "]", checker);
  for (size_t i = 0; i < cluster.tiers.size(); ++i) {
    const std::string path = "links[" + std::to_string(i) + "]";
    checkTier(cluster.tiers[i], path, checker);
    if (i > 0 && cluster.tiers[i - 1].groupSize > 0)
      checker.require(cluster.tiers[i].groupSize > cluster.tiers[i - 1].groupSize &&
                          cluster.tiers[i].groupSize % cluster.tiers[i - 1].groupSize == 0,
                      path + ".group_size", "must be a larger multiple of the tier before it");
  }
  checker.require(cluster.tiers.back().groupSize >= cluster.devices.size(),
                  "links[" + std::to_string(cluster.tiers.size() - 1) + "].group_size",
                  "the last tier must contain all devices");
  return checker.problem;
}

} // namespace ampc::cost
