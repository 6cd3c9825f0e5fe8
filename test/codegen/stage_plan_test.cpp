// How loops are cut into regions: what no run shows but its time.
#include "codegen/stage_plan.h"
#include "ir/dialect.h"
#include "test/codegen/kernel_case.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

using namespace ampc;
using namespace ampc::codegen;
using namespace ampc::test;

static std::string concatenation(int operands) {
  std::string arguments, names, types;
  for (int k = 0; k < operands; ++k) {
    std::string comma = k ? ", " : "", name = "%a" + std::to_string(k);
    arguments += comma + name + ": tensor<1x1x3x20xf32>";
    names += comma + name;
    types += comma + "tensor<1x1x3x20xf32>";
  }
  std::string result = "tensor<" + std::to_string(operands) + "x1x3x20xf32>";
  return kernelText(arguments, result, "%r = ampc.concat " + names + " {name = \"r\", axis = 0 : i64} : (" + types +
                                           ") -> " + result + "\nreturn %r : " + result);
}

// The hidden states of a recurrent cell: a choice among all operands at every point costs a masked load of each.
TEST(StagePlan, EveryPieceOfAConcatenationHasALoop) {
  for (int operands : {3, 33, 50, 300}) {
    mlir::MLIRContext context;
    loadDialects(context);
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::parseSourceString<mlir::ModuleOp>(concatenation(operands), &context);
    ASSERT_TRUE(module);
    llvm::Expected<KernelGraph> graph = readKernel(module->lookupSymbol<mlir::func::FuncOp>("kernel"));
    ASSERT_TRUE(bool(graph));
    Schedule schedule = makeSchedule(*graph);
    ASSERT_EQ(schedule.groups.size(), 1u);
    std::vector<GroupPlan> plans = planGroup(*graph, schedule, schedule.groups[0], 512);
    EXPECT_EQ(plans.size(), size_t(operands));
    for (const GroupPlan &plan : plans) {
      size_t loads = 0;
      for (const PointNode &node : plan.stages[0].program.nodes)
        loads += node.kind == PointNode::Kind::Load;
      EXPECT_EQ(loads, 1u);
    }
    checkKernel(concatenation(operands));
  }
}
