// The fields of trace events. Names come from models and need not be UTF-8.
#include "runtime/plan/trace_writer.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace ampc::plan {

namespace {
std::string quoted(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view categoryOf(StepKind kind) {
  switch (kind) {
  case StepKind::Launch: return "kernel";
  case StepKind::Copy: return "copy";
  case StepKind::Wait: return "wait";
  default: return "communication";
  }
}

std::string number(double microseconds) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.3f", microseconds);
  return digits;
}

std::string fieldsOf(const Step &step, const Program &program, const Plan &plan) {
  std::string fields = "\"name\":" + quoted(step.name) + ",\"cat\":\"" + std::string(categoryOf(step.kind)) +
                       "\",\"tid\":" + std::to_string(step.queue) + ",\"args\":{\"step\":\"" +
                       std::string(name(step.kind)) + "\",\"program\":" + quoted(program.name) +
                       ",\"nodes\":" + quoted(step.nodes);
  char numbers[80];
  std::snprintf(numbers, sizeof numbers, ",\"flops\":%.17g,\"bytes\":%.17g", step.flops, step.bytes);
  fields += numbers;
  if (step.kind == StepKind::Launch && step.kernel < plan.kernels.size())
    fields += ",\"kernel\":" + quoted(plan.kernels[step.kernel].symbol);
  if (isCommunication(step.kind) && step.communication < plan.communications.size())
    fields += ",\"axes\":" + quoted(plan.communications[step.communication].axes);
  return fields;
}
} // namespace

TraceWriter::TraceWriter(const Plan &plan) : text("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n") {
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    const std::string pid = ",\"pid\":" + std::to_string(rank);
    text += "{\"ph\":\"M\",\"name\":\"process_name\"" + pid + ",\"args\":{\"name\":\"rank " + std::to_string(rank) +
            " (stage " + std::to_string(plan.ranks[rank].stage) + ")\"}},\n";
    text += "{\"ph\":\"M\",\"name\":\"thread_name\"" + pid + ",\"tid\":0,\"args\":{\"name\":\"compute\"}},\n";
    text += "{\"ph\":\"M\",\"name\":\"thread_name\"" + pid + ",\"tid\":1,\"args\":{\"name\":\"communication\"}},\n";
  }
  for (const Program &program : plan.programs) {
    fields.emplace_back();
    for (const Step &step : program.steps)
      fields.back().push_back(fieldsOf(step, program, plan));
  }
}

void TraceWriter::add(const TraceEvent &event) {
  if (event.program >= fields.size() || event.step >= fields[event.program].size())
    return;
  text += "{\"ph\":\"X\",\"ts\":" + number(event.startMicroseconds) + ",\"dur\":" + number(event.durationMicroseconds) +
          ",\"pid\":" + std::to_string(event.rank) + "," + fields[event.program][event.step] +
          ",\"request\":" + std::to_string(event.request);
  if (event.waitedMicroseconds > 0)
    text += ",\"waited_us\":" + number(event.waitedMicroseconds);
  text += "}},\n";
}

std::string TraceWriter::finish(std::string_view source) && {
  // The last event has no successor, so that the list ends without a comma.
  text += "{\"ph\":\"M\",\"name\":\"trace_end\",\"pid\":0,\"args\":{\"source\":\"" + std::string(source) + "\"}}\n]}\n";
  return std::move(text);
}

} // namespace ampc::plan
