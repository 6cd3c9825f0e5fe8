// Exact elimination of nodes with at most two neighbours whose memory decides nothing (min-plus), with the
// table that gives each its choice back.
#include "min_plus.h"
#include "work_graph.h"

#include <algorithm>
#include <deque>
#include <map>

namespace ampc::search {

namespace {

/// Larger products of neighbours' choices are left to the search: the new matrix would cost more than it
/// saves.
constexpr int64_t kLargestFold = 1 << 16;
constexpr int64_t kLargestFoldWork = 1 << 25;
/// A fold whose matrix has at most this many times the entries of the two it replaces is always worth it; larger ones
/// share a budget.
constexpr int64_t kGrowth = 2;
/// New entries after which superseded tables are collected, at the latest.
constexpr int64_t kEntriesBetweenCollections = 4'000'000;

class Folder {
public:
  Folder(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop)
      : graph(graph), memoryMatters(memoryMatters), stop(stop), isQueued(graph.nodes.size(), 1),
        removed(graph.times.size()),
        collectAt(collectAfter(graph.pool.entriesInAll())) {}

  Shrinkage run() {
    for (size_t u = 0; u < graph.nodes.size(); ++u)
      queued.push_back(int(u));
    while (!queued.empty() && !result.infeasible && !(stop && stop())) {
      int u = queued.front();
      queued.pop_front();
      isQueued[size_t(u)] = 0;
      if (graph.nodes[size_t(u)].alive)
        tryFold(u);
      if (graph.pool.entriesInAll() > collectAt) {
        // Superseded tables go; products that were only remembered for another use may be among them.
        products.clear();
        graph.dropUnusedTables();
        collectAt = collectAfter(graph.pool.entriesInAll());
        isFull |= graph.pool.entriesInAll() > graph.foldBudget.mostEntries;
      }
    }
    graph.addFixed(removed);
    return result;
  }

private:
  static int64_t collectAfter(int64_t entries) { return entries + entries / 4 + kEntriesBetweenCollections; }

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
    removed.add(node.begin, node.end, *std::min_element(node.memory.begin(), node.memory.end()));
    for (int e : edges) {
      int v = graph.other(graph.edges[size_t(e)], u);
      graph.removeEdge(e);
      if (!isQueued[size_t(v)]) {
        isQueued[size_t(v)] = 1;
        queued.push_back(v);
      }
    }
  }

  /// True, and the problem infeasible, when nothing among `costs` is legal.
  bool failsAt(int node, const std::vector<int64_t> &costs) {
    if (std::any_of(costs.begin(), costs.end(), [](int64_t c) { return c < kInfinity; }))
      return false;
    result.infeasible = true;
    result.reason = "every choice of node " + std::to_string(node) +
                    " forces a forbidden pair of choices between its neighbours, directly or through nodes around it";
    return true;
  }

  void foldSingle(int u, const std::vector<int> &edges) {
    if (failsAt(u, graph.nodes[size_t(u)].cost))
      return;
    for (int e : edges) {
      const WorkEdge &edge = graph.edges[size_t(e)];
      int v = graph.other(edge, u);
      std::vector<int64_t> &cost = graph.nodes[size_t(v)].cost;
      for (size_t j = 0; j < cost.size(); ++j)
        cost[j] = addClamped(cost[j], graph.pairCost(edge, u, 0, int(j)));
      if (failsAt(v, cost))
        return;
    }
    graph.constant += graph.nodes[size_t(u)].cost[0];
    graph.undo.push_back({Undo::Kind::Fold, u, {}, 1, one(0)});
    remove(u, edges);
  }

  void foldAlone(int u) {
    const std::vector<int64_t> &cost = graph.nodes[size_t(u)].cost;
    if (failsAt(u, cost))
      return;
    size_t best = size_t(std::min_element(cost.begin(), cost.end()) - cost.begin());
    graph.constant += cost[best];
    graph.undo.push_back({Undo::Kind::Fold, u, {}, 1, one(int32_t(best))});
    remove(u, {});
  }

  void foldLeaf(int u, int e) {
    const WorkEdge edge = graph.edges[size_t(e)];
    int v = graph.other(edge, u);
    std::vector<int32_t> choices;
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
      choices.push_back(choice);
    }
    if (failsAt(v, cost))
      return;
    graph.undo.push_back(
        {Undo::Kind::Fold, u, {v}, 1, std::make_shared<const ChoiceList>(choices)});
    remove(u, {e});
  }

