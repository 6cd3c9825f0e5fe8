// `ampc MODEL.onnx` and `ampc plan MODEL.onnx`.
#include "tools/cluster_choice.h"
#include "tools/compiler.h"
#include "tools/executable_plan.h"
#include "tools/interrupt.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <algorithm>
#include <cstdio>
#include <sys/stat.h>
#include <unistd.h>

namespace ampc::tools {

/// MODEL.plan in the current folder.
static std::string defaultPlanPath(const std::string &modelPath) {
  std::string base = modelPath.substr(modelPath.rfind('/') + 1);
  size_t dot = base.rfind('.');
  if (dot != std::string::npos && dot > 0)
    base.resize(dot);
  return base + ".plan";
}

std::string planPathOf(const Options &options) {
  if (!options.stopAfter.empty() || (options.verb == Verb::Plan && options.outputFile.empty()))
    return "";
  return options.outputFile.empty() ? defaultPlanPath(options.operands[0]) : options.outputFile;
}

/// One line that changes on a terminal, plain lines elsewhere.
static std::function<void(const std::string &, double)> progressPrinter(const Options &options) {
  if (options.quiet || options.json)
    return nullptr;
  bool isTerminal = ::isatty(1);
  return [isTerminal](const std::string &phase, double seconds) {
    if (isTerminal)
      std::printf("\r\033[K  %s: %s", fitted(phase, 40).c_str(), secondsText(seconds).c_str());
    else
      std::printf("  %s: %s\n", phase.c_str(), secondsText(seconds).c_str());
    std::fflush(stdout);
  };
}

/// On a terminal only: how many layouts come first depends on the threads, so a log would differ from run to run.
static std::function<void(const SearchState &)> searchPrinter(const Options &options) {
  if (options.quiet || options.json || !::isatty(1))
    return nullptr;
  return [](const SearchState &state) {
    std::string line = "search: " + std::to_string(state.solved) + " of " + std::to_string(state.layouts) + " layouts";
    char gap[16];
    std::snprintf(gap, sizeof gap, "%.1f %%", state.gap * 100);
    if (state.bestSeconds > 0)
      line += ", best " + secondsText(state.bestSeconds) + ", bound " + secondsText(state.boundSeconds) + ", gap " + gap;
    std::printf("\r\033[K  %s", fitted(line, 76).c_str());
    std::fflush(stdout);
  };
}

static void printNextCommands(const Options &options, const std::string &planPath, const plan::Plan &plan) {
  std::printf("\n%s written (%s). Next:\n\n", planPath.c_str(), [&] {
    struct stat facts = {};
    return bytesText(::stat(planPath.c_str(), &facts) == 0 ? double(facts.st_size) : 0);
  }().c_str());
  std::string inputs;
  for (size_t i = 0; i < plan.entry.inputs.size() && i < 3; ++i)
    inputs += " --input " + plan.entry.inputs[i].name + "=FILE.npy";
  if (options.verb == Verb::Plan) {
    std::printf("  ampc report %s\n", planPath.c_str());
    return;
  }
  std::printf("  ampc run %s%s --output-dir out\n", planPath.c_str(), inputs.c_str());
  std::printf("  ampc run %s --random-inputs 0\n", planPath.c_str());
  std::printf("  ampc verify %s\n  ampc report %s\n  ampc bench %s\n", planPath.c_str(), planPath.c_str(),
              planPath.c_str());
}

/// The stages of the pipeline, in order (docs/architecture.md).
static Status checkStage(const std::string &stage) {
  const std::vector<std::string> stages = {"imported", "normal",      "annotated",  "staged",
                                           "partitioned", "kernelized", "stepped"};
  if (stage.empty() || std::find(stages.begin(), stages.end(), stage) != stages.end())
    return std::nullopt;
  std::string list;
  for (const std::string &each : stages)
    list += (list.empty() ? "" : ", ") + each;
  return Failure{ErrorCode::Usage, "there is no stage '" + stage + "'", {{"stages", list}}, "give one of them"};
}

Status runCompile(const Options &options) {
  if (Status failure = checkStage(options.stopAfter))
    return failure;
  const std::string &model = options.operands[0];
  auto isPlan = isPlanFile(model);
  if (!isPlan)
    return isPlan.takeFailure();
  if (*isPlan)
    return Failure{ErrorCode::Usage, "this is a plan already, not a model", {{"plan", model}},
                   "`ampc run " + model + "` executes it, `ampc report " + model + "` shows it"};
  bool onlyPlan = options.verb == Verb::Plan;
  auto cluster = chooseCluster(options, !onlyPlan);
  if (!cluster)
    return cluster.takeFailure();
  auto compiler = loadCompiler();
  if (!compiler)
    return compiler.takeFailure();

  std::string planPath = planPathOf(options);
  bool writes = !planPath.empty();
  if (!options.quiet && !options.json)
    std::printf("%s for %u device%s (%s)\n", model.c_str(), cluster->numDevices(),
                cluster->numDevices() == 1 ? "" : "s", cluster->name.c_str());
  CompileRequest request{model, false, &options, *cluster, !onlyPlan};
  request.progress = progressPrinter(options);
  request.searchProgress = searchPrinter(options);
  // The first Ctrl-C during the search takes the best plan so far; at any other time it ends the program.
  std::optional<InterruptListener> listener;
  request.searching = [&listener](bool begins) {
    listener.reset();
    if (begins)
      listener.emplace();
    return &interruptFlag();
  };
  std::unique_ptr<TemporaryFile> file = writes ? std::make_unique<TemporaryFile>(planPath) : nullptr;
  auto compilation = (*compiler)->compile(request, file ? file->path() : "");
  bool isTerminal = request.progress && ::isatty(1);
  if (isTerminal)
    std::printf("\r\033[K");
  if (!compilation)
    return compilation.takeFailure();
  if (file)
    if (Status failure = file->commit())
      return failure;

  if (!options.stopAfter.empty()) {
    if (!options.quiet && !options.json)
      std::printf("stopped after %s\n", options.stopAfter.c_str());
    return std::nullopt;
  }
  PlanFacts facts = factsOf(compilation->plan);
  if (options.json) {
    nlohmann::ordered_json json = summaryJson(facts);
    json["compile_seconds"] = phasesJson(compilation->phases);
    if (writes)
      json["plan"] = planPath;
    std::puts(dump(json).c_str());
    return std::nullopt;
  }
  if (options.quiet)
    return std::nullopt;
  double total = 0;
  for (const auto &[phase, seconds] : compilation->phases)
    total += seconds;
  std::printf("\n%s  compiled in  %s\n", summaryText(facts).c_str(), secondsText(total).c_str());
  if (writes)
    printNextCommands(options, planPath, compilation->plan);
  else
    std::printf("\nNext:\n\n  ampc %s --devices %u\n", model.c_str(), cluster->numDevices());
  return std::nullopt;
}

} // namespace ampc::tools
