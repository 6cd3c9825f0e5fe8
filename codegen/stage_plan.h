// A group of the schedule made concrete for one region of its loops: point programs, loops merged where
// memory allows, the vectorized loop, unrolling. Everything that the emitter then follows without deciding.
#pragma once

#include "codegen/schedule.h"

namespace ampc::codegen {

/// What a stage stores or accumulates at each point.
struct StageOutput {
  int op = -1, tensor = -1;
  int node = -1; // what a point contributes, in `type`
  DataType type = DataType::F32;
  Reduction reduction = Reduction::None; // None for a map
  DataType resultType = DataType::F32;   // compute type of the tensor
  Index address;
  bool isStored = true;
};

struct StagePlan {
  PointProgram program;
  std::vector<StageOutput> outputs;
  std::vector<int> parallel, reduced; // variables, outermost first
  int laneVariable = -1;              // when the group has none: of `parallel` or `reduced`
  unsigned lanes = 1, unroll = 1;

  bool hasReductions() const;
};

/// How the iterations of a region may be shared: one of its outer loops, whose steps are independent of each other.
struct RowLoop {
  int variable = -1; // -1: the region has no outer loop worth it
  int64_t steps = 1; // iterations, strips or tiles, also the last one that is not full
};

/// Outer loops: each variable of `serial`, then strips of lanes * unroll elements of `laneVariable`, then
/// strips of `tile` iterations of `tileVariable`.
struct GroupPlan {
  std::vector<Range> ranges; // per variable, inclusive
  std::vector<int> serial;
  std::vector<StagePlan> stages;
  int laneVariable = -1, tileVariable = -1;
  unsigned lanes = 1, unroll = 1, tile = 1;

  int64_t extent(int variable) const { return ranges[variable].high - ranges[variable].low + 1; }
  /// The outermost loop with enough steps for the cores of a device, else the one with the most.
  RowLoop rowLoop() const;
  /// Nodes evaluated at all loop points.
  double work() const;
};

/// May the iterations of outer loops run in any order, over all of `plans` together? Not if one group reads what
/// another one writes.
bool areIndependent(llvm::ArrayRef<std::vector<GroupPlan>> groups);

/// Plans the whole group; the regions together cover its loops, each point once.
std::vector<GroupPlan> planGroup(const KernelGraph &graph, const Schedule &schedule, const Group &group,
                                 unsigned vectorBits);

} // namespace ampc::codegen
