// See eliminate.h. The order (cheapest table first) is planned on sizes alone, then carried out; every table
// that a node saw is kept to read its choice off afterwards.
#include "eliminate.h"
#include "min_plus.h"

#include <algorithm>
#include <queue>
#include <set>

namespace ampc::search {

namespace {

/// A node with more neighbours than this is not eliminated (two choices each would make 2^64 entries).
constexpr size_t kMostNeighbours = 64;
/// Additions between two looks at the clock.
constexpr int64_t kStepsBetweenStops = 4'000'000;

/// A table over the choices of some nodes, the last of `scope` running fastest.
struct Factor {
  std::vector<int> scope;
  std::vector<int64_t> values;
};

class Eliminator {
public:
  Eliminator(const Model &model, const EliminationLimits &limits, const std::function<bool()> &stop)
      : model(model), limits(limits), stop(stop) {}

  std::optional<Elimination> run() {
    if (!plan())
      return std::nullopt;
    std::vector<std::vector<int>> factorsOf(static_cast<size_t>(model.nodes));
    for (const ModelEdge &edge : model.edges) {
      factorsOf[size_t(edge.u)].push_back(int(factors.size()));
      factorsOf[size_t(edge.v)].push_back(int(factors.size()));
      factors.push_back({{edge.u, edge.v}, edge.table->byRow});
    }
    std::vector<char> used(factors.size(), 0);
    std::vector<std::vector<int>> seenBy(static_cast<size_t>(model.nodes));
    Elimination result;
    result.legal = true;
    result.entries = int64_t(plannedEntries);
    for (int u : order) {
      if (stop && stop())
        return std::nullopt;
      std::vector<int> &mine = seenBy[size_t(u)];
      for (int f : factorsOf[size_t(u)])
        if (!used[size_t(f)]) {
          used[size_t(f)] = 1;
          mine.push_back(f);
        }
      Factor merged = minimiseOver(u, mine);
      if (isStopped)
        return std::nullopt;
      if (merged.scope.empty()) {
        if (merged.values[0] >= kInfinity) {
          result.legal = false;
          result.culprit = u;
          return result;
        }
        result.cost += merged.values[0];
        continue;
      }
      for (int v : merged.scope)
        factorsOf[size_t(v)].push_back(int(factors.size()));
      factors.push_back(std::move(merged));
      used.push_back(0);
    }
    result.choice.assign(size_t(model.nodes), 0);
    for (size_t i = order.size(); i-- > 0;)
      result.choice[size_t(order[i])] = bestOf(order[i], seenBy[size_t(order[i])], result.choice);
    return result;
  }

private:
  bool plan() {
    std::vector<std::set<int>> neighbours(static_cast<size_t>(model.nodes));
    for (const ModelEdge &edge : model.edges) {
      neighbours[size_t(edge.u)].insert(edge.v);
      neighbours[size_t(edge.v)].insert(edge.u);
    }
    // Tables that are too large anyway all weigh the same: a node with very many neighbours is not looked through for
    // each of them.
    auto weight = [&](int u) {
      const double tooLarge = 1 + double(limits.entriesPerTable);
      if (neighbours[size_t(u)].size() > kMostNeighbours)
        return tooLarge;
      double entries = 1;
      for (int v : neighbours[size_t(u)]) {
        entries *= model.choices(v);
        if (entries >= tooLarge)
          return tooLarge;
      }
      return entries;
    };
    using Item = std::pair<double, int>;
    std::priority_queue<Item, std::vector<Item>, std::greater<Item>> queue;
    for (int u = 0; u < model.nodes; ++u)
      queue.push({weight(u), u});
    std::vector<char> done(static_cast<size_t>(model.nodes), 0);
    for (int64_t steps = 0; !queue.empty(); ++steps) {
      if (steps % 1024 == 0 && stop && stop())
        return false;
      auto [entries, u] = queue.top();
      queue.pop();
      if (done[size_t(u)])
        continue;
      double now = weight(u);
      if (now != entries) {
        queue.push({now, u});
        continue;
      }
      plannedEntries += entries;
      if (entries > double(limits.entriesPerTable) || plannedEntries > double(limits.entriesInAll))
        return false;
      done[size_t(u)] = 1;
      order.push_back(u);
      std::vector<int> around(neighbours[size_t(u)].begin(), neighbours[size_t(u)].end());
      for (int v : around) {
        neighbours[size_t(v)].erase(u);
        for (int w : around)
          if (w != v)
            neighbours[size_t(v)].insert(w);
      }
      for (int v : around)
        queue.push({weight(v), v});
    }
    return true;
  }

  int64_t strideOf(const Factor &factor, int node) const {
    int64_t stride = 1;
    for (size_t i = factor.scope.size(); i-- > 0;) {
      if (factor.scope[i] == node)
        return stride;
      stride *= model.choices(factor.scope[i]);
    }
    return 0;
  }

