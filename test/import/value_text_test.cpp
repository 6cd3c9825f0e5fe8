// The text form of --value and the binding of input shapes.
#include "ir/diagnostic.h"
#include "ir/onnx/input_binding.h"

#include <gtest/gtest.h>

using namespace ampc;

namespace {

std::vector<int64_t> shapeOf(const std::string &text, TensorType type) {
  llvm::Expected<HostTensor> value = parseValue(text, type);
  if (value)
    return value->type.shape;
  ADD_FAILURE() << llvm::toString(value.takeError());
  return {};
}

bool isRefused(const std::string &text, TensorType type) {
  llvm::Expected<HostTensor> value = parseValue(text, type);
  bool refused = !value;
  llvm::consumeError(value.takeError());
  return refused;
}

onnx::GraphProto graphWith(const std::vector<std::pair<std::string, std::vector<std::string>>> &inputs) {
  onnx::GraphProto graph;
  for (const auto &[name, dims] : inputs) {
    onnx::ValueInfoProto &info = *graph.add_input();
    info.set_name(name);
    onnx::TypeProto::Tensor &tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(onnx::TensorProto::FLOAT);
    tensor.mutable_shape();
    for (const std::string &dim : dims) {
      auto &each = *tensor.mutable_shape()->add_dim();
      if (!dim.empty() && isdigit(dim[0]))
        each.set_dim_value(std::stoll(dim));
      else
        each.set_dim_param(dim);
    }
  }
  return graph;
}

int codeOf(const onnx::GraphProto &graph, const ImportOptions &options) {
  llvm::Expected<std::vector<BoundInput>> inputs = bindInputs(graph, options);
  int code = 0;
  if (!inputs)
    llvm::handleAllErrors(inputs.takeError(),
                          [&](const Diagnostic &diagnostic) { code = int(diagnostic.code); });
  return code;
}

} // namespace

TEST(ValueText, shapes) {
  EXPECT_EQ(shapeOf("16000", {DataType::I64, {}}), (std::vector<int64_t>{}));
  EXPECT_EQ(shapeOf("7", {DataType::I64, {1}}), (std::vector<int64_t>{1}));
  EXPECT_EQ(shapeOf("1,2,3", {DataType::F32, {-1}}), (std::vector<int64_t>{3}));
  EXPECT_EQ(shapeOf("1,2,3,4,5,6", {DataType::F32, {2, -1}}), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(shapeOf("[[1, 2], [3, 4], [5, 6]]", {DataType::F32, {-1, 2}}), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(shapeOf("[]", {DataType::F32, {-1}}), (std::vector<int64_t>{0}));
}

TEST(ValueText, values) {
  llvm::Expected<HostTensor> value = parseValue("-128, 127", {DataType::I8, {2}});
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(value->integers(), (std::vector<int64_t>{-128, 127}));
  value = parseValue("true,0", {DataType::Bool, {2}});
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(value->integers(), (std::vector<int64_t>{1, 0}));
  value = parseValue("18446744073709551615", {DataType::U64, {}});
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(uint64_t(value->integer(0)), ~uint64_t(0));
  value = parseValue("1e-3", {DataType::F64, {}});
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(value->real(0), 1e-3);
}

TEST(ValueText, refusals) {
  EXPECT_TRUE(isRefused("", {DataType::F32, {}}));
  EXPECT_TRUE(isRefused("1,,2", {DataType::F32, {3}}));
  EXPECT_TRUE(isRefused("1,2", {DataType::F32, {3}}));
  EXPECT_TRUE(isRefused("1.5", {DataType::I64, {}}));
  EXPECT_TRUE(isRefused("128", {DataType::I8, {}}));
  EXPECT_TRUE(isRefused("-1", {DataType::U8, {}}));
  EXPECT_TRUE(isRefused("[1,[2]]", {DataType::F32, {2}}));
  EXPECT_TRUE(isRefused("[[1,2],[3]]", {DataType::F32, {2, 2}}));
  EXPECT_TRUE(isRefused("[1,2] 3", {DataType::F32, {2}}));
  EXPECT_TRUE(isRefused("[1,2", {DataType::F32, {2}}));
  EXPECT_TRUE(isRefused(std::string(100000, '['), {DataType::F32, {2}}));
  EXPECT_TRUE(isRefused("2", {DataType::Bool, {}}));
}

TEST(InputBinding, namedDimensionsAreOne) {
  onnx::GraphProto graph = graphWith({{"a", {"n", "3"}}, {"b", {"n", "m"}}});
  ImportOptions options;
  EXPECT_EQ(codeOf(graph, options), int(ErrorCode::UnboundDimension));
  options.dims = {{"m", 4}};
  options.shapes = {{"a", {2, 3}}};
  llvm::Expected<std::vector<BoundInput>> inputs = bindInputs(graph, options);
  ASSERT_TRUE(bool(inputs));
  EXPECT_EQ((*inputs)[1].type.shape, (std::vector<int64_t>{2, 4}));
  options.dims["n"] = 5;
  EXPECT_EQ(codeOf(graph, options), int(ErrorCode::Usage));
}

TEST(InputBinding, anonymousDimensionsAreNot) {
  onnx::GraphProto graph = graphWith({{"a", {"?", ""}}, {"b", {"?", "-1"}}});
  ImportOptions options;
  options.shapes = {{"a", {2, 3}}};
  EXPECT_EQ(codeOf(graph, options), int(ErrorCode::UnboundDimension));
  options.shapes["b"] = {4, 5};
  EXPECT_EQ(codeOf(graph, options), 0);
  options.dims = {{"?", 2}};
  EXPECT_EQ(codeOf(graph, options), int(ErrorCode::UnknownName));
}

TEST(InputBinding, valuesBindShapes) {
  onnx::GraphProto graph = graphWith({{"a", {"n"}}, {"b", {"n"}}});
  ImportOptions options;
  options.valueTexts = {{"a", "1,2,3"}};
  llvm::Expected<std::vector<BoundInput>> inputs = bindInputs(graph, options);
  ASSERT_TRUE(bool(inputs));
  EXPECT_TRUE((*inputs)[0].value.has_value());
  EXPECT_EQ((*inputs)[1].type.shape, (std::vector<int64_t>{3}));
}
