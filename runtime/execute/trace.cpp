// Writing the trace as text, event by event: a long run has millions of them.
#include "runtime/execute/trace.h"

#include <nlohmann/json.hpp>

namespace ampc {

namespace {
std::string quoted(const std::string &text) {
  // Names come from models and need not be UTF-8.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string microseconds(int64_t nanoseconds) {
  std::string digits = std::to_string(nanoseconds % 1000);
  return std::to_string(nanoseconds / 1000) + "." + std::string(3 - digits.size(), '0') + digits;
}
} // namespace

std::string traceJson(const plan::Plan &plan, const std::vector<std::vector<TraceEvent>> &events) {
  std::string json = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  const char *separator = "";
  for (size_t rank = 0; rank < events.size(); ++rank) {
    json += separator;
    json += "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":0,\"tid\":" + std::to_string(rank) +
            ",\"args\":{\"name\":\"rank " + std::to_string(rank) + "\"}}";
    separator = ",\n";
    const plan::RankTable &table = plan.ranks[rank];
    for (const TraceEvent &event : events[rank]) {
      uint32_t program = event.role == plan::ProgramRole::Init ? table.initProgram : table.forwardProgram;
      const plan::Step &step = plan.programs[program].steps[event.step];
      json += ",\n{\"ph\":\"X\",\"name\":" + quoted(step.name) + ",\"cat\":\"" +
              std::string(plan::name(step.kind)) + "\",\"pid\":0,\"tid\":" + std::to_string(rank) +
              ",\"ts\":" + microseconds(event.beginNanoseconds) +
              ",\"dur\":" + microseconds(event.endNanoseconds - event.beginNanoseconds) +
              ",\"args\":{\"program\":" + quoted(plan.programs[program].name) +
              ",\"nodes\":" + quoted(step.nodes) + ",\"request\":" + std::to_string(event.request) + "}}";
    }
  }
  return json + "\n]}\n";
}

} // namespace ampc
