// Solves problems whose costs only fit in a coarser unit: first as they are, then again with what the solution found
// rules out forbidden, which leaves smaller sums and a finer unit.
#pragma once

#include "cost_scale.h"
#include "solve.h"

#include <functional>

namespace ampc::search {

using SolveScaled = std::function<Solution(const SolveOptions &, const CostScale &)>;

/// `coarse` is what scaleFor() says before anything is known. Limits and effort of `options` are for all runs together.
Solution solveInFinerUnits(const Problem &problem, const SolveOptions &options, const CostScale &coarse,
                           const SolveScaled &run);

} // namespace ampc::search
