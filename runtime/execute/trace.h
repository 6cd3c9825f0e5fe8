// The measured timeline: begin and end of every step of every rank, in the Chrome trace format, with the
// names that the predicted timeline uses.
#pragma once

#include "runtime/plan/plan.h"

#include <string>
#include <vector>

namespace ampc {

struct TraceEvent {
  plan::ProgramRole role = plan::ProgramRole::Forward;
  uint32_t step = 0;
  uint64_t request = 0;
  int64_t beginNanoseconds = 0, endNanoseconds = 0; // since the session was opened
};

/// `events` by rank.
std::string traceJson(const plan::Plan &plan, const std::vector<std::vector<TraceEvent>> &events);

} // namespace ampc
