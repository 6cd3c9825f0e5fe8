// The cluster description: which devices there are, how fast they compute, and how they are linked. It is
// data that prices a plan; it says nothing about how devices are reached, and nothing here measures anything
// (see probe.h).
#pragma once

#include "runtime/plan/data_type.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampc::cost {

/// What a kernel mostly does; each kind reaches another part of a device's peak.
enum class WorkKind : uint8_t {
  Contraction = 0, // products and convolutions of a library
  Convolution = 1,
  Elementwise = 2,
  Reduction = 3,
  Movement = 4,
  GeneratedContraction = 5, // products and convolutions of generated code
  GeneratedConvolution = 6
};
inline constexpr size_t numWorkKinds = 7;
/// "contraction", "convolution", "elementwise", "reduction", "movement", "generated_contraction",
/// "generated_convolution"
std::string_view name(WorkKind kind);

/// Part of the peak rate that a kernel reaches: fraction * m/(m+halfM) * n/(n+halfN) * k/(k+halfK) *
/// fadeN/(fadeN+n), dimensions that are not known left out. Of Movement only `fraction` is used, as the reached part
/// of the bandwidth.
struct Efficiency {
  double fraction = 1;
  double halfM = 0, halfN = 0, halfK = 0;
  double fadeN = 0; // long rows of the second operand, read column by column; 0: they do not matter
  bool operator==(const Efficiency &) const = default;
};

/// One device. Rates are those of the whole device (all its threads) while nobody else uses its cores;
/// `coreShare` scales them.
struct Device {
  std::string kind = "cpu";                      // "cpu" or "cuda"
  std::string name;                              // for people
  std::map<DataType, double> peakFlopsPerSecond; // must have f32; others fall back, see peak()
  std::array<Efficiency, numWorkKinds> efficiency;
  uint64_t memoryBytes = 0;
  double memoryBandwidthBytesPerSecond = 0; // bytes read + bytes written, as reached by a copy
  uint64_t cacheBytes = 0;                  // 0: no cache level is priced
  double cacheBandwidthBytesPerSecond = 0;  // of kernels whose operands fit into cacheBytes
  double cacheReadBytesPerSecond = 0;       // what products read of them, which a copy says little about; 0: the same
  double launchSeconds = 0;                 // the least that any kernel costs
  double libraryCallSeconds = 0;            // what a call of a library costs besides its work
  uint32_t threads = 1;                     // cpu: cores it uses
  double coreShare = 1;                     // (0, 1]: 0.5 when two devices share every core
  uint32_t queues = 1;                      // 2: communication runs beside computation; cpu: 1, they share the cores

  /// Peak rate for operands of `type`, core share included. A type without an entry: f16 and bf16 use each
  /// other, then f32; 8-bit types use i8, u8, then f32; everything else f32.
  double peak(DataType type) const;
  const Efficiency &efficiencyOf(WorkKind work) const { return efficiency[size_t(work)]; }
  bool operator==(const Device &) const = default;
};

/// The same CPU device with another number of threads: rates of cores, of memory and of caches grow with it, a launch
/// starts and joins threads once there are several. Memory bandwidth that cores share is not known: it grows, too.
Device withThreads(Device device, uint32_t threads);

/// How the devices of one tier talk.
enum class Transport : uint8_t {
  SharedMemory, // threads of one process: receivers copy; a rendezvous is a barrier
  Link,         // NVLink, PCIe: point-to-point inside a node
  Network,      // between nodes
};
std::string_view name(Transport transport); // "shared-memory", "link", "network"

/// One way a collective library moves data through a tier (for example NCCL's LL and Simple). A group can use
/// the protocols that every tier it spans lists under the same name.
struct Protocol {
  std::string name;
  double baseSeconds = 0;       // once per collective
  double stepSeconds = 0;       // per step of the ring or tree that crosses this tier
  double bandwidthFraction = 1; // of the tier's bandwidth
  bool inSwitch = false;        // the switch reduces: all-reduce only, its time has no term per step
  bool operator==(const Protocol &) const = default;
};

