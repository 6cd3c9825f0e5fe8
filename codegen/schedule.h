// Which values of a kernel get a buffer and in which loop nests they are computed: operators fused into rows,
// rows into stages. Decides nothing about vectors or instructions.
#pragma once

#include "codegen/kernel_graph.h"
#include "codegen/point_program.h"

namespace ampc::codegen {

struct LoopVariable {
  int64_t extent = 1;
  bool isReduced = false; // the stage's reductions run over it
};

/// An operator that gets its own store or accumulation in a stage.
struct Member {
  int op;
  std::vector<int> variableOfLoop; // per loop of the operator; -1 for extent 1
};

/// Operators computed together at each point of the same loops.
struct Stage {
  std::vector<Member> members;
  std::vector<int> variables; // inside the group's outer variables; rule order
};

/// Stages that run one after the other inside common outer loops. Iterations of the outer loops are
/// independent.
struct Group {
  std::vector<LoopVariable> variables;
  std::vector<int> outer; // variables, outermost first
  std::vector<Stage> stages;
};

struct Schedule {
  std::vector<Group> groups;
  std::vector<Layout> layouts; // per tensor; Row buffers live inside one iteration of the outer loops
};

Schedule makeSchedule(const KernelGraph &graph);

} // namespace ampc::codegen
