// Every kind of inconsistency, one change to the sample plan each.
#include "runtime/plan/plan_checks.h"
#include "test/runtime/sample_plan.h"

#include <gtest/gtest.h>

#include <functional>

namespace ampc::test {
namespace {

using plan::Plan;
using plan::Space;
using plan::StepKind;

TEST(PlanChecks, SampleIsSound) {
  auto error = plan::checkPlan(samplePlan(), 40);
  EXPECT_FALSE(error) << error->message;
}

struct Fault {
  const char *expected; // part of the message
  std::function<void(Plan &)> make;
};

TEST(PlanChecks, Faults) {
  const std::vector<Fault> faults = {
      {"slots", [](Plan &p) { p.entry.slots = 0; }},
      {"threads per device", [](Plan &p) { p.threadsPerDevice = 0; }},
      {"shape of x", [](Plan &p) { p.entry.inputs[0].shape = {-1}; }},
      {"shape of x",
       [](Plan &p) {
         p.entry.inputs[0].shape = {int64_t(1) << 40, int64_t(1) << 40};
       }},
      {"are named x", [](Plan &p) { p.entry.inputs.push_back(p.entry.inputs[0]); }},
      {"are named y", [](Plan &p) { p.entry.outputs[1] = {"y", DataType::I32, {10}}; }},
      {"are named y", [](Plan &p) { p.entry.outputs[1] = {"y", DataType::F32, {2, 5}}; }},
      {"state s",
       [](Plan &p) {
         p.entry.states = {{"s", "t", 7, 0}};
       }},
      {"two states",
       [](Plan &p) {
         p.entry.states = {{"x", "y", 0, 0}, {"x", "sum", 0, 1}};
       }},
      {"tile the ranks", [](Plan &p) { p.stages[0].grid.axisSizes = {3}; }},
      {"tile the ranks", [](Plan &p) { p.stages[0].grid.axisSizes = {1}; }},
      {"tile the ranks", [](Plan &p) { p.stages[0].firstRank = 1; }},
      {"tile the ranks", [](Plan &p) { p.stages.clear(); }},
      {"fit the grid",
       [](Plan &p) {
         p.ranks[1].coordinates = {1, 1};
       }},
      {"0 ranks", [](Plan &p) { p.ranks.clear(); }},
      {"no symbol", [](Plan &p) { p.kernels[0].symbol = ""; }},
      {"size of its shape", [](Plan &p) { p.blobs[0].sizeBytes = 36; }},
      {"weights section", [](Plan &p) { p.blobs[0].fileOffset = 64; }},
      {"weight slice", [](Plan &p) { p.ranks[0].blobs[0].blob = 1; }},
      {"outside its memory", [](Plan &p) { p.ranks[1].blobs[0].offsetBytes = 24; }},
      {"outside its memory", [](Plan &p) { p.ranks[1].blobs[0].offsetBytes = UINT64_MAX; }},
      {"role", [](Plan &p) { p.ranks[0].initProgram = 1; }},
      {"role", [](Plan &p) { p.ranks[0].forwardProgram = 9; }},
      {"rank's arena", [](Plan &p) { p.ranks[0].activationBytes = 7 * 64; }},
      {"rank's arena", [](Plan &p) { p.programs[1].slotStrideBytes = 64; }},
      {"memory of a rank", [](Plan &p) { p.ranks[0].persistentBytes = UINT64_MAX; }},
      {"outside its memory", [](Plan &p) { p.programs[1].steps[1].writes[0].offsetBytes = 7 * 64; }},
      {"outside its memory", [](Plan &p) { p.programs[1].steps[1].writes[0].offsetBytes = UINT64_MAX; }},
      {"outside its memory", [](Plan &p) { p.programs[1].steps[0].reads[0].offsetBytes = 4; }},
      {"outside its memory", [](Plan &p) { p.programs[1].steps[1].reads[1].offsetBytes = 60; }},
      {"outside its memory", [](Plan &p) { p.programs[1].steps[1].reads[0].space = Space::State; }},
      {"persistent memory",
       [](Plan &p) {
         p.programs[1].steps[1].writes[0] = {Space::Persistent, 0, 0, 20};
       }},
      {"weights of the plan file",
       [](Plan &p) {
         p.programs[0].steps[0].writes[0] = {Space::Blob, 0, 0, 20};
       }},
      {"writes to an input", [](Plan &p) { p.programs[1].steps[8].writes[0].space = Space::Input; }},
      {"inputs or outputs",
       [](Plan &p) {
         p.programs[0].steps[0].writes[0] = {Space::Output, 0, 0, 20};
       }},
      {"does not exist", [](Plan &p) { p.programs[1].steps[0].reads[0].index = 1; }},
      {"kernel that does not exist", [](Plan &p) { p.programs[1].steps[1].kernel = 2; }},
      {"as many buffers", [](Plan &p) { p.programs[1].steps[1].kernel = 1; }},
      {"kernel's operand", [](Plan &p) { p.kernels[0].operands[0].shape = {6}; }},
      {"kernel's result", [](Plan &p) { p.kernels[0].results[0].type = DataType::F64; }},
      {"workspace", [](Plan &p) { p.kernels[0].workspaceBytes = 1; }},
      {"workspace",
       [](Plan &p) {
         p.programs[1].steps[1].workspace = {Space::Persistent, 0, 0, 4};
       }},
      {"overlaps an operand", [](Plan &p) { p.programs[1].steps[1].writes[0].offsetBytes = 16; }},
      {"overlaps an operand", [](Plan &p) { p.programs[1].steps[1].writes[0] = p.programs[1].steps[1].reads[0]; }},
      // The pair must be the one that the kernel names, and the very same bytes, which no other operand has.
      {"overlaps an operand",
       [](Plan &p) {
         p.kernels[0].inPlace = {{1, 0}};
         p.programs[1].steps[7].writes[0] = p.programs[1].steps[7].reads[0];
       }},
      {"overlaps an operand",
       [](Plan &p) {
         p.kernels[0].inPlace = {{0, 0}};
         p.programs[1].steps[7].writes[0] = p.programs[1].steps[7].reads[0];
         p.programs[1].steps[7].writes[0].offsetBytes += 4;
       }},
      {"overlaps an operand",
       [](Plan &p) {
         p.kernels[0].inPlace = {{0, 0}};
         p.programs[1].steps[7].writes[0] = p.programs[1].steps[7].reads[0];
         p.programs[1].steps[7].writes[0].sizeBytes += 4;
       }},
      {"overlaps an operand",
       [](Plan &p) {
         p.kernels[0].inPlace = {{0, 0}};
         plan::Step &step = p.programs[1].steps[7];
         step.writes[0] = step.reads[1] = step.reads[0];
       }},
      {"cannot write a result over", [](Plan &p) { p.kernels[0].inPlace = {{2, 0}}; }},
      {"cannot write a result over", [](Plan &p) { p.kernels[0].inPlace = {{0, 1}}; }},
      {"cannot write a result over",
       [](Plan &p) {
         p.kernels[0].inPlace = {{0, 0}};
         p.kernels[0].operands[0].shape = {4};
       }},
      {"cannot write a result over",
       [](Plan &p) {
         p = builtinSample();
         p.kernels[0].inPlace = {{0, 0}};
       }},
      {"result of a kernel overlaps the workspace",
       [](Plan &p) { p.programs[1].steps[1].workspace = p.programs[1].steps[1].writes[0]; }},
      {"operand of a kernel overlaps the workspace",
       [](Plan &p) { p.programs[1].steps[1].workspace = p.programs[1].steps[1].reads[0]; }},
      {"two results",
       [](Plan &p) {
         p.kernels[0].results.push_back(p.kernels[0].results[0]);
         for (size_t step : {1, 7})
           p.programs[1].steps[step].writes.push_back(p.programs[1].steps[step].writes[0]);
       }},
      {"source and target of a copy overlap",
       [](Plan &p) { p.programs[1].steps[8].reads[0] = p.programs[1].steps[8].writes[0]; }},
      {"smaller than its kernel",
       [](Plan &p) { // each of the threads that share the kernel needs a part of its own
         p.threadsPerDevice = 3;
         p.kernels[0].workspaceBytes = 20;
         p.programs[1].activationBytes += 2 * 64 + 19;
         p.programs[1].steps[1].workspace = {Space::Activation, 0, 7 * 64, 2 * 64 + 19};
         p.programs[1].slotStrideBytes += 3 * 64;
         for (plan::RankTable &rank : p.ranks)
           rank.activationBytes += 6 * 64;
       }},
      {"smaller than its kernel", [](Plan &p) { p.kernels[0].workspaceBytes = UINT64_MAX; }},
      {"number of rows", [](Plan &p) { p.kernels[0].rows = -1; }},
      {"number of rows", [](Plan &p) { p.kernels[0].rows = INT64_MAX; }},
      {"index argument", [](Plan &p) { p.ranks[1].indexValues.clear(); }},
      {"table", [](Plan &p) { p.programs[1].steps[0].copyTable = 3; }},
      {"leaves its buffers", [](Plan &p) { p.ranks[1].copies[0][0].sourceOffset = 6; }},
      {"leaves its buffers", [](Plan &p) { p.ranks[1].copies[0][0].targetOffset = -1; }},
      {"leaves its buffers", [](Plan &p) { p.ranks[0].copies[0][0].dims[0].sourceStride = -1; }},
      {"impossible counts",
       [](Plan &p) {
         p.ranks[0].copies[0][0].dims = {{INT64_MAX, INT64_MAX, 1}};
       }},
      {"impossible counts",
       [](Plan &p) {
         p.ranks[0].copies[0][0].dims = {{-1, 1, 1}};
       }},
      {"impossible counts", [](Plan &p) { p.ranks[0].copies[0][0].targetMember = 1; }},
      {"copy writes an element of its target twice",
       [](Plan &p) {
         p.ranks[0].copies[0][0].dims = {{int64_t(1) << 50, 0, 0}};
       }},
      {"copy writes an element of its target twice",
       [](Plan &p) {
         p.ranks[0].copies[0].push_back({0, 0, 0, 4, {}});
       }},
      {"collective writes an element of its target twice",
       [](Plan &p) {
         p.communications[1].moves[0].dims = {{3, 1, 0}};
       }},
      {"collective writes an element of its target twice",
       [](Plan &p) { p.communications[0].moves[1].targetOffset = 4; }},
      {"collective writes an element of its target twice",
       [](Plan &p) { // combined would be legal, half combined is not
         p.communications[3].moves[1].dims = {{4, 1, 1}};
       }},
      {"event that no earlier step signals", [](Plan &p) { p.programs[1].steps[0].waits = {5}; }},
      {"event that no earlier step signals", [](Plan &p) { p.programs[1].steps[4].waits = {4}; }},
      {"same event", [](Plan &p) { p.programs[1].steps[3].event = 1; }},
      {"names queue 2", [](Plan &p) { p.programs[1].steps[3].queue = 2; }},
      {"communication that does not exist", [](Plan &p) { p.programs[1].steps[2].communication = 4; }},
      {"different kinds", [](Plan &p) { p.programs[1].steps[2].communication = 1; }},
      {"no reduction", [](Plan &p) { p.communications[2].reduction = Reduction::None; }},
      {"no members", [](Plan &p) { p.communications[0].groups.clear(); }},
      {"differ in size", [](Plan &p) { p.communications[0].groups.push_back({0}); }},
      {"takes part twice",
       [](Plan &p) {
         p.communications[0].groups = {{0, 0}};
       }},
      {"takes part twice",
       [](Plan &p) {
         p.communications[0].groups = {{0, 2}};
       }},
      {"takes no part",
       [](Plan &p) {
         p.communications[1].groups = {{0}};
         p.communications[1].moves.clear();
       }},
      {"member that does not exist", [](Plan &p) { p.communications[0].moves[0].sourceMember = 2; }},
      {"smaller than the communication", [](Plan &p) { p.communications[2].elements = 6; }},
      {"number of elements", [](Plan &p) { p.communications[2].elements = -1; }},
      {"reads outside", [](Plan &p) { p.communications[1].moves[0].sourceOffset = 1; }},
      {"writes outside", [](Plan &p) { p.communications[0].moves[1].targetOffset = 6; }},
      {"overlap", [](Plan &p) { p.programs[1].steps[2].reads[0].offsetBytes = 2 * 64 + 20; }},
      {"overlap", [](Plan &p) { p.programs[1].steps[4].writes[0].offsetBytes = 3 * 64 + 4; }},
  };
  for (const Fault &fault : faults) {
    Plan plan = samplePlan();
    fault.make(plan);
    auto error = plan::checkPlan(plan, 40);
    ASSERT_TRUE(error) << fault.expected;
    EXPECT_EQ(error->code, plan::ErrorCode::Invalid);
    EXPECT_NE(error->message.find(fault.expected), std::string::npos)
        << error->message << " / " << fault.expected;
  }
}

/// Steps of the sample run on two queues; every one waits for the one before it. What a step must wait for is its
/// operands and those that use its bytes, nothing else.
TEST(PlanChecks, QueuesShareBytesOnlyInOrder) {
  auto refused = [](const std::function<void(std::vector<plan::Step> &)> &change) {
    Plan plan = samplePlan();
    change(plan.programs[1].steps);
    auto error = plan::checkPlan(plan, 40);
    if (error) {
      EXPECT_NE(error->message.find("bytes that a step of another queue"), std::string::npos) << error->message;
    }
    return bool(error);
  };
  auto waits = [](size_t step, std::vector<uint32_t> events) {
    return [step, events](std::vector<plan::Step> &steps) { steps[step].waits = events; };
  };
  // gather_b reads what add_p has written; an earlier step of the other queue is not enough.
  EXPECT_TRUE(refused(waits(2, {})));
  EXPECT_TRUE(refused(waits(2, {0})));
  // give_y reads what gather_b has written.
  EXPECT_TRUE(refused(waits(6, {})));
  // add_r needs scatter_g, which give_y knows of when it waits for it.
  EXPECT_FALSE(refused(waits(7, {})));
  EXPECT_TRUE(refused([](std::vector<plan::Step> &steps) {
    steps[6].waits = {4};
    steps[7].waits = {};
  }));
  // give_y does not need reduce_c and scatter_g, add_r does.
  EXPECT_FALSE(refused([](std::vector<plan::Step> &steps) {
    steps[6].waits = {2};
    steps[7].waits = {5};
  }));
}

TEST(PlanChecks, QueuesWriteOnlyWhereTheOtherOneIsDone) {
  // add_r writes where take_x has written for add_p: its own queue, so that order is enough. Where exchange_b has
  // written for reduce_c, it has to wait for reduce_c.
  for (uint64_t place : {0, 3})
    for (bool doesWait : {false, true}) {
      Plan plan = samplePlan();
      std::vector<plan::Step> &steps = plan.programs[1].steps;
      steps[6].waits = {2};
      steps[7].reads[0] = steps[7].reads[1] = steps[0].writes[0];
      steps[7].reads[0].offsetBytes = steps[7].reads[1].offsetBytes = 64; // b, which its own queue wrote
      steps[7].writes[0].offsetBytes = steps[8].reads[0].offsetBytes = place * 64;
      steps[7].waits.clear();
      if (doesWait)
        steps[7].waits = {4};
      EXPECT_EQ(bool(plan::checkPlan(plan, 40)), place == 3 && !doesWait) << place;
    }
}

TEST(PlanChecks, WorkspacesAreWrittenToo) {
  Plan plan = samplePlan();
  std::vector<plan::Step> &steps = plan.programs[1].steps;
  steps[7].workspace = {Space::Activation, 0, 3 * 64, 64}; // of reduce_c's operand
  EXPECT_FALSE(plan::checkPlan(plan, 40));
  steps[5].waits.clear();
  steps[6].waits = steps[7].waits = {2};
  steps[7].reads[0] = steps[7].reads[1] = steps[1].writes[0];
  EXPECT_TRUE(plan::checkPlan(plan, 40));
}

TEST(PlanChecks, CollectivesInAnotherOrder) {
  Plan plan = samplePlan();
  plan::Program other = plan.programs[1];
  std::swap(other.steps[2], other.steps[3]);
  for (auto &step : other.steps) {
    step.queue = 0;
    step.waits.clear();
  }
  plan.programs.push_back(other);
  plan.ranks[1].forwardProgram = 2;
  auto error = plan::checkPlan(plan, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("another order"), std::string::npos) << error->message;
  // A rank that leaves one out.
  plan.programs[2] = plan.programs[1];
  plan.programs[2].steps.erase(plan.programs[2].steps.begin() + 4);
  for (auto &step : plan.programs[2].steps) {
    step.queue = 0;
    step.waits.clear();
  }
  error = plan::checkPlan(plan, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("wait forever"), std::string::npos) << error->message;
}

TEST(PlanChecks, OperandsMayShare) {
  Plan plan = samplePlan();
  plan.programs[1].steps[7].reads[1] = plan.programs[1].steps[7].reads[0];
  EXPECT_FALSE(plan::checkPlan(plan, 40));
}

TEST(PlanChecks, ResultsMayReplaceOperandsWhereTheKernelSaysSo) {
  for (uint32_t operand : {0u, 1u}) {
    Plan plan = samplePlan();
    plan.kernels[0].inPlace = {{operand, 0}};
    EXPECT_FALSE(plan::checkPlan(plan, 40));
    plan.programs[1].steps[7].writes[0] = plan.programs[1].steps[7].reads[operand];
    EXPECT_FALSE(plan::checkPlan(plan, 40));
  }
}

TEST(PlanChecks, AllReduceInPlaceIsLegal) {
  Plan plan = samplePlan();
  plan.programs[1].steps[4].writes[0] = plan.programs[1].steps[4].reads[0];
  EXPECT_FALSE(plan::checkPlan(plan, 40));
}

/// The sample with its exchange replaced by rank 0 sending to rank 1; rank 1 gets a program of its own.
Plan sendingSample() {
  Plan plan = samplePlan();
  plan.communications[1].kind = StepKind::Send;
  plan.communications[1].moves.erase(plan.communications[1].moves.begin() + 1);
  plan.programs[1].steps[3].kind = StepKind::Send;
  plan.programs.push_back(plan.programs[1]);
  plan.programs[1].steps[3].writes.clear();
  plan.programs[2].steps[3].reads.clear();
  plan.ranks[1].forwardProgram = 2;
  return plan;
}

TEST(PlanChecks, WhatIsSentStays) {
  Plan plan = sendingSample();
  auto error = plan::checkPlan(plan, 40);
  EXPECT_FALSE(error) << error->message;
  // The last kernel writes where the sent value lies; its receiver may read it much later. In place is no better.
  Plan inPlace = plan;
  inPlace.kernels[0].inPlace = {{0, 0}};
  inPlace.programs[1].steps[7].reads[0] = inPlace.programs[1].steps[7].writes[0] =
      inPlace.programs[1].steps[3].reads[0];
  error = plan::checkPlan(inPlace, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("over what an earlier one sends"), std::string::npos) << error->message;
  plan.programs[1].steps[7].writes[0] = plan.programs[1].steps[3].reads[0];
  error = plan::checkPlan(plan, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("over what an earlier one sends"), std::string::npos) << error->message;
}

TEST(PlanChecks, SendersGoOnReceiversWait) {
  // The sum of both ranks comes before the send on one of them, and behind it on the other.
  auto swapped = [](uint32_t program) {
    Plan plan = sendingSample();
    std::vector<plan::Step> &steps = plan.programs[program].steps;
    std::swap(steps[3], steps[4]);
    steps[3].waits = {2};
    steps[4].waits = {4};
    return plan::checkPlan(plan, 40);
  };
  auto error = swapped(2);
  EXPECT_FALSE(error) << error->message; // the receiver is late, nobody minds
  error = swapped(1);
  ASSERT_TRUE(error); // the sender waits for the receiver at the sum, the receiver for it at the send
  EXPECT_NE(error->message.find("wait forever"), std::string::npos) << error->message;
}

TEST(PlanChecks, EveryMemberOfASendComes) {
  for (uint32_t program : {1u, 2u}) {
    Plan plan = sendingSample();
    std::vector<plan::Step> &steps = plan.programs[program].steps;
    steps.erase(steps.begin() + 3);
    steps[3].waits = {2};
    auto error = plan::checkPlan(plan, 40);
    ASSERT_TRUE(error) << program;
    EXPECT_NE(error->message.find(program == 1 ? "wait forever" : "never comes"), std::string::npos) << error->message;
  }
}

TEST(PlanChecks, NobodySendsAndReceivesAtOnce) {
  Plan plan = sendingSample();
  plan.communications[1].moves = {{0, 1, 0, 0, {{5, 1, 1}}}, {1, 0, 0, 0, {{5, 1, 1}}}};
  auto error = plan::checkPlan(plan, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("both sends and receives"), std::string::npos) << error->message;
}

TEST(PlanChecks, NobodySendsTheSameTwice) {
  Plan plan = sendingSample();
  for (uint32_t program : {1u, 2u}) {
    plan.programs[program].steps.push_back(plan.programs[program].steps[3]);
    plan.programs[program].steps.back().event = 90;
  }
  auto error = plan::checkPlan(plan, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("takes part in a send twice"), std::string::npos) << error->message;
}

TEST(PlanChecks, InitProgramsMeet) {
  Plan plan = sendingSample();
  plan.programs.push_back(plan.programs[0]);
  plan.ranks[1].initProgram = 3;
  for (uint32_t program : {0u, 3u}) {
    plan::Step step;
    step.kind = StepKind::Send;
    step.name = "early";
    step.event = 7;
    step.communication = 1;
    plan::Buffer buffer = {Space::Persistent, 0, 0, 20};
    (program == 0 ? step.reads : step.writes).push_back(buffer);
    plan.programs[program].steps.push_back(step);
  }
  auto error = plan::checkPlan(plan, 40);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("an init program sends"), std::string::npos) << error->message;
}

TEST(PlanChecks, EmptyShardsAreLegal) {
  Plan plan = samplePlan();
  plan.ranks[1].copies[2] = {};
  plan.ranks[0].copies[0][0].dims[0].count = 0;
  EXPECT_FALSE(plan::checkPlan(plan, 40));
}

} // namespace
} // namespace ampc::test
