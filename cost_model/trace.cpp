// Hands the simulated steps to the writer that measured ones go to as well.
#include "cost_model/trace.h"

#include "runtime/plan/trace_writer.h"

namespace ampc::cost {

std::string writeTrace(const Timeline &timeline, const plan::Plan &plan) {
  plan::TraceWriter writer(plan);
  for (const TimelineStep &step : timeline.steps)
    writer.add({step.rank, step.program, step.step, step.request, step.startSeconds * 1e6,
                (step.endSeconds - step.startSeconds) * 1e6, (step.startSeconds - step.readySeconds) * 1e6});
  return std::move(writer).finish("predicted");
}

} // namespace ampc::cost
