// The solver's own form of a choice problem: flat arrays, merged edges, shared matrices in both orientations,
// time points that can bind. Made by shrink(), read by every algorithm; never changed by them.
#pragma once

#include "problem.h"
#include "stop.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace ampc::search {

/// Forbidden inside the solver. Every sum of finite costs of a model stays below kInfinity / 2, so two
/// entries can be added before clamping.
inline constexpr int64_t kInfinity = int64_t(1) << 60;

inline int64_t addClamped(int64_t a, int64_t b) { return a + b < kInfinity ? a + b : kInfinity; }

/// A cost matrix. As doubles it is held in both orientations, so that minima over either side run along contiguous
/// memory.
struct Table {
  int rows = 0, columns = 0;
  std::vector<int64_t> byRow;
  /// The same as doubles; forbidden entries are Model::forbidden.
  std::vector<double> realByRow, realByColumn;

  int64_t at(int row, int column) const { return byRow[size_t(row) * size_t(columns) + size_t(column)]; }
};

std::unique_ptr<Table> makeTable(int rows, int columns, std::vector<int64_t> values, double forbidden);

/// Largest entry below kInfinity.
double largestFinite(const std::vector<int64_t> &costs);

struct ModelEdge {
  int u = 0, v = 0; ///< rows belong to u, columns to v
  const Table *table = nullptr;
};

/// One end of an edge, as its node sees it.
struct Arc {
  int neighbour = 0;
  int edge = 0;
  bool isU = false; ///< the owning node is the edge's u
};

struct Model {
  int nodes = 0;
  int times = 0;
  std::vector<int> first;       ///< node -> first index into cost and memory; nodes + 1 entries
  std::vector<int64_t> cost;    ///< per choice, finite
  std::vector<int64_t> memory;  ///< per choice, bytes above the node's smallest choice
  std::vector<int> begin, end;  ///< per node, half-open range of times; empty when its memory cannot matter
  std::vector<int64_t> room;    ///< per time, bytes left when every node takes its smallest choice; >= 0
  std::vector<int64_t> timeOf;  ///< per time, the point in the problem it stands for
  std::vector<ModelEdge> edges; ///< at most one per pair of nodes
  std::vector<int> firstArc;    ///< node -> first index into arcs; nodes + 1 entries
  std::vector<Arc> arcs;
  std::vector<std::unique_ptr<Table>> tables;
  /// What a forbidden entry costs in doubles: more than all finite costs together, yet small enough that sums
  /// with it keep their digits, so that a search may pass through assignments that are not legal.
  double forbidden = 1e15;

  int choices(int u) const { return first[size_t(u) + 1] - first[size_t(u)]; }
  int degree(int u) const { return firstArc[size_t(u) + 1] - firstArc[size_t(u)]; }
  bool usesMemory(int u) const { return begin[size_t(u)] < end[size_t(u)]; }

  /// Cost of the choices at the ends of `edge`, seen from the arc's owner.
  int64_t pairCost(const Arc &arc, int own, int other) const {
    const Table &table = *edges[size_t(arc.edge)].table;
    return arc.isU ? table.at(own, other) : table.at(other, own);
  }
  /// As doubles, with one row per choice of the owner of `arc`.
  const double *realRowsOf(const Arc &arc) const {
    const Table &table = *edges[size_t(arc.edge)].table;
    return arc.isU ? table.realByRow.data() : table.realByColumn.data();
  }
};

using Assignment = std::vector<int>;

/// Cost of `choice` in the model, kInfinity or more when an entry is forbidden.
Total costOf(const Model &model, const Assignment &choice);

/// Whether `choice` keeps every time point within its room.
bool fitsMemory(const Model &model, const Assignment &choice);

/// Fills firstArc and arcs from edges.
void buildArcs(Model &model);

} // namespace ampc::search
