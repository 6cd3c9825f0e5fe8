// What rows compute, against numbers worked out by hand or by plain loops: integer arithmetic at its edges,
// convolution and pooling, and that windowed rows compute their part under every sharding of one loop.
#include "ir/dialect.h"
#include "ir/op_table.h"
#include "ir/sharded_evaluation.h"

#include "gtest/gtest.h"

#include <cmath>

namespace ampc {
namespace {

using Shape = std::vector<int64_t>;

class Arithmetic : public testing::Test {
protected:
  mlir::MLIRContext context;
  mlir::Builder builder{&context};

  OpInstance instance(const char *row, std::vector<TensorType> operands,
                      std::vector<std::pair<const char *, Shape>> lists = {},
                      std::vector<std::pair<const char *, int64_t>> numbers = {}) {
    OpInstance result;
    result.row = OpTable::get().find(row);
    std::vector<mlir::NamedAttribute> attributes;
    for (const auto &[name, values] : lists)
      attributes.push_back(builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(values)));
    for (const auto &[name, value] : numbers)
      attributes.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
    result.attributes = builder.getDictionaryAttr(attributes);
    result.operands = std::move(operands);
    auto types = inferResults(result);
    EXPECT_TRUE(bool(types)) << row;
    if (types)
      result.results = *types;
    else
      llvm::consumeError(types.takeError());
    return result;
  }

  HostTensor tensor(DataType type, Shape shape, const std::vector<double> &values) {
    HostTensor result(TensorType{type, std::move(shape)});
    for (size_t k = 0; k < values.size(); ++k)
      result.setReal(int64_t(k), values[k]);
    return result;
  }

  /// Element k is a number that no other element has.
  HostTensor numbered(Shape shape) {
    HostTensor result(TensorType{DataType::F32, std::move(shape)});
    for (int64_t k = 0; k < result.type.numElements(); ++k)
      result.setReal(k, double((k * 37) % 101) / 16 - 3);
    return result;
  }

  std::vector<double> values(const OpInstance &op, std::vector<HostTensor> operands) {
    auto results = evaluate(op, operands);
    EXPECT_TRUE(bool(results));
    std::vector<double> all;
    if (!results) {
      llvm::consumeError(results.takeError());
      return all;
    }
    for (int64_t k = 0; k < results->front().type.numElements(); ++k)
      all.push_back(results->front().real(k));
    return all;
  }

  std::vector<double> binary(const char *row, DataType type, std::vector<double> a, std::vector<double> b,
                             std::vector<std::pair<const char *, int64_t>> numbers = {}) {
    TensorType shape{type, {int64_t(a.size())}};
    return values(instance(row, {shape, shape}, {}, numbers),
                  {tensor(type, shape.shape, a), tensor(type, shape.shape, b)});
  }

  void expectShardsAgree(const OpInstance &op, const std::vector<HostTensor> &operands, int atLeast) {
    auto expected = evaluate(op, operands);
    ASSERT_TRUE(bool(expected));
    IterationRule rule = ruleOf(op);
    int sharded = 0;
    for (int loop = 0; loop < int(rule.loops.size()); ++loop) {
      if (!rule.canShard(loop))
        continue;
      ++sharded;
      for (int64_t devices : {2, 3, 8}) {
        auto got = evaluateSharded(op, operands, loop, devices);
        ASSERT_TRUE(bool(got)) << rule.loops[size_t(loop)].name;
        for (int64_t k = 0; k < expected->front().type.numElements(); ++k)
          ASSERT_NEAR(got->front().real(k), expected->front().real(k), 1e-4)
              << op.row->name << " loop " << rule.loops[size_t(loop)].name << " on " << devices;
      }
    }
    EXPECT_GE(sharded, atLeast);
  }
};

using Values = std::vector<double>;

TEST_F(Arithmetic, IntegerDivisionTruncates) {
  EXPECT_EQ(binary("div", DataType::I32, {7, -7, 7, -7}, {2, 2, -2, -2}), (Values{3, -3, -3, 3}));
}

TEST_F(Arithmetic, ModFollowsTheDivisorOrTheDividend) {
  EXPECT_EQ(binary("mod", DataType::I32, {7, -7, 7, -7}, {3, 3, -3, -3}), (Values{1, 2, -2, -1}));
  EXPECT_EQ(binary("mod", DataType::I32, {7, -7, 7, -7}, {3, 3, -3, -3}, {{"fmod", 1}}), (Values{1, -1, 1, -1}));
  EXPECT_EQ(binary("mod", DataType::F32, {5.5, -5.5}, {2, 2}), (Values{1.5, 0.5}));
}

TEST_F(Arithmetic, IntegerPowersAreExact) {
  EXPECT_EQ(binary("pow", DataType::I64, {3, -2, 2, -1, 0, 5}, {30, 3, -1, -3, 0, 1}),
            (Values{205891132094649.0, -8, 0, -1, 1, 5}));
}

TEST_F(Arithmetic, ShiftsByTooMuchLeaveTheSign) {
  EXPECT_EQ(binary("shift_right", DataType::I8, {-128, 64, -1}, {3, 9, 8}), (Values{-16, 0, -1}));
  EXPECT_EQ(binary("shift_left", DataType::U8, {3, 1, 255}, {1, 8, 4}), (Values{6, 0, 240}));
}

TEST_F(Arithmetic, RoundGoesToEven) {
  TensorType type{DataType::F32, {5}};
  EXPECT_EQ(values(instance("round", {type}), {tensor(DataType::F32, {5}, {0.5, 1.5, 2.5, -0.5, -1.5})}),
            (Values{0, 2, 2, 0, -2}));
}

TEST_F(Arithmetic, PlainLoopsAgreeWithConvolution) {
  // Two groups, stride 2 and 1, dilation 1 and 2, uneven padding.
  HostTensor x = numbered({2, 4, 7, 6}), w = numbered({6, 2, 3, 2});
  OpInstance op = instance("conv", {x.type, w.type}, {{"strides", {2, 1}}, {"dilations", {1, 2}}, {"pads", {1, 0, 2, 1}}});
  ASSERT_EQ(op.results[0].shape, (Shape{2, 6, 4, 5}));
  auto got = evaluate(op, {x, w});
  ASSERT_TRUE(bool(got));
  int64_t element = 0;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t c = 0; c < 6; ++c)
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t j = 0; j < 5; ++j, ++element) {
          double sum = 0;
          for (int64_t k = 0; k < 2; ++k)
            for (int64_t a = 0; a < 3; ++a)
              for (int64_t b = 0; b < 2; ++b) {
                int64_t row = 2 * i + a - 1, column = j + 2 * b;
                if (row < 0 || row >= 7 || column >= 6)
                  continue;
                sum += x.real(((n * 4 + c / 3 * 2 + k) * 7 + row) * 6 + column) * w.real(((c * 2 + k) * 3 + a) * 2 + b);
              }
          ASSERT_NEAR(got->front().real(element), sum, 1e-4) << element;
        }
}

