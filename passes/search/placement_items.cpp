// See placement_items.h. Along a chain of devices the backward part runs from the last device to the first,
// so backward edges count reversed, unless the file writes them the other way round.
#include "placement_items.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace ampc::search {

namespace {

/// Strongly connected components, numbered in reverse topological order (Tarjan's algorithm without
/// recursion).
std::vector<int> components(const std::vector<std::vector<int>> &successors, int &count) {
  size_t n = successors.size();
  std::vector<int> component(n, -1), index(n, -1), low(n, 0), stack;
  std::vector<std::pair<int, size_t>> calls;
  int next = 0;
  count = 0;
  for (size_t root = 0; root < n; ++root) {
    if (index[root] >= 0)
      continue;
    calls.push_back({int(root), 0});
    while (!calls.empty()) {
      auto &[v, at] = calls.back();
      size_t s = size_t(v);
      if (at == 0 && index[s] < 0) {
        index[s] = low[s] = next++;
        stack.push_back(v);
      }
      if (at < successors[s].size()) {
        int w = successors[s][at++];
        if (index[size_t(w)] < 0)
          calls.push_back({w, 0});
        else if (component[size_t(w)] < 0)
          low[s] = std::min(low[s], index[size_t(w)]);
        continue;
      }
      int done = v;
      if (low[s] == index[s]) {
        int member;
        do {
          member = stack.back();
          stack.pop_back();
          component[size_t(member)] = count;
        } while (member != done);
        ++count;
      }
      calls.pop_back();
      if (!calls.empty()) {
        size_t parent = size_t(calls.back().first);
        low[parent] = std::min(low[parent], low[size_t(done)]);
      }
    }
  }
  return component;
}

void sortUnique(std::vector<int> &list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

} // namespace

PlacementItems placementItems(const PlacementProblem &problem, bool ordered) {
  PlacementItems items;
  size_t n = problem.nodes.size();
  std::vector<int> group(n);
  std::map<int64_t, int> groupOfColour;
  int groups = 0;
  for (size_t v = 0; v < n; ++v) {
    int64_t colour = problem.nodes[v].colour;
    if (colour < 0) {
      group[v] = groups++;
      continue;
    }
    auto [it, fresh] = groupOfColour.emplace(colour, groups);
    groups += fresh;
    group[v] = it->second;
  }
  // Contiguity does not ask for a direction, and files differ in it: the one that merges fewer items is
  // right.
  std::vector<std::vector<int>> order;
  std::vector<int> component;
  for (bool reversed : {true, false}) {
    std::vector<std::vector<int>> edges(static_cast<size_t>(groups));
    for (const PlacementEdge &edge : problem.edges) {
      bool from = problem.nodes[size_t(edge.from)].backward, to = problem.nodes[size_t(edge.to)].backward;
      int a = group[size_t(edge.from)], b = group[size_t(edge.to)];
      if (!ordered || a == b || from != to)
        continue;
      bool flip = from && reversed;
      edges[size_t(flip ? b : a)].push_back(flip ? a : b);
    }
    int count = 0;
    std::vector<int> merged = components(edges, count);
    if (count > items.count || component.empty()) {
      items.count = count;
      component = std::move(merged);
      order = std::move(edges);
    }
  }
  size_t count = size_t(items.count);
  items.itemOf.resize(n);
  items.acceleratorTime.assign(count, 0);
  items.cpuTime.assign(count, 0);
  items.bytes.assign(count, 0);
  items.onAccelerator.assign(count, 1);
  items.predecessors.resize(count);
  items.successors.resize(count);
  for (size_t v = 0; v < n; ++v) {
    const PlacementNode &node = problem.nodes[v];
    // Components come in reverse topological order.
    size_t item = count - 1 - size_t(component[size_t(group[v])]);
    items.itemOf[v] = int(item);
    items.acceleratorTime[item] += node.onAccelerator ? node.acceleratorTime : 0;
    items.cpuTime[item] += node.cpuTime;
    items.bytes[item] += node.bytes;
    if (!node.onAccelerator)
      items.onAccelerator[item] = 0;
  }
  for (size_t g = 0; g < order.size(); ++g)
    for (int h : order[g]) {
      int a = items.count - 1 - component[g], b = items.count - 1 - component[size_t(h)];
      if (a == b)
        continue;
      items.successors[size_t(a)].push_back(b);
      items.predecessors[size_t(b)].push_back(a);
    }
  for (size_t i = 0; i < count; ++i) {
    sortUnique(items.successors[i]);
    sortUnique(items.predecessors[i]);
  }
  std::vector<std::vector<int>> consumers(n);
  std::vector<double> cost(n, 0);
  for (const PlacementEdge &edge : problem.edges) {
    consumers[size_t(edge.from)].push_back(items.itemOf[size_t(edge.to)]);
    cost[size_t(edge.from)] = std::max(cost[size_t(edge.from)], edge.cost);
  }
  std::map<std::pair<int, std::vector<int>>, double> merged;
  for (size_t v = 0; v < n; ++v) {
    int producer = items.itemOf[v];
    sortUnique(consumers[v]);
    consumers[v].erase(std::remove(consumers[v].begin(), consumers[v].end(), producer), consumers[v].end());
    if (!consumers[v].empty() && cost[v] > 0)
      merged[{producer, consumers[v]}] += cost[v];
  }
  for (auto &[ends, sum] : merged)
    items.values.push_back({ends.first, ends.second, sum});
  return items;
}

double placementLoadBound(const PlacementProblem &problem, const PlacementItems &items) {
  size_t count = size_t(items.count);
  double low = 0, high = 0, forced = 0;
  std::vector<size_t> movable;
  double work = 0;
  for (size_t i = 0; i < count; ++i) {
    bool accelerator = items.onAccelerator[i] && problem.accelerators > 0;
    double least = accelerator ? items.acceleratorTime[i] : items.cpuTime[i];
    if (problem.cpus > 0)
      least = std::min(least, items.cpuTime[i]);
    low = std::max(low, least);
    high += std::max(items.acceleratorTime[i], items.cpuTime[i]);
    if (!accelerator) {
      forced += items.cpuTime[i];
      continue;
    }
    work += items.acceleratorTime[i];
    movable.push_back(i);
  }
  // What a CPU relieves the accelerators of most per second of its own goes there first, in fractions.
  std::sort(movable.begin(), movable.end(), [&](size_t a, size_t b) {
    return items.acceleratorTime[a] * items.cpuTime[b] > items.acceleratorTime[b] * items.cpuTime[a];
  });
  auto possible = [&](double load) {
    double spare = double(problem.cpus) * load - forced, left = work;
    if (spare < 0)
      return false;
    for (size_t i : movable) {
      if (items.cpuTime[i] > spare) {
        left -= items.acceleratorTime[i] * spare / items.cpuTime[i];
        break;
      }
      spare -= items.cpuTime[i];
      left -= items.acceleratorTime[i];
    }
    return left <= double(problem.accelerators) * load;
  };
  high = std::max(high, low);
  if (!possible(low)) {
    for (int step = 0; step < 60; ++step) {
      double middle = 0.5 * (low + high);
      (possible(middle) ? high : low) = middle;
    }
  }
  return low;
}

} // namespace ampc::search
