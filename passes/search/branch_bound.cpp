// See branch_bound.h. Values are multiples of 2^-fraction of the cost unit. The priced cost of a legal
// assignment, less the price of the room, never exceeds its cost, so cutting on it is safe.
#include "branch_bound.h"
#include "memory_profile.h"

#include <algorithm>

namespace ampc::search {

namespace {

constexpr int64_t kLargestTables = 4'000'000;
constexpr int64_t kStepsBetweenStops = 500'000;

class Searcher {
public:
  Searcher(const Model &model, const Dual &dual, Total costLimit, int64_t work,
           const std::function<bool()> &stop)
      : model(model), potentials(dual.potentials()), profile(model), work(work), stop(stop) {
    setLimit(costLimit);
  }

  bool usable() const { return potentials.valid; }

  BranchResult run() {
    size_t n = size_t(model.nodes);
    chosen.assign(n, -1);
    Assignment start(n, 0); // every node at its smallest memory
    for (size_t u = 0; u < n; ++u) {
      const int64_t *bytes = &model.memory[size_t(model.first[u])];
      int least = int(std::min_element(bytes, bytes + model.choices(int(u))) - bytes);
      start[u] = least;
    }
    profile.reset(model, start);
    value = potentials.node;
    lowest.resize(n);
    bound = potentials.constant;
    for (size_t u = 0; u < n; ++u) {
      lowest[u] = *std::min_element(value.begin() + model.first[u], value.begin() + model.first[u + 1]);
      bound += lowest[u];
    }
    result.complete = true;
    descend(0);
    result.steps = spent;
    return result;
  }

private:
  void setLimit(Total costLimit) {
    // A candidate must cost at most costLimit - 1; every legal one costs at most the sum of the largest finite costs,
    // which is below half of what a forbidden entry counts.
    limit = std::min(costLimit - 1, Total(model.forbidden / 2)) << potentials.fraction;
  }

  bool exhausted() {
    bool isStopped = spent >= askAt && stop && stop();
    if (spent >= askAt)
      askAt = spent + kStepsBetweenStops;
    if (spent < work && !isStopped)
      return false;
    result.complete = false;
    return true;
  }

  /// The open node whose best two values differ most; nodes with one value left come first.
  int pick() {
    int best = -1;
    int64_t bestRegret = -1;
    for (int u = 0; u < model.nodes; ++u) {
      if (chosen[size_t(u)] >= 0)
        continue;
      int64_t first = INT64_MAX, second = INT64_MAX;
      for (int i = model.first[size_t(u)]; i < model.first[size_t(u) + 1]; ++i) {
        int64_t v = value[size_t(i)];
        if (v < first) {
          second = first;
          first = v;
        } else if (v < second) {
          second = v;
        }
      }
      spent += model.choices(u) + 2;
      if (bound - lowest[size_t(u)] + second > limit)
        return u;
      int64_t regret = second - first;
      if (regret > bestRegret) {
        bestRegret = regret;
        best = u;
      }
    }
    return best;
  }

  void descend(int depth) {
    if (exhausted())
      return;
    if (depth == model.nodes) {
      Assignment choice(chosen.begin(), chosen.end());
      Total cost = costOf(model, choice);
      spent += 2 * model.nodes + 8 * int64_t(model.edges.size());
      if (cost < kInfinity && ((cost) << potentials.fraction) <= limit) {
        result.choice = std::move(choice);
        result.cost = cost;
        setLimit(cost);
      }
      return;
    }
    int u = pick();
    size_t s = size_t(u);
    int first = model.first[s], k = model.choices(u);
    std::vector<int> order(static_cast<size_t>(k));
    for (int i = 0; i < k; ++i)
      order[size_t(i)] = i;
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      int64_t left = value[size_t(first + a)], right = value[size_t(first + b)];
      return left != right ? left < right : a < b;
    });
    std::vector<int64_t> saved, savedLowest;
    for (int i : order) {
      int64_t own = value[size_t(first + i)];
      if (own >= kInfinity / 2 || bound - lowest[s] + own > limit)
        break;
      int64_t bytes = model.memory[size_t(first + i)];
      if (model.usesMemory(u) && bytes > 0 && profile.worstIn(model.begin[s], model.end[s]) + bytes > 0)
        continue;
      Total before = bound;
      spent += 64;
      saved.clear();
      savedLowest.clear();
      bound += own - lowest[s];
      chosen[s] = i;
      profile.add(model.begin[s], model.end[s], bytes);
      bool dead = false;
      for (int a = model.firstArc[s]; a < model.firstArc[s + 1]; ++a) {
        const Arc &arc = model.arcs[size_t(a)];
        size_t v = size_t(arc.neighbour);
        if (chosen[v] >= 0)
          continue;
        int l = model.choices(arc.neighbour), from = model.first[v];
        spent += l + 32;
        saved.insert(saved.end(), value.begin() + from, value.begin() + from + l);
        savedLowest.push_back(lowest[v]);
        int64_t least = INT64_MAX;
        for (int j = 0; j < l; ++j) {
          int64_t &entry = value[size_t(from + j)];
          entry = addClamped(entry, potentials.pair(model, arc, i, j));
          least = std::min(least, entry);
        }
        bound += least - lowest[v];
        lowest[v] = least;
        dead |= least >= kInfinity / 2;
      }
      if (!dead && bound <= limit)
        descend(depth + 1);
      // Undo in the order of the arcs.
      size_t at = 0, atLowest = 0;
      for (int a = model.firstArc[s]; a < model.firstArc[s + 1]; ++a) {
        size_t v = size_t(model.arcs[size_t(a)].neighbour);
        if (chosen[v] >= 0)
          continue;
        size_t l = size_t(model.choices(int(v)));
        std::copy(saved.begin() + long(at), saved.begin() + long(at + l), value.begin() + model.first[v]);
        at += l;
        lowest[v] = savedLowest[atLowest++];
      }
      profile.add(model.begin[s], model.end[s], -bytes);
      chosen[s] = -1;
      bound = before;
      if (!result.complete)
        return;
    }
  }

  const Model &model;
  Potentials potentials;
  MemoryProfile profile;
  int64_t work, spent = 0, askAt = 0;
  const std::function<bool()> &stop;
  Total limit = 0, bound = 0;
  std::vector<int64_t> value, lowest;
  std::vector<int> chosen;
  BranchResult result;
};

} // namespace

BranchResult branchAndBound(const Model &model, const Dual &dual, Total costLimit, int64_t work,
                            const std::function<bool()> &stop) {
  int64_t entries = 0;
  for (const ModelEdge &edge : model.edges)
    entries += int64_t(edge.table->byRow.size());
  // The search recurses once per node.
  if (entries > kLargestTables || model.nodes > 5000)
    return {};
  Searcher searcher(model, dual, costLimit, work, stop);
  return searcher.usable() ? searcher.run() : BranchResult();
}

} // namespace ampc::search
