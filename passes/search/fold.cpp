// Exact elimination of nodes with at most two neighbours whose memory decides nothing (min-plus), with the
// table that gives each its choice back.
#include "work_graph.h"

#include <algorithm>
#include <deque>

namespace ampc::search {

namespace {

/// Larger products of neighbours' choices are left to the search: the new matrix would cost more than it
/// saves.
constexpr int64_t kLargestFold = 1 << 16;
constexpr int64_t kLargestFoldWork = 1 << 22;

class Folder {
public:
  Folder(WorkGraph &graph, const std::vector<char> &memoryMatters)
      : graph(graph), memoryMatters(memoryMatters), isQueued(graph.nodes.size(), 1) {}

  Shrinkage run() {
    for (size_t u = 0; u < graph.nodes.size(); ++u)
      queued.push_back(int(u));
    while (!queued.empty() && !result.infeasible) {
      int u = queued.front();
      queued.pop_front();
      isQueued[size_t(u)] = 0;
      if (graph.nodes[size_t(u)].alive)
        tryFold(u);
    }
    return result;
  }

private:
  void tryFold(int u) {
    const WorkNode &node = graph.nodes[size_t(u)];
    bool free =
        !memoryMatters[size_t(u)] || node.begin >= node.end ||
        std::all_of(node.memory.begin(), node.memory.end(), [&](int64_t m) { return m == node.memory[0]; });
    if (!free)
      return;
    const std::vector<int> edges = graph.liveEdges(u);
    if (graph.choices(u) == 1)
      return foldSingle(u, edges);
    if (edges.size() > 2)
      return;
    if (edges.empty())
      foldAlone(u);
    else if (edges.size() == 1)
      foldLeaf(u, edges[0]);
    else
      foldBetween(u, edges[0], edges[1]);
  }

  void remove(int u, const std::vector<int> &edges) {
    WorkNode &node = graph.nodes[size_t(u)];
    node.alive = false;
    result.changed = true;
    // Memory that does not matter may still differ per choice; what is kept of it is the smallest.
    int64_t bytes = *std::min_element(node.memory.begin(), node.memory.end());
    if (bytes != 0)
      for (int t = node.begin; t < node.end; ++t)
        graph.fixed[size_t(t)] += bytes;
    for (int e : edges) {
      int v = graph.other(graph.edges[size_t(e)], u);
      graph.removeEdge(e);
      if (!isQueued[size_t(v)]) {
        isQueued[size_t(v)] = 1;
        queued.push_back(v);
      }
    }
  }

  void foldSingle(int u, const std::vector<int> &edges) {
    for (int e : edges) {
      const WorkEdge &edge = graph.edges[size_t(e)];
      int v = graph.other(edge, u);
      std::vector<int64_t> &cost = graph.nodes[size_t(v)].cost;
      for (size_t j = 0; j < cost.size(); ++j)
        cost[j] = addClamped(cost[j], graph.pairCost(edge, u, 0, int(j)));
    }
    graph.constant += graph.nodes[size_t(u)].cost[0];
    graph.undo.push_back({Undo::Kind::Fold, u, {}, 1, {0}});
    remove(u, edges);
  }

  void foldAlone(int u) {
    const std::vector<int64_t> &cost = graph.nodes[size_t(u)].cost;
    size_t best = size_t(std::min_element(cost.begin(), cost.end()) - cost.begin());
    graph.constant += cost[best];
    graph.undo.push_back({Undo::Kind::Fold, u, {}, 1, {int32_t(best)}});
    remove(u, {});
  }

  void foldLeaf(int u, int e) {
    const WorkEdge edge = graph.edges[size_t(e)];
    int v = graph.other(edge, u);
    Undo step{Undo::Kind::Fold, u, {v}, 1, {}};
    const std::vector<int64_t> &own = graph.nodes[size_t(u)].cost;
    std::vector<int64_t> &cost = graph.nodes[size_t(v)].cost;
    for (size_t j = 0; j < cost.size(); ++j) {
      int64_t best = kInfinity;
      int32_t choice = 0;
      for (size_t i = 0; i < own.size(); ++i) {
        int64_t c = addClamped(own[i], graph.pairCost(edge, u, int(i), int(j)));
        if (c < best) {
          best = c;
          choice = int32_t(i);
        }
      }
      cost[j] = addClamped(cost[j], best);
      step.choice.push_back(choice);
    }
    graph.undo.push_back(std::move(step));
    remove(u, {e});
  }

  void foldBetween(int u, int first, int second) {
    const WorkEdge a = graph.edges[size_t(first)], b = graph.edges[size_t(second)];
    int v = graph.other(a, u), w = graph.other(b, u);
    int64_t size = int64_t(graph.choices(v)) * graph.choices(w);
    if (size > kLargestFold || size * graph.choices(u) > kLargestFoldWork)
      return;
    const std::vector<int64_t> &own = graph.nodes[size_t(u)].cost;
    Undo step{Undo::Kind::Fold, u, {v, w}, graph.choices(w), {}};
    std::vector<int64_t> values;
    values.reserve(size_t(size));
    std::vector<int64_t> partial(own.size());
    for (int j = 0; j < graph.choices(v); ++j) {
      for (size_t i = 0; i < own.size(); ++i)
        partial[i] = addClamped(own[i], graph.pairCost(a, u, int(i), j));
      for (int l = 0; l < graph.choices(w); ++l) {
        int64_t best = kInfinity;
        int32_t choice = 0;
        for (size_t i = 0; i < own.size(); ++i) {
          int64_t c = addClamped(partial[i], graph.pairCost(b, u, int(i), l));
          if (c < best) {
            best = c;
            choice = int32_t(i);
          }
        }
        values.push_back(best);
        step.choice.push_back(choice);
      }
    }
    graph.undo.push_back(std::move(step));
    remove(u, {first, second});
    graph.addEdge(v, w, std::move(values));
  }

  WorkGraph &graph;
  const std::vector<char> &memoryMatters;
  std::deque<int> queued;
  std::vector<char> isQueued;
  Shrinkage result;
};

} // namespace

std::vector<char> memoryMatters(const WorkGraph &graph) {
  std::vector<char> matters(graph.nodes.size(), 0);
  if (graph.times.empty())
    return matters;
  std::vector<int64_t> most(graph.times.size() + 1, 0);
  for (const WorkNode &node : graph.nodes) {
    if (!node.alive || node.begin >= node.end)
      continue;
    int64_t bytes = *std::max_element(node.memory.begin(), node.memory.end());
    most[size_t(node.begin)] += bytes;
    most[size_t(node.end)] -= bytes;
  }
  // Number of time points before t that the largest choices together would exceed.
  std::vector<int> tight(graph.times.size() + 1, 0);
  int64_t used = 0;
  for (size_t t = 0; t < graph.times.size(); ++t) {
    used += most[t];
    tight[t + 1] = tight[t] + (used + graph.fixed[t] > graph.limitBytes);
  }
  for (size_t u = 0; u < graph.nodes.size(); ++u) {
    const WorkNode &node = graph.nodes[u];
    matters[u] = node.alive && node.begin < node.end && tight[size_t(node.end)] > tight[size_t(node.begin)];
  }
  return matters;
}

Shrinkage foldNodes(WorkGraph &graph, const std::vector<char> &memoryMatters) {
  return Folder(graph, memoryMatters).run();
}

} // namespace ampc::search
