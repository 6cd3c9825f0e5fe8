// Lower bounds: memory priced by one multiplier per time point (Lagrange), the priced problem bounded by
// sequential message passing on the graph's core, trees solved exactly. Also proposes assignments. Bounds in
// doubles steer the search; certify() gives the integer one.
#pragma once

#include "model.h"

namespace ampc::search {

/// The problem with costs moved between nodes and edges and memory priced, in multiples of 2^-fraction of the
/// cost unit, exactly: for a legal assignment x, constant + sum of node(x) + sum of pair(x) <= cost(x) *
/// 2^fraction.
struct Potentials {
  /// False when the numbers would not fit; the rest is then unspecified.
  bool valid = false;
  int fraction = 0;
  Total constant = 0;
  std::vector<int64_t> node; ///< per choice
  std::vector<size_t> messageAt;
  std::vector<int64_t> message; ///< per edge: taken from the rows, then from the columns
  std::vector<int64_t> least;   ///< per edge, already part of the constant

  /// >= 0, kInfinity when forbidden. `own` is the choice of the owner of `arc`.
  int64_t pair(const Model &model, const Arc &arc, int own, int other) const {
    const Table &table = *model.edges[size_t(arc.edge)].table;
    int row = arc.isU ? own : other, column = arc.isU ? other : own;
    int64_t c = table.at(row, column);
    if (c >= kInfinity)
      return kInfinity;
    const int64_t *m = &message[messageAt[size_t(arc.edge)]];
    return (c << fraction) - m[row] - m[table.rows + column] - least[size_t(arc.edge)];
  }
};

class Dual {
public:
  explicit Dual(const Model &model);

  /// Prices per byte, one per time point, all >= 0.
  std::vector<double> price;

  /// Recomputes node costs under `price` and carries tree parts into the core. Call after changing prices.
  void reprice();
  /// One forward and one backward sweep over the core. Returns the bound under the current prices.
  double sweep();
  /// An assignment made along the last sweep: each node best given those before it. May break memory or
  /// contain forbidden pairs.
  const Assignment &proposal() const { return chosen; }

  /// What the bound depends on: the rest follows from it.
  struct State {
    std::vector<double> price, message;
  };
  State state() const { return {price, message}; }
  void copyState(State &into) const {
    into.price = price;
    into.message = message;
  }
  /// Swaps with `other`. potentials() and certify() are then those of the new state at once; sweep() needs
  /// reprice() first.
  void setState(const State &from) {
    price = from.price;
    message = from.message;
  }
  void exchange(State &other) {
    price.swap(other.price);
    message.swap(other.message);
  }

  /// Messages and prices rounded to integers, which are still messages and prices.
  Potentials potentials() const;
  /// The bound of potentials(), rounded up to the next cost: no rounding can lift it above the optimum. At
  /// least 0.
  Total certify() const;

  /// Sum of prices over the node's interval.
  double pricePerByte(int u) const {
    return pricePrefix[size_t(model.end[size_t(u)])] - pricePrefix[size_t(model.begin[size_t(u)])];
  }

private:
  void pass(bool forward);
  void decodeTrees();
  double *toU(int edge) { return &message[messageAt[size_t(edge)]]; }
  double *toV(int edge) { return toU(edge) + model.choices(model.edges[size_t(edge)].u); }
  const double *toU(int edge) const { return &message[messageAt[size_t(edge)]]; }
  const double *toV(int edge) const { return toU(edge) + model.choices(model.edges[size_t(edge)].u); }

  const Model &model;
  std::vector<int> treeOrder; ///< nodes outside the core, children before parents
  std::vector<int> parentArc; ///< node -> index into model.arcs, -1 for roots and core nodes
  std::vector<int> core;      ///< nodes of the core in sweep order
  std::vector<int> rank;      ///< node -> position in core, -1 outside
  std::vector<size_t> messageAt;
  std::vector<double> message; ///< per core edge: towards u, then towards v
  std::vector<double> priced, gathered, pricePrefix;
  std::vector<double> belief, push, outgoing;
  double roomValue = 0, treeValue = 0, coreValue = 0;
  Assignment chosen;
};

} // namespace ampc::search
