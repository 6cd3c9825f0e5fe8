// What ranks keep of the plan file's weights in memory because forward steps read them in place. Weights that only the
// init program reads are dropped after use and do not count.
#pragma once

#include "runtime/plan/plan.h"

#include <cstdint>
#include <vector>

namespace ampc::plan {

/// Per rank, in bytes. What several ranks read is divided among them, so that the sum over the ranks of a process is
/// what it keeps mapped (rounded up to a byte per rank and range). For plans that passed the checks.
std::vector<uint64_t> mappedWeightShares(const Plan &plan);

} // namespace ampc::plan
