// What planning decides about a graph, and the plain view of the graph that it decides on. No MLIR: search and
// evaluation run on these structs; `annotate` writes the result into the IR.
#pragma once

#include "ir/iteration.h"

#include <string>
#include <vector>

namespace ampc {

/// Where an operand comes from: result `result` of graph op `op`, or (op = -1) a weight, constant or model input,
/// which every device can read in any sharding without communication.
struct GraphSource {
  int op = -1;
  int result = 0;
  bool isWeight = false; // op = -1: bytes known before the first step (weights and what is computed from them)
};

/// One operator that depends on the model's inputs. Ops on weights alone are not listed: they run once at load, in
/// whatever sharding their readers need.
struct GraphOp {
  std::string name;
  IterationRule rule;
  std::vector<TensorType> operands, results;
  std::vector<GraphSource> sources; // one per operand
  bool isOutput = false;            // `output`: takes any sharding that is not partial
  bool isView = false;
  bool isProduct = false; // contraction or convolution: priced by FLOPs
};

struct Graph {
  std::vector<GraphOp> ops; // topological order
};

struct OpDecision {
  int stage = 0;
  std::vector<std::vector<int>> loopAxes; // per loop of the rule: grid axes, major first
};

struct Decision {
  std::vector<Grid> grids; // one per stage; devices of stage s follow those of stage s-1
  std::vector<OpDecision> ops;
  double predictedSeconds = 0; // by the search's additive model
  double boundSeconds = 0;
  std::string strategy; // "data 4", "pipeline 2 x tensor 2"...

  int64_t firstRank(int stage) const {
    int64_t rank = 0;
    for (int s = 0; s < stage; ++s)
      rank += grids[s].numDevices();
    return rank;
  }
};

} // namespace ampc
