// Orders for two queues by hand, and random programs: whatever order and placement, the waits that are derived from
// bytes make them safe, every single one is needed, and the three that know about it agree: order, checker of memory,
// loader.
#include "passes/overlap_order.h"
#include "passes/overwrites.h"
#include "passes/place_buffers.h"
#include "passes/step_waits.h"
#include "runtime/plan/plan_checks.h"

#include <gtest/gtest.h>

#include <random>

using namespace ampc;

namespace {

TimedStep compute(std::vector<int> reads, std::vector<int> writes, double seconds = 1) {
  return {std::move(reads), std::move(writes), false, seconds};
}
TimedStep communicate(std::vector<int> reads, std::vector<int> writes, double seconds = 1) {
  return {std::move(reads), std::move(writes), true, seconds};
}

TEST(OverlapOrder, IndependentWorkComesBetweenACommunicationAndItsReader) {
  // 0 -> sum 1 -> 2; 3 and 4 need nothing, 5 needs all.
  const std::vector<TimedStep> steps = {compute({}, {0}),  communicate({0}, {1}, 2), compute({1}, {2}),
                                        compute({}, {3}),  compute({}, {4}),         compute({2, 3, 4}, {5})};
  EXPECT_EQ(overlapOrder(steps), (std::vector<size_t>{0, 1, 3, 4, 2, 5}));
}

TEST(OverlapOrder, WhatACommunicationNeedsComesFirst) {
  // The file computes 0 and 1 first, but it is 2 that has to go to the other devices.
  const std::vector<TimedStep> steps = {compute({}, {0}), compute({}, {1}), compute({}, {2}),
                                        communicate({2}, {3}, 3), compute({0, 1, 3}, {4})};
  EXPECT_EQ(overlapOrder(steps), (std::vector<size_t>{2, 3, 0, 1, 4}));
}

TEST(OverlapOrder, ValuesWrittenInPartsAndAgainKeepTheirOrder) {
  // 0 is filled by two steps, read, and written again.
  const std::vector<TimedStep> steps = {compute({}, {0}), compute({}, {0}), communicate({0}, {1}, 9),
                                        compute({}, {0}), compute({0, 1}, {2})};
  EXPECT_EQ(overlapOrder(steps), (std::vector<size_t>{0, 1, 2, 3, 4}));
}

TEST(OverlapOrder, CommunicationsKeepAnOrderThatIsGiven) {
  // By itself the one with the longer way behind it goes first.
  const std::vector<TimedStep> steps = {compute({}, {0}), compute({}, {1}), communicate({0}, {2}),
                                        communicate({1}, {3}), compute({3}, {4}, 8), compute({2}, {5})};
  EXPECT_EQ(overlapOrder(steps), (std::vector<size_t>{1, 3, 0, 2, 4, 5}));
  auto forced = overlapOrder(steps, {2, 3});
  ASSERT_TRUE(forced);
  EXPECT_LT(std::find(forced->begin(), forced->end(), 2), std::find(forced->begin(), forced->end(), 3));
  // One that needs the other cannot go first.
  EXPECT_FALSE(overlapOrder({communicate({}, {0}), communicate({0}, {1})}, {1, 0}));
}

TEST(OverlapOrder, ValuesOfACommunicationLiveWhileItMayRun) {
  const std::vector<TimedStep> steps = {compute({}, {0}), compute({}, {3}), communicate({0}, {1}),
                                        compute({}, {4}), compute({1}, {2}), compute({2}, {5})};
  const std::vector<StepRange> ranges = sideBySide(steps);
  EXPECT_EQ(ranges[2].begin, 1); // as soon as 0 is there
  EXPECT_EQ(ranges[2].end, 3);   // the next one needs its result
  EXPECT_EQ(ranges[3].begin, 3);
  EXPECT_EQ(ranges[3].end, 3);
  // Nobody needs the result: it may run until the end.
  EXPECT_EQ(sideBySide({communicate({}, {0}), compute({}, {1}), compute({}, {2})})[0].end, 2);
}

/// A random program on two queues, its values placed so that memory is used again as early as the list allows.
struct RandomProgram {
  std::vector<TimedStep> steps;
  std::vector<std::optional<ValuePlace>> places;
  plan::Program program;
  std::vector<StepValues> values;

