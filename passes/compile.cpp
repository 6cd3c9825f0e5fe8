// The pipeline.
#include "passes/compile.h"

#include "cost_model/collective.h"
#include "cost_model/simulate.h"
#include "cost_model/step_times.h"
#include "ir/diagnostic.h"
#include "passes/kernel_groups.h"
#include "passes/passes.h"
#include "passes/recurrence_forms.h"
#include "passes/report_decisions.h"
#include "passes/schedule.h"
#include "passes/stage_dumps.h"
#include "passes/step_list.h"
#include "passes/strategy.h"
#include "runtime/plan/mapped_weights.h"

#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <thread>

using namespace mlir;

namespace ampc {

namespace {

/// A recurrence of more steps that a library executes is not unrolled: 1,000 steps compile in about 7 s.
constexpr int64_t worthUnrollingSteps = 1024;

class Compiler {
public:
  Compiler(const std::string &modelPath, const CompileOptions &options)
      : modelPath(modelPath), options(options), dumps(options.dumpFolder, options.stopAfter) {
    loadDialects(context);
    context.disableMultithreading();
  }
  llvm::Expected<CompiledModel> run();

private:
  struct Candidate {
    Decision decision;
    ScheduledPlan scheduled;
    double seconds = 0;
    std::vector<ExecutorChoice> executors = {};
  };

  struct Simulated {
    Decision decision;
    double seconds;
    uint64_t peakBytes;
  };

  /// The model with some of its recurrences whole and the others unrolled.
  struct Form {
    std::string name; // "whole" or "unrolled", of its recurrences; empty: there is no other form
    ImportedModel model;
    size_t numWeights = 0; // of the model: plans may have literals besides
    GraphView view;
    std::optional<Candidate> oneDevice; // until it is simulated
  };

  /// Why no plan fits.
  struct Lack {
    uint64_t neededBytes = 0; // per device, at least; what was tried needs as much; 0: nothing was tried
    bool isProven = false;    // else nothing was found
    Facts facts;
  };

  llvm::Expected<Form> import(std::optional<std::set<std::string>> wholeRecurrences, bool dump, int64_t unrolledSteps = 0);
  llvm::Error addForms();
  std::vector<Decision> decide(uint64_t searchLimitBytes, std::optional<Shortage> &shortage);
  llvm::Expected<Candidate> build(const Decision &decision, bool dump, KernelNodes *kernels = nullptr);
  llvm::Expected<Candidate> listSteps(ModuleOp module, const plan::EntryPoint &entry, const Decision &decision);
  llvm::Error buildOneDevice();
  llvm::Expected<std::optional<Candidate>> choose();
  llvm::Expected<std::optional<Candidate>> chooseForm();
  llvm::Error settle(Candidate &best);
  llvm::Expected<std::optional<Candidate>> fit();
  llvm::Error simulate(const std::vector<Decision> &decisions, std::optional<Candidate> &best,
                       uint64_t &smallestPeakBytes, uint64_t &missingBytes);
  Lack lackOf(const std::optional<Shortage> &shortage, uint64_t smallestPeakBytes) const;
  llvm::Error infeasible();
  bool isSearchOver() const {
    return (cancel && *cancel) || (deadline && std::chrono::steady_clock::now() >= *deadline);
  }
  llvm::Error generate(Candidate &candidate);
  CompiledModel finish(Candidate best);
  void phase(const char *name);
  double objectiveSeconds(const cost::Timeline &timeline) const {
    return options.objective == Objective::Throughput ? timeline.secondsPerRequest : timeline.latencySeconds;
  }
  uint64_t memoryLimitBytes() const {
    return limitBytes - std::min(limitBytes, workspaceReserveBytes);
  }

