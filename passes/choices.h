// The legal decisions of one operator on one grid, and what each costs.
#pragma once

#include "cost_model/cluster.h"
#include "passes/decision.h"

namespace ampc {

struct Choice {
  std::vector<std::vector<int>> loopAxes;
  std::vector<Sharding> operands, results; // canonical
  double seconds = 0;                      // of the largest shard, without communication
  int64_t weightBytes = 0;                 // local bytes of operands that are weights
};

/// All maps from grid axes to shardable loops (or to none: the work is repeated along that axis) that leave no shard
/// empty. The first choice is the fully replicated one. Deterministic order.
std::vector<Choice> enumerateChoices(const GraphOp &op, const Grid &grid, const cost::Device &device);

/// Seconds of the operator with the given loop extents on one device.
double opSeconds(const GraphOp &op, const std::vector<int64_t> &loopExtents, int64_t bytesRead, int64_t bytesWritten,
                 const cost::Device &device);

} // namespace ampc
