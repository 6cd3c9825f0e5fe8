// Removal of choices that no optimal assignment needs: impossible ones and dominated ones.
#include "work_graph.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace ampc::search {

namespace {

constexpr int64_t kStepsBetweenStops = 1'000'000;

/// Minimum over ranges of a fixed array, in constant time.
class RangeMinimum {
public:
  explicit RangeMinimum(std::vector<int64_t> values) {
    levels.push_back(std::move(values));
    for (size_t width = 1; width * 2 <= levels[0].size(); width *= 2) {
      const std::vector<int64_t> &below = levels.back();
      std::vector<int64_t> level(levels[0].size() - width * 2 + 1);
      for (size_t i = 0; i < level.size(); ++i)
        level[i] = std::min(below[i], below[i + width]);
      levels.push_back(std::move(level));
    }
  }
  int64_t over(int begin, int end) const {
    size_t level = 0;
    while ((size_t(2) << level) <= size_t(end - begin))
      ++level;
    return std::min(levels[level][size_t(begin)], levels[level][size_t(end) - (size_t(1) << level)]);
  }
  /// The first place where that minimum stands.
  int placeOver(int begin, int end) const {
    int64_t least = over(begin, end);
    while (end - begin > 1) {
      int middle = begin + (end - begin) / 2;
      (over(begin, middle) == least ? end : begin) = middle;
    }
    return begin;
  }

private:
  std::vector<std::vector<int64_t>> levels;
};

class ImpossiblePruner {
public:
  ImpossiblePruner(WorkGraph &graph, const Stop &stop) : graph(graph), stop(stop), alive(graph.nodes.size()) {}

  Shrinkage run() {
    Shrinkage result;
    for (size_t u = 0; u < graph.nodes.size(); ++u) {
      if (!graph.nodes[u].alive)
        continue;
      alive[u].assign(graph.nodes[u].cost.size(), 1);
      for (size_t i = 0; i < alive[u].size(); ++i)
        if (graph.nodes[u].cost[i] >= kInfinity) {
          drop(int(u), i);
          ++graph.nodes[u].dropped.forbidden;
        }
      queued.push_back(int(u));
    }
    isQueued.assign(graph.nodes.size(), 1);
    bool more = true;
    // Each round may raise the smallest memory of some node, which may rule out more; few rounds find nearly
    // all.
    for (int round = 0; more && !emptied && !enough; ++round) {
      while (!queued.empty() && !emptied && !exhausted()) {
        int u = queued.front();
        queued.pop_front();
        isQueued[size_t(u)] = 0;
        dropUnsupported(u);
      }
      more = round < 8 && !emptied && !enough && graph.limited && dropTooLarge(result);
      if (result.infeasible)
        return result;
    }
    // Even when there is no time for more, what is left must fit.
    if (enough && !emptied && graph.limited) {
      dropTooLarge(result);
      if (result.infeasible)
        return result;
    }
    if (emptied) {
      result.infeasible = true;
      result.reason = whyEmpty();
      return result;
    }
    std::vector<std::vector<int32_t>> kept(graph.nodes.size());
    for (size_t u = 0; u < alive.size(); ++u) {
      if (std::find(alive[u].begin(), alive[u].end(), 0) == alive[u].end())
        continue;
      for (size_t i = 0; i < alive[u].size(); ++i)
        if (alive[u][i])
          kept[u].push_back(int32_t(i));
      result.changed = true;
    }
    if (result.changed)
      graph.narrow(kept);
    return result;
  }

private:
  bool exhausted() {
    if (spent >= askAt) {
      enough = stop && stop();
      askAt = spent + kStepsBetweenStops;
    }
    return enough;
  }

  void drop(int u, size_t i) {
    alive[size_t(u)][i] = 0;
    if (std::find(alive[size_t(u)].begin(), alive[size_t(u)].end(), 1) == alive[size_t(u)].end() &&
        !emptied) {
      emptied = true;
      emptyNode = u;
    }
  }

  void enqueue(int u) {
    if (!isQueued.empty() && !isQueued[size_t(u)]) {
      isQueued[size_t(u)] = 1;
      queued.push_back(u);
    }
  }