  std::string modelPath;
  const CompileOptions &options;
  MLIRContext context;
  std::vector<std::unique_ptr<Form>> forms;
  Form *form = nullptr; // that is being planned
  std::set<std::string> recurrentNodes; // that can be whole or unrolled
  CompiledModel result;
  std::vector<ConsideredPlan> considered;
  std::vector<Simulated> simulated;
  double oneDeviceSeconds = 0; // of the fastest form
  uint64_t limitBytes = 0;            // per device
  uint64_t workspaceReserveBytes = 0; // of the kernels, known once they are made
  Lack lack;                          // after choose found nothing
  std::optional<std::chrono::steady_clock::time_point> searchBegin, deadline; // of the form that is being planned
  const std::atomic<bool> *cancel = nullptr;                     // while searching
  std::vector<Decision> found;                                   // by the last search
  bool isSearchCut = false;                                      // a search ended before it was through
  StageDumps dumps;
  bool isDumped = true; // the chosen plan, where dumps are wanted
  std::chrono::steady_clock::time_point lastPhase = std::chrono::steady_clock::now();
};

} // namespace

void Compiler::phase(const char *name) {
  auto now = std::chrono::steady_clock::now();
  double seconds = std::chrono::duration<double>(now - lastPhase).count();
  lastPhase = now;
  auto known = llvm::find_if(result.phases, [&](const auto &entry) { return entry.first == name; });
  if (known != result.phases.end())
    known->second += seconds; // again, for another form of the model
  else
    result.phases.push_back({name, seconds});
  if (options.progress)
    options.progress(name, seconds);
}

/// `unrolledSteps`: what has more steps stays whole; 0: as the importer has it.
llvm::Expected<Compiler::Form> Compiler::import(std::optional<std::set<std::string>> wholeRecurrences, bool dump,
                                                int64_t unrolledSteps) {
  ImportOptions importing = options.import;
  importing.wholeRecurrences = std::move(wholeRecurrences);
  if (unrolledSteps > 0)
    importing.unrolledSteps = unrolledSteps;
  llvm::Expected<ImportedModel> imported =
      options.importModel ? options.importModel(context, importing) : importOnnx(context, modelPath, importing);
  if (!imported)
    return imported.takeError();
  Form made;
  made.model = std::move(*imported);
  if (llvm::Error error = dumps.reached(*made.model.module, "imported", dump))
    return error;
  phase("import");
  if (dump && options.stopAfter == "imported")
    return made;
  if (llvm::Error error = normalize(*made.model.module))
    return error;
  if (llvm::Error error = dumps.reached(*made.model.module, "normal", dump))
    return error;
  phase("normalize");
  made.numWeights = made.model.weights.weights.size();
  made.view = buildGraph(mainFunction(*made.model.module));
  return made;
}

/// Of a model with recurrences: the form in which those are whole that are faster so on one device, and the one in which
/// all are unrolled, where more devices can share the work of each.
llvm::Error Compiler::addForms() {
  recurrentNodes = wholeRecurrences(*form->model.module);
  if (recurrentNodes.empty())
    return llvm::Error::success();
  auto buildForm = [&](Form &each) {
    form = &each;
    llvm::Error error = buildOneDevice();
    phase("one device");
    return error;
  };
  if (llvm::Error error = buildForm(*forms[0]))
    return error;
  // Where the library has them all, long ones are not worth the time that their steps take to compile.
  const bool areOfLibrary = areExecutedByLibrary(recurrentNodes, form->view.graph);
  llvm::Expected<Form> unrolled = import(std::set<std::string>(), false, areOfLibrary ? worthUnrollingSteps : 0);
  if (!unrolled) { // too large; whole it is not
    llvm::consumeError(unrolled.takeError());
    return llvm::Error::success();
  }
  const std::set<std::string> alwaysWhole = wholeRecurrences(*unrolled->model.module);
  if (alwaysWhole == recurrentNodes)
    return llvm::Error::success();
  forms.push_back(std::make_unique<Form>(std::move(*unrolled)));
  if (llvm::Error error = buildForm(*forms[1]))
    return error;
  std::set<std::string> whole =
      fasterWhole(recurrentNodes, forms[0]->view.graph, forms[1]->view.graph, options.cluster.devices[0]);
  whole.insert(alwaysWhole.begin(), alwaysWhole.end());
  if (whole == alwaysWhole) {
    forms.erase(forms.begin());
    return llvm::Error::success();
  }
  if (whole != recurrentNodes) {
    llvm::Expected<Form> mixed = import(whole, false, areOfLibrary ? worthUnrollingSteps : 0);
    if (!mixed)
      return mixed.takeError();
    if (wholeRecurrences(*mixed->model.module) == whole)
      *forms[0] = std::move(*mixed);
  }
  forms[0]->name = "whole";
  forms[1]->name = "unrolled";
  return llvm::Error::success();
}

/// Memory of the fullest device, with its share of the weights that are read in place.
static uint64_t peakBytes(const plan::Plan &plan) {
  std::vector<uint64_t> mapped = plan::mappedWeightShares(plan);
  uint64_t peak = 0;
  for (size_t rank = 0; rank < mapped.size(); ++rank)
    peak = std::max(peak, plan.ranks[rank].peakBytes + mapped[rank]);
  return peak;
}

/// One candidate from decision to step list.
llvm::Expected<Compiler::Candidate> Compiler::build(const Decision &decision, bool dump, KernelNodes *kernels) {
  OwningOpRef<ModuleOp> module = form->model.module->clone();
  GraphView own = buildGraph(mainFunction(*module));
  if (llvm::Error error = annotate(*module, own, decision))
    return error;
  if (llvm::Error error = dumps.reached(*module, "annotated", dump))
    return error;
  // For correctness: every operand arrives in the sharding that its reader's loops imply.
  if (llvm::Error error = insertReshards(*module))
    return error;
  if (llvm::Error error = splitStages(*module))
    return error;
  if (llvm::Error error = dumps.reached(*module, "staged", dump))
    return error;
  // From here on every function is what one class of ranks executes.
  if (llvm::Error error = partition(*module))
    return error;
  if (llvm::Error error = dumps.reached(*module, "partitioned", dump))
    return error;
  // For speed: fewer passes over memory.
  if (llvm::Error error = fuse(*module))
    return error;
  // For speed: convolutions want channels last, and every change of layout is a pass over memory.
  if (llvm::Error error = chooseLayouts(*module, options.cluster.devices[0]))
    return error;
  if (llvm::Error error = chooseKernels(*module, options.cluster.devices[0], uint32_t(options.threadsPerDevice)))
    return error;
  if (llvm::Error error = dumps.reached(*module, "kernelized", dump))
    return error;
  if (kernels)
    *kernels = kernelNodesOf(*module);
  plan::EntryPoint entry;
  for (const ModelTensor &tensor : form->model.inputs)
    entry.inputs.push_back({tensor.name, tensor.type.type, tensor.type.shape});
  for (const ModelTensor &tensor : form->model.outputs)
    entry.outputs.push_back({tensor.name, tensor.type.type, tensor.type.shape});
  for (const auto &[name, text] : options.import.valueTexts)
    entry.boundValues.push_back({name, text});
  // By position, as the runtime keeps them; the importer has checked names, types and shapes.
  auto position = [](const std::vector<plan::Tensor> &tensors, const std::string &name) {
    return uint32_t(llvm::find_if(tensors, [&](const plan::Tensor &tensor) { return tensor.name == name; }) -
                    tensors.begin());
  };
  for (const auto &[input, output] : options.import.states)
    entry.states.push_back({input, output, position(entry.inputs, input), position(entry.outputs, output)});
  if (options.objective == Objective::Throughput && entry.states.empty())
    entry.slots = uint32_t(decision.grids.size());
  std::vector<ExecutorChoice> executors = executorChoicesOf(*module);
  llvm::Expected<Candidate> candidate = listSteps(*module, entry, decision);
  if (candidate)
    candidate->executors = std::move(executors);
  return candidate;
}

/// The step list that is fastest among those that fit.
llvm::Expected<Compiler::Candidate> Compiler::listSteps(ModuleOp module, const plan::EntryPoint &entry,
                                                        const Decision &decision) {
  ScheduleOptions scheduling;
  scheduling.threads = uint32_t(options.threadsPerDevice);
  scheduling.queues = plan::maxQueues;
  for (const cost::Device &device : options.cluster.devices)
    scheduling.queues = std::min(scheduling.queues, device.queues);
  auto list = [&]() -> llvm::Expected<Candidate> {
    form->model.weights.weights.resize(form->numWeights);
    llvm::Expected<ScheduledPlan> scheduled = schedule(module, form->model.weights, entry, scheduling);
    if (!scheduled)
      return scheduled.takeError();
    cost::Timeline timeline = cost::simulate(scheduled->plan, options.cluster, {.recordSteps = false});
    if (!timeline.error.empty())
      return makeError(ErrorCode::Internal, "the step list cannot be executed: " + timeline.error,
                       {{"strategy", decision.strategy}}, "report this with the model");
    return Candidate{decision, std::move(*scheduled), objectiveSeconds(timeline)};
  };
  auto fits = [&](const Candidate &candidate) { return peakBytes(candidate.scheduled.plan) <= memoryLimitBytes(); };
  llvm::Expected<Candidate> best = list();
  if (best && decision.grids.size() > 1 && !fits(*best)) {
    // Slower, but what is sent need not be kept.
    scheduling.keepsSent = false;
    return list();
  }
  if (!best || scheduling.queues < 2 || best->scheduled.plan.communications.empty() || !fits(*best))
    return best;
  // More memory, but communication runs beside computation that does not need it.
  std::vector<std::vector<double>> seconds = cost::predictSteps(best->scheduled.plan, options.cluster);
  scheduling.stepSeconds = &seconds;
  llvm::Expected<Candidate> overlapping = list();
  if (!overlapping)
    return overlapping.takeError();
  if (fits(*overlapping) && overlapping->seconds < best->seconds)
    return overlapping;
  return best;
}

/// What everything is compared with, and what the search's prices start from.
llvm::Error Compiler::buildOneDevice() {
  Decision decision;
  decision.grids.resize(1);
  decision.strategy = "one device";
  for (const GraphOp &op : form->view.graph.ops)
    decision.ops.push_back({0, std::vector<std::vector<int>>(op.rule.loops.size())});
  KernelNodes kernels;
  llvm::Expected<Candidate> candidate = build(decision, false, &kernels);
  if (!candidate)
    return candidate.takeError();
  candidate->decision.predictedSeconds = candidate->decision.costSeconds = candidate->decision.boundSeconds =
      candidate->seconds;
  recordKernels(kernels, candidate->scheduled, form->view.graph);
  form->oneDevice = std::move(*candidate);
  return llvm::Error::success();
}

std::vector<Decision> Compiler::decide(uint64_t searchLimitBytes, std::optional<Shortage> &shortage) {
  StrategyOptions strategy;
  strategy.devices = options.devices;
  strategy.strategy = options.strategy;
  strategy.seed = options.seed;
  strategy.objective = options.objective;
  strategy.memoryLimitBytes = int64_t(std::min<uint64_t>(searchLimitBytes, INT64_MAX / 4));
  strategy.carriesState = !options.import.states.empty();
  strategy.deadline = deadline;
  strategy.cancel = cancel;
  strategy.progress = options.searchProgress;
  strategy.threads = options.jobs;
  return findDecisions(form->view.graph, options.cluster, strategy, shortage);
}

/// Simulates the candidates of the search and takes the fastest that fits. What the search does not see (gaps between
/// buffers, both sides of a reshard) may make a faster one too large: it is then repeated with as much less memory.
llvm::Expected<std::optional<Compiler::Candidate>> Compiler::choose() {
  std::optional<Candidate> best;
  std::optional<Shortage> shortage;
  uint64_t smallestPeakBytes = ~uint64_t(0), searchLimitBytes = memoryLimitBytes();
  constexpr int maxRounds = 3;
  for (int round = 0; round < maxRounds; ++round) {
    // When there is no time for another search, what the last one found must do.
    if (!isSearchOver() || found.empty())
      found = decide(searchLimitBytes, shortage);
    isSearchCut |= isSearchOver();
    phase("search");
    uint64_t missingBytes = 0;
    if (llvm::Error error = simulate(found, best, smallestPeakBytes, missingBytes))
      return error;
    phase("simulate");
    // More than is missing, and more each time: what a plan needs does not follow the search's sum byte by byte.
    uint64_t step = std::max(missingBytes, (memoryLimitBytes() / 256) << round);
    if (missingBytes == 0 || step >= searchLimitBytes || isSearchOver())
      break;
    searchLimitBytes -= step;
  }
  if (!best) {
    lack = lackOf(shortage, smallestPeakBytes);
    return std::nullopt;
  }
  return best;
}

/// The best plan of all forms of the model; `form` is its form then.
llvm::Expected<std::optional<Compiler::Candidate>> Compiler::chooseForm() {
  std::optional<Candidate> best;
  Form *bestForm = nullptr;
  std::optional<Lack> smallest;
  bool isProven = true;
  considered.clear();
  oneDeviceSeconds = 0;
  if (!searchBegin)
    searchBegin = std::chrono::steady_clock::now();
  for (size_t number = 0; number < forms.size(); ++number) {
    const bool isRandom = options.strategy == Strategy::Random;
    if (isRandom && best) // one that is faster is no more random
      break;
    form = forms[isRandom && options.seed % 2 ? forms.size() - 1 - number : number].get();
    if (options.timeLimitSeconds > 0) // every form has its part
      deadline = *searchBegin + std::chrono::nanoseconds(int64_t(std::min(options.timeLimitSeconds, 1e9) * 1e9 *
                                                                 double(number + 1) / double(forms.size())));
    simulated.clear();
    found.clear();
    if (!form->oneDevice)
      if (llvm::Error error = buildOneDevice())
        return error;
    phase("one device");
    if (double seconds = form->oneDevice->seconds; oneDeviceSeconds == 0 || seconds < oneDeviceSeconds)
      oneDeviceSeconds = seconds;
    llvm::Expected<std::optional<Candidate>> candidate = choose();
    if (!candidate)
      return candidate.takeError();
    if (!*candidate) {
      isProven &= lack.isProven;
      if (!smallest || (lack.neededBytes && (!smallest->neededBytes || lack.neededBytes < smallest->neededBytes)))
        smallest = lack;
    } else if (!best || (*candidate)->seconds < best->seconds) {
      best = std::move(*candidate);
      bestForm = form;
    }
  }
  if (!best) {
    lack = *smallest;
    lack.isProven = isProven;
    return std::nullopt;
  }
  form = bestForm;
  if (llvm::Error error = settle(*best))
    return error;
  return best;
}

/// The chosen plan once more, with dumps.
llvm::Error Compiler::settle(Candidate &best) {
  llvm::Expected<Candidate> built = build(best.decision, isDumped);
  if (!built)
    return built.takeError();
  if (isDumped && !dumps.hasStopped())
    if (llvm::Error error = dumps.write("stepped", "txt", [&](llvm::raw_ostream &os) {
          os << stepListText(built->scheduled.plan);
        }))
      return error;
  best = std::move(*built);
  return llvm::Error::success();
}

/// How much is missing, and where.
Compiler::Lack Compiler::lackOf(const std::optional<Shortage> &shortage, uint64_t smallestPeakBytes) const {
  Lack result;
  result.facts = {{"limit per device", std::to_string(limitBytes) + " bytes"}};
  uint64_t needed = smallestPeakBytes;
  bool isBySearch = shortage && uint64_t(shortage->neededBytes) > memoryLimitBytes() &&
                    uint64_t(shortage->neededBytes) < needed;
  if (isBySearch)
    needed = uint64_t(shortage->neededBytes);
  result.isProven = isBySearch && shortage->isProven;
  if (needed != ~uint64_t(0)) {
    result.neededBytes = needed + workspaceReserveBytes;
    result.facts.push_back({"needed per device", "at least " + std::to_string(result.neededBytes) + " bytes"});
  }
  if (isBySearch && !shortage->operation.empty()) {
    result.facts.push_back({"where", "while " + shortage->operation + " is executed"});
    result.facts.push_back({"largest then", "values and weights of " + shortage->holders});
  }
  return result;
}

/// After nothing fitted. What a plan needs is known for certain only when it has been made: the limit that the remedy
/// names has been tried. How many devices would be enough is not said: that would take plans for them.
llvm::Error Compiler::infeasible() {
  if (isSearchCut)
    return makeError(ErrorCode::NoPlanInTime, "no plan that fits into the memory of the devices was found in time",
                     lack.facts, deadline ? "raise --time-limit" : "let the search end");
  const Lack first = lack;
  const char *sentence = first.isProven ? "no plan fits into the memory of the devices"
                                        : "no plan was found that fits into the memory of the devices";
  constexpr int maxTrials = 6;
  isDumped = false;
  for (int trial = 0; trial < maxTrials && !isSearchOver(); ++trial) {
    limitBytes = trial == 0 ? first.neededBytes : std::max(lack.neededBytes, limitBytes + limitBytes / 64);
    workspaceReserveBytes = 0;
    llvm::Expected<std::optional<Candidate>> candidate = fit();
    if (!candidate)
      return candidate.takeError();
    if (*candidate)
      return makeError(ErrorCode::Infeasible, sentence, first.facts,
                       "use --memory-limit " + llvm::Twine(limitBytes) + ", or try more devices");
  }
  return makeError(ErrorCode::Infeasible, sentence, first.facts,
                   "use more than --memory-limit " + llvm::Twine(first.neededBytes) + ", or try more devices");
}

llvm::Error Compiler::simulate(const std::vector<Decision> &decisions, std::optional<Candidate> &best,
                               uint64_t &smallestPeakBytes, uint64_t &missingBytes) {
  constexpr size_t maxFinalists = 6;
  auto consider = [&](Candidate candidate) {
    uint64_t peak = peakBytes(candidate.scheduled.plan);
    smallestPeakBytes = std::min(smallestPeakBytes, peak);
    considered.push_back({candidate.decision.strategy, candidate.decision.predictedSeconds, candidate.seconds,
                          peak <= memoryLimitBytes(), form->name});
    if (considered.back().fits && (!best || candidate.seconds < best->seconds))
      best = std::move(candidate);
  };
  bool mayUseOneDevice = options.strategy == Strategy::Auto || options.devices == 1;
  if (mayUseOneDevice && form->oneDevice)
    consider(std::move(*form->oneDevice));
  form->oneDevice.reset();
  size_t finalists = 0, numBuilt = 0;
  for (const Decision &decision : decisions) {
    if (mayUseOneDevice && decision.grids.size() == 1 && decision.grids[0].numDevices() == 1)
      continue;
    auto known = std::find_if(simulated.begin(), simulated.end(),
                              [&](const Simulated &other) { return other.decision.isSamePlan(decision); });
    // The fastest come first. Relative to each other prices are closer to the simulation than this: among the rest
    // there is no winner.
    double simulatedPerPredicted = 1;
    for (const Simulated &other : simulated)
      simulatedPerPredicted = std::min(simulatedPerPredicted, other.seconds / other.decision.predictedSeconds);
    bool isFar = best && finalists > 0 && decision.predictedSeconds * simulatedPerPredicted > 1.05 * best->seconds;
    size_t allowed = isSearchOver() ? 1 : maxFinalists;
    bool isLate = isSearchOver() && numBuilt >= maxFinalists; // even if none of them fitted
    if (known == simulated.end() && (isLate || (best && (isFar || finalists >= allowed)))) {
      considered.push_back({decision.strategy, decision.predictedSeconds, 0, true, form->name});
      continue;
    }
    if (known == simulated.end()) {
      ++numBuilt;
      llvm::Expected<Candidate> candidate = build(decision, false);
      if (!candidate)
        return candidate.takeError();
      simulated.push_back({decision, candidate->seconds, peakBytes(candidate->scheduled.plan)});
      known = simulated.end() - 1;
      consider(std::move(*candidate));
    }
    finalists += known->peakBytes <= memoryLimitBytes();
    if (decision.isLimited && known->peakBytes > memoryLimitBytes() && missingBytes == 0 &&
        (!best || known->seconds < best->seconds))
      missingBytes = known->peakBytes - memoryLimitBytes();
  }
  return llvm::Error::success();
}

/// Machine code for the kernels; workspaces are appended to the arenas of the programs that use them.
llvm::Error Compiler::generate(Candidate &candidate) {
  plan::Plan &plan = candidate.scheduled.plan;
  llvm::Expected<KernelLibrary> library = compileKernels(candidate.scheduled.requests, options.target, options.jobs);
  if (!library)
    return library.takeError();
  // Library and builtin kernels choose their instructions where they run.
  if (!library->kernels.empty()) {
    plan.targetCpu = library->target.cpu;
    plan.cpuFeatures = requiredFeatures(library->target);
  }
  for (size_t k = 0; k < library->kernels.size(); ++k) {
    plan::Kernel &kernel = plan.kernels[candidate.scheduled.requestKernels[k]];
    kernel.workspaceBytes = library->kernels[k].workspaceBytes;
    kernel.rows = library->kernels[k].rows;
  }
  result.kernelLibrary = std::move(library->sharedObject);
  phase("kernels");
  return llvm::Error::success();
}

static void placeWorkspaces(plan::Plan &plan) {
  for (plan::Program &program : plan.programs) {
    uint64_t workspaceBytes = 0;
    for (plan::Step &step : program.steps) {
      if (step.kind != plan::StepKind::Launch)
        continue;
      uint64_t size = *plan::launchWorkspaceBytes(plan.kernels[step.kernel], plan.threadsPerDevice);
      if (size == 0)
        continue;
      step.workspace = {plan::Space::Activation, 0, program.activationBytes, size};
      workspaceBytes = std::max(workspaceBytes, (size + 63) / 64 * 64);
    }
    program.activationBytes += workspaceBytes;
    program.slotStrideBytes = program.activationBytes;
  }
  for (plan::RankTable &rank : plan.ranks) {
    rank.activationBytes = std::max(plan.programs[rank.initProgram].activationBytes,
                                    plan.programs[rank.forwardProgram].activationBytes * plan.entry.slots);
    rank.peakBytes = rank.activationBytes + rank.persistentBytes + rank.stateBytes;
  }
}

llvm::Expected<CompiledModel> Compiler::run() {
  llvm::Expected<Form> imported = import(std::nullopt, true);
  if (!imported)
    return imported.takeError();
  if (options.stopAfter == "imported" || options.stopAfter == "normal")
    return result;
  form = forms.emplace_back(std::make_unique<Form>(std::move(*imported))).get();
  if (llvm::Error error = addForms())
    return error;
  limitBytes = options.memoryLimitBytes ? options.memoryLimitBytes : options.cluster.devices[0].memoryBytes;
  llvm::Expected<std::optional<Candidate>> best = fit();
  if (!best)
    return best.takeError();
  if (!*best)
    return infeasible();
  if (dumps.hasStopped() || options.stopAfter == "stepped")
    return result;
  return finish(std::move(**best));
}

/// The best plan within the limit, with its kernels; none if nothing fits, see `lack`.
llvm::Expected<std::optional<Compiler::Candidate>> Compiler::fit() {
  // Again if the workspaces of the kernels are what does not fit; the reserve grows each time.
  for (int firstDump = dumps.next;; dumps.next = firstDump) {
    if (options.searching)
      cancel = options.searching(true);
    llvm::Expected<std::optional<Candidate>> chosen = chooseForm();
    if (options.searching)
      options.searching(false);
    if (!chosen || !*chosen || dumps.hasStopped() || options.stopAfter == "stepped")
      return chosen;
    phase("partition");
    plan::Plan &plan = (**chosen).scheduled.plan;
    if (options.generateCode)
      if (llvm::Error error = generate(**chosen))
        return error;
    uint64_t peak = peakBytes(plan);
    plan.threadsPerDevice = uint32_t(options.threadsPerDevice);
    placeWorkspaces(plan);
    uint64_t workspaceBytes = peakBytes(plan) - peak;
    if (peak + workspaceBytes <= limitBytes)
      return chosen;
    workspaceReserveBytes = workspaceBytes;
  }
}

/// What reports and the runtime want to know besides.
CompiledModel Compiler::finish(Candidate best) {
  plan::Plan &plan = best.scheduled.plan;
  std::vector<std::vector<double>> seconds = cost::predictSteps(plan, options.cluster);
  for (size_t p = 0; p < plan.programs.size(); ++p)
    for (size_t s = 0; s < plan.programs[p].steps.size(); ++s)
      plan.programs[p].steps[s].predictedSeconds = seconds[p][s];
  plan.producer = "ampc " AMPC_VERSION_TEXT;
  plan.deviceKind = options.cluster.devices.front().kind;
  plan.memoryLimitBytes = options.memoryLimitBytes;
  plan.predictedStepSeconds = best.seconds;
  // Bound and gap are those of the sharding search, whose model adds up what the simulation overlaps.
  const Decision &decision = best.decision;
  // The handover is the same for every plan for these devices.
  const double handover = options.objective == Objective::Throughput
                              ? 0
                              : cost::handoverSeconds(uint32_t(plan.ranks.size()), options.cluster);
  plan.boundSeconds = std::min(decision.boundSeconds + handover, plan.predictedStepSeconds);
  if (decision.costSeconds > 0)
    plan.gap = 1 - decision.boundSeconds / decision.costSeconds;
  PlanBackground background;
  background.considered = std::move(considered);
  background.oneDeviceSeconds = oneDeviceSeconds;
  background.executors = std::move(best.executors);
  if (isSearchCut)
    background.note = "the search was ended early: there may be a better plan";
  else if (options.devices > 1 && plan.ranks.size() == 1)
    background.note = "one device is fastest: communication would cost more than the others save";
  const std::set<std::string> whole = wholeRecurrences(*form->model.module);
  for (const std::string &node : recurrentNodes)
    (whole.count(node) ? background.wholeRecurrences : background.unrolledRecurrences).push_back(node);
  plan.reportJson = decisionsJson(form->view.graph, decision, background);
  result.plan = std::move(plan);
  result.weights = std::move(form->model.weights);
  result.blobWeights = std::move(best.scheduled.blobWeights);
  result.strippedModel = std::move(form->model.strippedModel);
  return result;
}

llvm::Expected<CompiledModel> compileModel(const std::string &modelPath, const CompileOptions &options) {
  CompileOptions resolved = options;
  if (resolved.jobs <= 0)
    resolved.jobs = int(std::max(1u, std::thread::hardware_concurrency()));
  return Compiler(modelPath, resolved).run();
}

} // namespace ampc