  Factor minimiseOver(int u, const std::vector<int> &mine) {
    Factor merged;
    for (int f : mine)
      for (int v : factors[size_t(f)].scope)
        if (v != u && std::find(merged.scope.begin(), merged.scope.end(), v) == merged.scope.end())
          merged.scope.push_back(v);
    std::sort(merged.scope.begin(), merged.scope.end());
    size_t dims = merged.scope.size(), count = mine.size();
    int k = model.choices(u);
    std::vector<int64_t> stride(dims * count), own(count), offset(count, 0);
    size_t size = 1;
    for (size_t d = 0; d < dims; ++d)
      size *= size_t(model.choices(merged.scope[d]));
    for (size_t f = 0; f < count; ++f) {
      const Factor &factor = factors[size_t(mine[f])];
      own[f] = strideOf(factor, u);
      for (size_t d = 0; d < dims; ++d)
        stride[d * count + f] = strideOf(factor, merged.scope[d]);
    }
    merged.values.assign(size, kInfinity);
    if (dims == 0) {
      merged.values[0] = smallestSum(u, mine, own, offset);
      return merged;
    }
    // Rows along the last node of the scope are added up as vectors: tables that have it are turned so that it runs
    // fastest, the others add one number.
    int last = merged.scope.back(), columns = model.choices(last);
    std::vector<std::vector<int64_t>> turned(count);
    std::vector<char> hasLast(count, 0);
    for (size_t f = 0; f < count; ++f) {
      hasLast[f] = stride[(dims - 1) * count + f] != 0;
      if (hasLast[f] && stride[(dims - 1) * count + f] != 1) {
        turned[f] = withLastFastest(factors[size_t(mine[f])], last);
        Factor shape{factors[size_t(mine[f])].scope, {}};
        std::erase(shape.scope, last);
        shape.scope.push_back(last);
        own[f] = strideOf(shape, u);
        for (size_t d = 0; d < dims; ++d)
          stride[d * count + f] = strideOf(shape, merged.scope[d]);
      }
    }
    std::vector<int> at(dims - 1, 0);
    std::vector<int64_t> row(static_cast<size_t>(columns));
    const int64_t *unary = &model.cost[size_t(model.first[size_t(u)])];
    for (size_t entry = 0; entry < size; entry += size_t(columns)) {
      spent += int64_t(k) * int64_t(columns + count);
      if (spent >= askAt) {
        isStopped = stop && stop();
        askAt = spent + kStepsBetweenStops;
      }
      if (isStopped)
        return merged;
      int64_t *out = &merged.values[entry];
      for (int i = 0; i < k; ++i) {
        int64_t base = unary[i];
        int vectors = 0;
        const int64_t *only = nullptr;
        for (size_t f = 0; f < count; ++f) {
          const std::vector<int64_t> &values = turned[f].empty() ? factors[size_t(mine[f])].values : turned[f];
          const int64_t *from = &values[size_t(offset[f] + own[f] * i)];
          if (!hasLast[f]) {
            base = addClamped(base, *from);
          } else if (vectors++ == 0) {
            only = from;
          } else {
            for (int j = 0; j < columns; ++j)
              row[size_t(j)] = addClamped(only[j], from[j]);
            only = row.data();
          }
        }
        if (base >= kInfinity)
          continue;
        if (only)
          lowerTo(base, only, columns, out);
      }
      for (size_t d = dims - 1; d-- > 0;) {
        bool wraps = ++at[d] == model.choices(merged.scope[d]);
        int64_t back = wraps ? model.choices(merged.scope[d]) - 1 : 0;
        for (size_t f = 0; f < count; ++f)
          offset[f] += wraps ? -back * stride[d * count + f] : stride[d * count + f];
        if (!wraps)
          break;
        at[d] = 0;
      }
    }
    return merged;
  }

  int64_t smallestSum(int u, const std::vector<int> &mine, const std::vector<int64_t> &own,
                      const std::vector<int64_t> &offset) const {
    int64_t best = kInfinity;
    for (int i = 0; i < model.choices(u); ++i) {
      int64_t sum = model.cost[size_t(model.first[size_t(u)] + i)];
      for (size_t f = 0; f < mine.size(); ++f)
        sum = addClamped(sum, factors[size_t(mine[f])].values[size_t(offset[f] + own[f] * i)]);
      best = std::min(best, sum);
    }
    return best;
  }

  /// The values of a table in the order that has `last` run fastest.
  std::vector<int64_t> withLastFastest(const Factor &factor, int last) const {
    size_t inner = size_t(strideOf(factor, last)), extent = size_t(model.choices(last));
    size_t outer = factor.values.size() / (inner * extent);
    std::vector<int64_t> values(factor.values.size());
    for (size_t o = 0; o < outer; ++o)
      for (size_t j = 0; j < extent; ++j)
        for (size_t i = 0; i < inner; ++i)
          values[(o * inner + i) * extent + j] = factor.values[(o * extent + j) * inner + i];
    return values;
  }

  int bestOf(int u, const std::vector<int> &mine, const Assignment &choice) const {
    int64_t best = INT64_MAX;
    int at = 0;
    for (int i = 0; i < model.choices(u); ++i) {
      int64_t sum = model.cost[size_t(model.first[size_t(u)] + i)];
      for (int f : mine) {
        const Factor &factor = factors[size_t(f)];
        int64_t index = 0;
        for (int v : factor.scope)
          index = index * model.choices(v) + (v == u ? i : choice[size_t(v)]);
        sum = addClamped(sum, factor.values[size_t(index)]);
      }
      if (sum < best) {
        best = sum;
        at = i;
      }
    }
    return at;
  }

  const Model &model;
  const EliminationLimits &limits;
  const std::function<bool()> &stop;
  std::vector<int> order;
  std::vector<Factor> factors;
  double plannedEntries = 0;
  int64_t spent = 0, askAt = kStepsBetweenStops;
  bool isStopped = false;
};

} // namespace

std::optional<Elimination> eliminate(const Model &model, const EliminationLimits &limits,
                                     const std::function<bool()> &stop) {
  return Eliminator(model, limits, stop).run();
}

} // namespace ampc::search
