// Finds runner-ups by trying every other choice of one operator of each group.
#include "passes/runner_ups.h"

#include <algorithm>
#include <unordered_map>

namespace ampc {

namespace {

class Alternatives {
public:
  Alternatives(const Graph &graph, const OpKinds &kinds, const ChoiceProblem &choices, const search::Problem &problem,
               const std::vector<int32_t> &chosen, const Grid &grid)
      : graph(graph), kinds(kinds), choices(choices), problem(problem), chosen(chosen), grid(grid),
        edgesOf(problem.nodes.size()) {
    for (uint32_t e = 0; e < problem.edges.size(); ++e) {
      edgesOf[problem.edges[e].u].push_back(e);
      edgesOf[problem.edges[e].v].push_back(e);
    }
  }
  std::vector<DecisionGroup> run();

private:
  bool isOperator(uint32_t node) const { return node < graph.ops.size(); }
  uint32_t other(uint32_t edge, uint32_t node) const {
    return problem.edges[edge].u == node ? problem.edges[edge].v : problem.edges[edge].u;
  }
  search::Cost pairCost(uint32_t edge, uint32_t node, size_t own, size_t others) const {
    const search::Edge &at = problem.edges[edge];
    size_t columns = problem.nodes[at.v].costs.size();
    return problem.matrices[at.matrix][at.u == node ? own * columns + others : others * columns + own];
  }
  std::string neighbourhood(uint32_t node, bool goesOn) const;
  std::vector<search::Total> costsOfChoices(uint32_t op) const;
  std::vector<LoopParts> partsOf(uint32_t op, size_t choice) const;
  void findRunnerUp(DecisionGroup &group) const;

  const Graph &graph;
  const OpKinds &kinds;
  const ChoiceProblem &choices;
  const search::Problem &problem;
  const std::vector<int32_t> &chosen;
  Grid grid;
  std::vector<std::vector<uint32_t>> edgesOf;
};

} // namespace

/// What surrounds a node, as text: matrices and choices at the other ends, through nodes that are no operators.
std::string Alternatives::neighbourhood(uint32_t node, bool goesOn) const {
  std::vector<std::string> parts;
  for (uint32_t edge : edgesOf[node]) {
    uint32_t end = other(edge, node);
    std::string part = std::to_string(problem.edges[edge].matrix) + (problem.edges[edge].u == node ? ">" : "<");
    part += isOperator(end) || !goesOn ? std::to_string(chosen[end]) : "(" + neighbourhood(end, false) + ")";
    parts.push_back(std::move(part));
  }
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string &part : parts)
    text += part + ",";
  return text;
}

/// Per choice of an operator: what it and everything around it costs, with the nodes between operators chosen anew.
std::vector<search::Total> Alternatives::costsOfChoices(uint32_t op) const {
  const search::Node &node = problem.nodes[op];
  std::vector<search::Total> costs(node.costs.begin(), node.costs.end());
  for (uint32_t edge : edgesOf[op]) {
    uint32_t end = other(edge, op);
    if (isOperator(end)) {
      for (size_t i = 0; i < costs.size(); ++i)
        costs[i] += pairCost(edge, op, i, size_t(chosen[end]));
      continue;
    }
    std::vector<search::Total> between(problem.nodes[end].costs.begin(), problem.nodes[end].costs.end());
    for (uint32_t further : edgesOf[end])
      if (uint32_t far = other(further, end); far != op)
        for (size_t c = 0; c < between.size(); ++c)
          between[c] += pairCost(further, end, c, size_t(chosen[far]));
    for (size_t i = 0; i < costs.size(); ++i) {
      search::Total best = search::Total(search::kForbidden) * 4;
      for (size_t c = 0; c < between.size(); ++c)
        best = std::min(best, between[c] + pairCost(edge, op, i, c));
      costs[i] += best;
    }
  }
  return costs;
}

std::vector<LoopParts> Alternatives::partsOf(uint32_t op, size_t choice) const {
  std::vector<LoopParts> parts;
  const std::vector<std::vector<int>> &loopAxes = choices.choicesOf(op).choices[choice].loopAxes;
  for (size_t l = 0; l < loopAxes.size(); ++l) {
    int64_t count = 1;
    for (int axis : loopAxes[l])
      count *= grid.axisSizes[size_t(axis)];
    if (count > 1)
      parts.push_back({int(l), count});
  }
  return parts;
}

void Alternatives::findRunnerUp(DecisionGroup &group) const {
  uint32_t op = group.ops[0];
  size_t own = size_t(chosen[op]);
  std::vector<search::Total> costs = costsOfChoices(op);
  std::vector<LoopParts> ownParts = partsOf(op, own);
  std::optional<search::Total> best;
  for (size_t i = 0; i < costs.size(); ++i) {
    if (costs[i] >= search::kForbidden || (best && costs[i] >= *best))
      continue;
    std::vector<LoopParts> parts = partsOf(op, i);
    if (parts == ownParts) // the same split along other axes
      continue;
    best = costs[i];
    group.runnerUp = std::move(parts);
  }
  if (best)
    group.extraSeconds = double(*best - costs[own]) / unitsPerSecond;
}

std::vector<DecisionGroup> Alternatives::run() {
  std::vector<DecisionGroup> groups;
  std::unordered_map<std::string, size_t> known;
  for (uint32_t op = 0; op < graph.ops.size(); ++op) {
    if (graph.ops[op].isOutput)
      continue;
    std::string key = std::to_string(kinds.kindOf[op]) + ":" + std::to_string(chosen[op]) + ":" + neighbourhood(op, true);
    auto [it, isNew] = known.try_emplace(std::move(key), groups.size());
    if (isNew)
      groups.emplace_back();
    groups[it->second].ops.push_back(op);
  }
  for (DecisionGroup &group : groups)
    findRunnerUp(group);
  return groups;
}

std::vector<DecisionGroup> runnerUps(const Graph &graph, const OpKinds &kinds, const ChoiceProblem &choices,
                                     const search::Problem &problem, const std::vector<int32_t> &chosen,
                                     const Grid &grid) {
  return Alternatives(graph, kinds, choices, problem, chosen, grid).run();
}

} // namespace ampc
