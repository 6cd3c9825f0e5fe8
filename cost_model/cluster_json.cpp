// Cluster descriptions as JSON: strict reading with errors that name the place, deterministic writing.
#include "cost_model/cluster.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <limits>

namespace ampc::cost {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int formatVersion = 1;
constexpr size_t maxFileBytes = 64 << 20;

/// Reads one JSON object: every member is asked for once, and what nobody asked for is an error, so that a
/// misspelt member does not silently become its default.
class ObjectReader {
public:
  ObjectReader(const json &value, std::string path, std::optional<std::string> &problem)
      : value(value), path(std::move(path)), problem(problem) {
    if (!value.is_object())
      fail("", "must be an object");
  }
  ~ObjectReader() {
    if (problem || !value.is_object())
      return;
    for (const auto &[key, unused] : value.items())
      if (std::find(asked.begin(), asked.end(), key) == asked.end()) {
        fail(key, "unknown member" + suggestion(key));
        return;
      }
  }
  ObjectReader(const ObjectReader &) = delete;

  const json *find(const char *key, bool required) {
    asked.push_back(key);
    if (!value.is_object())
      return nullptr;
    auto it = value.find(key);
    if (it == value.end()) {
      if (required)
        fail(key, "is missing");
      return nullptr;
    }
    return &*it;
  }

  void number(const char *key, double &target, bool required = true) {
    if (const json *member = find(key, required)) {
      if (member->is_number())
        target = member->get<double>();
      else
        fail(key, "must be a number");
    }
  }
  template <typename Integer> void integer(const char *key, Integer &target, bool required = true) {
    const json *member = find(key, required);
    if (!member)
      return;
    if (member->is_number_unsigned() && member->get<uint64_t>() <= std::numeric_limits<Integer>::max())
      target = Integer(member->get<uint64_t>());
    else
      fail(key, "must be an integer from 0 to " + std::to_string(std::numeric_limits<Integer>::max()));
  }
  void text(const char *key, std::string &target, bool required = true) {
    if (const json *member = find(key, required)) {
      if (member->is_string())
        target = member->get<std::string>();
      else
        fail(key, "must be a string");
    }
  }
  void flag(const char *key, bool &target) {
    if (const json *member = find(key, false)) {
      if (member->is_boolean())
        target = member->get<bool>();
      else
        fail(key, "must be true or false");
    }
  }
  const json *array(const char *key, bool required) {
    const json *member = find(key, required);
    if (member && !member->is_array()) {
      fail(key, "must be an array");
      return nullptr;
    }
    return member;
  }
  void fail(const std::string &key, const std::string &complaint) {
    if (!problem)
      problem = (key.empty() ? path : at(key)) + ": " + complaint;
  }
  std::string at(const std::string &key) const { return path == "the file" ? key : path + "." + key; }

private:
  std::string suggestion(const std::string &key) const {
    std::string known;
    for (const std::string &name : asked)
      known += (known.empty() ? "" : ", ") + name;
    return known.empty() || key.empty() ? "" : " (known: " + known + ")";
  }

