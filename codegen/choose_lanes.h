// Picks the loop that runs along the lanes of vectors, and what is unrolled around it.
#pragma once

#include "codegen/stage_plan.h"

namespace ampc::codegen {

/// Fills in everything of `plan` and its stages that has to do with lanes, unrolling and tiles; `plan.serial`
/// loses the loops that get such a role. `vectorBits` is the width of the target's registers.
void chooseLanes(GroupPlan &plan, const Schedule &schedule, unsigned vectorBits);

} // namespace ampc::codegen
