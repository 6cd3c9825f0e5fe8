// The wire-level look at a model: inputs, and which integers index tables.
#include "tools/model_scan.h"

#include <gtest/gtest.h>

#include <protozero/buffer_string.hpp>
#include <protozero/pbf_writer.hpp>

#include <random>

namespace ampc::tools {

using protozero::pbf_writer;

static std::string valueInfo(const std::string &name, int type, const std::vector<int64_t> &shape) {
  std::string text, typeText, tensorType, shapeText;
  for (int64_t extent : shape) {
    std::string dim;
    if (extent >= 0)
      pbf_writer(dim).add_int64(1, extent);
    else
      pbf_writer(dim).add_string(2, "n");
    pbf_writer(shapeText).add_message(1, dim);
  }
  pbf_writer(tensorType).add_int32(1, type);
  pbf_writer(tensorType).add_message(2, shapeText);
  pbf_writer(typeText).add_message(1, tensorType);
  pbf_writer(text).add_string(1, name);
  pbf_writer(text).add_message(2, typeText);
  return text;
}

static std::string node(const std::string &op, std::vector<std::string> inputs, const std::string &output) {
  std::string text;
  for (const std::string &input : inputs)
    pbf_writer(text).add_string(1, input);
  pbf_writer(text).add_string(2, output);
  pbf_writer(text).add_string(4, op);
  return text;
}

/// ids (i64 2x?) -> Cast -> Gather from a table of 101 rows; mask is no index.
static std::string sampleModel() {
  std::string table, graph, model;
  pbf_writer(table).add_int64(1, 101);
  pbf_writer(table).add_int64(1, 8);
  pbf_writer(table).add_string(8, "table");
  pbf_writer(graph).add_message(1, node("Cast", {"ids"}, "wide"));
  pbf_writer(graph).add_message(1, node("Gather", {"table", "wide"}, "rows"));
  pbf_writer(graph).add_message(5, table);
  pbf_writer(graph).add_message(11, valueInfo("ids", 7, {2, -1}));
  pbf_writer(graph).add_message(11, valueInfo("table", 1, {101, 8}));
  pbf_writer(graph).add_message(11, valueInfo("mask", 7, {2, 3}));
  pbf_writer(model).add_message(7, graph);
  return model;
}

TEST(ModelScan, InputsAndIndexBounds) {
  auto model = scanModel(sampleModel());
  ASSERT_TRUE(model.has_value());
  ASSERT_EQ(model->inputs.size(), 2u);
  EXPECT_EQ(model->inputs[0].name, "ids");
  EXPECT_EQ(model->inputs[0].shape, (std::vector<int64_t>{2, -1}));
  EXPECT_EQ(model->inputs[0].type, DataType::I64);
  EXPECT_EQ(model->indexBounds.size(), 1u);
  EXPECT_EQ(model->indexBounds["ids"], 101);
}

static std::string externalTensor(const std::string &name, const std::string &file) {
  std::string fact, tensor;
  pbf_writer(fact).add_string(1, "location");
  pbf_writer(fact).add_string(2, file);
  pbf_writer(tensor).add_string(8, name);
  pbf_writer(tensor).add_message(13, fact);
  pbf_writer(tensor).add_int32(14, 1);
  return tensor;
}

/// An attribute with one message in `field`: 5 is a tensor, 6 a graph.
static std::string nodeWith(uint32_t field, const std::string &message) {
  std::string attribute, node;
  pbf_writer(attribute).add_string(1, "value");
  pbf_writer(attribute).add_message(field, message);
  pbf_writer(node).add_message(5, attribute);
  return node;
}

TEST(ModelScan, FilesOfWeightsWhereverTheyAreNamed) {
  std::string branch, function, graph, model;
  pbf_writer(branch).add_message(5, externalTensor("inner", "branch.bin"));
  pbf_writer(branch).add_message(12, valueInfo("branch_out", 1, {3}));
  pbf_writer(function).add_message(7, nodeWith(5, externalTensor("", "function.bin")));
  pbf_writer(graph).add_message(5, externalTensor("w", "weights.bin"));
  pbf_writer(graph).add_message(5, externalTensor("v", "weights.bin"));
  pbf_writer(graph).add_message(1, nodeWith(5, externalTensor("", "constant.bin")));
  pbf_writer(graph).add_message(1, nodeWith(6, branch));
  pbf_writer(graph).add_message(12, valueInfo("y", 1, {3}));
  pbf_writer(graph).add_message(12, valueInfo("z", 1, {3}));
  pbf_writer(model).add_message(7, graph);
  pbf_writer(model).add_message(25, function);
  auto scanned = scanModel(model);
  ASSERT_TRUE(scanned.has_value());
  EXPECT_EQ(scanned->numOutputs, 2u);
  EXPECT_EQ(scanned->externalFiles,
            (std::vector<std::string>{"branch.bin", "constant.bin", "function.bin", "weights.bin"}));
}

TEST(ModelScan, GraphsWithoutEndNeverCrash) {
  std::string graph;
  for (int depth = 0; depth < 3000; ++depth) {
    std::string outer;
    pbf_writer(outer).add_message(1, nodeWith(6, graph));
    graph = std::move(outer);
  }
  std::string model;
  pbf_writer(model).add_message(7, graph);
  EXPECT_TRUE(scanModel(model).has_value());
}

TEST(ModelScan, DamagedBytesNeverCrash) {
  std::mt19937 random(1);
  std::string original = sampleModel();
  for (int trial = 0; trial < 20000; ++trial) {
    std::string bytes = original.substr(0, trial % 2 == 0 ? random() % (original.size() + 1) : original.size());
    for (unsigned k = random() % 4; k > 0 && !bytes.empty(); --k)
      bytes[random() % bytes.size()] = char(random());
    (void)scanModel(bytes);
  }
}

} // namespace ampc::tools
