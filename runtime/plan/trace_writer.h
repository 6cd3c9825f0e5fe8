// Timelines of plans, predicted or measured, in the Chrome trace event format, which Perfetto and chrome://tracing
// open: one process per rank, one thread per queue, events named as the plan's steps. Both kinds have the same fields.
#pragma once

#include "runtime/plan/plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace ampc::plan {

/// One execution of one step on one rank; times since some common moment.
struct TraceEvent {
  uint32_t rank = 0, program = 0, step = 0;
  uint64_t request = 0;
  double startMicroseconds = 0, durationMicroseconds = 0;
  double waitedMicroseconds = 0; // before the start, for other members of a collective; 0: none, or not known
};

/// Text is written directly: a document tree of a large timeline would be many times its size.
class TraceWriter {
public:
  /// `plan` outlives the writer.
  explicit TraceWriter(const Plan &plan);
  /// Events of programs or steps that the plan does not have are left out.
  void add(const TraceEvent &event);
  /// The whole text. `source`: where the times come from, "predicted" or "measured".
  std::string finish(std::string_view source) &&;

private:
  std::string text;
  std::vector<std::vector<std::string>> fields; // by program and step: what is the same for every execution
};

} // namespace ampc::plan