  const json &value;
  std::string path;
  std::optional<std::string> &problem;
  std::vector<std::string> asked;
};

std::optional<DataType> parseType(const std::string &text) {
  for (int value = int(DataType::F64); value <= int(DataType::Bool); ++value)
    if (name(DataType(value)) == text)
      return DataType(value);
  return std::nullopt;
}

void readPeaks(ObjectReader &device, Device &target, const std::string &path,
               std::optional<std::string> &problem) {
  const json *peaks = device.find("peak_flops_per_second", true);
  if (!peaks)
    return;
  if (!peaks->is_object())
    return device.fail("peak_flops_per_second", "must be an object of type names and rates");
  for (const auto &[key, rate] : peaks->items()) {
    const std::optional<DataType> type = parseType(key);
    if (!problem && !type)
      problem =
          path + ".peak_flops_per_second." + key + ": unknown type (known: f64, f32, f16, bf16, i8, ...)";
    if (!problem && !rate.is_number())
      problem = path + ".peak_flops_per_second." + key + ": must be a number";
    if (problem)
      return;
    target.peakFlopsPerSecond[*type] = rate.get<double>();
  }
}

void readEfficiency(ObjectReader &device, Device &target, const std::string &path,
                    std::optional<std::string> &problem) {
  const json *efficiency = device.find("efficiency", false);
  if (!efficiency)
    return;
  ObjectReader kinds(*efficiency, path + ".efficiency", problem);
  // A description that does not tell generated code from a library's leaves products to the library. Kinds are read in
  // their order: those of libraries come first.
  const std::map<WorkKind, WorkKind> defaults = {{WorkKind::GeneratedContraction, WorkKind::Contraction},
                                                 {WorkKind::GeneratedConvolution, WorkKind::Convolution}};
  for (size_t kind = 0; kind < numWorkKinds; ++kind) {
    const std::string kindName(name(WorkKind(kind)));
    const json *member = kinds.find(kindName.c_str(), false);
    if (!member) {
      if (auto other = defaults.find(WorkKind(kind)); other != defaults.end())
        target.efficiency[kind] = target.efficiency[size_t(other->second)];
      continue;
    }
    ObjectReader reader(*member, path + ".efficiency." + kindName, problem);
    Efficiency &entry = target.efficiency[kind];
    reader.number("fraction", entry.fraction);
    reader.number("half_m", entry.halfM, false);
    reader.number("half_n", entry.halfN, false);
    reader.number("half_k", entry.halfK, false);
    reader.number("fade_n", entry.fadeN, false);
  }
}

void readDevices(const json &list, Cluster &cluster, std::optional<std::string> &problem) {
  for (size_t i = 0; i < list.size() && !problem; ++i) {
    const std::string path = "devices[" + std::to_string(i) + "]";
    Device device;
    uint32_t count = 1;
    {
      ObjectReader reader(list[i], path, problem);
      reader.integer("count", count, false);
      reader.text("kind", device.kind);
      reader.text("name", device.name, false);
      readPeaks(reader, device, path, problem);
      readEfficiency(reader, device, path, problem);
      reader.integer("memory_bytes", device.memoryBytes);
      reader.number("memory_bandwidth_bytes_per_second", device.memoryBandwidthBytesPerSecond);
      reader.integer("cache_bytes", device.cacheBytes, false);
      reader.number("cache_bandwidth_bytes_per_second", device.cacheBandwidthBytesPerSecond,
                    device.cacheBytes > 0);
      reader.number("cache_read_bandwidth_bytes_per_second", device.cacheReadBytesPerSecond, false);
      reader.number("launch_seconds", device.launchSeconds);
      reader.number("library_call_seconds", device.libraryCallSeconds, false);
      reader.integer("threads", device.threads, false);
      reader.number("core_share", device.coreShare, false);
      reader.integer("queues", device.queues, false);
    }
    if (problem)
      return;
    if (count == 0 || cluster.devices.size() + count > maxDevices) {
      problem = path + ".count: there must be 1 to " + std::to_string(maxDevices) + " devices in all";
      return;
    }
    cluster.devices.insert(cluster.devices.end(), count, device);
  }
}

void readProtocols(const json &list, const std::string &path, LinkTier &tier,
                   std::optional<std::string> &problem) {
  for (size_t i = 0; i < list.size() && !problem; ++i) {
    Protocol protocol;
    {
      ObjectReader reader(list[i], path + ".protocols[" + std::to_string(i) + "]", problem);
      reader.text("name", protocol.name);
      reader.number("base_seconds", protocol.baseSeconds);
      reader.number("step_seconds", protocol.stepSeconds);
      reader.number("bandwidth_fraction", protocol.bandwidthFraction);
      reader.flag("in_switch", protocol.inSwitch);
    }
    tier.protocols.push_back(std::move(protocol));
  }
}

void readTiers(const json &list, Cluster &cluster, std::optional<std::string> &problem) {
  for (size_t i = 0; i < list.size() && !problem; ++i) {
    const std::string path = "links[" + std::to_string(i) + "]";
    LinkTier tier;
    {
      ObjectReader reader(list[i], path, problem);
      std::string transport;
      reader.text("name", tier.name, false);
      reader.text("transport", transport);
      bool known = false;
      for (Transport candidate : {Transport::SharedMemory, Transport::Link, Transport::Network})
        if (transport == name(candidate)) {
          tier.transport = candidate;
          known = true;
        }
      if (!known)
        reader.fail("transport", "must be \"shared-memory\", \"link\" or \"network\"");
      reader.integer("group_size", tier.groupSize);
      reader.number("latency_seconds", tier.latencySeconds);
      reader.number("bandwidth_bytes_per_second", tier.bandwidthBytesPerSecond);
      reader.number("switch_seconds", tier.switchSeconds, false);
      reader.number("contention", tier.contention, false);
      if (const json *protocols = reader.array("protocols", false))
        readProtocols(*protocols, path, tier, problem);
    }
    cluster.tiers.push_back(std::move(tier));
  }
}

ordered_json deviceToJson(const Device &device, size_t count) {
  ordered_json out;
  out["count"] = count;
  out["kind"] = device.kind;
  out["name"] = device.name;
  ordered_json peaks = ordered_json::object();
  for (const auto &[type, rate] : device.peakFlopsPerSecond)
    peaks[std::string(name(type))] = rate;
  out["peak_flops_per_second"] = std::move(peaks);
  ordered_json efficiency = ordered_json::object();
  for (size_t kind = 0; kind < numWorkKinds; ++kind) {
    const Efficiency &entry = device.efficiency[kind];
    ordered_json fields;
    fields["fraction"] = entry.fraction;
    if (entry.halfM != 0 || entry.halfN != 0 || entry.halfK != 0) {
      fields["half_m"] = entry.halfM;
      fields["half_n"] = entry.halfN;
      fields["half_k"] = entry.halfK;
    }
    if (entry.fadeN != 0)
      fields["fade_n"] = entry.fadeN;
    efficiency[std::string(name(WorkKind(kind)))] = std::move(fields);
  }
  out["efficiency"] = std::move(efficiency);
  out["memory_bytes"] = device.memoryBytes;
  out["memory_bandwidth_bytes_per_second"] = device.memoryBandwidthBytesPerSecond;
  if (device.cacheBytes > 0) {
    out["cache_bytes"] = device.cacheBytes;
    out["cache_bandwidth_bytes_per_second"] = device.cacheBandwidthBytesPerSecond;
    if (device.cacheReadBytesPerSecond != 0)
      out["cache_read_bandwidth_bytes_per_second"] = device.cacheReadBytesPerSecond;
  }
  out["launch_seconds"] = device.launchSeconds;
  if (device.libraryCallSeconds != 0)
    out["library_call_seconds"] = device.libraryCallSeconds;
  out["threads"] = device.threads;
  out["core_share"] = device.coreShare;
  if (device.queues != 1)
    out["queues"] = device.queues;
  return out;
}

ordered_json tierToJson(const LinkTier &tier) {
  ordered_json out;
  out["name"] = tier.name;
  out["transport"] = name(tier.transport);
  out["group_size"] = tier.groupSize;
  out["latency_seconds"] = tier.latencySeconds;
  out["bandwidth_bytes_per_second"] = tier.bandwidthBytesPerSecond;
  if (tier.switchSeconds != 0)
    out["switch_seconds"] = tier.switchSeconds;
  if (tier.contention != 0)
    out["contention"] = tier.contention;
  for (const Protocol &protocol : tier.protocols) {
    ordered_json fields;
    fields["name"] = protocol.name;
    fields["base_seconds"] = protocol.baseSeconds;
    fields["step_seconds"] = protocol.stepSeconds;
    fields["bandwidth_fraction"] = protocol.bandwidthFraction;
    if (protocol.inSwitch)
      fields["in_switch"] = true;
    out["protocols"].push_back(std::move(fields));
  }
  return out;
}

} // namespace

