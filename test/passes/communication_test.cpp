// What a transfer between stages becomes: who sends which elements to whom.
#include "passes/communication.h"
#include "ir/dialect.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace ampc;

namespace {

/// The transfer of `type` with sharding `sharding` from two ranks to two others.
plan::Communication transferBetweenPairs(const std::string &type, const std::string &shape,
                                         const std::string &sharding) {
  mlir::MLIRContext context;
  loadDialects(context);
  std::string text = "func.func @stage0.class0() {\n"
                     "  %0 = ampc.input {index = 0 : i64, name = \"x\"} : () -> " + type + "\n"
                     "  ampc.transfer %0 {from = \"" + sharding + "\", from_stage = 0 : i64, "
                     "groups = [array<i64: 0, 1, 2, 3>], name = \"x/to_stage_1\", role = \"send\", "
                     "shapes = [" + shape + "], shardings = [\"" + sharding + "\"], stage = 0 : i64, "
                     "to_stage = 1 : i64} : (" + type + ") -> ()\n  return\n}\n";
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  plan::Communication result;
  module->walk([&](mlir::Operation *op) {
    if (isTransfer(op))
      result = communicationOf(op, {Grid{{2}}, Grid{{2}}}, DataType::F32);
  });
  return result;
}

void expectEachReceivesOnce(const plan::Communication &communication, int64_t elements) {
  std::vector<int64_t> received(4, 0);
  for (const plan::Move &move : communication.moves) {
    int64_t count = 1;
    for (const plan::MoveDim &dim : move.dims)
      count *= dim.count;
    EXPECT_LT(move.sourceMember, 2u);
    received[move.targetMember] += count;
  }
  EXPECT_EQ(received, (std::vector<int64_t>{0, 0, elements, elements}));
}

TEST(Communication, ReplicatedVectorReachesOnlyTheNextStage) {
  expectEachReceivesOnce(transferBetweenPairs("tensor<6xf32>", "array<i64: 6>", "[*]"), 6);
}

TEST(Communication, ScalarReachesOnlyTheNextStage) {
  expectEachReceivesOnce(transferBetweenPairs("tensor<f32>", "array<i64>", "[]"), 1);
}

} // namespace
