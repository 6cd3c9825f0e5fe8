// `ampc verify`: the partitioned plan against the same model on one device, on the same inputs.
#include "tools/comparison.h"
#include "tools/compiler.h"
#include "tools/executable_plan.h"
#include "tools/inputs.h"
#include "tools/summary.h"
#include "tools/temporary_path.h"
#include "tools/verbs.h"

#include <algorithm>
#include <cstdio>

namespace ampc::tools {

namespace {

/// What binds the model to the plan's shapes and values, for one device.
Options referenceOptions(const Options &options, const plan::Plan &plan) {
  Options reference;
  reference.jobs = options.jobs;
  reference.targetCpu = plan.targetCpu;
  // A virtual machine may hide features that the processor's name promises.
  reference.targetFeatures = plan.cpuFeatures;
  reference.weightsFolder = options.weightsFolder;
  for (const plan::Tensor &input : plan.entry.inputs)
    reference.shapes[input.name] = input.shape;
  for (const auto &[input, value] : plan.entry.boundValues)
    reference.values[input] = value;
  for (const plan::StateTensor &state : plan.entry.states)
    reference.states.emplace_back(state.input, state.output);
  return reference;
}

Status compileReference(const Options &options, const std::string &operand, const ExecutablePlan &executable,
                        const std::string &planPath) {
  auto compiler = loadCompiler();
  if (!compiler)
    return compiler.takeFailure();
  const plan::Plan &plan = executable.plan();
  Options reference = referenceOptions(options, plan);
  cost::Cluster cluster = cost::hostCluster(1, plan.threadsPerDevice);
  CompileRequest request{operand, !executable.wasCompiled(), &reference, cluster};
  auto compilation = (*compiler)->compile(request, planPath);
  if (compilation)
    return std::nullopt;
  Failure failure = compilation.takeFailure();
  failure.facts.emplace_back("while", "compiling the model for one device, to compare with");
  return failure;
}

Result<std::vector<Tensor>> execute(const std::string &planPath, const plan::EntryPoint &entry,
                                    const std::vector<Tensor> &inputs, const Options &options) {
  auto session = Session::open(planPath, {options.weightsFolder, false});
  if (!session)
    return session.takeFailure();
  auto outputs = Session::allocateOutputs(entry);
  if (!outputs)
    return outputs.takeFailure();
  if (Status failure = session->run(inputs, *outputs))
    return *failure;
  return outputs;
}

void printTable(const plan::EntryPoint &entry, const std::vector<Comparison> &results) {
  std::printf("  output                                  largest error  of largest   tolerance\n");
  for (size_t i = 0; i < results.size(); ++i) {
    const Comparison &result = results[i];
    std::printf("  %-38s  %13.3g  %10.3g  %10.3g  %s\n", fitted(entry.outputs[i].name, 38).c_str(), result.largestError,
                result.relativeError, result.tolerance, result.isEqual ? "equal" : "DIFFERENT");
  }
}

void printJson(const plan::EntryPoint &entry, const std::vector<Comparison> &results, bool isEqual) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < results.size(); ++i)
    list.push_back({{"name", entry.outputs[i].name},
                    {"largest_error", results[i].largestError},
                    {"largest_value", results[i].largestValue},
                    {"relative_error", results[i].relativeError},
                    {"tolerance", results[i].tolerance},
                    {"equal", results[i].isEqual}});
  std::puts(dump({{"equal", isEqual}, {"outputs", list}}).c_str());
}

} // namespace

Status runVerify(const Options &options) {
  const std::string &operand = options.operands[0];
  auto executable = ExecutablePlan::open(operand, options);
  if (!executable)
    return executable.takeFailure();
  const plan::EntryPoint &entry = executable->plan().entry;
  auto inputs = gatherInputs(entry, executable->model(), options, MissingInput::IsRandom);
  if (!inputs)
    return inputs.takeFailure();
  auto values = execute(executable->path(), entry, *inputs, options);
  if (!values)
    return values.takeFailure();
  TemporaryFile reference(temporaryPath("plan"));
  if (Status failure = compileReference(options, operand, *executable, reference.path()))
    return failure;
  auto expected = execute(reference.path(), entry, *inputs, options);
  if (!expected)
    return expected.takeFailure();

  std::vector<Comparison> results;
  for (size_t i = 0; i < expected->size(); ++i)
    results.push_back(compare((*expected)[i], (*values)[i], options.tolerance));
  bool isEqual = std::all_of(results.begin(), results.end(), [](const Comparison &result) { return result.isEqual; });
  size_t devices = executable->plan().ranks.size();
  if (options.json)
    printJson(entry, results, isEqual);
  else if (!options.quiet)
    printTable(entry, results);
  if (isEqual) {
    if (!options.json && !options.quiet)
      std::printf("equal: %zu device%s against one\n", devices, devices == 1 ? "" : "s");
    return std::nullopt;
  }
  size_t worst = 0;
  for (size_t i = 0; i < results.size(); ++i)
    if (!results[i].isEqual && (results[worst].isEqual || results[i].relativeError > results[worst].relativeError))
      worst = i;
  return Failure{ErrorCode::Difference, "the plan's results differ from those of one device",
                 {{"tensor", entry.outputs[worst].name},
                  {"element", std::to_string(results[worst].firstDifference)},
                  {"error", std::to_string(results[worst].relativeError) + " of the largest value"}},
                 "if the model is not chaotic this is a bug in ampc: please report it; --tolerance sets what counts"};
}

} // namespace ampc::tools
