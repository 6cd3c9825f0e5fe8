// Timeline to Chrome trace events. Text is written directly: a document tree of a large timeline would be
// many times its size.
#include "cost_model/trace.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace ampc::cost {
namespace {

std::string quoted(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view categoryOf(plan::StepKind kind) {
  switch (kind) {
  case plan::StepKind::Launch:
    return "kernel";
  case plan::StepKind::Copy:
    return "copy";
  case plan::StepKind::Wait:
    return "wait";
  default:
    return "communication";
  }
}

std::string microseconds(double seconds) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3f", seconds * 1e6);
  return text;
}

/// The part of an event that is the same for every execution of a step.
std::string stepFields(const plan::Step &step, const plan::Plan &plan) {
  std::string fields = "\"name\":" + quoted(step.name) + ",\"cat\":\"" + std::string(categoryOf(step.kind)) +
                       "\",\"tid\":" + std::to_string(step.queue) + ",\"args\":{\"step\":\"" +
                       std::string(plan::name(step.kind)) + "\",\"nodes\":" + quoted(step.nodes);
  char numbers[80];
  std::snprintf(numbers, sizeof numbers, ",\"flops\":%.17g,\"bytes\":%.17g", step.flops, step.bytes);
  fields += numbers;
  if (step.kind == plan::StepKind::Launch && step.kernel < plan.kernels.size())
    fields += ",\"kernel\":" + quoted(plan.kernels[step.kernel].symbol);
  if (categoryOf(step.kind) == "communication" && step.communication < plan.communications.size())
    fields += ",\"axes\":" + quoted(plan.communications[step.communication].axes);
  return fields;
}

void writeNames(const plan::Plan &plan, std::string &out) {
  for (size_t rank = 0; rank < plan.ranks.size(); ++rank) {
    const std::string pid = ",\"pid\":" + std::to_string(rank);
    out += "{\"ph\":\"M\",\"name\":\"process_name\"" + pid + ",\"args\":{\"name\":\"rank " +
           std::to_string(rank) + " (stage " + std::to_string(plan.ranks[rank].stage) + ")\"}},\n";
    out += "{\"ph\":\"M\",\"name\":\"thread_name\"" + pid + ",\"tid\":0,\"args\":{\"name\":\"compute\"}},\n";
    out += "{\"ph\":\"M\",\"name\":\"thread_name\"" + pid +
           ",\"tid\":1,\"args\":{\"name\":\"communication\"}},\n";
  }
}

} // namespace

std::string writeTrace(const Timeline &timeline, const plan::Plan &plan) {
  std::string out = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  writeNames(plan, out);
  std::vector<std::vector<std::string>> fields(plan.programs.size());
  for (size_t program = 0; program < plan.programs.size(); ++program)
    for (const plan::Step &step : plan.programs[program].steps)
      fields[program].push_back(stepFields(step, plan));
  for (const TimelineStep &step : timeline.steps) {
    if (step.program >= fields.size() || step.step >= fields[step.program].size())
      continue;
    out += "{\"ph\":\"X\",\"ts\":" + microseconds(step.startSeconds) +
           ",\"dur\":" + microseconds(step.endSeconds - step.startSeconds) +
           ",\"pid\":" + std::to_string(step.rank) + "," + fields[step.program][step.step] +
           ",\"request\":" + std::to_string(step.request);
    if (step.startSeconds > step.readySeconds) // time spent waiting for the other members
      out += ",\"waited_us\":" + microseconds(step.startSeconds - step.readySeconds);
    out += "}},\n";
  }
  // The last event has no successor, so that the list ends without a comma.
  out += "{\"ph\":\"M\",\"name\":\"trace_end\",\"pid\":0,\"args\":{\"source\":\"predicted\"}}\n]}\n";
  return out;
}

} // namespace ampc::cost
