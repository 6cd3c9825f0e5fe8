// Runs the exact reductions to a fixed point, then lays what is left out flat.
#include "shrink.h"
#include "components.h"
#include "work_graph.h"

#include <algorithm>
#include <unordered_map>

namespace ampc::search {

namespace {

/// Time points that no other point implies. Works on ranges of kept indices until nothing changes.
void keepBindingTimes(Model &model, const std::vector<int64_t> &most) {
  std::vector<char> drop(size_t(model.times), 0);
  for (int t = 0; t < model.times; ++t)
    drop[size_t(t)] = most[size_t(t)] <= model.room[size_t(t)];
  for (int round = 0;; ++round) {
    std::vector<int> kept(size_t(model.times) + 1, 0);
    for (int t = 0; t < model.times; ++t)
      kept[size_t(t) + 1] = kept[size_t(t)] + !drop[size_t(t)];
    if (round > 0 && kept.back() == model.times)
      break;
    for (int u = 0; u < model.nodes; ++u) {
      model.begin[size_t(u)] = kept[size_t(model.begin[size_t(u)])];
      model.end[size_t(u)] = kept[size_t(model.end[size_t(u)])];
    }
    for (int t = 0; t < model.times; ++t)
      if (!drop[size_t(t)]) {
        model.room[size_t(kept[size_t(t)])] = model.room[size_t(t)];
        model.timeOf[size_t(kept[size_t(t)])] = model.timeOf[size_t(t)];
      }
    model.times = kept.back();
    model.room.resize(size_t(model.times));
    model.timeOf.resize(size_t(model.times));
    std::vector<int> starts(size_t(model.times) + 1, 0), ends(size_t(model.times) + 1, 0);
    for (int u = 0; u < model.nodes; ++u)
      if (model.usesMemory(u)) {
        ++starts[size_t(model.begin[size_t(u)])];
        ++ends[size_t(model.end[size_t(u)])];
      }
    drop.assign(size_t(model.times), 0);
    int last = 0;
    bool noStarts = true, noEnds = true;
    // `last` is the latest point kept; nothing but the events counted since lies between it and t.
    for (int t = 1; t < model.times; ++t) {
      noStarts &= starts[size_t(t)] == 0;
      noEnds &= ends[size_t(t)] == 0;
      if (noStarts && model.room[size_t(t)] >= model.room[size_t(last)]) {
        drop[size_t(t)] = 1;
        continue;
      }
      if (noEnds && model.room[size_t(last)] >= model.room[size_t(t)])
        drop[size_t(last)] = 1;
      last = t;
      noStarts = noEnds = true;
    }
  }
}

} // namespace

Shrunk::Shrunk() = default;
Shrunk::~Shrunk() = default;
Shrunk::Shrunk(Shrunk &&) noexcept = default;
Shrunk &Shrunk::operator=(Shrunk &&) noexcept = default;

std::vector<int32_t> Shrunk::expand(const Assignment &choice) const {
  Assignment all(graph->nodes.size(), 0);
  for (size_t m = 0; m < nodeOf.size(); ++m)
    all[size_t(nodeOf[m])] = choice[m];
  graph->restore(all);
  return {all.begin(), all.end()};
}

/// Lays the graph's living part out flat; its tables move over.
static void flatten(WorkGraph &graph, Model &model, std::vector<int> &nodeOf) {
  std::vector<int> modelNode(graph.nodes.size(), -1);
  std::vector<char> matters = memoryMatters(graph);
  for (size_t u = 0; u < graph.nodes.size(); ++u)
    if (graph.nodes[u].alive) {
      modelNode[u] = int(nodeOf.size());
      nodeOf.push_back(int(u));
    }
  model.nodes = int(nodeOf.size());
  model.times = int(graph.times.size());
  model.timeOf = graph.times;
  model.room = graph.roomLeft();
  model.first.push_back(0);
  SpanSums most{size_t(model.times)};
  for (int origin : nodeOf) {
    const WorkNode &node = graph.nodes[size_t(origin)];
    int64_t least = *std::min_element(node.memory.begin(), node.memory.end());
    int64_t largest = *std::max_element(node.memory.begin(), node.memory.end());
    bool uses = matters[size_t(origin)] && largest > least;
    model.cost.insert(model.cost.end(), node.cost.begin(), node.cost.end());
    for (int64_t bytes : node.memory)
      model.memory.push_back(uses ? bytes - least : 0);
    model.begin.push_back(uses ? node.begin : 0);
    model.end.push_back(uses ? node.end : 0);
    model.first.push_back(int(model.cost.size()));
    if (uses)
      most.add(node.begin, node.end, largest - least);
  }
  keepBindingTimes(model, most.totals());
  for (int u = 0; u < model.nodes; ++u)
    if (!model.usesMemory(u))
      std::fill(model.memory.begin() + model.first[size_t(u)],
                model.memory.begin() + model.first[size_t(u) + 1], 0);
  double sum = 1e6;
  std::unordered_map<int, double> largestOf;
  for (int origin : nodeOf)
    sum += largestFinite(graph.nodes[size_t(origin)].cost);
  for (const WorkEdge &edge : graph.edges) {
    if (!edge.alive)
      continue;
    auto [it, fresh] = largestOf.try_emplace(edge.table, 0.0);
    if (fresh)
      it->second = largestFinite(graph.pool[edge.table].values);
    sum += it->second;
  }
  model.forbidden = 2 * sum;
  std::unordered_map<int, const Table *> tableOf;
  for (const WorkEdge &edge : graph.edges) {
    if (!edge.alive)
      continue;
    auto [it, fresh] = tableOf.try_emplace(edge.table, nullptr);
    if (fresh) {
      const TablePool::Entry &from = graph.pool[edge.table];
      auto table = makeTable(from.rows, from.columns, graph.pool.take(edge.table), model.forbidden);
      it->second = table.get();
      model.tables.push_back(std::move(table));
    }
    model.edges.push_back({modelNode[size_t(edge.u)], modelNode[size_t(edge.v)], it->second});
  }
  buildArcs(model);
}

Shrunk shrink(const Problem &problem, const CostScale &scale, const Stop &enough, const Stop &stop) {
  Shrunk result;
  result.scale = scale;
  result.graph = std::make_unique<WorkGraph>(problem, scale, stop);
  WorkGraph &graph = *result.graph;
  auto fails = [&](const Shrinkage &step) {
    result.infeasible = step.infeasible;
    result.reason = step.reason;
    return step.infeasible;
  };
  if (graph.incomplete) {
    result.stopped = true;
    return result;
  }
  // Later rounds find little more; three keep the time linear.
  for (int round = 0; round < 3; ++round) {
    if (fails(pruneImpossible(graph, enough)))
      return result;
    // Memory that cannot matter must not keep a choice from being dominated.
    std::vector<char> matters = memoryMatters(graph);
    graph.levelMemory(matters);
    bool dominated = pruneDominated(graph, enough).changed;
    Shrinkage folded = foldNodes(graph, memoryMatters(graph), enough);
    if (fails(folded))
      return result;
    graph.dropUnusedTables();
    if (!dominated && !folded.changed)
      break;
  }
  // Dominance may have left the last round's removals unpropagated; the model needs every entry of cost
  // finite.
  if (fails(pruneImpossible(graph, enough)))
    return result;
  if (fails(settleComponents(graph, memoryMatters(graph), enough)))
    return result;
  if (stop && stop()) {
    result.stopped = true;
    return result;
  }
  result.constant = graph.constant;
  flatten(graph, result.model, result.nodeOf);
  graph.keepRecordsOnly();
  return result;
}

} // namespace ampc::search
