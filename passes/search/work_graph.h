// The mutable form of a problem while it is being shrunk: nodes and edges disappear, every step leaves a
// record that restores the full assignment. Not used once the flat Model exists.
#pragma once

#include "model.h"

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
    bool hasForbidden = false;
  };

  int intern(int rows, int columns, std::vector<int64_t> values);
  const Entry &operator[](int index) const { return entries[size_t(index)]; }
  int size() const { return int(entries.size()); }

private:
  std::vector<Entry> entries;
  std::unordered_multimap<uint64_t, int> known;
};

struct WorkNode {
  std::vector<int64_t> cost;   ///< kInfinity when forbidden
  std::vector<int64_t> memory; ///< bytes, same length
  int begin = 0, end = 0;      ///< range of time indices
  bool alive = true;
};

struct WorkEdge {
  int u = 0, v = 0;
  int table = 0;
  bool alive = true;
};

/// How to give one removed thing its value back.
struct Undo {
  enum class Kind { Narrow, Fold } kind = Kind::Fold;
  int node = 0;
  /// Fold: the neighbours (0, 1 or 2) whose choices decide. Narrow: unused.
  std::vector<int> neighbours;
  int secondChoices = 1;
  /// Fold: best choice per (first, second) neighbour choice. Narrow: old index per new index. Equal folds share it.
  std::shared_ptr<const std::vector<int32_t>> choice;
};

class WorkGraph {
public:
  /// `shift` halves every cost so often that all sums fit; see Model.
  WorkGraph(const Problem &problem, int shift);

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
  /// Adds `values` (rows = u's choices) to the edge between u and v, which is created when missing.
  void addEdge(int u, int v, std::vector<int64_t> values);
  /// Same with an interned table; `table` rows belong to u.
  void addEdge(int u, int v, int table);
  void removeEdge(int edge);
  /// Keeps only the listed choices of each node (empty list: all); records the renaming.
  void narrow(const std::vector<std::vector<int32_t>> &kept);
  /// Per time index, bytes left when every node takes its smallest choice.
  std::vector<int64_t> roomLeft() const;
  /// Replays the records backwards. `choice` has an entry per node of the problem; those still alive are set.
  void restore(Assignment &choice) const;

private:
  std::unordered_map<uint64_t, int> edgeOf;
};

/// What a shrinking step found.
struct Shrinkage {
  bool changed = false;
  bool infeasible = false;
  std::string reason;
};

/// Removes choices that are forbidden, have no legal partner, or cannot fit beside everybody's smallest
/// choice.
Shrinkage pruneImpossible(WorkGraph &graph);
/// Removes choices that another choice of the same node beats whatever the neighbours do, at no more memory.
Shrinkage pruneDominated(WorkGraph &graph);
/// Eliminates nodes that carry no deciding memory and have at most two neighbours.
Shrinkage foldNodes(WorkGraph &graph, const std::vector<char> &memoryMatters);
/// Which nodes' memory can matter: live at a time point that the largest choices together could exceed.
std::vector<char> memoryMatters(const WorkGraph &graph);

} // namespace ampc::search
