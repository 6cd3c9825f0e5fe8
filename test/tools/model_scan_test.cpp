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
