// Collectives of reports: what one device sends, and over which axes of which stage.
#include "tools/plan_facts.h"

#include <gtest/gtest.h>

namespace ampc::tools {
namespace {

/// Two stages of two devices; each all-reduces over axis 0 of its grid, and the first sends to the second.
plan::Plan twoStages() {
  plan::Plan plan;
  plan.communications.resize(3);
  for (uint32_t stage = 0; stage < 2; ++stage) {
    plan::Communication &sum = plan.communications[stage];
    sum.groups = {{2 * stage, 2 * stage + 1}};
    sum.axes = "0";
    sum.elements = 250;
    sum.bytesPerRank = 1000;
  }
  plan.communications[2].kind = plan::StepKind::Send;
  plan.communications[2].groups = {{0, 2}, {1, 3}};
  plan.communications[2].axes = "stage 0 -> 1";
  plan.communications[2].bytesPerRank = 64;
  for (uint32_t stage = 0; stage < 2; ++stage) {
    plan::Program program;
    program.stage = stage;
    for (uint32_t communication : {stage, 2u}) {
      plan::Step step;
      step.kind = plan.communications[communication].kind;
      step.communication = communication;
      program.steps.push_back(step);
    }
    plan.programs.push_back(program);
    plan.stages.push_back({Grid{{2}}, 2 * stage});
  }
  plan.ranks.resize(4);
  for (uint32_t rank = 0; rank < 4; ++rank)
    plan.ranks[rank].stage = plan.ranks[rank].forwardProgram = rank / 2;
  return plan;
}

TEST(PlanFacts, CollectivesAreToldApartByStage) {
  plan::Plan plan = twoStages();
  PlanFacts facts = factsOf(plan);
  std::map<std::string, double> bytes;
  for (const CollectiveFacts &entry : facts.collectives)
    bytes[entry.kind + " over " + entry.axes + " of " + std::to_string(entry.stage)] += entry.bytesPerDevice;
  const std::map<std::string, double> expected = {
      {"all_reduce over 0 of 0", 1000}, {"all_reduce over 0 of 1", 1000}, {"send over stage 0 -> 1 of 0", 64}};
  EXPECT_EQ(bytes, expected);
  nlohmann::ordered_json json = reportJson(facts);
  ASSERT_EQ(json["collectives"].size(), 3u);
  for (const auto &entry : json["collectives"])
    EXPECT_TRUE(entry["stage"].is_number_unsigned()) << entry;
}

TEST(PlanFacts, PhasesThatComeBackAddUp) {
  EXPECT_EQ(phasesJson({{"search", 1}, {"partition", 2}, {"search", 4}}).dump(), R"({"search":5.0,"partition":2.0})");
}

} // namespace
} // namespace ampc::tools
