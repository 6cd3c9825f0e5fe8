// Simulated execution of small hand-written plans whose times can be added up by hand.
#include "cost_model/collective.h"
#include "cost_model/simulate.h"

#include <gtest/gtest.h>

using namespace ampc;
using namespace ampc::cost;
using plan::StepKind;

namespace {

/// Devices of 1 GFLOP/s without other limits; a rendezvous of two costs 0.5 s, and data nothing.
Cluster unitCluster(uint32_t devices, const std::string &kind = "cpu") {
  Device device;
  device.kind = kind;
  device.queues = kind == "cuda" ? 2 : 1;
  device.peakFlopsPerSecond = {{DataType::F32, 1e9}};
  device.memoryBytes = 1 << 30;
  device.memoryBandwidthBytesPerSecond = 1e18;
  LinkTier tier;
  tier.groupSize = devices;
  tier.latencySeconds = 0.5;
  tier.bandwidthBytesPerSecond = 1e18;
  Cluster cluster;
  cluster.devices.assign(devices, device);
  cluster.tiers = {tier};
  return cluster;
}

plan::Step launch(std::string name, double seconds, uint32_t event, uint32_t queue = 0,
                  std::vector<uint32_t> waits = {}) {
  plan::Step step;
  step.name = std::move(name);
  step.flops = seconds * 1e9;
  step.event = event;
  step.queue = queue;
  step.waits = std::move(waits);
  return step;
}

plan::Step meet(std::string name, StepKind kind, uint32_t communication, uint32_t event, uint32_t queue = 0,
                std::vector<uint32_t> waits = {}) {
  plan::Step step = launch(std::move(name), 0, event, queue, std::move(waits));
  step.kind = kind;
  step.communication = communication;
  return step;
}

/// A plan with one program per entry of `programs` and one rank for each.
plan::Plan planOf(std::vector<std::vector<plan::Step>> programs) {
  plan::Plan plan;
  plan.kernels.resize(1);
  for (auto &steps : programs) {
    plan.ranks.emplace_back();
    plan.ranks.back().forwardProgram = uint32_t(plan.programs.size());
    plan.programs.emplace_back();
    plan.programs.back().name = "p" + std::to_string(plan.programs.size() - 1);
    plan.programs.back().steps = std::move(steps);
  }
  plan.stages.resize(1);
  return plan;
}

void addCommunication(plan::Plan &plan, StepKind kind, std::vector<std::vector<uint32_t>> groups) {
  plan::Communication communication;
  communication.kind = kind;
  communication.elements = kind == StepKind::AllReduce ? 1 : 0;
  communication.groups = std::move(groups);
  communication.bytesPerRank = 4;
  plan.communications.push_back(std::move(communication));
}

// Two rendezvous of two ranks of a unitCluster.
constexpr double handoverOfTwo = 1;

TEST(Simulate, addsUpOneRank) {
  const plan::Plan plan = planOf({{launch("a", 1, 0), launch("b", 2, 1), launch("empty", 0, 2)}});
  const Timeline timeline = simulate(plan, unitCluster(1));
  EXPECT_EQ(timeline.error, "");
  EXPECT_DOUBLE_EQ(timeline.latencySeconds, 3);
  EXPECT_DOUBLE_EQ(timeline.secondsPerRequest, 3);
  EXPECT_DOUBLE_EQ(timeline.busySeconds[0], 3);
  EXPECT_NEAR(timeline.waitSeconds[0], 0, 1e-9);
  ASSERT_EQ(timeline.steps.size(), 3u);
  EXPECT_DOUBLE_EQ(timeline.steps[1].startSeconds, 1);
  EXPECT_DOUBLE_EQ(timeline.steps[1].endSeconds, 3);
}

TEST(Simulate, collectiveStartsWhenTheLastMemberArrives) {
  plan::Plan plan = planOf({{launch("a", 1, 0), meet("sum", StepKind::AllReduce, 0, 1), launch("c", 1, 2)},
                            {launch("b", 4, 0), meet("sum", StepKind::AllReduce, 0, 1)}});
  addCommunication(plan, StepKind::AllReduce, {{0, 1}});
  const Timeline timeline = simulate(plan, unitCluster(2));
  ASSERT_EQ(timeline.error, "");
  // Two meetings of half a second.
  EXPECT_NEAR(timeline.latencySeconds, 4 + 1 + 1 + handoverOfTwo, 1e-9);
  EXPECT_NEAR(timeline.communicationSeconds[0], 1, 1e-9);
  EXPECT_NEAR(timeline.waitSeconds[0], 3, 1e-9);
  EXPECT_NEAR(timeline.waitSeconds[1], 1, 1e-9);
  EXPECT_NEAR(timeline.steps[1].readySeconds, 1, 1e-9);
  EXPECT_NEAR(timeline.steps[1].startSeconds, 4, 1e-9);
}

TEST(Simulate, groupsOfOneCommunicationAreIndependent) {
  plan::Plan plan = planOf({{launch("a", 1, 0), meet("sum", StepKind::AllReduce, 0, 1)},
                            {launch("a", 1, 0), meet("sum", StepKind::AllReduce, 0, 1)},
                            {launch("a", 9, 0), meet("sum", StepKind::AllReduce, 0, 1)},
                            {launch("a", 1, 0), meet("sum", StepKind::AllReduce, 0, 1)}});
  addCommunication(plan, StepKind::AllReduce, {{0, 1}, {2, 3}});
  const Timeline timeline = simulate(plan, unitCluster(4));
  ASSERT_EQ(timeline.error, "");
  EXPECT_NEAR(timeline.steps[1].endSeconds, 2, 1e-9);
  EXPECT_NEAR(timeline.latencySeconds, 10 + 2 * handoverOfTwo, 1e-9); // of four
}

TEST(Simulate, queuesOverlapOnlyWhereTheDeviceCan) {
  // Compute for 2 s beside a copy queue of 3 s, then a step that needs both.
  const plan::Plan plan = planOf({{launch("a", 2, 0), launch("copy", 3, 1, 1), launch("b", 1, 2, 0, {1})}});
  EXPECT_DOUBLE_EQ(simulate(plan, unitCluster(1, "cuda")).latencySeconds, 4);
  EXPECT_DOUBLE_EQ(simulate(plan, unitCluster(1, "cpu")).latencySeconds, 6);
}

TEST(Simulate, communicationHidesBehindComputation) {
  // The sum of 1 s needs a; b of 3 s does not need the sum, c does. The other rank comes to the sum after 2 s.
  const std::vector<plan::Step> first = {launch("a", 1, 0), meet("sum", StepKind::AllReduce, 0, 1, 1, {0}),
                                         launch("b", 3, 2), launch("c", 1, 3, 0, {1})};
  const std::vector<plan::Step> second = {launch("a", 2, 0), meet("sum", StepKind::AllReduce, 0, 1, 1, {0})};
  plan::Plan plan = planOf({first, second});
  addCommunication(plan, StepKind::AllReduce, {{0, 1}});
  const Timeline timeline = simulate(plan, unitCluster(2, "cuda"));
  ASSERT_EQ(timeline.error, "");
  const double sum = timeline.communicationSeconds[0];
  EXPECT_GT(sum, 0.4);
  EXPECT_LT(sum, 2);
  EXPECT_DOUBLE_EQ(timeline.latencySeconds, 5 + handoverOfTwo);
  EXPECT_DOUBLE_EQ(timeline.busySeconds[0], 5);
  EXPECT_DOUBLE_EQ(timeline.hiddenSeconds[0], sum);
  EXPECT_DOUBLE_EQ(timeline.hiddenSeconds[1], 0);
  EXPECT_NEAR(timeline.waitSeconds[0], 0, 1e-9);
  EXPECT_NEAR(timeline.waitSeconds[1], 5 - 2 - sum, 1e-9);
  // Only a part of it: b ends 0.25 s after the sum has begun.
  plan.programs[0].steps[2].flops = 1.25e9;
  const Timeline partly = simulate(plan, unitCluster(2, "cuda"));
  EXPECT_NEAR(partly.hiddenSeconds[0], 0.25, 1e-9);
  EXPECT_NEAR(partly.latencySeconds, 2 + sum + 1 + handoverOfTwo, 1e-9);
  // One queue takes turns.
  const Timeline turns = simulate(plan, unitCluster(2, "cpu"));
  EXPECT_NEAR(turns.latencySeconds, 2 + turns.communicationSeconds[0] + 1.25 + 1 + handoverOfTwo, 1e-9);
  EXPECT_DOUBLE_EQ(turns.hiddenSeconds[0], 0);
}

TEST(Simulate, aReceiverNeedNotHaveSentToFetchTheNextRequest) {
  // Three stages of 2 s; fetching takes 1 s on the second queue, announcing nothing on the first.
  plan::Plan plan = planOf({{launch("a", 2, 0), meet("ab", StepKind::Send, 0, 1)},
                            {meet("ab", StepKind::Send, 0, 0, 1), launch("b", 2, 1, 0, {0}),
                             meet("bc", StepKind::Send, 1, 2)},
                            {meet("bc", StepKind::Send, 1, 0, 1), launch("c", 2, 1, 0, {0})}});
  for (uint32_t k = 0; k < 2; ++k) {
    addCommunication(plan, StepKind::Send, {{k, k + 1}});
    plan::Move move;
    move.targetMember = 1;
    plan.communications.back().moves = {move};
  }
  plan.entry.slots = 8;
  EXPECT_NEAR(simulate(plan, unitCluster(3, "cuda")).secondsPerRequest, 2, 1e-9);
  EXPECT_GT(simulate(plan, unitCluster(3, "cpu")).secondsPerRequest, 2.4);
}

TEST(Simulate, waitStepHoldsAQueue) {
  plan::Step wait;
  wait.kind = StepKind::Wait;
  wait.name = "wait";
  wait.event = 9;
  wait.waits = {1};
  const plan::Plan plan = planOf({{launch("copy", 3, 1, 1), wait, launch("b", 1, 2)}});
  EXPECT_DOUBLE_EQ(simulate(plan, unitCluster(1, "cuda")).latencySeconds, 4);
}

/// Two stages of `seconds` each; the exchange between them costs two meetings, 1 s.
plan::Plan pipeline(double first, double second, uint32_t slots) {
  plan::Plan plan = planOf({{launch("a", first, 0), meet("send", StepKind::Exchange, 0, 1)},
                            {meet("send", StepKind::Exchange, 0, 0), launch("b", second, 1)}});
  addCommunication(plan, StepKind::Exchange, {{0, 1}});
  plan.stages.resize(2);
  plan.entry.slots = slots;
  return plan;
}

TEST(Simulate, slotsRaiseThroughputNotLatency) {
  const Cluster cluster = unitCluster(2);
  const Timeline alone = simulate(pipeline(4, 4, 1), cluster), two = simulate(pipeline(4, 4, 2), cluster),
                 three = simulate(pipeline(4, 4, 3), cluster);
  ASSERT_EQ(two.error, "");
  EXPECT_NEAR(alone.latencySeconds, 9 + handoverOfTwo, 1e-9);
  EXPECT_NEAR(alone.secondsPerRequest, 9 + handoverOfTwo, 1e-9);
  EXPECT_NEAR(two.latencySeconds, 9 + handoverOfTwo, 1e-9);
  EXPECT_NEAR(two.secondsPerRequest, 5, 1e-9); // a stage and the exchange
  EXPECT_LE(three.secondsPerRequest, two.secondsPerRequest + 1e-9);
}

TEST(Simulate, theSlowStageLimitsThroughput) {
  const Timeline timeline = simulate(pipeline(1, 7, 4), unitCluster(2));
  EXPECT_NEAR(timeline.secondsPerRequest, 8, 1e-9);
}

/// Stage 0 sends its result to stage 1 and, first, something to stage 2.
plan::Plan skippingPipeline(StepKind kind) {
  plan::Plan plan = planOf({{launch("a", 1, 0), meet("skip", kind, 0, 1), launch("b", 3, 2), meet("next", kind, 1, 3)},
                            {meet("next", kind, 1, 0), launch("c", 4, 1), meet("last", kind, 2, 2)},
                            {meet("skip", kind, 0, 0), meet("last", kind, 2, 1), launch("d", 4, 2)}});
  for (auto [source, target] : {std::pair(0u, 2u), {0u, 1u}, {1u, 2u}}) {
    addCommunication(plan, kind, {{source, target}});
    plan.communications.back().moves = {{0, 1, 0, 0, {{1, 1, 1}}}};
  }
  plan.stages.resize(3);
  plan.entry.slots = 4;
  return plan;
}

TEST(Simulate, sendersDoNotWait) {
  const Cluster cluster = unitCluster(3);
  const Timeline met = simulate(skippingPipeline(StepKind::Exchange), cluster);
  const Timeline sent = simulate(skippingPipeline(StepKind::Send), cluster);
  ASSERT_EQ(met.error, "");
  ASSERT_EQ(sent.error, "");
  // Two values of a request arrive at the last stage, half a second each, and its own work.
  EXPECT_NEAR(sent.secondsPerRequest, 5, 0.3);
  EXPECT_GT(met.secondsPerRequest, 2 * sent.secondsPerRequest); // one request at a time
  EXPECT_NEAR(sent.steps[1].endSeconds, sent.steps[1].readySeconds, 1e-9);
  EXPECT_LE(sent.latencySeconds, met.latencySeconds);
}

TEST(Simulate, namesAReceiverWhoseSenderDoesNotCome) {
  plan::Plan plan = skippingPipeline(StepKind::Send);
  plan.programs[0].steps.erase(plan.programs[0].steps.begin() + 1);
  EXPECT_NE(simulate(plan, unitCluster(3)).error.find("a sender does not come"), std::string::npos);
}

TEST(Simulate, aSlotIsReusedOnlyWhenItsRequestIsDone) {
  SimulateOptions options;
  options.requests = 3;
  const Timeline timeline = simulate(pipeline(4, 4, 1), unitCluster(2), options);
  ASSERT_EQ(timeline.error, "");
  EXPECT_NEAR(timeline.totalSeconds, 27, 1e-9);
  EXPECT_EQ(timeline.steps.size(), 12u);
}

TEST(Simulate, stateAllowsOneRequestInFlight) {
  plan::Plan plan = pipeline(4, 4, 2);
  plan.entry.states.resize(1);
  EXPECT_NEAR(simulate(plan, unitCluster(2)).secondsPerRequest, 9 + handoverOfTwo, 1e-9);
}

TEST(Simulate, copiesArePricedByTheMovesOfTheRank) {
  plan::Step copy;
  copy.kind = StepKind::Copy;
  copy.reads.resize(1);
  copy.reads[0].space = plan::Space::Activation;
  plan::Plan plan = planOf({{copy}});
  plan.ranks.resize(2);
  plan.ranks[0].copies = {
      {{0, 0, 0, 0, {{10, 8, 4}, {25, 1, 1}}}}}; // 250 elements of 4 bytes, read and written
  plan.ranks[1].copies = {{}};                   // an empty shard
  Cluster cluster = unitCluster(2);
  for (Device &device : cluster.devices)
    device.memoryBandwidthBytesPerSecond = 1000;
  const Timeline timeline = simulate(plan, cluster);
  EXPECT_DOUBLE_EQ(timeline.busySeconds[0], 2);
  EXPECT_EQ(timeline.busySeconds[1], 0);
}

TEST(Simulate, initProgramsRunOnTheirOwn) {
  plan::Plan plan = planOf({{launch("a", 1, 0)}});
  plan.programs.emplace_back();
  plan.programs[1].steps = {launch("pack", 5, 0)};
  plan.ranks[0].initProgram = 1;
  SimulateOptions options;
  options.initPrograms = true;
  EXPECT_DOUBLE_EQ(simulate(plan, unitCluster(1), options).latencySeconds, 5);
  EXPECT_DOUBLE_EQ(simulate(plan, unitCluster(1)).latencySeconds, 1);
}

TEST(Simulate, explainsDeadlocks) {
  plan::Plan plan = planOf({{meet("x", StepKind::AllReduce, 0, 0), meet("y", StepKind::AllReduce, 1, 1)},
                            {meet("y", StepKind::AllReduce, 1, 0), meet("x", StepKind::AllReduce, 0, 1)}});
  addCommunication(plan, StepKind::AllReduce, {{0, 1}});
  addCommunication(plan, StepKind::AllReduce, {{0, 1}});
  const std::string error = simulate(plan, unitCluster(2)).error;
  EXPECT_NE(error.find("rank 0, step 'x'"), std::string::npos) << error;
  EXPECT_NE(error.find("only 1 of 2 members"), std::string::npos) << error;
}

TEST(Simulate, rejectsBadIndices) {
  plan::Plan plan = planOf({{launch("a", 1, 0)}});
  plan.programs[0].steps[0].kernel = 7;
  EXPECT_NE(simulate(plan, unitCluster(1)).error.find("kernel"), std::string::npos);
  plan.programs[0].steps[0] = meet("m", StepKind::AllGather, 3, 0);
  EXPECT_NE(simulate(plan, unitCluster(1)).error.find("communication"), std::string::npos);
  plan.ranks[0].forwardProgram = 3;
  EXPECT_NE(simulate(plan, unitCluster(1)).error.find("program 3"), std::string::npos);
  EXPECT_NE(simulate(planOf({{}, {}}), unitCluster(1)).error.find("2 ranks"), std::string::npos);
  EXPECT_NE(simulate(plan::Plan(), unitCluster(1)).error, "");
  EXPECT_EQ(simulate(planOf({{}}), unitCluster(1)).error, ""); // a rank without work is legal
}

TEST(Simulate, isDeterministicAndScales) {
  // 512 ranks that share one program with 200 launches and 50 all-reduces in groups of 8.
  plan::Plan plan = planOf({{}});
  std::vector<std::vector<uint32_t>> groups(64);
  for (uint32_t rank = 0; rank < 512; ++rank)
    groups[rank / 8].push_back(rank);
  for (uint32_t i = 0; i < 50; ++i) {
    for (uint32_t j = 0; j < 4; ++j)
      plan.programs[0].steps.push_back(launch("k", 1e-4, i * 5 + j));
    plan.programs[0].steps.push_back(meet("sum", StepKind::AllReduce, i, i * 5 + 4));
    addCommunication(plan, StepKind::AllReduce, groups);
  }
  plan.ranks.resize(512);
  ClusterError error;
  const Cluster cluster = presetCluster("h100x512", error).value();
  const Timeline first = simulate(plan, cluster), second = simulate(plan, cluster);
  ASSERT_EQ(first.error, "");
  ASSERT_EQ(first.steps.size(), 512u * 250u);
  EXPECT_EQ(first.latencySeconds, second.latencySeconds);
  for (size_t i = 0; i < first.steps.size(); ++i)
    ASSERT_EQ(first.steps[i].endSeconds, second.steps[i].endSeconds);
  EXPECT_EQ(first.busySeconds[0], first.busySeconds[511]);
}

TEST(PredictSteps, fillsEveryStep) {
  plan::Plan plan = pipeline(4, 2, 1);
  const auto seconds = predictSteps(plan, unitCluster(2));
  ASSERT_EQ(seconds.size(), 2u);
  EXPECT_DOUBLE_EQ(seconds[0][0], 4);
  EXPECT_NEAR(seconds[0][1], 1, 1e-9);
  EXPECT_DOUBLE_EQ(seconds[1][1], 2);
}

} // namespace