TEST_F(Arithmetic, ConvolutionShards) {
  HostTensor x = numbered({3, 6, 5, 5}), w = numbered({8, 3, 3, 3});
  OpInstance op = instance("conv", {x.type, w.type}, {{"pads", {1, 1, 1, 1}}});
  expectShardsAgree(op, {x, w}, 4); // n, g, oc, ic
  // Patches that do not overlap: their taps and positions stay whole, for the kernel extent is an attribute.
  HostTensor patches = numbered({2, 3, 8, 8}), kernel = numbered({5, 3, 4, 4});
  OpInstance patch = instance("conv", {patches.type, kernel.type}, {{"strides", {4, 4}}});
  expectShardsAgree(patch, {patches, kernel}, 3);
  // One tap: positions can be sharded.
  HostTensor pointwise = numbered({5, 3, 1, 1});
  expectShardsAgree(instance("conv", {patches.type, pointwise.type}), {patches, pointwise}, 5);
}

TEST_F(Arithmetic, PoolingTakesWindowsInsideThePadding) {
  HostTensor x = tensor(DataType::F32, {1, 1, 4}, {-1, -2, -3, -4});
  std::vector<std::pair<const char *, Shape>> window = {{"kernel", {3}}, {"strides", {2}}, {"pads", {1, 0}}};
  EXPECT_EQ(values(instance("max_pool", {x.type}, window), {x}), (Values{-1, -2}));
  EXPECT_EQ(values(instance("sum_pool", {x.type}, window), {x}), (Values{-3, -9}));
}

TEST_F(Arithmetic, PoolingShards) {
  HostTensor x = numbered({3, 4, 6, 6});
  std::vector<std::pair<const char *, Shape>> window = {{"kernel", {2, 3}}, {"strides", {2, 1}}, {"pads", {0, 1, 0, 1}}};
  for (const char *row : {"max_pool", "sum_pool"})
    expectShardsAgree(instance(row, {x.type}, window), {x}, 2);

  OpInstance pool = instance("max_pool", {x.type}, window);
  auto largest = evaluate(pool, {x});
  ASSERT_TRUE(bool(largest));
  HostTensor positions(TensorType{DataType::I64, {6, 6}}), planes(TensorType{DataType::I64, {3, 4}});
  for (int64_t k = 0; k < 36; ++k)
    positions.setInteger(k, k);
  for (int64_t k = 0; k < 12; ++k)
    planes.setInteger(k, 36 * k);
  OpInstance index = instance("max_pool_index", {x.type, pool.results[0], positions.type, planes.type}, window);
  std::vector<HostTensor> operands = {x, largest->front(), positions, planes};
  auto indices = evaluate(index, operands);
  ASSERT_TRUE(bool(indices));
  for (int64_t k = 0; k < indices->front().type.numElements(); ++k)
    ASSERT_EQ(x.real(indices->front().integer(k)), largest->front().real(k));
  expectShardsAgree(index, operands, 2);
}

TEST_F(Arithmetic, WindowThatDoesNotFitIsAnError) {
  OpInstance op;
  op.row = OpTable::get().find("max_pool");
  op.attributes = builder.getDictionaryAttr(builder.getNamedAttr("kernel", builder.getDenseI64ArrayAttr({5})));
  op.operands = {TensorType{DataType::F32, {1, 1, 4}}};
  auto types = inferResults(op);
  EXPECT_FALSE(bool(types));
  llvm::consumeError(types.takeError());
}

} // namespace
} // namespace ampc
