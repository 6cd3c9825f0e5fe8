// `ampc run`: executes a plan and writes the outputs.
#include "tools/executable_plan.h"
#include "tools/files.h"
#include "tools/inputs.h"
#include "tools/outputs.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>

namespace ampc::tools {

static void printOutputs(const Options &options, const plan::EntryPoint &entry, const std::vector<Tensor> &outputs,
                         double seconds) {
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const plan::Tensor &output : entry.outputs)
      list.push_back({{"name", output.name}, {"dtype", std::string(name(output.type))}, {"shape", output.shape}});
    nlohmann::ordered_json json = {{"outputs", list}, {"executions", options.repeat}, {"seconds", seconds}};
    if (!options.outputFolder.empty())
      json["output_dir"] = options.outputFolder;
    std::puts(dump(json).c_str());
    return;
  }
  if (options.quiet)
    return;
  for (size_t i = 0; i < outputs.size(); ++i)
    std::printf("  %s\n", describe(entry.outputs[i], outputs[i]).c_str());
  if (!options.outputFolder.empty())
    std::printf("written to %s\n", options.outputFolder.c_str());
}

Status runPlan(const Options &options) {
  auto executable = ExecutablePlan::open(options.operands[0], options);
  if (!executable)
    return executable.takeFailure();
  const plan::EntryPoint &entry = executable->plan().entry;
  if (Status failure = checkOutputFormat(options, entry))
    return failure;
  auto inputs = gatherInputs(entry, executable->model(), options, MissingInput::IsError);
  if (!inputs)
    return inputs.takeFailure();
  auto session = Session::open(executable->path(), {options.weightsFolder, !options.traceFile.empty()});
  if (!session)
    return session.takeFailure();
  if (Status failure = session->takeStates(entry, *inputs))
    return failure;
  auto outputs = Session::allocateOutputs(entry);
  if (!outputs)
    return outputs.takeFailure();
  auto begin = std::chrono::steady_clock::now();
  for (int64_t k = 0; k < options.repeat; ++k)
    if (Status failure = session->run(*inputs, *outputs))
      return failure;
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!options.outputFolder.empty())
    if (Status failure = writeOutputs(options.outputFolder, formatOf(options), entry, *outputs))
      return failure;
  if (!options.traceFile.empty()) {
    auto trace = session->takeTrace();
    if (!trace)
      return trace.takeFailure();
    if (Status failure = writeFileAtomically(options.traceFile, *trace))
      return failure;
  }
  printOutputs(options, entry, *outputs, seconds);
  return std::nullopt;
}

} // namespace ampc::tools
