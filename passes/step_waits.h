// What steps of different queues have to wait for. Plain plan structs.
#pragma once

#include "runtime/plan/plan.h"

#include <vector>

namespace ampc {

/// Gives every step its place in the list as its event, and the events that it waits for: the last step of each other
/// queue that comes before it in the list and shares bytes with it of which one of them writes, unless it is known to
/// be done anyway. Earlier ones of that queue are done by then, as a queue runs in order. So memory may be reused
/// freely.
void deriveWaits(std::vector<plan::Step> &steps);

} // namespace ampc
