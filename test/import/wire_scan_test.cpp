// The scanner against protobuf itself: what it strips, what it keeps, and that no bytes make it read too far.
#include "ir/diagnostic.h"
#include "ir/onnx/limits.h"
#include "ir/onnx/tensor_record.h"
#include "ir/onnx/wire_scan.h"

#include <gtest/gtest.h>

#include <random>

using namespace ampc;

namespace {

onnx::ModelProto smallModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.set_doc_string("text");
  onnx::GraphProto &graph = *model.mutable_graph();
  graph.set_name("g");
  onnx::TensorProto &weight = *graph.add_initializer();
  weight.set_name("w");
  weight.set_data_type(onnx::TensorProto::FLOAT);
  weight.add_dims(1000);
  weight.set_raw_data(std::string(4000, '\7'));
  onnx::NodeProto &node = *graph.add_node();
  node.set_op_type("Constant");
  node.add_output("c");
  onnx::AttributeProto &attribute = *node.add_attribute();
  attribute.set_name("value");
  attribute.set_type(onnx::AttributeProto::TENSOR);
  onnx::TensorProto &constant = *attribute.mutable_t();
  constant.set_data_type(onnx::TensorProto::INT64);
  constant.add_dims(3);
  for (int64_t k : {1, -2, 300})
    constant.add_int64_data(k);
  return model;
}

} // namespace

TEST(WireScan, stripsPayloadsAndSaysWhereTheyAre) {
  std::string bytes = smallModel().SerializeAsString();
  ModelFile file = ModelFile::fromBytes(bytes);
  llvm::Expected<ScannedModel> scanned = scanModel(file);
  ASSERT_TRUE(bool(scanned));
  EXPECT_LT(scanned->stripped.size(), 200u);
  ASSERT_EQ(scanned->payloads.size(), 2u);
  onnx::ModelProto stripped;
  ASSERT_TRUE(stripped.ParseFromString(scanned->stripped));
  EXPECT_EQ(stripped.doc_string(), "");
  const onnx::TensorProto &weight = stripped.graph().initializer(0);
  EXPECT_EQ(weight.dims(0), 1000);
  EXPECT_FALSE(weight.has_raw_data());
  std::optional<uint64_t> number = payloadNumber(weight);
  ASSERT_TRUE(number.has_value());
  const PayloadChunk &chunk = scanned->payloads[*number].chunks.at(0);
  EXPECT_EQ(chunk.size, 4000u);
  EXPECT_EQ(bytes.substr(chunk.offset, chunk.size), std::string(4000, '\7'));
}

TEST(WireScan, decodesTypedFields) {
  llvm::Expected<HostTensor> value = TensorRecords::decode(smallModel().graph().node(0).attribute(0).t());
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(value->integers(), (std::vector<int64_t>{1, -2, 300}));
}

// Whatever the scanner accepts and protobuf parses afterwards has no payload left.
TEST(WireScan, survivesDamage) {
  const std::string whole = smallModel().SerializeAsString();
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole.substr(0, random() % 8 ? whole.size() : random() % whole.size());
    for (unsigned changes = random() % 4; changes-- && !bytes.empty();)
      bytes[random() % std::min<size_t>(bytes.size(), random() % 2 ? 60 : bytes.size())] = char(random());
    ModelFile file = ModelFile::fromBytes(bytes);
    llvm::Expected<ScannedModel> scanned = scanModel(file);
    if (!scanned) {
      llvm::consumeError(scanned.takeError());
      continue;
    }
    onnx::ModelProto model;
    if (!model.ParseFromString(scanned->stripped))
      continue;
    for (const onnx::TensorProto &tensor : model.graph().initializer())
      EXPECT_FALSE(tensor.has_raw_data());
    for (const TensorPayload &payload : scanned->payloads)
      for (const PayloadChunk &chunk : payload.chunks)
        EXPECT_LE(chunk.offset + chunk.size, bytes.size());
  }
}

TEST(TensorSize, limits) {
  auto isRefused = [](std::vector<int64_t> shape) {
    llvm::Error error = checkTensorSize({DataType::F32, std::move(shape)}, "x");
    bool refused = bool(error);
    llvm::consumeError(std::move(error));
    return refused;
  };
  EXPECT_FALSE(isRefused({}));
  EXPECT_FALSE(isRefused({0, 5}));
  EXPECT_FALSE(isRefused({int64_t(1) << 38}));
  EXPECT_TRUE(isRefused({(int64_t(1) << 38) + 1}));
  EXPECT_TRUE(isRefused({-1}));
  EXPECT_TRUE(isRefused({int64_t(1) << 62, int64_t(1) << 62, 0}));
  EXPECT_TRUE(isRefused(std::vector<int64_t>(limits::rank + 1, 1)));
}
