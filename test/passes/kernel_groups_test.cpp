// Which operator has which share of a kernel's time, from where prices start.
#include "passes/kernel_groups.h"

#include <gtest/gtest.h>

using namespace ampc;

namespace {

const TensorType whole{DataType::F32, {64, 64}}, part{DataType::F32, {16, 64}};

/// Result [16, 64], loops over it; `operand` is read from `offset` on.
GraphOp opOn(const char *name, const TensorType &operand, int64_t offset, double flopsPerPoint) {
  GraphOp op;
  op.name = name;
  op.rule.loops = {{"d0", 16}, {"d1", 64}};
  op.rule.operands = {{{DimAccess{{{0, 1}}, offset, false, {}}, DimAccess::loop(1)}, {}}};
  op.rule.results = {{{DimAccess::loop(0), DimAccess::loop(1)}, {}}};
  op.rule.flopsPerPoint = flopsPerPoint;
  op.operands = {operand};
  op.results = {part};
  return op;
}

ScheduledPlan planOf(const std::vector<std::string> &kernels) {
  ScheduledPlan scheduled;
  plan::Program program;
  program.role = plan::ProgramRole::Forward;
  for (const std::string &name : kernels) {
    plan::Kernel kernel;
    kernel.operands = {{DataType::F32, whole.shape}};
    kernel.results = {{DataType::F32, part.shape}};
    plan::Step step;
    step.kind = plan::StepKind::Launch;
    step.name = name;
    step.flops = 1024;
    step.bytes = 2.0 * double(part.sizeBytes());
    step.kernel = uint32_t(scheduled.plan.kernels.size());
    scheduled.plan.kernels.push_back(kernel);
    program.steps.push_back(step);
  }
  scheduled.plan.programs.push_back(program);
  return scheduled;
}

KernelMembers members(const char *name, std::vector<std::string> nodes) {
  KernelMembers kernel;
  kernel.name = name;
  kernel.nodes = std::move(nodes);
  return kernel;
}

} // namespace

// A slice counts what it reads, not its whole operand.
TEST(KernelGroups, SharesAreThoseOfTheBytesThatAreMoved) {
  Graph graph;
  graph.ops = {opOn("slice", whole, 8, 0), opOn("relu", part, 0, 1)};
  recordKernels({members("relu", {"slice", "relu"})}, planOf({"relu"}), graph);
  EXPECT_EQ(graph.ops[0].kernel.number, 0);
  EXPECT_DOUBLE_EQ(graph.ops[0].kernel.share, 0.5);
  EXPECT_DOUBLE_EQ(graph.ops[1].kernel.share, 0.5);
}

// A slice that several kernels took over belongs to the first of them: the shares of every kernel add up to one.
TEST(KernelGroups, ASliceInTwoKernelsCountsOnce) {
  Graph graph;
  graph.ops = {opOn("slice", whole, 8, 0), opOn("a", part, 0, 1), opOn("b", part, 0, 1)};
  recordKernels({members("a", {"slice", "a"}), members("b", {"slice", "b"})}, planOf({"a", "b"}), graph);
  EXPECT_EQ(graph.ops[0].kernel.number, 0);
  EXPECT_DOUBLE_EQ(graph.ops[0].kernel.share + graph.ops[1].kernel.share, 1);
  EXPECT_EQ(graph.ops[2].kernel.number, 1);
  EXPECT_DOUBLE_EQ(graph.ops[2].kernel.share, 1);
}

// A slice that is a part of its operand's buffer has a kernel, but no step: it costs nothing.
TEST(KernelGroups, KernelsWithoutStepsAreFree) {
  Graph graph;
  graph.ops = {opOn("slice", whole, 8, 0), opOn("relu", part, 0, 1)};
  recordKernels({members("slice", {"slice"}), members("relu", {"relu"})}, planOf({"relu"}), graph);
  EXPECT_EQ(graph.ops[0].kernel.number, -1);
  EXPECT_EQ(graph.ops[1].kernel.number, 1);
}
