// The generic CPU core that presets and host descriptions are made of. Figures are rounded from measurements
// on several server cores (docs/cluster_format.md); they are not those of one machine.
#pragma once

#include "cost_model/cluster.h"

namespace ampc::cost {

inline constexpr double cpuCopyBytesPerSecond =
    14e9; // read + written, per core, when a node's cores are busy
inline constexpr double cpuCacheBytesPerSecond = 60e9; // kernels that stay in the core's own cache
inline constexpr double cpuCacheReadBytesPerSecond = 100e9; // products that read their weights from there: 80 to 120
inline constexpr uint64_t cpuCacheBytes = 1 << 20;
/// Kernels of 16 elements one after the other take 12 ns each: the least, with everything in the first-level cache.
/// Small kernels of real models take 30 to 90 ns.
inline constexpr double cpuLaunchSeconds = 0.05e-6;
inline constexpr double cpuJoinSeconds = 0.15e-6; // of the threads of one device behind a kernel: 0.07 us in 1,000 kernels
inline constexpr double cpuLibraryCallSeconds = 0.5e-6; // oneDNN: 0.38 to 0.6 us of a product of a few elements
inline constexpr double cpuRendezvousSeconds = 1e-6; // 0.5 us spinning, plus what arrivals differ by
inline constexpr double cpuSwitchSeconds = 20e-6;    // to sleep and to be woken by a thread of the same core

/// Multiply-add peaks of one core with `instructionSet` ("amx", "avx512_bf16", "avx512", "avx2", "sse2").
std::map<DataType, double> cpuCorePeaks(std::string_view instructionSet);

/// Bytes per second that each of `busyCores` gets from their common memory: 28 GB/s alone, about 20 GB/s by
/// two, 14 GB/s by six (measured on one and two cores of two machines, extrapolated beyond).
double cpuSharedCopyBytesPerSecond(uint32_t busyCores);

/// A device of `threads` cores with `copyBytesPerSecond` each; memory is the caller's.
Device cpuDevice(uint32_t threads, std::string_view instructionSet, double copyBytesPerSecond);

/// Threads of one process on cores of their own. One thread of a rank copies for it.
LinkTier sharedMemoryTier(uint64_t groupSize, double copyBytesPerSecond);

} // namespace ampc::cost
