// Plans that earlier versions wrote: golden/version_N.hex holds one per format version, made by `write_sample_plan
// --golden` when the version was new, and never changed afterwards. Today's runtime reads and executes each that it says
// it can read.
#include "runtime/execute/session.h"
#include "runtime/plan/file_format.h"
#include "test/runtime/sample_plan.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ampc::test {
namespace {

std::string goldenPath(uint32_t version) {
  return AMPC_GOLDEN_FOLDER "/version_" + std::to_string(version) + ".hex";
}

void expectSample(const plan::Plan &plan) {
  EXPECT_EQ(plan.deviceKind, "cpu");
  ASSERT_EQ(plan.ranks.size(), 2u);
  EXPECT_EQ(plan.ranks[1].coordinates, std::vector<int64_t>{1});
  ASSERT_EQ(plan.ranks[1].blobs.size(), 1u);
  EXPECT_EQ(plan.ranks[1].blobs[0].offsetBytes, 20u);
  EXPECT_EQ(plan.ranks[0].activationBytes, 2 * 7 * 64u);
  ASSERT_EQ(plan.stages.size(), 1u);
  EXPECT_EQ(plan.stages[0].grid.axisSizes, std::vector<int64_t>{2});
  ASSERT_EQ(plan.programs.size(), 2u);
  EXPECT_EQ(plan.programs[0].role, plan::ProgramRole::Init);
  const plan::Program &forward = plan.programs[1];
  ASSERT_EQ(forward.steps.size(), 9u);
  EXPECT_EQ(forward.slotStrideBytes, 7 * 64u);
  EXPECT_EQ(forward.steps[2].kind, plan::StepKind::AllGather);
  EXPECT_EQ(forward.steps[2].queue, 1u);
  EXPECT_EQ(forward.steps[2].waits, std::vector<uint32_t>{1});
  EXPECT_EQ(forward.steps[5].writes, (std::vector<plan::Buffer>{{plan::Space::Activation, 0, 5 * 64, 20}}));
  ASSERT_EQ(plan.kernels.size(), 2u);
  EXPECT_EQ(plan.kernels[0].symbol, "cumulate");
  EXPECT_EQ(plan.kernels[0].integers[1].first, "reverse");
  ASSERT_EQ(plan.communications.size(), 4u);
  EXPECT_EQ(plan.communications[3].reduction, Reduction::Sum);
  EXPECT_EQ(plan.communications[3].moves.size(), 4u);
  EXPECT_EQ(plan.communications[3].groups, (std::vector<std::vector<uint32_t>>{{0, 1}}));
  ASSERT_EQ(plan.entry.outputs.size(), 2u);
  EXPECT_EQ(plan.entry.outputs[1].name, "sum");
  EXPECT_EQ(plan.entry.outputs[1].shape, std::vector<int64_t>{10});
  EXPECT_EQ(plan.entry.slots, 2u);
  ASSERT_EQ(plan.blobs.size(), 1u);
  EXPECT_EQ(plan.blobs[0].sizeBytes, 40u);
}

/// Sums from each element to the end of its half.
void addUpHalves(float *values) {
  for (int i = 9; i-- > 0;)
    if (i != 4)
      values[i] += values[i + 1];
}

void expectExecution(std::unique_ptr<plan::PlanFile> file) {
  std::unique_ptr<Session> session;
  auto error = Session::open(std::move(file), {}, session);
  ASSERT_FALSE(error) << error->message;
  alignas(64) float x[10], y[10] = {}, sum[10] = {}, expected[10];
  for (int i = 0; i < 10; ++i)
    x[i] = expected[i] = float(i * i);
  std::shared_ptr<Request> request;
  ASSERT_FALSE(session->submit({{x, sizeof x, DataType::F32}},
                               {{y, sizeof y, DataType::F32}, {sum, sizeof sum, DataType::F32}}, request));
  ASSERT_TRUE(session->wait(*request, 60));
  ASSERT_FALSE(request->error) << request->error->message;
  addUpHalves(expected);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(y[i], expected[i]) << i;
    expected[i] *= 2;
  }
  addUpHalves(expected);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(sum[i], expected[i]) << i;
}

TEST(GoldenPlan, ReadAndExecuted) {
  const std::string text = readFile(goldenPath(plan::fileVersion));
  ASSERT_FALSE(text.empty()) << "a new format version needs a golden file: write_sample_plan --golden "
                             << goldenPath(plan::fileVersion);
  EXPECT_LT(text.size(), 6000u);
  TemporaryFolder folder;
  writeFile(folder.path("golden.plan"), fromSparseHex(text));
  std::unique_ptr<plan::PlanFile> file;
  auto error = plan::PlanFile::open(folder.path("golden.plan"), {}, file);
  ASSERT_FALSE(error) << error->message;
  expectSample(file->plan());
  EXPECT_EQ(std::string(reinterpret_cast<const char *>(file->model().data()), file->model().size()), "the model");
  float weights[10];
  std::memcpy(weights, file->blob(0), sizeof weights);
  EXPECT_EQ(weights[9], 9);
  expectExecution(std::move(file));
}

TEST(GoldenPlan, TextIsTheFile) {
  const std::string bytes = std::string(40, '\0') + "end" + std::string(70, '\0');
  EXPECT_EQ(fromSparseHex(toSparseHex(bytes)), bytes);
  EXPECT_EQ(toSparseHex(bytes).substr(0, 4), "20: ");
}

} // namespace
} // namespace ampc::test
