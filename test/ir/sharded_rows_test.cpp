// Every row under every sharding of one of its loops: the shards' results, put together, are the unsharded
// result. This is what a rule promises: that instances with local shapes compute the local part.
#include "ir/dialect.h"
#include "ir/op_table.h"
#include "ir/sharded_evaluation.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>
#include <set>

namespace ampc {
namespace {

using Shape = std::vector<int64_t>;

/// A row with attributes and operand types; operands of integer type hold indices below `indexBound`.
struct Sample {
  const char *row;
  std::vector<TensorType> operands;
  std::vector<std::pair<const char *, Shape>> attributes; // one number: integer, otherwise a list
  std::vector<std::pair<const char *, const char *>> strings = {};
  int64_t indexBound = 3;
};

// Attributes that are lists even when they have one entry.
bool isList(const std::string &name) {
  for (const char *known : {"perm", "shape", "starts", "steps", "pads", "repeats", "image_shape",
                            "block_shape", "dilations", "strides", "axes", "kernel", "reach", "extents"})
    if (name == known)
      return true;
  return false;
}

TensorType f32(Shape shape) { return {DataType::F32, std::move(shape)}; }
TensorType i64(Shape shape) { return {DataType::I64, std::move(shape)}; }

/// Rows of which one sample is not like all others of their class.
std::vector<Sample> ownSamples() {
  return {
      {"transpose", {f32({3, 4, 5})}, {{"perm", {2, 0, 1}}}},
      {"reshape", {f32({4, 6, 10})}, {{"shape", {4, 3, 2, 10}}}},
      {"reshape", {f32({4, 3, 2, 10})}, {{"shape", {12, 20}}}},
      {"reshape", {f32({4, 6})}, {{"shape", {6, 4}}}},
      {"reshape", {f32({1, 5, 1, 6})}, {{"shape", {5, 1, 2, 3, 1}}}},
      {"expand", {f32({3, 1, 5})}, {{"shape", {2, 3, 4, 5}}}},
      {"tile", {f32({3, 4})}, {{"repeats", {2, 3}}}},
      {"repeat", {f32({3, 1, 4})}, {{"repeats", {2, 3, 1}}}},
      {"slice", {f32({5, 6, 7})}, {{"starts", {0, 5, 1}}, {"steps", {1, -2, 1}}, {"shape", {5, 3, 4}}}},
      {"concat", {f32({2, 3, 4}), f32({2, 1, 4}), f32({2, 5, 4})}, {{"axis", {1}}}},
      {"pad", {f32({3, 4, 5})}, {{"pads", {0, 1, -1, 0, 2, 3}}}},
      {"pad", {f32({3, 4, 5}), f32({})}, {{"pads", {0, 1, -1, 0, 2, 3}}}},
      {"pad_by_index", {f32({3, 4, 5})}, {{"pads", {0, 7, -1, 0, 9, 3}}}, {{"mode", "reflect"}}},
      {"pad_by_index", {f32({3, 4, 5})}, {{"pads", {0, 1, -1, 0, 2, 3}}}, {{"mode", "edge"}}},
      {"pad_by_index", {f32({3, 4, 5})}, {{"pads", {0, 1, -1, 0, 2, 3}}}, {{"mode", "wrap"}}},
      {"gather", {f32({4, 3, 5}), i64({2, 6})}, {{"axis", {1}}}},
      {"gather_elements", {f32({4, 3, 5}), i64({4, 7, 5})}, {{"axis", {1}}}},
      {"gather_elements", {f32({4, 3, 5}), i64({2, 7, 5})}, {{"axis", {1}}}},
      {"gather_nd", {f32({4, 3, 5}), i64({4, 6, 1})}, {{"batch_dims", {1}}}},
      {"gather_nd", {f32({3, 3, 5}), i64({4, 2})}, {{"batch_dims", {0}}}},
      {"one_hot", {i64({4, 3}), f32({2})}, {{"axis", {1}}, {"depth", {5}}}},
      {"trilu", {f32({3, 4, 5}), i64({})}, {{"upper", {1}}}},
      {"reverse_sequence", {f32({4, 3, 5}), i64({3})}, {{"time_axis", {0}}, {"batch_axis", {1}}}},
      {"window_update", {f32({4, 6, 5}), f32({4, 2, 5}), i64({4})}, {{"axis", {1}}, {"circular", {1}}}},
      {"interpolate", {f32({4, 3, 5}), i64({6, 2}), f32({6, 2})}, {{"axis", {1}}}},
      {"grid_sample",
       {f32({4, 3, 5, 6}), f32({4, 2, 7, 2})},
       {{"align_corners", {0}}},
       {{"mode", "linear"}, {"padding", "zeros"}}},
      {"cumulate", {f32({4, 3, 5})}, {{"axis", {1}}}},
      {"arg_extreme", {f32({4, 3, 5})}, {{"axis", {2}}}},
      {"topk", {f32({4, 3, 5})}, {{"axis", {2}}, {"k", {2}}}},
      {"recurrence",
       {f32({4, 6, 3}), f32({3, 20}), f32({5, 20}), f32({20}), f32({6, 5}), f32({6, 5})},
       {{"reverse", {1}}},
       {{"cell", "lstm"}}},
      {"recurrence",
       {f32({3, 7, 2}), f32({2, 12}), f32({4, 12}), f32({16}), f32({7, 4})},
       {{"reverse", {0}}},
       {{"cell", "lbr_gru"}}},
      {"scatter_elements",
       {f32({4, 3, 5}), i64({4, 2, 5}), f32({4, 2, 5})},
       {{"axis", {1}}},
       {{"reduction", "add"}}},
      {"scatter_nd", {f32({4, 3, 5}), i64({6, 1}), f32({6, 3, 5})}, {}, {{"reduction", "max"}}},
      {"col2im",
       {f32({2, 12, 4})},
       {{"image_shape", {3, 3}},
        {"block_shape", {2, 2}},
        {"dilations", {1, 1}},
        {"strides", {1, 1}},
        {"pads", {0, 0, 0, 0}}}},
      {"interpolate", {f32({4, 13, 5}), i64({29, 2}), f32({29, 2})}, {{"axis", {1}}, {"reach", {12, 28, -1, 1}}}},
      {"interpolate", {f32({17, 3}), i64({7, 3}), f32({7, 3})}, {{"axis", {0}}, {"reach", {15, 6, 0, 1}}}},
      {"gather", {f32({3, 13}), i64({29})}, {{"axis", {1}}, {"reach", {-12, 28, 12, 12}}}},
      {"slice", {f32({17, 23})}, {{"starts", {16, 3}}, {"steps", {-1, 2}}, {"shape", {17, 10}}}},
      {"slice", {f32({19, 13})}, {{"starts", {18, 0}}, {"steps", {-3, 1}}, {"shape", {7, 13}}}},
      {"concat", {f32({11, 2}), f32({3, 2}), f32({0, 2}), f32({5, 2})}, {{"axis", {0}}}},
      {"pad", {f32({3, 11})}, {{"pads", {13, 0, 0, 7}}}},
      {"pad", {f32({13, 11})}, {{"pads", {-2, 3, 1, -5}}}},
      {"pad_by_index",
       {f32({17, 5, 11})},
       {{"pads", {3, 0, -2, 2, 0, 4}}, {"extents", {17, 5, 11}}},
       {{"mode", "reflect"}}},
      {"pad_by_index",
       {f32({5, 13})},
       {{"pads", {4, 2, 4, -3}}, {"extents", {5, 13}}},
       {{"mode", "reflect"}}},
      {"pad_by_index", {f32({11, 7})}, {{"pads", {10, -1, 5, 6}}, {"extents", {11, 7}}}, {{"mode", "edge"}}},
      {"conv", {f32({2, 3, 11, 13}), f32({5, 3, 3, 3})}, {{"pads", {1, 1, 1, 1}}}},
      {"conv", {f32({1, 4, 17, 19}), f32({6, 2, 3, 2})}, {{"strides", {2, 3}}, {"pads", {1, 0, 2, 1}}}},
      {"conv", {f32({1, 7, 13, 11}), f32({7, 1, 5, 3})}, {{"dilations", {2, 3}}, {"pads", {4, 3, 4, 3}}}},
      {"conv", {f32({2, 3, 23}), f32({5, 3, 4})}, {{"strides", {2}}, {"dilations", {3}}, {"pads", {5, 2}}}},
      {"conv", {f32({1, 2, 7, 11, 5}), f32({3, 2, 3, 2, 3})}, {{"pads", {1, 0, 2, 1, 1, 0}}}},
      {"conv", {f32({1, 3, 13, 17}), f32({2, 3, 1, 1})}, {{"strides", {2, 3}}}},
      {"conv", {f32({1, 3, 14, 12}), f32({2, 3, 2, 2})}, {{"strides", {2, 2}}}},
      {"conv", {f32({1, 1, 11}), f32({1, 1, 3})}, {{"pads", {7, 4}}}}, // whole parts lie in the padding
      {"max_pool", {f32({2, 3, 11, 13})}, {{"kernel", {3, 2}}, {"strides", {2, 1}}, {"pads", {1, 0, 1, 1}}}},
      {"max_pool", {f32({3, 19})}, {{"kernel", {3}}, {"dilations", {2}}, {"pads", {2, 3}}}},
      {"sum_pool", {f32({2, 13, 11})}, {{"kernel", {3, 3}}, {"strides", {3, 2}}, {"pads", {1, 1, 1, 1}}}},
      {"sum_pool", {f32({2, 13, 1, 1})}, {{"kernel", {5, 1, 1}}, {"pads", {2, 0, 0, 2, 0, 0}}}},
      {"max_pool_index",
       {f32({2, 3, 11, 13}), f32({2, 3, 6, 13}), i64({11, 13}), i64({2, 3})},
       {{"kernel", {3, 2}}, {"strides", {2, 1}}, {"pads", {1, 0, 1, 1}}}},
      {"matmul", {f32({3, 4, 5}), f32({5, 6})}, {}},
      {"add", {f32({3, 4, 5}), f32({4, 1})}, {}},
      {"reduce_sum", {f32({3, 4, 5})}, {{"axes", {0, 2}}, {"keepdims", {0}}}},
      {"reduce_max", {f32({3, 4, 5})}, {{"axes", {1}}, {"keepdims", {1}}}},
      {"reduce_min", {f32({3, 4, 5})}, {{"axes", {0, 2}}, {"keepdims", {1}}}},
      {"reduce_prod", {f32({3, 4, 5})}, {{"axes", {1}}, {"keepdims", {0}}}},
      {"where", {{DataType::Bool, {4, 5}}, f32({3, 4, 1}), f32({3, 4, 5})}, {}},
      {"cast", {f32({3, 4, 5})}, {}, {{"to", "f16"}}},
      {"bitcast", {f32({3, 4, 5})}, {}, {{"to", "i32"}}},
      {"roi_align",
       {f32({3, 5, 4, 6}), f32({7, 4}), i64({7})},
       {{"output_height", {2}}, {"output_width", {3}}, {"sampling_ratio", {2}}, {"half_pixel", {0}}},
       {{"mode", "avg"}}},
  };
}

/// The sample of an elementwise row without attributes: of the first element type that the row is defined for, the last
/// operand broadcast.
Sample elementwiseSample(const OpRow &row) {
  Sample sample{row.name.c_str(), {}, {}};
  for (DataType type : {DataType::F32, DataType::I32, DataType::Bool}) {
    sample.operands.assign(size_t(row.minOperands), TensorType{type, {3, 4, 5}});
    if (row.minOperands > 1)
      sample.operands.back().shape = {4, 1};
    OpInstance instance;
    instance.row = &row;
    instance.operands = sample.operands;
    auto results = inferResults(instance);
    if (results) {
      instance.results = *results;
      std::vector<HostTensor> zeros(instance.operands.begin(), instance.operands.end());
      auto values = evaluate(instance, zeros);
      if (values)
        break;
      llvm::consumeError(values.takeError());
    } else {
      llvm::consumeError(results.takeError());
    }
  }
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> all = ownSamples();
  std::set<std::string> visited;
  for (const Sample &sample : all)
    visited.insert(sample.row);
  for (const OpRow &row : OpTable::get().rows())
    if (row.opClass == OpClass::Elementwise && !visited.count(row.name))
      all.push_back(elementwiseSample(row));
  return all;
}

class ShardedRows : public testing::TestWithParam<Sample> {
protected:
  mlir::MLIRContext context;

