// The candidates: for every layout worth a look the choice problem is built, solved by passes/search, and its grid
// brought to the fewest axes that say the same.
#include "passes/strategy.h"

#include "cost_model/collective.h"
#include "passes/choice_problem.h"
#include "passes/forced_choices.h"
#include "passes/layouts.h"
#include "passes/plan_memory.h"
#include "passes/runner_ups.h"
#include "passes/search/solve.h"
#include "passes/simplify_grid.h"
#include "passes/stage_cuts.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>

namespace ampc {

namespace {

/// More layouts of the same number of stages than this are not solved.
constexpr size_t maxGrids = 10, maxGridsOfPipeline = 3;
constexpr int maxDevicesForForced = 16;

class Planner {
public:
  Planner(const Graph &graph, const cost::Cluster &cluster, const StrategyOptions &options)
      : graph(graph), cluster(cluster), options(options), kinds(kindsOf(graph)), lifetimes(lifetimesOf(graph)) {
    std::vector<int64_t> bytes = unsplitBytes(graph, lifetimes);
    int64_t peakBytes = bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
    // In a pipeline that has several requests in flight each has its own activations.
    isTight = options.memoryLimitBytes > 0 && peakBytes * slotsOf(options.devices) > options.memoryLimitBytes;
  }

  std::vector<Decision> search(std::optional<Shortage> &shortage);
  Decision random();

private:
  struct Result {
    std::vector<Decision> decisions;
    std::optional<Shortage> shortage;
  };

  std::vector<Layout> layouts() const;
  /// A problem to solve: a layout, and the strategy whose choices are allowed.
  struct Task {
    Layout layout;
    Strategy strategy;
  };
  std::vector<Task> tasks() const;
  Result solve(const Task &task, double timeLimitSeconds) const;
  Decision decisionOf(const ChoiceProblem &choices, const std::vector<int> &stageOf, const Grid &grid,
                      const search::Problem &problem, const search::Solution &solution) const;
  std::vector<int> limitMemory(const ChoiceProblem &choices, const std::vector<int> &stageOf,
                               search::Problem &problem) const;
  void report(const Result &result, SearchState &state) const;
  std::vector<int> cut(const ChoiceProblem &choices, int stages) const;
  void priceStages(const ChoiceProblem &choices, const search::Problem &problem, const search::Solution &solution,
                   Decision &decision) const;
  int slotsOf(int stages) const {
    return options.objective == Objective::Throughput && !options.carriesState ? stages : 1;
  }
  bool isOver() const {
    return (options.cancel && *options.cancel) ||
           (options.deadline && std::chrono::steady_clock::now() >= *options.deadline);
  }
  double shareOfTime(size_t tasksLeft) const;