  /// Drops choices of u's neighbours that have no living partner at u.
  void dropUnsupported(int u) {
    for (int e : graph.liveEdges(u)) {
      const WorkEdge &edge = graph.edges[size_t(e)];
      if (!graph.pool[edge.table].hasForbidden)
        continue;
      int v = graph.other(edge, u);
      bool changed = false;
      for (size_t j = 0; j < alive[size_t(v)].size() && !exhausted(); ++j) {
        if (!alive[size_t(v)][j])
          continue;
        bool supported = false;
        spent += int64_t(alive[size_t(u)].size());
        for (size_t i = 0; i < alive[size_t(u)].size() && !supported; ++i)
          supported = alive[size_t(u)][i] && graph.pairCost(edge, u, int(i), int(j)) < kInfinity;
        if (!supported) {
          drop(v, j);
          ++graph.nodes[size_t(v)].dropped.partnerless;
          changed = true;
          if (emptied)
            return;
        }
      }
      if (changed)
        enqueue(v);
    }
  }

  int64_t least(size_t u) const {
    int64_t bytes = INT64_MAX;
    for (size_t i = 0; i < alive[u].size(); ++i)
      if (alive[u][i])
        bytes = std::min(bytes, graph.nodes[u].memory[i]);
    return bytes;
  }

  bool dropTooLarge(Shrinkage &result) {
    if (graph.times.empty())
      return false;
    SpanSums smallestChoices(graph.times.size());
    for (size_t u = 0; u < graph.nodes.size(); ++u)
      if (const WorkNode &node = graph.nodes[u]; node.alive && node.begin < node.end)
        smallestChoices.add(node.begin, node.end, least(u));
    std::vector<int64_t> room = smallestChoices.totals();
    size_t worst = 0;
    for (size_t t = 0; t < room.size(); ++t) {
      room[t] = graph.limitBytes - room[t] - graph.fixed[t];
      if (room[t] < room[worst])
        worst = t;
    }
    if (room[worst] < 0) {
      result.infeasible = true;
      result.reason = explain(worst, -room[worst]);
      return false;
    }
    RangeMinimum smallest(std::move(room));
    bool changed = false;
    for (size_t u = 0; u < graph.nodes.size() && !emptied; ++u) {
      const WorkNode &node = graph.nodes[u];
      if (!node.alive || node.begin >= node.end)
        continue;
      int64_t most = least(u) + smallest.over(node.begin, node.end);
      int before = node.dropped.tooLarge;
      for (size_t i = 0; i < alive[u].size(); ++i)
        if (alive[u][i] && node.memory[i] > most) {
          drop(int(u), i);
          ++graph.nodes[u].dropped.tooLarge;
        }
      if (node.dropped.tooLarge == before)
        continue;
      graph.nodes[u].dropped.tooLargeTime = smallest.placeOver(node.begin, node.end);
      graph.nodes[u].dropped.mostBytes = most;
      enqueue(int(u));
      changed = true;
    }
    return changed;
  }

  std::string whyEmpty() const {
    const Dropped &dropped = graph.nodes[size_t(emptyNode)].dropped;
    std::string text = "node " + std::to_string(emptyNode) + " has no choice left: ";
    const char *separator = "";
    auto add = [&](int count, const std::string &what) {
      if (count > 0)
        text += separator + std::to_string(count) + what;
      separator = count > 0 ? ", " : separator;
    };
    add(dropped.forbidden, " forbidden");
    add(dropped.partnerless, " without a legal partner across an edge");
    if (dropped.tooLarge > 0)
      add(dropped.tooLarge, " too large for time point " + std::to_string(graph.times[size_t(dropped.tooLargeTime)]) +
                                ", where " + std::to_string(dropped.mostBytes) + " of " +
                                std::to_string(graph.limitBytes) +
                                " bytes are left beside the smallest choices of the others");
    return text;
  }