  OpInstance instance(const Sample &sample) {
    mlir::Builder builder(&context);
    OpInstance result;
    result.row = OpTable::get().find(sample.row);
    std::vector<mlir::NamedAttribute> attributes;
    for (const auto &[name, values] : sample.attributes)
      attributes.push_back(
          builder.getNamedAttr(name, isList(name) ? mlir::Attribute(builder.getDenseI64ArrayAttr(values))
                                                  : builder.getI64IntegerAttr(values[0])));
    for (const auto &[name, value] : sample.strings)
      attributes.push_back(builder.getNamedAttr(name, builder.getStringAttr(value)));
    result.attributes = builder.getDictionaryAttr(attributes);
    result.operands = sample.operands;
    return result;
  }
};

TEST_P(ShardedRows, ShardsComputeTheirPart) {
  const Sample &sample = GetParam();
  OpInstance whole = instance(sample);
  ASSERT_TRUE(whole.row) << sample.row;
  auto types = inferResults(whole);
  ASSERT_TRUE(bool(types)) << llvm::toString(types.takeError());
  whole.results = *types;
  std::mt19937 random(7);
  std::vector<HostTensor> operands;
  for (const TensorType &type : whole.operands) {
    operands.emplace_back(type);
    for (int64_t k = 0; k < type.numElements(); ++k)
      if (isFloat(type.type))
        operands.back().setReal(k, std::uniform_int_distribution<int>(-64, 64)(random) / 64.0);
      else
        operands.back().setInteger(k,
                                   std::uniform_int_distribution<int64_t>(0, sample.indexBound - 1)(random));
  }
  // Indices with a reach lie inside it.
  std::vector<int64_t> reach = whole.integers("reach");
  if (reach.size() == 4) {
    int64_t taps = whole.in(1).size() > 1 ? whole.in(1)[1] : 1, extent = whole.in(0)[size_t(whole.integer("axis"))];
    for (int64_t k = 0; k < operands[1].type.numElements(); ++k) {
      int64_t line = Reach{reach[0], reach[1], 0, 0, extent}.floorAt(k / taps);
      int64_t index = std::uniform_int_distribution<int64_t>(line + reach[2], line + reach[3])(random);
      operands[1].setInteger(k, std::clamp<int64_t>(index, 0, extent - 1));
    }
  }
  auto expected = evaluate(whole, operands);
  ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());

