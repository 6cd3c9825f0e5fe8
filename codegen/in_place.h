// Which results of a kernel may be written over an operand: a proof about the code that is going to be emitted, not
// about operators.
#pragma once

#include "codegen/stage_plan.h"
#include "runtime/plan/plan.h"

namespace ampc::codegen {

/// All pairs for which the kernel computes the same when the result has exactly the bytes of the operand, however its
/// rows are shared among threads. A plan may use several of them at once, but each operand and each result once, and no
/// other operand may have those bytes. `groups` are the plans of the groups of `schedule`; their lanes do not matter.
std::vector<plan::InPlacePair> inPlacePairs(const KernelGraph &graph, const Schedule &schedule,
                                            llvm::ArrayRef<std::vector<GroupPlan>> groups);

} // namespace ampc::codegen
