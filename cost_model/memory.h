// Memory that a plan needs on every device, added up from its arenas. Placement inside the arenas is decided
// earlier.
#pragma once

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
  uint64_t peakBytes = 0;   // the largest totalBytes
};

MemoryReport memoryOf(const plan::Plan &plan);

} // namespace ampc::cost