  RandomProgram(uint64_t seed, bool isStretched) {
    std::mt19937_64 random(seed);
    for (int k = 0; k < 30; ++k) {
      TimedStep step = compute({}, {k}, double(1 + random() % 5));
      step.isCommunication = k > 0 && random() % 3 == 0;
      for (uint64_t operands = k == 0 ? 0 : random() % 3; operands > 0; --operands)
        step.reads.push_back(int(random() % uint64_t(k)));
      steps.push_back(step);
    }
    std::vector<size_t> order = overlapOrder(steps).value();
    std::vector<TimedStep> ordered;
    for (size_t step : order)
      ordered.push_back(steps[step]);
    std::vector<StepRange> ranges = sideBySide(ordered);
    std::vector<Lifetime> lifetimes(steps.size(), {1000, -1, 0});
    for (size_t k = 0; k < ordered.size(); ++k)
      for (const std::vector<int> *list : {&ordered[k].reads, &ordered[k].writes})
        for (int value : *list) {
          Lifetime &life = lifetimes[size_t(value)];
          life.begin = std::min(life.begin, isStretched ? ranges[k].begin : int64_t(k));
          life.end = std::max(life.end, isStretched ? ranges[k].end : int64_t(k));
          life.sizeBytes = 64 + 64 * (uint64_t(value) % 3);
        }
    Placement placement = placeBuffers(lifetimes);
    for (size_t v = 0; v < lifetimes.size(); ++v)
      places.push_back(ValuePlace{placement.offsets[v], lifetimes[v].sizeBytes});
    for (const TimedStep &timed : ordered) {
      plan::Step step;
      step.queue = timed.isCommunication ? plan::communicationQueue : plan::computeQueue;
      for (int read : timed.reads)
        step.reads.push_back(bufferOf(read));
      for (int write : timed.writes)
        step.writes.push_back(bufferOf(write));
      program.steps.push_back(step);
      values.push_back({timed.reads, timed.writes, step.queue});
    }
    deriveWaits(program.steps);
  }

  plan::Buffer bufferOf(int value) const {
    const ValuePlace &place = *places[size_t(value)];
    return {plan::Space::Activation, 0, place.offsetBytes, place.sizeBytes};
  }
  bool isSafeForChecker() {
    for (size_t k = 0; k < values.size(); ++k)
      values[k].waits.assign(program.steps[k].waits.begin(), program.steps[k].waits.end());
    return !findOverwrite(values, places, {});
  }
  bool isSafeForLoader() const {
    plan::Plan plan;
    plan.programs = {program, {}};
    plan.ranks.resize(1);
    plan.ranks[0].initProgram = 1;
    return !plan::checkQueues(plan);
  }
};

TEST(StepWaits, MakeEveryPlacementSafeAndNoneIsTooMany) {
  size_t numWaits = 0;
  for (uint64_t seed = 0; seed < 60; ++seed)
    for (bool isStretched : {false, true}) {
      RandomProgram program(seed, isStretched);
      ASSERT_TRUE(program.isSafeForChecker()) << seed;
      ASSERT_TRUE(program.isSafeForLoader()) << seed;
      for (plan::Step &step : program.program.steps) {
        ASSERT_LE(step.waits.size(), 1u) << seed;
        if (step.waits.empty())
          continue;
        ++numWaits;
        const std::vector<uint32_t> waits = std::move(step.waits);
        step.waits.clear();
        EXPECT_FALSE(program.isSafeForChecker()) << seed << ", step " << step.event;
        EXPECT_FALSE(program.isSafeForLoader()) << seed << ", step " << step.event;
        step.waits = waits;
      }
    }
  EXPECT_GT(numWaits, 500u);
}

/// With longer lives no wait is there for the memory's sake: all are for operands.
TEST(StepWaits, ReusedMemoryHoldsNobodyUpWhereLivesAreStretched) {
  size_t numForMemory[2] = {0, 0};
  for (uint64_t seed = 0; seed < 60; ++seed)
    for (bool isStretched : {false, true}) {
      RandomProgram program(seed, isStretched);
      size_t need[2] = {0, 0};
      std::vector<int64_t> writer(30, -1);
      for (size_t k = 0; k < program.values.size(); ++k) {
        const StepValues &values = program.values[k];
        for (int read : values.reads)
          if (writer[size_t(read)] >= 0 && program.values[size_t(writer[size_t(read)])].queue != values.queue)
            need[values.queue] = std::max(need[values.queue], size_t(writer[size_t(read)]) + 1);
        for (uint32_t event : program.program.steps[k].waits)
          numForMemory[isStretched] += event >= need[values.queue];
        for (int write : values.writes)
          writer[size_t(write)] = int64_t(k);
      }
    }
  EXPECT_GT(numForMemory[false], 50u);
  EXPECT_EQ(numForMemory[true], 0u);
}

} // namespace