std::optional<Cluster> parseCluster(std::string_view text, ClusterError &error) {
  auto invalid = [&](std::string message) {
    error = {ClusterError::Kind::Invalid, std::move(message),
             "compare with docs/cluster_format.md, or start from the output of `ampc probe`"};
    return std::nullopt;
  };
  // Nesting is bounded by looking at the text first: the parser itself recurses when it destroys deep values.
  int depth = 0;
  for (char c : text) {
    depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (depth > 64)
      return invalid("the cluster description is nested too deeply");
  }
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded())
    return invalid("the cluster description is not valid JSON");

  std::optional<std::string> problem;
  Cluster cluster;
  {
    ObjectReader reader(root, "the file", problem);
    uint32_t version = formatVersion;
    reader.integer("ampc_cluster", version);
    if (version != formatVersion)
      reader.fail("ampc_cluster", "this program reads format " + std::to_string(formatVersion));
    reader.text("name", cluster.name);
    reader.text("description", cluster.description, false);
    if (const json *devices = reader.array("devices", true))
      readDevices(*devices, cluster, problem);
    if (const json *tiers = reader.array("links", true))
      readTiers(*tiers, cluster, problem);
  }
  if (!problem)
    problem = check(cluster);
  if (problem)
    return invalid("invalid cluster description: " + *problem);
  return cluster;
}

std::optional<Cluster> loadCluster(const std::string &file, ClusterError &error) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    error = {ClusterError::Kind::FileSystem, "cannot open cluster description '" + file + "'",
             "give a readable file, or a preset such as cpux4, hostx4, h100x8 or a100x8"};
    return std::nullopt;
  }
  std::string text;
  char block[1 << 16];
  while (stream.read(block, sizeof block) || stream.gcount() > 0) {
    text.append(block, size_t(stream.gcount()));
    if (text.size() > maxFileBytes) {
      error = {ClusterError::Kind::Invalid, "'" + file + "' is too large to be a cluster description", ""};
      return std::nullopt;
    }
  }
  if (stream.bad() || (stream.fail() && !stream.eof())) {
    error = {ClusterError::Kind::FileSystem, "cannot read cluster description '" + file + "'", ""};
    return std::nullopt;
  }
  std::optional<Cluster> cluster = parseCluster(text, error);
  if (!cluster)
    error.message = file + ": " + error.message;
  return cluster;
}

std::string writeCluster(const Cluster &cluster) {
  ordered_json out;
  out["ampc_cluster"] = formatVersion;
  out["name"] = cluster.name;
  out["description"] = cluster.description;
  out["devices"] = ordered_json::array();
  for (size_t first = 0; first < cluster.devices.size();) {
    size_t next = first + 1;
    while (next < cluster.devices.size() && cluster.devices[next] == cluster.devices[first])
      ++next;
    out["devices"].push_back(deviceToJson(cluster.devices[first], next - first));
    first = next;
  }
  out["links"] = ordered_json::array();
  for (const LinkTier &tier : cluster.tiers)
    out["links"].push_back(tierToJson(tier));
  // Names may hold any bytes; ill-formed UTF-8 is replaced instead of failing.
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

} // namespace ampc::cost
