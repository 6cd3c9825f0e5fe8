// For every step, the other queue is walked back to what is known to be done.
#include "passes/step_waits.h"

#include "runtime/plan/plan_checks.h"

#include <algorithm>
#include <array>

namespace ampc {

static bool touches(const plan::Step &step, const plan::Buffer &written) {
  auto isShared = [&](const plan::Buffer &buffer) { return plan::overlap(buffer, written); };
  return isShared(step.workspace) || std::any_of(step.reads.begin(), step.reads.end(), isShared) ||
         std::any_of(step.writes.begin(), step.writes.end(), isShared);
}

static bool writesWhatIsTouched(const plan::Step &writer, const plan::Step &other) {
  auto isTouched = [&](const plan::Buffer &written) { return touches(other, written); };
  return isTouched(writer.workspace) || std::any_of(writer.writes.begin(), writer.writes.end(), isTouched);
}

void deriveWaits(std::vector<plan::Step> &steps) {
  static_assert(plan::maxQueues == 2, "with more queues, what is waited for may know of others");
  std::array<std::vector<size_t>, plan::maxQueues> queues;
  std::array<size_t, plan::maxQueues> known = {}; // to each queue: how many steps of the other one are done
  for (size_t index = 0; index < steps.size(); ++index) {
    plan::Step &step = steps[index];
    step.event = uint32_t(index);
    step.waits.clear();
    const std::vector<size_t> &others = queues[1 - step.queue];
    for (size_t position = others.size(); position > known[step.queue]; --position) {
      const plan::Step &other = steps[others[position - 1]];
      if (!writesWhatIsTouched(other, step) && !writesWhatIsTouched(step, other))
        continue;
      step.waits.push_back(other.event);
      known[step.queue] = position;
    }
    queues[step.queue].push_back(index);
  }
}

} // namespace ampc
