// Construction of the mutable graph, its edges and matrices, and the replay of its records.
#include "work_graph.h"

#include <algorithm>
#include <map>

namespace ampc::search {

namespace {

/// Folding may make a problem grow to so many table entries (about 1.5 GB while it is laid out), and one that is large
/// already by so many.
constexpr int64_t kEntriesInAll = 40'000'000, kEntriesAnyway = 4'000'000;

uint64_t mix(uint64_t h, uint64_t v) {
  h ^= v;
  h *= 0xFF51AFD7ED558CCDull;
  return h ^ (h >> 29);
}

uint64_t pairKey(int u, int v) {
  return u < v ? (uint64_t(uint32_t(u)) << 32) | uint32_t(v) : (uint64_t(uint32_t(v)) << 32) | uint32_t(u);
}

} // namespace

std::vector<int64_t> transposed(int rows, int columns, const std::vector<int64_t> &values) {
  std::vector<int64_t> result(values.size());
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      result[size_t(j) * size_t(rows) + size_t(i)] = values[size_t(i) * size_t(columns) + size_t(j)];
  return result;
}

int TablePool::intern(int rows, int columns, std::vector<int64_t> values) {
  uint64_t hash = mix(mix(0x9E3779B97F4A7C15ull, uint64_t(rows)), uint64_t(columns));
  for (int64_t v : values)
    hash = mix(hash, uint64_t(v));
  auto [begin, end] = known.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Entry &entry = entries[size_t(it->second)];
    if (entry.rows == rows && entry.columns == columns && entry.values == values)
      return it->second;
  }
  Entry entry{rows, columns, std::move(values), false, false};
  for (int64_t v : entry.values) {
    entry.hasForbidden |= v >= kInfinity;
    entry.hasLegal |= v < kInfinity;
  }
  inAll += int64_t(entry.values.size());
  int index = int(entries.size());
  entries.push_back(std::move(entry));
  known.emplace(hash, index);
  return index;
}

void TablePool::keepOnly(const std::vector<char> &isUsed) {
  std::erase_if(known, [&](const auto &item) { return !isUsed[size_t(item.second)]; });
  for (size_t i = 0; i < entries.size(); ++i)
    if (!isUsed[i]) {
      inAll -= int64_t(entries[i].values.size());
      std::vector<int64_t>().swap(entries[i].values);
    }
}

WorkGraph::WorkGraph(const Problem &problem, const CostScale &scale, const Stop &stop) {
  limited = problem.memoryLimitBytes.has_value();
  limitBytes = problem.memoryLimitBytes.value_or(0);
  size_t n = problem.nodes.size();
  nodes.resize(n);
  incident.resize(n);
  // Memory in use is largest where something begins, so those points suffice.
  if (limited) {
    for (const Node &node : problem.nodes)
      if (!node.live.empty() && !node.memoryBytes.empty())
        times.push_back(node.live.begin);
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());
  }
  fixed.assign(times.size(), 0);
  // What is far above the limit counts as just above it where sums would overflow otherwise; see check().
  Total most = 0;
  for (const Node &node : problem.nodes)
    if (limited && !node.live.empty() && !node.memoryBytes.empty())
      most += *std::max_element(node.memoryBytes.begin(), node.memoryBytes.end());
  const bool isClamped = most > (Total(1) << 62);
  for (size_t u = 0; u < n; ++u) {
    const Node &from = problem.nodes[u];
    WorkNode &to = nodes[u];
    to.cost = scale.apply(from.costs);
    to.memory = from.memoryBytes;
    to.memory.resize(to.cost.size(), 0);
    if (limited && !from.live.empty() && !from.memoryBytes.empty()) {
      to.begin = int(std::lower_bound(times.begin(), times.end(), from.live.begin) - times.begin());
      to.end = int(std::lower_bound(times.begin(), times.end(), from.live.end) - times.begin());
    }
    if (isClamped)
      for (int64_t &bytes : to.memory)
        bytes = std::min(bytes, limitBytes + 1);
    if (to.begin >= to.end)
      std::fill(to.memory.begin(), to.memory.end(), 0);
  }
  // One pool entry per (matrix, number of columns): parallel edges add up in addEdge. An edge from a node to itself
  // only ever meets equal choices.
  std::map<std::pair<uint32_t, int>, int> interned;
  for (const Edge &edge : problem.edges) {
    if (stop && stop()) {
      incomplete = true;
      return;
    }
    int rows = choices(int(edge.u)), columns = choices(int(edge.v));
    auto [it, fresh] = interned.try_emplace({edge.matrix, columns}, 0);
    if (fresh)
      it->second = pool.intern(rows, columns, scale.apply(problem.matrices[edge.matrix]));
    if (edge.u != edge.v) {
      addEdge(int(edge.u), int(edge.v), it->second);
      continue;
    }
    std::vector<int64_t> &cost = nodes[edge.u].cost;
    for (size_t i = 0; i < cost.size(); ++i)
      cost[i] = addClamped(cost[i], pool[it->second].values[i * (cost.size() + 1)]);
  }
  foldBudget.entriesToGrow = std::max(kEntriesAnyway, kEntriesInAll - pool.entriesInAll());
  foldBudget.mostEntries = pool.entriesInAll() + foldBudget.entriesToGrow;
}

std::vector<int> &WorkGraph::liveEdges(int u) {
  std::vector<int> &list = incident[size_t(u)];
  list.erase(std::remove_if(list.begin(), list.end(), [&](int e) { return !edges[size_t(e)].alive; }),
             list.end());
  return list;
}

