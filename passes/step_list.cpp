// One line per step: number, kind, name, kernel, reads -> writes; where there are two queues, queue, event, waits.
#include "passes/step_list.h"

#include <algorithm>

namespace ampc {

namespace {

std::string textOf(const plan::Buffer &buffer) {
  const std::string range =
      "[" + std::to_string(buffer.offsetBytes) + ":" + std::to_string(buffer.offsetBytes + buffer.sizeBytes) + "]";
  const std::string number = std::to_string(buffer.index);
  switch (buffer.space) {
  case plan::Space::None: return "nothing";
  case plan::Space::Activation: return "activation" + range;
  case plan::Space::Persistent: return "persistent" + range;
  case plan::Space::State: return "state" + range;
  case plan::Space::Blob: return "weight " + number + range;
  case plan::Space::Input: return "input " + number + range;
  case plan::Space::Output: return "output " + number + range;
  }
  return "";
}

std::string textOf(const std::vector<plan::Buffer> &buffers) {
  std::string text;
  for (const plan::Buffer &buffer : buffers)
    text += (text.empty() ? "" : ", ") + textOf(buffer);
  return text.empty() ? "nothing" : text;
}

std::string textOf(const plan::Kernel &kernel) {
  std::string text = kernel.symbol;
  if (kernel.kind == plan::KernelKind::Generated) // what is said about it serves prices only
    return text;
  for (const auto &[name, value] : kernel.strings)
    text += ", " + name + " " + value;
  return text;
}

std::string textOf(const plan::Step &step, const plan::Plan &plan) {
  std::string text = std::string(plan::name(step.kind)) + " " + step.name;
  if (step.kind == plan::StepKind::Launch)
    text += " (" + textOf(plan.kernels[step.kernel]) + ")";
  else if (step.kind == plan::StepKind::Copy)
    text += " (table " + std::to_string(step.copyTable) + ")";
  else if (plan::isCommunication(step.kind))
    text += " (communication " + std::to_string(step.communication) + ")";
  text += ": " + textOf(step.reads) + " -> " + textOf(step.writes);
  if (step.workspace.space != plan::Space::None)
    text += ", workspace " + textOf(step.workspace);
  return text;
}

std::string queueText(const plan::Step &step) {
  std::string text = ", queue " + std::to_string(step.queue) + ", event " + std::to_string(step.event);
  for (uint32_t event : step.waits)
    text += ", waits for " + std::to_string(event);
  return text;
}

std::string textOf(const plan::Communication &communication) {
  std::string text = std::string(plan::name(communication.kind)) + " of " + std::string(name(communication.type)) +
                     " over " + communication.axes + ",";
  for (const auto &group : communication.groups) {
    std::string ranks;
    for (uint32_t rank : group)
      ranks += (ranks.empty() ? " {" : " ") + std::to_string(rank);
    text += ranks + "}";
  }
  return text + ", " +
         (communication.moves.empty() ? std::to_string(communication.elements) + " elements"
                                      : std::to_string(communication.moves.size()) + " moves");
}

} // namespace

std::string stepListText(const plan::Plan &plan) {
  std::string text;
  for (size_t c = 0; c < plan.communications.size(); ++c)
    text += "communication " + std::to_string(c) + ": " + textOf(plan.communications[c]) + "\n";
  for (size_t p = 0; p < plan.programs.size(); ++p) {
    const plan::Program &program = plan.programs[p];
    text += "\n" + program.name + ": stage " + std::to_string(program.stage) + ", ranks";
    for (size_t rank = 0; rank < plan.ranks.size(); ++rank)
      if (plan.ranks[rank].initProgram == p || plan.ranks[rank].forwardProgram == p)
        text += " " + std::to_string(rank);
    text += ", activations " + std::to_string(program.activationBytes) + " bytes, " +
            std::to_string(program.role == plan::ProgramRole::Init ? 1 : plan.entry.slots) + " slots\n";
    const bool hasQueues = std::any_of(program.steps.begin(), program.steps.end(), [](const plan::Step &step) {
      return step.queue != plan::computeQueue;
    });
    for (size_t s = 0; s < program.steps.size(); ++s)
      text += "  " + std::to_string(s) + " " + textOf(program.steps[s], plan) +
              (hasQueues ? queueText(program.steps[s]) : "") + "\n";
  }
  return text;
}

} // namespace ampc
