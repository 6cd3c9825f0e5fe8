// Whether a plan is consistent: everything that executor, simulator and report rely on without looking again.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"

namespace ampc::plan {

/// Indices in range, names, shapes and sizes sound, buffers inside their arenas and apart where a step writes, moves
/// inside their buffers, no element written twice by one step, waits on earlier events that order what queues share,
/// collectives in one order on all members of a group. `blobSectionBytes`: size of the embedded weights, for their
/// ranges.
Status checkPlan(const Plan &plan, uint64_t blobSectionBytes);

/// The part about collectives: every rank's init and forward programs are walked side by side; each
/// collective must be reached by all members of its group, and its moves must stay inside their buffers.
/// Called by checkPlan.
Status checkCollectives(const Plan &plan);

/// The part about queues: events are unique and signalled by earlier steps than those that wait for them, and steps of
/// different queues that touch the same bytes, one of them to write, are ordered by waits. Called by checkPlan.
Status checkQueues(const Plan &plan);

/// Elements of a shape; nothing when a dimension is negative or the product does not fit.
std::optional<int64_t> countElements(const std::vector<int64_t> &shape);

/// The range of elements [first, last] that a move touches in its source and its target; nothing when it
/// touches none or its arithmetic overflows (then `overflows` is set).
struct MoveRange {
  int64_t sourceFirst = 0, sourceLast = 0, targetFirst = 0, targetLast = 0;
  bool isEmpty = false, overflows = false;
};
MoveRange rangeOf(const Move &move);

/// Do two buffers of one rank share bytes?
bool overlap(const Buffer &a, const Buffer &b);

/// Position of a rank in the communication: group and member; nothing when it takes no part.
std::optional<std::pair<uint32_t, uint32_t>> findMember(const Communication &communication, uint32_t rank);

} // namespace ampc::plan