/// A level of the hierarchy: devices [i * groupSize, (i + 1) * groupSize) are linked like this.
struct LinkTier {
  std::string name;
  Transport transport = Transport::SharedMemory;
  uint64_t groupSize = 1;    // devices per group; a multiple of the tier below
  double latencySeconds = 0; // one message, or one rendezvous of two ranks that have cores of their own
  double bandwidthBytesPerSecond =
      0;                           // per device. SharedMemory: bytes read + written; others: each direction
  double switchSeconds = 0;        // SharedMemory: added to a rendezvous per further rank on the same core
  double contention = 0;           // Network: bandwidth / (1 + contention * (log2(groups spanned) - 1))
  std::vector<Protocol> protocols; // empty: one protocol of latencySeconds and full bandwidth
  bool operator==(const LinkTier &) const = default;
};

struct Cluster {
  std::string name;
  std::string description;     // a sentence for people: what it is, and whether devices share cores
  std::vector<Device> devices; // by global rank
  std::vector<LinkTier> tiers; // innermost first; the last one contains all devices

  uint32_t numDevices() const { return uint32_t(devices.size()); }
  /// The innermost tier that contains both ranks. Ranks beyond the description count as the last device.
  const LinkTier &tierBetween(uint32_t a, uint32_t b) const;
  /// Index of the innermost tier that contains all `ranks`; 0 for fewer than two ranks.
  size_t tierOf(std::span<const uint32_t> ranks) const;
  /// The first `count` devices of this cluster (count is clamped to 1..numDevices()).
  Cluster firstDevices(uint32_t count) const;
  bool operator==(const Cluster &) const = default;
};

struct ClusterError {
  enum class Kind { Usage, Invalid, FileSystem };
  Kind kind = Kind::Invalid;
  std::string message; // one sentence
  std::string remedy;  // what to do, may be empty
};

inline constexpr uint32_t maxDevices = 4096;

/// Checks that a cluster can be priced: rates positive and finite, 1..4096 devices, tiers nested. Returns the
/// first problem, as "devices[0].memory_bandwidth_bytes_per_second: ...", or nothing.
std::optional<std::string> check(const Cluster &cluster);

/// The JSON form (docs/cluster_format.md). Writing is deterministic; parsing what was written gives an equal
/// cluster.
std::optional<Cluster> parseCluster(std::string_view json, ClusterError &error);
std::optional<Cluster> loadCluster(const std::string &file, ClusterError &error);
std::string writeCluster(const Cluster &cluster);

/// `NAMExN`, N in 1..4096: cpux4 (one generic AVX-512 core per device), h100x8, a100x64 (nodes of 8), and
/// hostxN, which is hostCluster(N).
std::optional<Cluster> presetCluster(std::string_view name, ClusterError &error);
/// True if `text` has the form of a preset name (it may still be unknown or out of range).
bool looksLikePreset(std::string_view text);
/// What --cluster takes: a preset name, else a file.
std::optional<Cluster> resolveCluster(const std::string &presetOrFile, ClusterError &error);

/// N devices on this host, from detected cores and instruction set, never measured. threadsPerDevice = 0:
/// cores / N, at least 1. When devices share cores, the description says so and the core share is below 1.
Cluster hostCluster(uint32_t devices, uint32_t threadsPerDevice = 0);

/// The same for a given machine: what hostCluster does after detection. `instructionSet` is "amx",
/// "avx512_bf16", "avx512", "avx2" or "sse2".
Cluster cpuHostCluster(uint32_t devices, uint32_t threadsPerDevice, uint32_t cores,
                       std::string_view instructionSet, uint64_t memoryBytes);

/// What can be known about this host without measuring.
struct HostCores {
  uint32_t cores = 1; // in the process's affinity mask
  std::string instructionSet;
  uint64_t memoryBytes = 0;
};
HostCores detectHostCores();

} // namespace ampc::cost
