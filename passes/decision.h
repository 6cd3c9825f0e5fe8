// What planning decides about a graph, and the plain view of the graph that it decides on. No MLIR: search and
// evaluation run on these structs; `annotate` writes the result into the IR.
#pragma once

#include "cost_model/compute.h"
#include "ir/iteration.h"

#include <optional>
#include <string>
#include <vector>

namespace ampc {

/// Where an operand comes from: result `result` of graph op `op`, or (op = -1) a weight, constant or model input,
/// which every device can read in any sharding without communication.
struct GraphSource {
  int op = -1;
  int result = 0;
  bool isWeight = false; // op = -1: bytes known before the first step (weights and what is computed from them)
  int value = -1;        // op = -1: equal numbers are the same weight or input
};

/// The kernel that an operator belongs to when nothing is split: what its price starts from.
struct OpKernel {
  int number = -1;          // equal numbers share a kernel; -1: no kernel is launched (a view, an output)
  double share = 0;         // of the kernel's time; all operators of a kernel together have 1
  cost::Work work;          // of the whole kernel
  std::string librarySymbol; // the library's kernel that could execute it; empty: none
  bool isConvolution = false, isChannelsLast = false; // of a product
  bool operator==(const OpKernel &) const = default;
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
  OpKernel kernel;
  int takenOverBy = -1; // when nothing is split: the operator whose result is written over this one's; -1: none
};

struct Graph {
  std::vector<GraphOp> ops;        // topological order
  std::vector<TensorType> outside; // by GraphSource::value
};

struct OpDecision {
  int stage = 0;
  std::vector<std::vector<int>> loopAxes; // per loop of the rule: grid axes, major first
  bool operator==(const OpDecision &) const = default;
};

struct LoopParts {
  int loop = 0;
  int64_t parts = 1;
  bool operator==(const LoopParts &) const = default;
};

/// Operators that decided alike in equal surroundings, and the next best decision.
struct DecisionGroup {
  std::vector<uint32_t> ops;
  std::vector<LoopParts> runnerUp;        // into how many parts it splits which loops
  std::optional<double> extraSeconds;     // what it costs more; none: there is no other legal decision
};

struct Decision {
  std::vector<Grid> grids; // one per stage; devices of stage s follow those of stage s-1
  std::vector<OpDecision> ops;
  double predictedSeconds = 0;      // of the objective, by the search's additive model
  double costSeconds = 0;           // what the search minimises: all stages one after the other
  double boundSeconds = 0;          // no choice of shardings with these stages and this grid costs less
  std::vector<double> stageSeconds; // with what a stage sends and receives
  std::vector<DecisionGroup> groups;
  std::string stageReason;          // why there is more than one stage
  bool isLimited = false;           // found by a search that kept to the memory limit
  std::string strategy;             // "grid 4 x 2", "pipeline 2 x 4"...

  bool isSamePlan(const Decision &other) const { return grids == other.grids && ops == other.ops; }
  int64_t firstRank(int stage) const {
    int64_t rank = 0;
    for (int s = 0; s < stage; ++s)
      rank += grids[s].numDevices();
    return rank;
  }
};

} // namespace ampc