  /// Names the time point, the missing bytes, and the nodes that hold most there.
  std::string explain(size_t t, int64_t missing) const {
    std::vector<std::pair<int64_t, size_t>> holders, giving;
    for (size_t u = 0; u < graph.nodes.size(); ++u) {
      const WorkNode &node = graph.nodes[u];
      if (!node.alive || int(t) < node.begin || int(t) >= node.end)
        continue;
      int64_t bytes = least(u), any = *std::min_element(node.memory.begin(), node.memory.end());
      holders.push_back({bytes, u});
      if (any < bytes)
        giving.push_back({bytes - any, u});
    }
    auto list = [](std::vector<std::pair<int64_t, size_t>> &items) {
      std::sort(items.begin(), items.end(), [](const auto &a, const auto &b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
      });
      std::string text;
      for (size_t i = 0; i < items.size() && i < 5; ++i)
        text += (i ? ", node " : "node ") + std::to_string(items[i].second) + " (" +
                std::to_string(items[i].first) + " bytes)";
      return text;
    };
    std::string text = "time point " + std::to_string(graph.times[t]) + " needs at least " +
                       std::to_string(graph.limitBytes + missing) + " bytes, " + std::to_string(missing) +
                       " more than the limit of " + std::to_string(graph.limitBytes) +
                       "; largest there: " + list(holders);
    if (graph.fixed[t] > 0)
      text += "; nodes that are decided already: " + std::to_string(graph.fixed[t]) + " bytes";
    if (!giving.empty())
      text += "; smaller choices that costs forbid: " + list(giving);
    return text;
  }

  WorkGraph &graph;
  const Stop &stop;
  int64_t spent = 0, askAt = 0;
  bool enough = false;
  std::vector<std::vector<char>> alive;
  std::deque<int> queued;
  std::vector<char> isQueued;
  bool emptied = false;
  int emptyNode = 0;
};

/// For matrices seen from one side: how much more than row i row j can cost at worst. Found when asked for, since few
/// pairs of rows are ever worth the question; remembered only where that is small.
class WorstDifference {
public:
  struct Side {
    int own = 0, others = 0;
    const int64_t *rows = nullptr; ///< one row per own choice
    std::vector<int64_t> turned;   ///< what `rows` points at when the matrix lies the other way
    std::vector<int> cheapest;     ///< per row, where it is least
    std::vector<int64_t> worst;    ///< [j * own + i], kUnknown until asked; empty: nothing is remembered
    /// Never above at(j, i), and quick.
    int64_t atLeast(int j, int i) const {
      size_t x = size_t(cheapest[size_t(i)]);
      int64_t a = rows[size_t(j) * size_t(others) + x], b = rows[size_t(i) * size_t(others) + x];
      return a >= kInfinity ? (b >= kInfinity ? -kInfinity / 1024 : kInfinity) : a - b;
    }
  };

  explicit WorstDifference(const TablePool &pool) : pool(pool) {}

  /// Valid until the next forget().
  Side &side(int table, bool rowsOwn) {
    auto [it, fresh] = known.try_emplace(table * 2 + (rowsOwn ? 1 : 0));
    Side &result = it->second;
    if (!fresh)
      return result;
    const TablePool::Entry &t = pool[table];
    result.own = rowsOwn ? t.rows : t.columns;
    result.others = rowsOwn ? t.columns : t.rows;
    if (!rowsOwn)
      result.turned = transposed(t.rows, t.columns, t.values);
    result.rows = rowsOwn ? t.values.data() : result.turned.data();
    for (int i = 0; i < result.own; ++i) {
      const int64_t *row = result.rows + size_t(i) * size_t(result.others);
      result.cheapest.push_back(int(std::min_element(row, row + result.others) - row));
    }
    size_t pairs = size_t(result.own) * size_t(result.own);
    if (pairs <= kMostPairs)
      result.worst.assign(pairs, kUnknown);
    spent += 2 * int64_t(t.values.size()) + int64_t(result.worst.size());
    entries += result.turned.size() + result.cheapest.size() + result.worst.size();
    return result;
  }

  /// Drops what is remembered once it has grown large.
  void forget() {
    if (entries <= kMostEntries)
      return;
    known.clear();
    entries = 0;
  }

