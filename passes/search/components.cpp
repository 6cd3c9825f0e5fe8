// See components.h. A part becomes a Model of its own; elimination solves what is narrow, branch and bound on the
// dual's potentials what is small.
#include "components.h"
#include "branch_bound.h"
#include "eliminate.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

namespace ampc::search {

namespace {

/// Table entries that all parts together may cost elimination, and steps that they may cost branch and bound.
constexpr int64_t kEntriesInAll = int64_t(1) << 25;
constexpr int64_t kEntriesPerPart = int64_t(1) << 22;
constexpr int64_t kBranchStepsInAll = 100'000'000;
constexpr int64_t kBranchStepsPerPart = 5'000'000;
/// Sweeps of message passing before branch and bound.
constexpr int kSweeps = 60;
/// Larger parts are left to the search.
constexpr size_t kMostNodes = 400;

/// What makes two parts the same problem: per node its costs, per edge its ends and table, in the order of the nodes.
struct Shape {
  std::vector<std::vector<int64_t>> costs;
  std::vector<std::array<int, 3>> edges;
  auto operator<=>(const Shape &) const = default;
};

class Settler {
public:
  Settler(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop)
      : graph(graph), memoryMatters(memoryMatters), stop(stop), partOf(graph.nodes.size(), -1),
        positionOf(graph.nodes.size(), 0), decided(graph.times.size()) {}

  Shrinkage run() {
    findParts();
    if (parts.size() < 2)
      return result;
    // Parts whose optimum takes memory that others may need: theirs only if all optima fit together.
    std::vector<std::pair<size_t, const Answer *>> pending;
    bool isEachKnown = true;
    for (size_t p = 0; p < parts.size() && !(stop && stop()); ++p) {
      const Answer *answer = parts[p].size() <= kMostNodes ? answerFor(parts[p]) : nullptr;
      isEachKnown &= answer != nullptr;
      if (!answer)
        continue;
      if (!answer->isLegal) {
        result.infeasible = true;
        result.reason = "every assignment of node " + std::to_string(parts[p][0]) + " and the " +
                        std::to_string(parts[p].size() - 1) +
                        " nodes joined with it contains a forbidden pair of choices";
        return result;
      }
      if (takesLeastMemory(parts[p], *answer))
        decide(parts[p], *answer);
      else
        pending.push_back({p, answer});
      ++numKnown;
    }
    if (numKnown == parts.size() && isEachKnown && fits(pending))
      for (auto [p, answer] : pending)
        decide(parts[p], *answer);
    graph.addFixed(decided);
    return result;
  }

private:
  struct Answer {
    bool isKnown = false, isLegal = false;
    Assignment choice;
    Total cost = 0;
  };

  void findParts() {
    for (size_t seed = 0; seed < graph.nodes.size(); ++seed) {
      if (!graph.nodes[seed].alive || partOf[seed] >= 0)
        continue;
      std::vector<int> part = {int(seed)};
      partOf[seed] = int(parts.size());
      for (size_t next = 0; next < part.size(); ++next)
        for (int e : graph.liveEdges(part[next])) {
          int v = graph.other(graph.edges[size_t(e)], part[next]);
          if (partOf[size_t(v)] >= 0)
            continue;
          partOf[size_t(v)] = int(parts.size());
          part.push_back(v);
        }
      // Equal parts become equal in the order of their nodes, however their edges were listed.
      std::sort(part.begin(), part.end());
      parts.push_back(std::move(part));
    }
  }

  Shape shapeOf(const std::vector<int> &part) {
    Shape shape;
    for (size_t i = 0; i < part.size(); ++i)
      positionOf[size_t(part[i])] = int(i);
    for (int u : part) {
      shape.costs.push_back(graph.nodes[size_t(u)].cost);
      for (int e : graph.liveEdges(u)) {
        const WorkEdge &edge = graph.edges[size_t(e)];
        if (edge.u == u)
          shape.edges.push_back({positionOf[size_t(u)], positionOf[size_t(edge.v)], edge.table});
      }
    }
    std::sort(shape.edges.begin(), shape.edges.end());
    return shape;
  }

  Model modelOf(const Shape &shape) const {
    Model model;
    model.nodes = int(shape.costs.size());
    model.first.push_back(0);
    double sum = 1e6;
    for (const std::vector<int64_t> &costs : shape.costs) {
      model.cost.insert(model.cost.end(), costs.begin(), costs.end());
      model.first.push_back(int(model.cost.size()));
      sum += double(*std::max_element(costs.begin(), costs.end()));
    }
    model.memory.assign(model.cost.size(), 0);
    model.begin.assign(shape.costs.size(), 0);
    model.end.assign(shape.costs.size(), 0);
    for (const std::array<int, 3> &edge : shape.edges)
      sum += largestFinite(graph.pool[edge[2]].values);
    model.forbidden = 2 * sum;
    std::map<int, const Table *> tableOf;
    for (const std::array<int, 3> &edge : shape.edges) {
      auto [it, isNew] = tableOf.try_emplace(edge[2], nullptr);
      if (isNew) {
        const TablePool::Entry &from = graph.pool[edge[2]];
        model.tables.push_back(makeTable(from.rows, from.columns, from.values, model.forbidden));
        it->second = model.tables.back().get();
      }
      model.edges.push_back({edge[0], edge[1], it->second});
    }
    buildArcs(model);
    return model;
  }