  IterationRule rule = ruleOf(whole);
  auto check = [&](const Grid &grid, const std::vector<std::vector<int>> &loopAxes) {
    auto got = evaluateSharded(whole, operands, grid, loopAxes);
    ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
    for (size_t k = 0; k < got->size(); ++k)
      for (int64_t n = 0; n < (*got)[k].type.numElements(); ++n) {
        double mine = (*got)[k].real(n), other = (*expected)[k].real(n);
        bool isAlike = mine == other || (std::isnan(mine) && std::isnan(other));
        ASSERT_TRUE(isAlike || std::abs(mine - other) < 1e-4)
            << sample.row << ", element " << n << ": " << mine << " instead of " << other;
      }
  };
  std::vector<int> loops;
  for (int loop = 0; loop < int(rule.loops.size()); ++loop)
    if (rule.canShard(loop))
      loops.push_back(loop);
  std::vector<std::vector<int>> none(rule.loops.size());
  for (int loop : loops) {
    for (int64_t devices : {2, 3, 8}) {
      SCOPED_TRACE("loop " + rule.loops[size_t(loop)].name + " on " + std::to_string(devices));
      auto loopAxes = none;
      loopAxes[size_t(loop)] = {0};
      check({{devices}}, loopAxes);
    }
    for (int other : loops) { // two axes, on two loops or on one
      SCOPED_TRACE("loops " + rule.loops[size_t(loop)].name + ", " + rule.loops[size_t(other)].name);
      auto loopAxes = none;
      loopAxes[size_t(loop)].push_back(0);
      loopAxes[size_t(other)].push_back(1);
      check({{2, 3}}, loopAxes);
    }
  }
  int sharded = int(loops.size());
  if (std::string(sample.row) != "reshape") {
    EXPECT_GT(sharded, 0) << sample.row;
  }
}

TEST(ShardedRowsTable, EveryRowIsVisited) {
  std::set<std::string> visited;
  for (const Sample &sample : samples())
    visited.insert(sample.row);
  for (const OpRow &row : OpTable::get().rows())
    if (row.opClass != OpClass::Storage) {
      EXPECT_TRUE(visited.count(row.name)) << row.name << " needs a sample";
    }
}

INSTANTIATE_TEST_SUITE_P(All, ShardedRows, testing::ValuesIn(samples()), [](const auto &info) {
  return std::string(info.param.row) + "_" + std::to_string(info.index);
});

} // namespace
} // namespace ampc
