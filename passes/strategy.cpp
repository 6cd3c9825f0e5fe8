// Candidates are the factorisations of the device count into pipeline stages x one or two grid axes; for each the
// choice problem over all operators is solved by passes/search.
#include "passes/strategy.h"

#include "cost_model/collective.h"
#include "passes/choices.h"
#include "passes/reshard.h"
#include "passes/search/solve.h"

#include <algorithm>
#include <map>
#include <random>

namespace ampc {

namespace {

constexpr double secondsToUnits = 1e12; // search counts picoseconds

struct Layout {
  int stages = 1;
  std::vector<int64_t> axisSizes;
  std::string str() const {
    std::string text = stages > 1 ? "pipeline " + std::to_string(stages) : "";
    for (int64_t size : axisSizes)
      text += (text.empty() ? "grid " : " x ") + std::to_string(size);
    return text.empty() ? "one device" : text;
  }
};

/// Builds and solves the choice problem of one layout.
class LayoutProblem {
public:
  LayoutProblem(const Graph &graph, const cost::Cluster &cluster, const StrategyOptions &options, Layout layout)
      : graph(graph), cluster(cluster), options(options), layout(std::move(layout)) {
    grid.axisSizes = this->layout.axisSizes;
  }

  std::optional<Decision> solve(std::mt19937_64 *random, std::string &why);

private:
  void cutStages(std::mt19937_64 *random);
  bool allowed(const GraphOp &op, const Choice &choice) const;
  void enumerate();
  void addEdges(search::Problem &problem);
  double edgeSeconds(const Sharding &from, const Sharding &to, DataType type, bool crossesStages);