  void foldBetween(int u, int first, int second) {
    const WorkEdge a = graph.edges[size_t(first)], b = graph.edges[size_t(second)];
    int v = graph.other(a, u), w = graph.other(b, u);
    int64_t size = int64_t(graph.choices(v)) * graph.choices(w);
    if (isFull || size > kLargestFold || size * graph.choices(u) > kLargestFoldWork)
      return;
    // Identical blocks of a graph fold alike: the same tables are multiplied once.
    int cost = graph.pool.intern(1, graph.choices(u), graph.nodes[size_t(u)].cost);
    std::tuple key{cost, a.table, a.u == u, b.table, b.u == u};
    auto it = products.find(key);
    if (it == products.end()) {
      // Where the neighbours are joined already, their matrix stays as large as it is.
      bool isLarger = size > kGrowth * graph.choices(u) * (graph.choices(v) + graph.choices(w));
      if (isLarger && !graph.areJoined(v, w)) {
        if (size > graph.foldBudget.entriesToGrow)
          return;
        graph.foldBudget.entriesToGrow -= size;
      }
      it = products.try_emplace(key).first;
      it->second = product(graph.nodes[size_t(u)].cost, {a.table, a.u != u}, {b.table, b.u == u});
      graph.foldBudget.recordBytes -= int64_t(it->second.choice->sizeInBytes());
      isFull |= graph.foldBudget.recordBytes < 0;
    }
    graph.undo.push_back({Undo::Kind::Fold, u, {v, w}, graph.choices(w), it->second.choice});
    remove(u, {first, second});
    int joined = graph.addEdge(v, w, it->second.table);
    if (!graph.pool[graph.edges[size_t(joined)].table].hasLegal)
      failsAt(u, {});
  }

  static std::shared_ptr<const ChoiceList> one(int32_t choice) {
    return std::make_shared<const ChoiceList>(std::vector<int32_t>(1, choice));
  }

  struct Product {
    int table = 0;
    std::shared_ptr<const ChoiceList> choice;
  };
  struct Oriented {
    int table;
    bool asStored; // else transposed
  };

  std::vector<int64_t> oriented(Oriented which) const {
    const TablePool::Entry &table = graph.pool[which.table];
    return which.asStored ? table.values : transposed(table.rows, table.columns, table.values);
  }

  /// a has a row per choice of the first neighbour and a column per own choice; b a row per own choice.
  Product product(const std::vector<int64_t> &own, Oriented first, Oriented second) {
    std::vector<int64_t> a = oriented(first), b = oriented(second), partial(own.size());
    size_t rows = a.size() / own.size(), columns = b.size() / own.size();
    std::vector<int64_t> values(rows * columns), at(columns);
    std::vector<int32_t> choices;
    choices.reserve(values.size());
    for (size_t j = 0; j < rows; ++j) {
      for (size_t i = 0; i < own.size(); ++i)
        partial[i] = addClamped(own[i], a[j * own.size() + i]);
      minPlusAt(partial.data(), b.data(), int(own.size()), int(columns), kInfinity, &values[j * columns], at.data());
      choices.insert(choices.end(), at.begin(), at.end());
    }
    return {graph.pool.intern(int(rows), int(columns), std::move(values)),
            std::make_shared<const ChoiceList>(choices)};
  }

  WorkGraph &graph;
  const std::vector<char> &memoryMatters;
  const Stop &stop;
  std::deque<int> queued;
  std::vector<char> isQueued;
  SpanSums removed; ///< bytes of the nodes that are gone
  int64_t collectAt;
  bool isFull = false; ///< tables or records have grown so large that no more are made
  std::map<std::tuple<int, int, bool, int, bool>, Product> products;
  Shrinkage result;
};

} // namespace

std::vector<char> memoryMatters(const WorkGraph &graph) {
  std::vector<char> matters(graph.nodes.size(), 0);
  if (graph.times.empty())
    return matters;
  SpanSums largest(graph.times.size());
  for (const WorkNode &node : graph.nodes)
    if (node.alive)
      largest.add(node.begin, node.end, *std::max_element(node.memory.begin(), node.memory.end()));
  std::vector<int64_t> most = largest.totals();
  // Number of time points before t that the largest choices together would exceed.
  std::vector<int> tight(graph.times.size() + 1, 0);
  for (size_t t = 0; t < graph.times.size(); ++t)
    tight[t + 1] = tight[t] + (most[t] + graph.fixed[t] > graph.limitBytes);
  for (size_t u = 0; u < graph.nodes.size(); ++u) {
    const WorkNode &node = graph.nodes[u];
    matters[u] = node.alive && node.begin < node.end && tight[size_t(node.end)] > tight[size_t(node.begin)];
  }
  return matters;
}

Shrinkage foldNodes(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop) {
  return Folder(graph, memoryMatters, stop).run();
}

} // namespace ampc::search