  Answer solve(const Shape &shape) {
    Answer answer;
    int64_t entries = 0;
    for (const std::array<int, 3> &edge : shape.edges)
      entries += int64_t(graph.pool[edge[2]].values.size());
    // Even laying the part out costs something.
    if (entries > entriesLeft)
      return answer;
    entriesLeft -= entries;
    Model model = modelOf(shape);
    EliminationLimits limits;
    limits.entriesPerTable = kEntriesPerPart / 4;
    limits.entriesInAll = std::min(kEntriesPerPart, entriesLeft);
    if (std::optional<Elimination> exact = eliminate(model, limits, stop)) {
      entriesLeft -= exact->entries;
      return {true, exact->legal, exact->choice, exact->cost};
    }
    int64_t steps = std::min(kBranchStepsPerPart, branchStepsLeft);
    if (steps <= 0 || (stop && stop()))
      return answer;
    Dual dual(model);
    for (int i = 0; i < kSweeps; ++i)
      dual.sweep();
    BranchResult tree = branchAndBound(model, dual, kInfinity, steps, stop);
    branchStepsLeft -= tree.steps;
    return {tree.complete, !tree.choice.empty(), tree.choice, tree.cost};
  }

  /// Null when the part could not be solved.
  const Answer *answerFor(const std::vector<int> &part) {
    auto [it, isNew] = answers.try_emplace(shapeOf(part));
    if (isNew)
      it->second = solve(it->first);
    return it->second.isKnown ? &it->second : nullptr;
  }

  /// Bytes of node u's choice, the least of the node's where they cannot matter.
  int64_t bytesOf(int u, int choice) const {
    const std::vector<int64_t> &memory = graph.nodes[size_t(u)].memory;
    return memoryMatters[size_t(u)] ? memory[size_t(choice)] : *std::min_element(memory.begin(), memory.end());
  }

  bool takesLeastMemory(const std::vector<int> &part, const Answer &answer) const {
    for (size_t i = 0; i < part.size(); ++i) {
      const std::vector<int64_t> &memory = graph.nodes[size_t(part[i])].memory;
      if (bytesOf(part[i], answer.choice[i]) > *std::min_element(memory.begin(), memory.end()))
        return false;
    }
    return true;
  }

  /// Whether the answers fit beside the smallest choices of everything else.
  bool fits(const std::vector<std::pair<size_t, const Answer *>> &pending) const {
    SpanSums used = decided;
    for (auto [p, answer] : pending)
      for (size_t i = 0; i < parts[p].size(); ++i) {
        const WorkNode &node = graph.nodes[size_t(parts[p][i])];
        used.add(node.begin, node.end,
                 bytesOf(parts[p][i], answer->choice[i]) -
                     *std::min_element(node.memory.begin(), node.memory.end()));
      }
    std::vector<int64_t> totals = used.totals(), room = graph.roomLeft();
    return std::equal(totals.begin(), totals.end(), room.begin(), std::less_equal<int64_t>());
  }

  void decide(const std::vector<int> &part, const Answer &answer) {
    graph.constant += answer.cost;
    result.changed = true;
    for (size_t i = 0; i < part.size(); ++i) {
      WorkNode &node = graph.nodes[size_t(part[i])];
      node.alive = false;
      decided.add(node.begin, node.end, bytesOf(part[i], answer.choice[i]));
      graph.undo.push_back({Undo::Kind::Fold, part[i], {}, 1,
                            std::make_shared<const ChoiceList>(std::vector<int>(1, answer.choice[i]))});
      for (int e : std::vector<int>(graph.liveEdges(part[i])))
        graph.removeEdge(e);
    }
  }

  WorkGraph &graph;
  const std::vector<char> &memoryMatters;
  const Stop &stop;
  std::vector<std::vector<int>> parts;
  std::vector<int> partOf, positionOf;
  SpanSums decided; ///< bytes of the nodes that are gone
  std::map<Shape, Answer> answers;
  size_t numKnown = 0;
  int64_t entriesLeft = kEntriesInAll, branchStepsLeft = kBranchStepsInAll;
  Shrinkage result;
};

} // namespace

Shrinkage settleComponents(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop) {
  return Settler(graph, memoryMatters, stop).run();
}

} // namespace ampc::search
