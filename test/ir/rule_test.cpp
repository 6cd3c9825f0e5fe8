// Which loops rules have and which of them can be sharded, for instances where it matters.
#include "ir/dialect.h"
#include "ir/op_table.h"

#include "gtest/gtest.h"

namespace ampc {
namespace {

using Shape = std::vector<int64_t>;

class Rules : public testing::Test {
protected:
  mlir::MLIRContext context;
  mlir::Builder builder{&context};

  mlir::NamedAttribute list(const char *name, Shape values) {
    return builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(values));
  }
  mlir::NamedAttribute number(const char *name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  }

  OpInstance instance(const char *row, std::vector<Shape> operands,
                      std::vector<mlir::NamedAttribute> attributes) {
    OpInstance result;
    result.row = OpTable::get().find(row);
    EXPECT_TRUE(result.row) << row;
    result.attributes = builder.getDictionaryAttr(attributes);
    for (Shape &shape : operands)
      result.operands.push_back({DataType::F32, shape});
    auto types = inferResults(result);
    EXPECT_TRUE(bool(types)) << row;
    if (types)
      result.results = *types;
    else
      llvm::consumeError(types.takeError());
    return result;
  }

  // "name:extent" of every loop; those that can be sharded have a star.
  static std::string loopsOf(const OpInstance &op) {
    IterationRule rule = ruleOf(op);
    std::string text;
    for (size_t l = 0; l < rule.loops.size(); ++l)
      text += (l ? " " : "") + rule.loops[l].name + ":" + std::to_string(rule.loops[l].extent) +
              (rule.canShard(int(l)) ? "*" : "");
    return text;
  }
};

TEST_F(Rules, ReshapeIsTheCommonRefinement) {
  EXPECT_EQ(loopsOf(instance("reshape", {{4, 128, 768}}, {list("shape", {4, 128, 12, 64})})),
            "f0:4* f1:128* f2:12* f3:64*");
  EXPECT_EQ(loopsOf(instance("reshape", {{4, 12, 64}}, {list("shape", {48, 64})})), "f0:4* f1:12* f2:64*");
  EXPECT_EQ(loopsOf(instance("reshape", {{6, 4}}, {list("shape", {2, 12})})), "f0:2* f1:3* f2:4*");
  EXPECT_EQ(loopsOf(instance("reshape", {{5, 1, 7}}, {list("shape", {1, 5, 7, 1})})), "f0:5* f1:7*");
  // Boundaries 4 and 6 do not nest: that group stays whole, its neighbour does not.
  EXPECT_EQ(loopsOf(instance("reshape", {{3, 6, 4}}, {list("shape", {3, 4, 6})})), "f0:3* f1:4 f2:6");
  EXPECT_EQ(loopsOf(instance("reshape", {{0, 4}}, {list("shape", {2, 0})})), "f0:2 f1:0");
  EXPECT_EQ(loopsOf(instance("reshape", {{1}}, {list("shape", {})})), "");
}

TEST_F(Rules, ReshapeOfAShardIsTheShardOfTheReshape) {
  OpInstance op = instance("reshape", {{4, 768}}, {list("shape", {4, 12, 64})});
  IterationRule rule = ruleOf(op);
  EXPECT_EQ(rule.operandSharding(0, op.in(0), {{}, {0}, {}}).str(), "[* | 12:0x64]");
  EXPECT_EQ(rule.resultSharding(0, op.out(), {{}, {0}, {}}).str(), "[* | 12:0 | *]");
}

TEST_F(Rules, DimensionsThatPassThroughCanBeSharded) {
  EXPECT_EQ(
      loopsOf(instance("slice", {{5, 6, 7}},
                       {list("starts", {0, 0, 1}), list("steps", {1, 1, 2}), list("shape", {5, 4, 3})})),
      "d0:5* d1:4* d2:3*");
  EXPECT_EQ(loopsOf(instance("concat", {{5, 6}, {5, 2}}, {number("axis", 1)})), "d0:5* d1:8*");
  EXPECT_EQ(loopsOf(instance("pad", {{5, 6}}, {list("pads", {0, 1, 0, 1})})), "d0:5* d1:8*");
  EXPECT_EQ(loopsOf(instance("tile", {{5, 6}}, {list("repeats", {1, 3})})), "d0:5* r1:3* d1:6*");
  EXPECT_EQ(loopsOf(instance("repeat", {{5, 6}}, {list("repeats", {1, 3})})), "d0:5* d1:6* r1:3*");
  EXPECT_EQ(loopsOf(instance("transpose", {{5, 6}}, {list("perm", {1, 0})})), "d0:6* d1:5*");
  EXPECT_EQ(loopsOf(instance("expand", {{6, 1}}, {list("shape", {5, 6, 7})})), "d0:5* d1:6* d2:7*");
  EXPECT_EQ(loopsOf(instance("cumulate", {{5, 6}}, {number("axis", 1)})), "d0:5* d1:6");
}

TEST_F(Rules, PartialResultsOfAProduct) {
  OpInstance op = instance("matmul", {{4, 8}, {8, 6}}, {});
  EXPECT_EQ(loopsOf(op), "m:4* n:6* k:8*");
  IterationRule rule = ruleOf(op);
  EXPECT_EQ(rule.resultSharding(0, op.out(), {{}, {1}, {0}}).str(), "[* | 6:1] sum(0)");
  EXPECT_EQ(rule.operandSharding(0, op.in(0), {{}, {1}, {0}}).str(), "[* | 8:0]");
  EXPECT_EQ(rule.operandSharding(1, op.in(1), {{}, {1}, {0}}).str(), "[8:0 | 6:1]");
}

// A split position loop leaves operands what its windows read: begin and end per part follow from the reach.
TEST_F(Rules, WindowsAreSplitByPositionsNotByTaps) {
  OpInstance op = instance("conv", {{1, 3, 11, 16}, {5, 3, 3, 2}},
                           {list("strides", {2, 1}), list("dilations", {1, 3}), list("pads", {1, 0, 1, 2})});
  EXPECT_EQ(loopsOf(op), "n:1 g:1 oc:5* o0:6* o1:15* ic:3* k0:3 k1:2");
  IterationRule rule = ruleOf(op);
  std::vector<std::vector<int>> loopAxes(rule.loops.size());
  loopAxes[3] = {0};
  loopAxes[4] = {1};
  EXPECT_EQ(rule.operandSharding(0, op.in(0), loopAxes).str(),
            "[* | * | 6:0 reach(2/1 -1 1 of 11) | 15:1 reach(1/1 0 3 of 16)]");
  EXPECT_EQ(rule.operandSharding(1, op.in(1), loopAxes).str(), "[* | * | * | *]");
  EXPECT_EQ(rule.resultSharding(0, op.out(), loopAxes).str(), "[* | * | 6:0 | 15:1]");

  OpInstance slice = instance("slice", {{17}}, {list("starts", {16}), list("steps", {-3}), list("shape", {5})});
  EXPECT_EQ(ruleOf(slice).operandSharding(0, {17}, {{0}}).str(), "[5:0 reach(-3/1 16 16 of 17)]");
  OpInstance concat = instance("concat", {{5, 6}, {5, 2}}, {number("axis", 1)});
  EXPECT_EQ(ruleOf(concat).operandSharding(1, {5, 2}, {{}, {0}}).str(), "[* | 8:0 reach(1/1 -6 -6 of 2)]");
}

TEST_F(Rules, ElementsRead) {
  auto read = [](const OpInstance &op, size_t operand = 0) { return ruleOf(op).elementsRead(operand, op.in(operand)); };
  OpInstance slice =
      instance("slice", {{8, 64}}, {list("starts", {2, 63}), list("steps", {1, -3}), list("shape", {3, 16})});
  EXPECT_EQ(read(slice), 48);
  EXPECT_EQ(read(instance("add", {{4, 1}, {5}}, {})), 4);
  EXPECT_EQ(read(instance("add", {{4, 1}, {5}}, {}), 1), 5);
  // All of the image, though windows overlap; of the second piece two of the eight positions.
  EXPECT_EQ(read(instance("conv", {{1, 3, 11, 16}, {5, 3, 3, 3}}, {list("pads", {1, 1, 1, 1})})), 3 * 11 * 16);
  EXPECT_EQ(read(instance("concat", {{5, 6}, {5, 2}}, {number("axis", 1)}), 1), 10);
}

TEST_F(Rules, AWindowThatLooksLikeAProductIsCut) {
  // 2 o + r with two positions of two taps covers 4 of the 5 elements: a shard of o does not hold a shard of
  // the operand.
  IterationRule rule;
  rule.loops = {{"o", 2, LoopKind::Parallel}, {"r", 2, LoopKind::Reduce}};
  DimAccess window{{{0, 2}, {1, 1}}, 0, false};
  EXPECT_TRUE(rule.isProduct(window, 4));
  EXPECT_FALSE(rule.isProduct(window, 5));
}

TEST_F(Rules, ImpossibleInstancesAreErrors) {
  auto fails = [&](const char *row, std::vector<Shape> operands,
                   std::vector<mlir::NamedAttribute> attributes) {
    OpInstance op;
    op.row = OpTable::get().find(row);
    op.attributes = builder.getDictionaryAttr(attributes);
    for (Shape &shape : operands)
      op.operands.push_back({DataType::F32, shape});
    auto types = inferResults(op);
    bool failed = !types;
    if (failed)
      llvm::consumeError(types.takeError());
    return failed;
  };
  EXPECT_TRUE(fails("reshape", {{4, 3}}, {list("shape", {5})}));
  EXPECT_TRUE(fails("reshape", {{4, 3}}, {list("shape", {-3, -4})}));
  EXPECT_TRUE(fails("transpose", {{4, 3}}, {list("perm", {0, 0})}));
  EXPECT_TRUE(fails("transpose", {{4, 3}}, {list("perm", {0})}));
  EXPECT_TRUE(fails("expand", {{4, 3}}, {list("shape", {4, 6})}));
  EXPECT_TRUE(fails("slice", {{4}}, {list("starts", {2}), list("steps", {1}), list("shape", {3})}));
  EXPECT_TRUE(fails("concat", {{4, 3}, {5, 3}}, {number("axis", 1)}));
  EXPECT_TRUE(fails("concat", {{4}}, {number("axis", 1)}));
  EXPECT_TRUE(fails("pad", {{4}}, {list("pads", {-3, -2})}));
  EXPECT_TRUE(fails("gather", {{0, 4}, {2}}, {number("axis", 0)}));
  EXPECT_TRUE(fails("topk", {{4}}, {number("axis", 0), number("k", 5)}));
}

} // namespace
} // namespace ampc
