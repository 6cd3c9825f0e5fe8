// Memory that a plan needs on every device, added up from its arenas. Placement inside the arenas is decided
// earlier.
#pragma once

#include "cost_model/cluster.h"
#include "runtime/plan/plan.h"

namespace ampc::cost {

struct RankMemory {
  uint64_t activationBytes = 0; // all slots
  uint64_t persistentBytes = 0;
  uint64_t stateBytes = 0;
  uint64_t workspaceBytes = 0; // of the activations: the largest workspace of a kernel
  uint64_t mappedBytes = 0;    // plan-file bytes that the rank's steps read; not in totalBytes
  uint64_t mappedShareBytes = 0; // of those that forward steps read in place, shared with the other ranks that do
  uint64_t totalBytes = 0;     // the sum of the arenas, or RankTable::peakBytes if larger
};

struct MemoryReport {
  std::vector<RankMemory> ranks;
  uint64_t mappedBytes = 0; // by all ranks of one process together: every byte once
  uint32_t peakRank = 0;
  uint64_t peakBytes = 0; // totalBytes of peakRank
};

MemoryReport memoryOf(const plan::Plan &plan);

struct MemoryShortage {
  uint32_t rank = 0;
  uint64_t neededBytes = 0, availableBytes = 0;
};

/// Ranks whose total exceeds their device's memory or `limitBytes` (0: no limit), in order of rank. On CUDA
/// devices mapped bytes count too, because they have to be copied there.
std::vector<MemoryShortage> shortagesOf(const MemoryReport &report, const Cluster &cluster,
                                        uint64_t limitBytes = 0);

} // namespace ampc::cost