  const Graph &graph;
  const cost::Cluster &cluster;
  const StrategyOptions &options;
  Layout layout;
  Grid grid;
  std::vector<int> stageOf;
  std::vector<std::vector<Choice>> choices;
  std::map<std::string, double> edgeCache;
};

} // namespace

/// Contiguous cuts in topological order that balance compute time (or, at random, anywhere).
void LayoutProblem::cutStages(std::mt19937_64 *random) {
  size_t count = graph.ops.size();
  stageOf.assign(count, 0);
  if (layout.stages == 1)
    return;
  Grid one;
  std::vector<double> weight(count);
  double total = 1e-30;
  for (size_t k = 0; k < count; ++k) {
    Choice whole = enumerateChoices(graph.ops[k], one, cluster.devices[0])[0];
    // Under a memory limit what must be balanced is weights.
    weight[k] = options.weightLimitBytes ? double(whole.weightBytes) + 1 : whole.seconds + 1e-12;
    if (random)
      weight[k] = std::uniform_real_distribution<double>(0, 1)(*random);
    if (graph.ops[k].isView || graph.ops[k].isOutput)
      weight[k] = 0;
    total += weight[k];
  }
  // Stages are counted where work is: views and outputs stay with what they read, so that no stage is without work.
  double sum = 0;
  int last = -1;
  for (size_t k = 0; k < count; ++k) {
    if (!graph.ops[k].isView && !graph.ops[k].isOutput)
      last = std::min({layout.stages - 1, int((sum + weight[k] / 2) / total * layout.stages), last + 1});
    stageOf[k] = std::max(last, 0);
    sum += weight[k];
  }
}

static bool splitsWeight(const GraphOp &op, const Choice &choice) {
  for (size_t k = 0; k < op.sources.size(); ++k)
    if (op.sources[k].op < 0 && op.sources[k].isWeight && !choice.operands[k].isReplicated())
      return true;
  return false;
}

static bool splitsReduction(const GraphOp &op, const Choice &choice) {
  for (size_t l = 0; l < choice.loopAxes.size(); ++l)
    if (!choice.loopAxes[l].empty() && op.rule.loops[l].kind == LoopKind::Reduce)
      return true;
  return false;
}

/// Forced strategies restrict choices: data parallelism replicates weights, tensor parallelism splits them.
bool LayoutProblem::allowed(const GraphOp &op, const Choice &choice) const {
  if (options.strategy == Strategy::Data)
    return !splitsWeight(op, choice) && !splitsReduction(op, choice);
  return true;
}

void LayoutProblem::enumerate() {
  choices.clear();
  for (const GraphOp &op : graph.ops) {
    std::vector<Choice> all = enumerateChoices(op, grid, cluster.devices[0]), kept;
    for (Choice &choice : all)
      if (allowed(op, choice))
        kept.push_back(choice);
    // Data and tensor parallelism mean that products are split wherever a loop allows it.
    if (op.isProduct && (options.strategy == Strategy::Data || options.strategy == Strategy::Tensor)) {
      std::vector<Choice> split;
      for (const Choice &choice : kept)
        if (options.strategy == Strategy::Data ? choice.seconds < kept[0].seconds : splitsWeight(op, choice))
          split.push_back(choice);
      if (!split.empty())
        kept = std::move(split);
    }
    choices.push_back(std::move(kept));
  }
}

double LayoutProblem::edgeSeconds(const Sharding &from, const Sharding &to, DataType type, bool crossesStages) {
  std::string key = from.str() + ">" + to.str() + ">" + std::string(name(type)) + (crossesStages ? "*" : "");
  for (int64_t extent : from.globalShape())
    key += "," + std::to_string(extent);
  auto [it, isNew] = edgeCache.try_emplace(key, 0.0);
  if (!isNew)
    return it->second;
  double seconds = 0;
  if (!crossesStages) {
    seconds = reshardSeconds(from, to, type, grid, 0, cluster);
  } else {
    Sharding sent = from;
    sent.partialAxes.clear();
    sent.partialKind = Reduction::None;
    seconds = reshardSeconds(from, sent, type, grid, 0, cluster);
    std::vector<int64_t> first(grid.axisSizes.size(), 0);
    double bytes = double(sizeBytes(type, numElements(to.localShape(grid, first))));
    cost::PairBytes pair{0, uint32_t(std::min<int64_t>(grid.numDevices(), cluster.numDevices() - 1)), bytes};
    seconds += cost::exchangeSeconds({&pair, 1}, cluster);
  }
  return it->second = seconds;
}

void LayoutProblem::addEdges(search::Problem &problem) {
  std::map<std::string, uint32_t> shared;
  for (size_t v = 0; v < graph.ops.size(); ++v) {
    const GraphOp &op = graph.ops[v];
    for (size_t k = 0; k < op.sources.size(); ++k) {
      int u = op.sources[k].op, r = op.sources[k].result;
      if (u < 0)
        continue;
      bool crosses = stageOf[u] != stageOf[v];
      std::string key = crosses ? "*" : "";
      for (const Choice &from : choices[u])
        key += from.results[r].str() + ";";
      for (int64_t extent : op.operands[k].shape)
        key += std::to_string(extent) + ",";
      for (const Choice &to : choices[v])
        key += to.operands[k].str() + ";";
      key += op.isOutput ? "out" : std::string(name(op.operands[k].type));
      auto [it, isNew] = shared.try_emplace(key, uint32_t(problem.matrices.size()));
      if (isNew) {
        std::vector<search::Cost> matrix;
        for (const Choice &from : choices[u])
          for (const Choice &to : choices[v]) {
            Sharding target = to.operands[k];
            // An output is written from wherever its elements are: only partial results must be combined.
            if (op.isOutput) {
              target = from.results[r];
              target.partialAxes.clear();
              target.partialKind = Reduction::None;
            }
            double seconds = edgeSeconds(from.results[r], target, op.operands[k].type, crosses);
            matrix.push_back(search::Cost(seconds * secondsToUnits));
          }
        problem.matrices.push_back(std::move(matrix));
      }
      problem.edges.push_back({uint32_t(u), uint32_t(v), it->second});
    }
  }
}

std::optional<Decision> LayoutProblem::solve(std::mt19937_64 *random, std::string &why) {
  cutStages(random);
  enumerate();
  Decision decision;
  int numStages = graph.ops.empty() ? 1 : stageOf.back() + 1;
  // Fewer operators than stages: the devices left over repeat the last stage's work.
  decision.grids.assign(numStages, grid);
  if (numStages < layout.stages && random)
    decision.grids.back().axisSizes.push_back(layout.stages - numStages + 1);
  decision.strategy = layout.str();
  std::vector<int32_t> chosen(graph.ops.size(), 0);
  if (random) {
    for (size_t k = 0; k < chosen.size(); ++k)
      chosen[k] = int32_t((*random)() % choices[k].size());
  } else {
    search::Problem problem;
    problem.name = decision.strategy;
    for (size_t k = 0; k < graph.ops.size(); ++k) {
      search::Node node;
      for (const Choice &choice : choices[k]) {
        node.costs.push_back(search::Cost(choice.seconds * secondsToUnits));
        node.memoryBytes.push_back(options.weightLimitBytes ? choice.weightBytes : 0);
      }
      node.live = {stageOf[k], stageOf[k] + 1}; // weights of a stage are live together
      problem.nodes.push_back(std::move(node));
    }
    addEdges(problem);
    if (options.weightLimitBytes)
      problem.memoryLimitBytes = int64_t(options.weightLimitBytes);
    search::SolveOptions solveOptions;
    solveOptions.timeLimitSeconds = options.timeLimitSeconds;
    search::Solution solution = search::solve(problem, solveOptions);
    if (!solution.feasible) {
      why = decision.strategy + ": " + solution.reason;
      return std::nullopt;
    }
    chosen = solution.choice;
    decision.predictedSeconds = double(solution.cost) / secondsToUnits;
    decision.boundSeconds = double(solution.bound) / secondsToUnits;
  }
  for (size_t k = 0; k < graph.ops.size(); ++k)
    decision.ops.push_back({stageOf[k], choices[k][chosen[k]].loopAxes});
  return decision;
}

/// Factorisations into stages x one or two axes (the larger axis first).
static std::vector<Layout> layoutsOf(int devices, const StrategyOptions &options) {
  std::vector<Layout> layouts;
  for (int stages = 1; stages <= devices; ++stages) {
    if (devices % stages)
      continue;
    if (stages > 1 && (options.strategy == Strategy::Data || options.strategy == Strategy::Tensor))
      continue;
    if (stages < devices && options.strategy == Strategy::Pipeline)
      continue;
    int rest = devices / stages;
    if (rest == 1) {
      layouts.push_back({stages, {}});
      continue;
    }
    layouts.push_back({stages, {rest}});
    if (options.strategy == Strategy::Data)
      continue;
    for (int a = 2; a * a <= rest; ++a)
      if (rest % a == 0)
        layouts.push_back({stages, {rest / a, a}});
  }
  return layouts;
}

std::vector<Decision> findDecisions(const Graph &graph, const cost::Cluster &cluster, const StrategyOptions &options,
                                    std::string &why) {
  std::vector<Decision> decisions;
  if (options.strategy == Strategy::Random) {
    std::mt19937_64 random(options.seed * 0x9e3779b97f4a7c15ull + uint64_t(options.devices));
    std::vector<Layout> layouts = layoutsOf(options.devices, options);
    Layout layout = layouts[random() % layouts.size()];
    if (std::optional<Decision> decision = LayoutProblem(graph, cluster, options, layout).solve(&random, why))
      decisions.push_back(std::move(*decision));
    return decisions;
  }
  std::vector<int> counts = {options.devices};
  if (options.strategy == Strategy::Auto)
    for (int count = options.devices - 1; count >= 1; --count)
      if (count == 1 || options.devices % count == 0)
        counts.push_back(count);
  std::vector<Layout> layouts;
  for (int count : counts)
    for (Layout &layout : layoutsOf(count, options))
      layouts.push_back(std::move(layout));
  StrategyOptions share = options; // of the time limit
  share.timeLimitSeconds /= double(layouts.size());
  for (const Layout &layout : layouts)
    if (std::optional<Decision> decision = LayoutProblem(graph, cluster, share, layout).solve(nullptr, why))
      decisions.push_back(std::move(*decision));
  std::stable_sort(decisions.begin(), decisions.end(), [](const Decision &a, const Decision &b) {
    return a.predictedSeconds < b.predictedSeconds;
  });
  return decisions;
}

} // namespace ampc