int WorkGraph::addEdge(int u, int v, int table) {
  auto [it, fresh] = edgeOf.try_emplace(pairKey(u, v), int(edges.size()));
  if (fresh) {
    edges.push_back({u, v, table, true});
    incident[size_t(u)].push_back(it->second);
    incident[size_t(v)].push_back(it->second);
    return it->second;
  }
  WorkEdge &edge = edges[size_t(it->second)];
  const TablePool::Entry &added = pool[table];
  std::vector<int64_t> sum =
      edge.u == u ? added.values : transposed(added.rows, added.columns, added.values);
  const TablePool::Entry &old = pool[edge.table];
  for (size_t i = 0; i < sum.size(); ++i)
    sum[i] = addClamped(sum[i], old.values[i]);
  edge.table = pool.intern(old.rows, old.columns, std::move(sum));
  return it->second;
}

void WorkGraph::removeEdge(int edge) {
  edges[size_t(edge)].alive = false;
  edgeOf.erase(pairKey(edges[size_t(edge)].u, edges[size_t(edge)].v));
}

bool WorkGraph::areJoined(int u, int v) const { return edgeOf.contains(pairKey(u, v)); }

void WorkGraph::narrow(const std::vector<std::vector<int32_t>> &kept) {
  // Equal lists get equal numbers, so that equal cuts of equal matrices are made once.
  std::map<std::vector<int32_t>, int> numberOf;
  std::vector<int> number(nodes.size(), -1);
  for (size_t u = 0; u < nodes.size(); ++u)
    if (!kept[u].empty())
      number[u] = numberOf.try_emplace(kept[u], int(numberOf.size())).first->second;
  std::map<std::tuple<int, int, int>, int> cut;
  for (WorkEdge &edge : edges) {
    int a = number[size_t(edge.u)], b = number[size_t(edge.v)];
    if (!edge.alive || (a < 0 && b < 0))
      continue;
    auto [it, fresh] = cut.try_emplace({edge.table, a, b}, 0);
    if (fresh) {
      const TablePool::Entry &t = pool[edge.table];
      const std::vector<int32_t> &rowList = kept[size_t(edge.u)], &columnList = kept[size_t(edge.v)];
      int rows = a < 0 ? t.rows : int(rowList.size()), columns = b < 0 ? t.columns : int(columnList.size());
      std::vector<int64_t> values;
      values.reserve(size_t(rows) * size_t(columns));
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
          values.push_back(t.values[size_t(a < 0 ? i : rowList[size_t(i)]) * size_t(t.columns) +
                                    size_t(b < 0 ? j : columnList[size_t(j)])]);
      it->second = pool.intern(rows, columns, std::move(values));
    }
    edge.table = it->second;
  }
  for (size_t u = 0; u < nodes.size(); ++u) {
    if (kept[u].empty())
      continue;
    WorkNode &node = nodes[u];
    std::vector<int64_t> cost, memory;
    for (int32_t i : kept[u]) {
      cost.push_back(node.cost[size_t(i)]);
      memory.push_back(node.memory[size_t(i)]);
    }
    node.cost = std::move(cost);
    node.memory = std::move(memory);
    undo.push_back({Undo::Kind::Narrow, int(u), {}, 1, std::make_shared<const ChoiceList>(kept[u])});
  }
}

void WorkGraph::levelMemory(const std::vector<char> &matters) {
  for (size_t u = 0; u < nodes.size(); ++u)
    if (nodes[u].alive && !matters[u])
      std::fill(nodes[u].memory.begin(), nodes[u].memory.end(),
                *std::min_element(nodes[u].memory.begin(), nodes[u].memory.end()));
}

void WorkGraph::addFixed(const SpanSums &bytes) {
  std::vector<int64_t> totals = bytes.totals();
  for (size_t t = 0; t < fixed.size(); ++t)
    fixed[t] += totals[t];
}

void WorkGraph::dropUnusedTables() {
  std::vector<char> isUsed(pool.size(), 0);
  for (const WorkEdge &edge : edges)
    if (edge.alive)
      isUsed[size_t(edge.table)] = 1;
  pool.keepOnly(isUsed);
}

void WorkGraph::keepRecordsOnly() {
  pool = TablePool();
  edges = {};
  incident = {};
  edgeOf = {};
  for (WorkNode &node : nodes) {
    node.cost = {};
    node.memory = {};
  }
}

std::vector<int64_t> WorkGraph::roomLeft() const {
  SpanSums least(times.size());
  for (const WorkNode &node : nodes)
    if (node.alive)
      least.add(node.begin, node.end, *std::min_element(node.memory.begin(), node.memory.end()));
  std::vector<int64_t> room = least.totals();
  for (size_t t = 0; t < times.size(); ++t)
    room[t] = limitBytes - room[t] - fixed[t];
  return room;
}

void WorkGraph::restore(Assignment &choice) const {
  for (size_t i = undo.size(); i-- > 0;) {
    const Undo &step = undo[i];
    int &target = choice[size_t(step.node)];
    if (step.kind == Undo::Kind::Narrow) {
      target = (*step.choice)[size_t(target)];
      continue;
    }
    size_t index = 0;
    if (!step.neighbours.empty())
      index = size_t(choice[size_t(step.neighbours[0])]);
    if (step.neighbours.size() > 1)
      index = index * size_t(step.secondChoices) + size_t(choice[size_t(step.neighbours[1])]);
    target = (*step.choice)[index];
  }
}

} // namespace ampc::search
