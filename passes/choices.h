// The legal decisions of one operator on one grid, and what each costs.
#pragma once

#include "cost_model/cluster.h"
#include "passes/decision.h"

namespace ampc {

struct Choice {
  std::vector<std::vector<int>> loopAxes;
  std::vector<Sharding> operands, results; // canonical
  double seconds = 0;                      // of the largest shard, without communication
  double kernelSeconds = 0;                // of the kernel it belongs to, all of whose operators are split like it
  int64_t weightBytes = 0;                 // local bytes of operands that are weights
  int64_t resultBytes = 0;                 // local bytes of all results
};

/// All maps from grid axes to shardable loops (or to none: the work is repeated along that axis) that leave no shard
/// empty. The first choice is the fully replicated one. Deterministic order. Prices start from GraphOp::kernel: an
/// operator pays its share of the kernel that it is part of as long as its neighbours are split alike.
std::vector<Choice> enumerateChoices(const GraphOp &op, const Grid &grid, const cost::Device &device);

} // namespace ampc
