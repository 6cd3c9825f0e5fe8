// How a value gets from one sharding to another: the steps, what each moves between which devices, and what it costs.
// Plain structs: search prices reshards with the same functions that the plan is built from.
#pragma once

#include "cost_model/cluster.h"
#include "ir/iteration.h"
#include "runtime/plan/plan.h"

namespace ampc {

/// One primitive move within a stage. `kind` is Copy for a local slice.
struct ReshardStep {
  plan::StepKind kind;
  Sharding from, to;
  std::vector<int> axes; // the grid axes along which devices communicate
};

/// At most two steps: combine partial results (all-reduce, or reduce-scatter where the target allows it), then move
/// tiles (slice, all-gather, all-to-all, exchange). Empty if nothing is to be done. `to` is not partial.
std::vector<ReshardStep> reshardPath(Sharding from, Sharding to, const Grid &grid);

/// Index sets of one device: per dimension, sorted intervals in storage order.
using Tile = std::vector<std::vector<Interval>>;

/// Copies of the elements that both tiles hold, as strided moves between the dense local buffers.
std::vector<plan::Move> intersectTiles(const Tile &source, const Tile &target);
/// The tile with its dimensions as they lie in memory, outermost first (`order` empty: as they are): moves between tiles
/// in one order are moves between buffers in that order.
Tile tileInOrder(const Tile &tile, const std::vector<int64_t> &order);
/// The tile of a whole tensor.
Tile wholeTile(const std::vector<int64_t> &shape);

/// What every member of a group sends to every other so that `targets[m]` is filled from `sources`: each element comes
/// from the member itself if it holds it, else from the nearest member that does.
std::vector<plan::Move> tileMoves(const std::vector<Tile> &sources, const std::vector<Tile> &targets);

/// Moves of one step for the group of stage-local ranks `members`, whose buffers are in `order`.
std::vector<plan::Move> reshardMoves(const ReshardStep &step, const Grid &grid, const std::vector<int64_t> &members,
                                     const std::vector<int64_t> &order = {});

/// Seconds of the whole path for a value of element type `type`, on the devices firstRank.. of the cluster.
double reshardSeconds(const Sharding &from, const Sharding &to, DataType type, const Grid &grid, int64_t firstRank,
                      const cost::Cluster &cluster);

/// Bytes that the busiest member sends in one step.
double bytesPerRank(const ReshardStep &step, DataType type, const Grid &grid);

} // namespace ampc
