// The mutable form of a problem while it is being shrunk: nodes and edges disappear, every step leaves a
// record that restores the full assignment. Not used once the flat Model exists.
#pragma once

#include "cost_scale.h"
#include "model.h"
#include "span_sums.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ampc::search {

/// Matrices by content, so that equal ones exist once.
class TablePool {
public:
  struct Entry {
    int rows = 0, columns = 0;
    std::vector<int64_t> values;
    bool hasForbidden = false, hasLegal = false;
  };

  int intern(int rows, int columns, std::vector<int64_t> values);
  const Entry &operator[](int index) const { return entries[size_t(index)]; }
  /// Frees the values of every table that `isUsed` does not name; their indices stay taken and are never given again.
  void keepOnly(const std::vector<char> &isUsed);
  size_t size() const { return entries.size(); }
  /// Entries of all tables that have values.
  int64_t entriesInAll() const { return inAll; }
  /// Gives the values away; the pool is of no use afterwards.
  std::vector<int64_t> take(int index) { return std::move(entries[size_t(index)].values); }

private:
  std::vector<Entry> entries;
  std::unordered_multimap<uint64_t, int> known;
  int64_t inAll = 0;
};

/// Why choices of one node went, in numbers, for a reason when none is left.
struct Dropped {
  int forbidden = 0, partnerless = 0, tooLarge = 0;
  int tooLargeTime = 0;         ///< time index where the last one that was too large did not fit
  int64_t mostBytes = 0;        ///< and what the node may take there
};

struct WorkNode {
  std::vector<int64_t> cost;   ///< kInfinity when forbidden
  std::vector<int64_t> memory; ///< bytes, same length
  int begin = 0, end = 0;      ///< range of time indices
  Dropped dropped;
  bool alive = true;
};

struct WorkEdge {
  int u = 0, v = 0;
  int table = 0;
  bool alive = true;
};

/// Indices of choices in as few bytes each as the largest needs: every fold keeps one per pair of its neighbours'
/// choices.
class ChoiceList {
public:
  template <typename Index> explicit ChoiceList(const std::vector<Index> &list) {
    Index largest = 0;
    for (Index index : list)
      largest = index > largest ? index : largest;
    width = largest < 256 ? 1 : largest < 65536 ? 2 : 4;
    bytes.reserve(list.size() * width);
    for (Index index : list)
      for (size_t b = 0; b < width; ++b)
        bytes.push_back(uint8_t(uint64_t(index) >> (8 * b)));
  }
  int operator[](size_t i) const {
    uint32_t index = 0;
    for (size_t b = width; b-- > 0;)
      index = (index << 8) | bytes[i * width + b];
    return int(index);
  }
  size_t sizeInBytes() const { return bytes.size(); }

private:
  size_t width = 1;
  std::vector<uint8_t> bytes;
};

/// How to give one removed thing its value back.
struct Undo {
  enum class Kind { Narrow, Fold } kind = Kind::Fold;
  int node = 0;
  /// Fold: the neighbours (0, 1 or 2) whose choices decide. Narrow: unused.
  std::vector<int> neighbours;
  int secondChoices = 1;
  /// Fold: best choice per (first, second) neighbour choice. Narrow: old index per new index. Equal folds share it.
  std::shared_ptr<const ChoiceList> choice;
};

/// What folding may still add over all rounds, so that it cannot exhaust memory.
struct FoldBudget {
  /// Entries of matrices much larger than those they replace.
  int64_t entriesToGrow = 0;
  /// Entries of all tables beyond which nothing is folded that makes another.
  int64_t mostEntries = 0;
  /// Bytes of records.
  int64_t recordBytes = 400'000'000;
};

class WorkGraph {
public:
  WorkGraph(const Problem &problem, const CostScale &scale, const Stop &stop);

  /// `stop` ended the construction: the graph is of no use.
  bool incomplete = false;

  std::vector<WorkNode> nodes;
  std::vector<WorkEdge> edges;
  std::vector<std::vector<int>> incident; ///< node -> edges, dead ones may linger
  TablePool pool;
  std::vector<int64_t> times; ///< time index -> point of the problem
  std::vector<int64_t> fixed; ///< per time index, bytes of nodes that are gone
  bool limited = false;
  int64_t limitBytes = 0;
  Total constant = 0; ///< cost already decided
  std::vector<Undo> undo;
  FoldBudget foldBudget;

  int choices(int u) const { return int(nodes[size_t(u)].cost.size()); }
  int other(const WorkEdge &edge, int u) const { return edge.u == u ? edge.v : edge.u; }
  /// Cost of an edge seen from `u`.
  int64_t pairCost(const WorkEdge &edge, int u, int own, int othersChoice) const {
    const TablePool::Entry &t = pool[edge.table];
    return edge.u == u ? t.values[size_t(own) * size_t(t.columns) + size_t(othersChoice)]
                       : t.values[size_t(othersChoice) * size_t(t.columns) + size_t(own)];
  }
  /// Drops dead edges from u's list and returns it.
  std::vector<int> &liveEdges(int u);
  /// Adds an interned table, whose rows belong to u, to the edge between u and v, which is created when missing.
  /// Returns the edge.
  int addEdge(int u, int v, int table);
  void removeEdge(int edge);
  bool areJoined(int u, int v) const;
  /// Keeps only the listed choices of each node (empty list: all); records the renaming.
  void narrow(const std::vector<std::vector<int32_t>> &kept);
  /// Per time index, bytes left when every node takes its smallest choice.
  std::vector<int64_t> roomLeft() const;
  /// Sets the memory of nodes for which it cannot matter to their least choice's.
  void levelMemory(const std::vector<char> &matters);
  /// Adds bytes of nodes that are gone.
  void addFixed(const SpanSums &bytes);
  /// Frees tables that no edge uses any more.
  void dropUnusedTables();
  /// Frees all that restore() does not need.
  void keepRecordsOnly();
  /// Replays the records backwards. `choice` has an entry per node of the problem; those still alive are set.
  void restore(Assignment &choice) const;

private:
  std::unordered_map<uint64_t, int> edgeOf;
};

/// The same matrix with rows and columns exchanged.
std::vector<int64_t> transposed(int rows, int columns, const std::vector<int64_t> &values);

/// What a shrinking step found. Every step may end early when `stop` asks, with a graph that is still equivalent.
struct Shrinkage {
  bool changed = false;
  bool infeasible = false;
  std::string reason;
};

/// Removes choices that are forbidden, have no legal partner, or cannot fit beside everybody's smallest
/// choice.
Shrinkage pruneImpossible(WorkGraph &graph, const Stop &stop);
/// Removes choices that another choice of the same node beats whatever the neighbours do, at no more memory.
Shrinkage pruneDominated(WorkGraph &graph, const Stop &stop);
/// Eliminates nodes that carry no deciding memory and have at most two neighbours.
Shrinkage foldNodes(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop);
/// Which nodes' memory can matter: live at a time point that the largest choices together could exceed.
std::vector<char> memoryMatters(const WorkGraph &graph);

} // namespace ampc::search
