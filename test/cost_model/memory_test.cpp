// Memory of plans: arenas added up, mapped weights counted once.
#include "cost_model/memory.h"

#include <gtest/gtest.h>

using namespace ampc;
using namespace ampc::cost;

namespace {

plan::Plan twoRanksThatShareWeights() {
  plan::Plan plan;
  plan.programs.resize(2);
  plan::Step step;
  step.name = "product";
  step.reads.push_back({plan::Space::Blob, 0, 0, 600});
  step.reads.push_back({plan::Space::Blob, 1, 0, 400});
  plan.programs[1].steps = {step, step}; // reading twice maps once
  plan.ranks.resize(2);
  for (uint32_t rank = 0; rank < 2; ++rank) {
    plan.ranks[rank].forwardProgram = 1;
    plan.ranks[rank].activationBytes = 100 + rank;
    plan.ranks[rank].persistentBytes = 20;
    plan.ranks[rank].stateBytes = 3;
    plan.ranks[rank].blobs = {{0, 0}, {1, rank * 400}}; // blob 0 replicated, blob 1 halved
  }
  return plan;
}

TEST(Memory, addsArenasAndMapsWeightsOnce) {
  const MemoryReport report = memoryOf(twoRanksThatShareWeights());
  ASSERT_EQ(report.ranks.size(), 2u);
  EXPECT_EQ(report.ranks[0].totalBytes, 123u);
  EXPECT_EQ(report.ranks[1].totalBytes, 124u);
  EXPECT_EQ(report.peakBytes, 124u);
  EXPECT_EQ(report.ranks[0].mappedBytes, 1000u);
  EXPECT_EQ(report.mappedBytes, 1400u);
  // 600 bytes for both, 400 for each alone: what the process keeps is what the shares add up to.
  EXPECT_EQ(report.ranks[0].mappedShareBytes, 700u);
  EXPECT_EQ(report.ranks[1].mappedShareBytes, 700u);
}

TEST(Memory, sharesOfOverlappingWeights) {
  plan::Plan plan = twoRanksThatShareWeights();
  plan.programs[0].steps = plan.programs[1].steps; // what only init reads is not kept
  plan.ranks[1].blobs[0].offsetBytes = 300;        // [0, 600) and [300, 900)
  const MemoryReport report = memoryOf(plan);
  EXPECT_EQ(report.ranks[0].mappedShareBytes, 300u + 150 + 400);
  EXPECT_EQ(report.ranks[1].mappedShareBytes, 150u + 300 + 400);
  plan.programs[1].steps.clear();
  EXPECT_EQ(memoryOf(plan).ranks[0].mappedShareBytes, 0u);
}

TEST(Memory, emptyPlan) { EXPECT_EQ(memoryOf(plan::Plan()).peakBytes, 0u); }

} // namespace