  const Graph &graph;
  const cost::Cluster &cluster;
  const StrategyOptions &options;
  OpKinds kinds;
  ValueLifetimes lifetimes;
  bool isTight = false; // memory can decide anything
};

} // namespace

std::vector<Layout> Planner::layouts() const {
  int devices = options.devices;
  switch (options.strategy) {
  case Strategy::Data:
    return allLayouts(devices, 1, 1, 1);
  case Strategy::Tensor:
    return allLayouts(devices, 1, 1, 2);
  case Strategy::Pipeline:
    return allLayouts(devices, devices, devices, 1);
  default:
    break;
  }
  std::vector<Layout> layouts = finestLayouts(devices, 1, cluster, maxGrids);
  // Coarser grids contain nothing new, but are solved in no time and give the simulation plans to choose from that the
  // search's prices cannot tell apart.
  for (Layout &layout : allLayouts(devices, 1, 1, 2))
    if (std::find(layouts.begin(), layouts.end(), layout) == layouts.end())
      layouts.push_back(std::move(layout));
  // One request passes the stages of a pipeline one after the other: they pay when several are in flight, or where one
  // stage does not fit.
  if (isTight || options.objective == Objective::Throughput)
    for (int stages : divisorsOf(devices))
      if (stages > 1)
        for (Layout &layout : finestLayouts(devices, stages, cluster, maxGridsOfPipeline))
          layouts.push_back(std::move(layout));
  return layouts;
}

std::vector<Planner::Task> Planner::tasks() const {
  std::vector<Task> tasks;
  for (Layout &layout : layouts())
    tasks.push_back({std::move(layout), options.strategy});
  // On few devices the plans of the forced strategies are candidates, too: where prices cannot tell plans apart, the
  // simulation can.
  if (options.strategy == Strategy::Auto && options.devices > 1 && options.devices <= maxDevicesForForced)
    for (Strategy strategy : {Strategy::Data, Strategy::Tensor})
      for (Layout &layout : allLayouts(options.devices, 1, 1, strategy == Strategy::Data ? 1 : 2))
        tasks.push_back({std::move(layout), strategy});
  return tasks;
}

/// Cuts by what every operator costs at least on this grid.
std::vector<int> Planner::cut(const ChoiceProblem &choices, int stages) const {
  size_t count = graph.ops.size();
  StageCosts costs;
  std::vector<int64_t> change(count + 1, 0);
  cost::PairBytes pair{0, uint32_t(cluster.numDevices() - 1), 0};
  for (size_t k = 0; k < count; ++k) {
    const std::vector<Choice> &own = choices.choicesOf(k).choices;
    auto least = [&](auto member) {
      auto value = own[0].*member;
      for (const Choice &choice : own)
        value = std::min(value, choice.*member);
      return value;
    };
    costs.seconds.push_back(least(&Choice::seconds));
    costs.weightBytes.push_back(least(&Choice::weightBytes));
    int64_t resultBytes = least(&Choice::resultBytes);
    pair.bytes = double(resultBytes);
    costs.transferSeconds.push_back(cost::exchangeSeconds({&pair, 1}, cluster));
    if (lifetimes.hasBuffer[k]) {
      change[k] += resultBytes;
      change[size_t(lifetimes.end[k])] -= resultBytes;
    }
  }
  int64_t live = 0;
  for (size_t k = 0; k < count; ++k) {
    live += change[k];
    costs.liveBytes.push_back(live * slotsOf(stages));
  }
  return bestStages(graph, lifetimes, costs, stages, isTight ? options.memoryLimitBytes : 0);
}

/// What the stages of a solution cost, and what that means for the objective.
void Planner::priceStages(const ChoiceProblem &choices, const search::Problem &problem,
                          const search::Solution &solution, Decision &decision) const {
  std::vector<double> &seconds = decision.stageSeconds;
  seconds.assign(decision.grids.size(), 0);
  for (size_t n = 0; n < choices.nodeStages().size(); ++n)
    seconds[size_t(choices.nodeStages()[n])] += double(problem.nodes[n].costs[size_t(solution.choice[n])]) / unitsPerSecond;
  for (size_t e = 0; e < choices.edgeStages().size(); ++e) {
    const search::Edge &edge = problem.edges[e];
    size_t columns = problem.nodes[edge.v].costs.size();
    double cost = double(problem.matrices[edge.matrix][size_t(solution.choice[edge.u]) * columns +
                                                       size_t(solution.choice[edge.v])]) / unitsPerSecond;
    auto [stage, crosses] = choices.edgeStages()[e];
    seconds[size_t(stage)] += cost;
    if (crosses) // the sender takes part as long
      seconds[size_t(choices.nodeStages()[edge.u])] += cost;
  }
  decision.costSeconds = decision.predictedSeconds = double(solution.cost) / unitsPerSecond;
  decision.boundSeconds = double(solution.bound) / unitsPerSecond;
  if (options.objective == Objective::Throughput)
    decision.predictedSeconds = std::max(*std::max_element(seconds.begin(), seconds.end()),
                                         decision.costSeconds / double(seconds.size()));
}

Decision Planner::decisionOf(const ChoiceProblem &choices, const std::vector<int> &stageOf, const Grid &grid,
                             const search::Problem &problem, const search::Solution &solution) const {
  Decision decision;
  decision.grids.assign(size_t(numStagesOf(stageOf)), grid);
  priceStages(choices, problem, solution, decision);
  for (size_t k = 0; k < graph.ops.size(); ++k)
    decision.ops.push_back({stageOf[k], choices.choicesOf(k).choices[size_t(solution.choice[k])].loopAxes});
  if (decision.grids.size() > 1)
    decision.stageReason = options.strategy == Strategy::Pipeline ? "a pipeline was asked for"
                           : options.objective == Objective::Throughput
                               ? "stages work on different requests at the same time"
                               : "one stage on all devices does not fit into their memory";
  decision.groups = runnerUps(graph, kinds, choices, problem, solution.choice, grid);
  if (options.strategy == Strategy::Auto)
    simplifyGrid(decision);
  decision.strategy = layoutText(int(decision.grids.size()), decision.grids[0].axisSizes);
  return decision;
}

/// What a layout may take of the time that is left when so many are still to be solved; 0: as long as it wants.
double Planner::shareOfTime(size_t tasksLeft) const {
  if (!options.deadline)
    return 0;
  double left = std::chrono::duration<double>(*options.deadline - std::chrono::steady_clock::now()).count();
  return std::max(left * options.threads / double(std::max<size_t>(tasksLeft, size_t(options.threads))), 1e-3);
}

/// The best plan of a layout and, where memory can decide, the best one that fits.
Planner::Result Planner::solve(const Task &task, double timeLimitSeconds) const {
  Result result;
  const Layout &layout = task.layout;
  Grid grid{layout.axisSizes};
  ChoiceProblem choices(graph, kinds, grid, cluster, forcedChoices(task.strategy));
  std::vector<int> stageOf = cut(choices, layout.stages);
  search::Problem problem = choices.build(stageOf);
  problem.name = layoutText(layout.stages, layout.axisSizes);
  search::SolveOptions solveOptions;
  solveOptions.timeLimitSeconds = timeLimitSeconds / (isTight ? 2 : 1);
  solveOptions.cancel = options.cancel;
  search::Solution solution = search::solve(problem, solveOptions);
  if (solution.feasible)
    result.decisions.push_back(decisionOf(choices, stageOf, grid, problem, solution));
  if (isTight) {
    std::vector<int> ownerOf = limitMemory(choices, stageOf, problem);
    // The plan found without a limit stays a candidate: a device may need less than the search assumes of it, since
    // weights that it can read in place take no memory of its own.
    solution = search::solve(problem, solveOptions);
    if (solution.feasible) {
      result.decisions.push_back(decisionOf(choices, stageOf, grid, problem, solution));
      result.decisions.back().isLimited = true;
    } else {
      LeastMemory least = leastMemory(problem, ownerOf, graph.ops.size());
      Shortage &shortage = result.shortage.emplace();
      shortage.neededBytes = least.bytes;
      shortage.isProven = solution.status == search::Status::Infeasible;
      shortage.operation = least.op < 0 ? "" : graph.ops[size_t(least.op)].name;
      for (size_t k = 0; k < std::min<size_t>(least.owners.size(), 3); ++k)
        shortage.holders += (k ? ", " : "") + graph.ops[size_t(least.owners[k])].name;
    }
  }
  return result;
}

std::vector<int> Planner::limitMemory(const ChoiceProblem &choices, const std::vector<int> &stageOf,
                                      search::Problem &problem) const {
  MemoryOptions memory{options.memoryLimitBytes, slotsOf(numStagesOf(stageOf))};
  return addMemory(graph, choices, lifetimes, stageOf, memory, problem);
}

void Planner::report(const Result &result, SearchState &state) const {
  ++state.solved;
  for (const Decision &decision : result.decisions) {
    bool mayNotFit = isTight && !decision.isLimited;
    if (mayNotFit || (state.bestSeconds > 0 && decision.predictedSeconds >= state.bestSeconds))
      continue;
    state.bestSeconds = decision.predictedSeconds;
    state.boundSeconds = decision.boundSeconds;
    state.gap = decision.costSeconds > 0 ? 1 - decision.boundSeconds / decision.costSeconds : 0;
  }
  options.progress(state);
}

std::vector<Decision> Planner::search(std::optional<Shortage> &shortage) {
  std::vector<Task> wanted = tasks();
  std::vector<Result> results(wanted.size());
  // Layouts of one axis are solved in no time: whoever ends the search early has them, at least.
  std::vector<size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_partition(order.begin(), order.end(), [&](size_t k) { return wanted[k].layout.axisSizes.size() <= 1; });
  std::atomic<size_t> next = 0;
  std::mutex mutex; // of `state`
  SearchState state;
  state.layouts = wanted.size();
  auto work = [&] {
    for (size_t k = next++; k < wanted.size() && !isOver(); k = next++) {
      Result &result = results[order[k]];
      result = solve(wanted[order[k]], shareOfTime(wanted.size() - k));
      if (options.progress) {
        std::lock_guard lock(mutex);
        report(result, state);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int extra = 1; extra < std::min<int>(options.threads, int(wanted.size())); ++extra)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  std::vector<Decision> decisions;
  for (Result &result : results) {
    if (result.shortage && (!shortage || result.shortage->neededBytes < shortage->neededBytes))
      shortage = result.shortage;
    for (Decision &decision : result.decisions)
      if (auto same = std::find_if(decisions.begin(), decisions.end(),
                                   [&](const Decision &other) { return other.isSamePlan(decision); });
          same == decisions.end())
        decisions.push_back(std::move(decision));
      else
        same->isLimited |= decision.isLimited;
  }
  std::stable_sort(decisions.begin(), decisions.end(), [](const Decision &a, const Decision &b) {
    return a.predictedSeconds < b.predictedSeconds;
  });
  return decisions;
}

/// Any legal plan that uses all devices.
Decision Planner::random() {
  std::mt19937_64 random(options.seed * 0x9e3779b97f4a7c15ull + uint64_t(options.devices));
  std::vector<Layout> all = allLayouts(options.devices, 1, options.devices, 2);
  Layout layout = all[random() % all.size()];
  Grid grid{layout.axisSizes};
  ChoiceProblem choices(graph, kinds, grid, cluster, nullptr);
  std::vector<int> stageOf = randomStages(graph, layout.stages, random);
  Decision decision;
  int numStages = numStagesOf(stageOf);
  // Fewer operators than stages: the devices left over repeat the last stage's work.
  decision.grids.assign(size_t(numStages), grid);
  if (numStages < layout.stages)
    decision.grids.back().axisSizes.push_back(layout.stages - numStages + 1);
  decision.strategy = layoutText(layout.stages, layout.axisSizes);
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const std::vector<Choice> &own = choices.choicesOf(k).choices;
    decision.ops.push_back({stageOf[k], own[random() % own.size()].loopAxes});
  }
  return decision;
}

std::vector<Decision> findDecisions(const Graph &graph, const cost::Cluster &cluster, const StrategyOptions &options,
                                    std::optional<Shortage> &shortage) {
  Planner planner(graph, cluster, options);
  if (options.strategy == Strategy::Random)
    return {planner.random()};
  return planner.search(shortage);
}

} // namespace ampc