  int64_t at(Side &side, int j, int i) {
    int64_t *known = side.worst.empty() ? nullptr : &side.worst[size_t(j) * size_t(side.own) + size_t(i)];
    if (known && *known != kUnknown)
      return *known;
    const int64_t *a = &side.rows[size_t(j) * size_t(side.others)];
    const int64_t *b = &side.rows[size_t(i) * size_t(side.others)];
    // Where row i is forbidden anyway, row j cannot be worse; an overall -kInfinity / 1024 keeps sums small.
    int64_t most = -kInfinity / 1024;
    int x = 0;
    // A forbidden pair settles the question.
    for (; x < side.others && most < kInfinity; ++x)
      if (b[x] < kInfinity)
        most = std::max(most, a[x] >= kInfinity ? kInfinity : a[x] - b[x]);
    spent += x;
    if (known)
      *known = most;
    return most;
  }

  int64_t spent = 0;

private:
  static constexpr int64_t kUnknown = INT64_MIN;
  /// Remembered per side, and in all, before the next node starts afresh: 64 MB.
  static constexpr size_t kMostPairs = size_t(1) << 17, kMostEntries = size_t(1) << 23;
  const TablePool &pool;
  std::unordered_map<int, Side> known;
  size_t entries = 0;
};

/// Steps (pairs of choices times edges, matrix entries) after which dominance is no longer looked for.
constexpr int64_t kDominanceWork = 100'000'000;

} // namespace

Shrinkage pruneImpossible(WorkGraph &graph, const Stop &stop) { return ImpossiblePruner(graph, stop).run(); }

Shrinkage pruneDominated(WorkGraph &graph, const Stop &stop) {
  Shrinkage result;
  WorstDifference differences(graph.pool);
  std::vector<std::vector<int32_t>> kept(graph.nodes.size());
  std::vector<WorstDifference::Side *> sides;
  // Whatever has been found when the work is used up counts: every removal is exact by itself.
  int64_t askAt = 0;
  bool enough = false;
  auto exhausted = [&] {
    if (!enough && differences.spent >= askAt) {
      enough = differences.spent >= kDominanceWork || (stop && stop());
      askAt = differences.spent + kStepsBetweenStops;
    }
    return enough;
  };
  for (size_t u = 0; u < graph.nodes.size() && !exhausted(); ++u) {
    const WorkNode &node = graph.nodes[u];
    int k = graph.choices(int(u));
    if (!node.alive || k < 2)
      continue;
    sides.clear();
    differences.forget();
    for (int e : graph.liveEdges(int(u)))
      sides.push_back(&differences.side(graph.edges[size_t(e)].table, graph.edges[size_t(e)].u == int(u)));
    std::vector<char> alive(size_t(k), 1);
    int left = k;
    // Whether j costs at most as much as i whatever the neighbours choose. Only a positive sum rejects, and a
    // forbidden pair makes it positive for good: sums of the rest stay far below.
    auto beats = [&](int j, int i) {
      int64_t difference = node.cost[size_t(j)] - node.cost[size_t(i)];
      for (WorstDifference::Side *side : sides) {
        int64_t d = side->atLeast(j, i);
        ++differences.spent;
        if (d >= kInfinity / 2)
          return false;
        difference += d;
      }
      if (difference > 0)
        return false;
      for (WorstDifference::Side *side : sides) {
        int64_t exact = differences.at(*side, j, i);
        if (exact >= kInfinity / 2)
          return false;
        difference += exact - side->atLeast(j, i);
        if (difference > 0)
          return false;
      }
      return true;
    };
    for (int i = 0; i < k && !exhausted(); ++i, differences.spent += k)
      for (int j = 0; j < k && alive[size_t(i)] && !exhausted(); ++j)
        if (i != j && alive[size_t(j)] && node.memory[size_t(j)] <= node.memory[size_t(i)] && beats(j, i)) {
          alive[size_t(i)] = 0;
          --left;
        }
    if (left == k)
      continue;
    for (int i = 0; i < k; ++i)
      if (alive[size_t(i)])
        kept[u].push_back(i);
    result.changed = true;
  }
  if (result.changed)
    graph.narrow(kept);
  return result;
}

} // namespace ampc::search
