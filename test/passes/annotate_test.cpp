// annotate writes a decision that reads back through the attribute functions, and changes nothing else.
#include "passes/attributes.h"
#include "passes/passes.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace ampc;

namespace {

constexpr const char *text = R"(
func.func @main() {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x6xf32>
  %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<6x8xf32>
  %2 = ampc.exp %1 {at_load = true, name = "prepared"} : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %3 = ampc.matmul %0, %2 {at_load = false, name = "m"}
      : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  ampc.output %3 {index = 0 : i64, name = "y"} : (tensor<4x8xf32>) -> ()
  return
}
)";

std::string print(mlir::ModuleOp module) {
  std::string printed;
  llvm::raw_string_ostream os(printed);
  module.print(os);
  return printed;
}

TEST(Annotate, WritesTheDecisionAndNothingElse) {
  mlir::MLIRContext context;
  loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  std::string before = print(*module);

  GraphView view = buildGraph(mainFunction(*module));
  ASSERT_EQ(view.operations.size(), 2u); // the product and the output: weights and inputs are not decided on
  Decision decision;
  decision.grids = {{{2, 3}}, {{}}};
  decision.ops = {{0, {{1}, {}, {0}}}, {1, {{}, {}}}};
  ASSERT_FALSE(bool(annotate(*module, view, decision)));
  EXPECT_FALSE(bool(verifyStage(*module, "annotated")));

  EXPECT_EQ(gridsOf(*module), decision.grids);
  EXPECT_EQ(firstRankOf(gridsOf(*module), 1), 6);
  for (size_t k = 0; k < view.operations.size(); ++k) {
    EXPECT_EQ(stageOf(view.operations[k]), decision.ops[k].stage);
    EXPECT_EQ(loopAxesOf(view.operations[k]), decision.ops[k].loopAxes);
  }
  for (mlir::Operation &op : mainFunction(*module).getBody().front().without_terminator())
    if (!llvm::is_contained(view.operations, &op)) {
      EXPECT_EQ(stageOf(&op), -1) << nameOf(&op).str();
    }

  (*module)->removeAttr("ampc.grids");
  for (mlir::Operation *op : view.operations) {
    op->removeAttr("stage");
    op->removeAttr("loops");
  }
  EXPECT_EQ(print(*module), before);
}

} // namespace
