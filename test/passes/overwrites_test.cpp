// The memory checker: legal placements pass, every way of losing a value is found.
#include "passes/overwrites.h"
#include "passes/place_buffers.h"

#include <gtest/gtest.h>

#include <random>

using namespace ampc;

namespace {

using Places = std::vector<std::optional<ValuePlace>>;

TEST(Overwrites, AChainReusesMemory) {
  const std::vector<StepValues> steps = {{{}, {0}}, {{0}, {1}}, {{1}, {2}}, {{2}, {}}};
  EXPECT_FALSE(findOverwrite(steps, Places{ValuePlace{0, 64}, ValuePlace{64, 64}, ValuePlace{0, 64}}, {}));
}

TEST(Overwrites, FindsAReadAfterTheValueIsGone) {
  const std::vector<StepValues> steps = {{{}, {0}}, {{0}, {1}}, {{1}, {2}}, {{0, 2}, {}}};
  auto found = findOverwrite(steps, Places{ValuePlace{0, 100}, ValuePlace{128, 64}, ValuePlace{64, 40}}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 3u);
  EXPECT_EQ(found->value, 0);
}

TEST(Overwrites, FindsAReadOfWhatNobodyWrote) {
  EXPECT_TRUE(findOverwrite({{{0}, {}}}, Places{ValuePlace{0, 8}}, {}));
  // Only a part of it.
  EXPECT_TRUE(findOverwrite({{{}, {0}}, {{1}, {}}}, Places{ValuePlace{0, 8}, ValuePlace{0, 16}}, {}));
}

TEST(Overwrites, WorkInPlaceEndsTheOldValue) {
  const Places places = {ValuePlace{0, 64}, ValuePlace{0, 64}, ValuePlace{64, 64}};
  const std::vector<std::pair<int, int>> pair = {{0, 1}};
  EXPECT_FALSE(findOverwrite({{{}, {0}}, {{0}, {1}, 0, {}, pair}, {{1}, {2}}}, places, {2}));
  EXPECT_TRUE(findOverwrite({{{}, {0}}, {{0}, {1}, 0, {}, pair}, {{0}, {2}}}, places, {2}));
}

TEST(Overwrites, FindsAStepThatWritesOverWhatItReads) {
  const std::vector<std::pair<int, int>> pair = {{0, 1}};
  auto find = [&](ValuePlace read, ValuePlace written, const std::vector<std::pair<int, int>> &inPlace) {
    return findOverwrite({{{}, {0}}, {{0}, {1}, 0, {}, inPlace}}, Places{read, written}, {});
  };
  EXPECT_FALSE(find({0, 64}, {64, 64}, {}));
  EXPECT_FALSE(find({0, 64}, {0, 64}, pair));
  EXPECT_FALSE(find({64, 64}, {96, 0}, {}));
  // Without permission, or not as a whole.
  for (const auto &found : {find({0, 64}, {0, 64}, {}), find({0, 64}, {0, 64}, {{1, 0}}), find({0, 64}, {32, 64}, pair),
                            find({0, 64}, {0, 32}, pair)}) {
    ASSERT_TRUE(found);
    EXPECT_EQ(found->step, 1u);
    EXPECT_EQ(found->value, 0);
  }
}

TEST(Overwrites, PartsOfAValueStay) {
  const Places places = {ValuePlace{0, 64}, ValuePlace{0, 32}};
  EXPECT_FALSE(findOverwrite({{{}, {0}}, {{}, {0}}, {{0}, {}}}, places, {}));
  EXPECT_TRUE(findOverwrite({{{}, {0}}, {{}, {1}}, {{}, {0}}}, places, {}));
}

TEST(Overwrites, KeptValuesStayUntilTheEnd) {
  const std::vector<StepValues> steps = {{{}, {0}}, {{0}, {}}, {{}, {1}}};
  const Places places = {ValuePlace{0, 64}, ValuePlace{0, 64}};
  EXPECT_FALSE(findOverwrite(steps, places, {}));
  auto found = findOverwrite(steps, places, {0});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, steps.size());
}

TEST(Overwrites, ValuesElsewhereAndEmptyOnesAreNotChecked) {
  EXPECT_FALSE(findOverwrite({{{0, 1}, {}}}, Places{std::nullopt, ValuePlace{0, 0}}, {0, 1}));
}

TEST(Overwrites, AnotherQueueIsWaitedFor) {
  const Places places = {ValuePlace{0, 64}, ValuePlace{64, 64}, ValuePlace{0, 64}};
  // 1 is made from 0 by the other queue; 2 takes 0's place.
  std::vector<StepValues> steps = {{{}, {0}}, {{0}, {1}, 1, {0}}, {{1}, {2}, 0, {1}}};
  EXPECT_FALSE(findOverwrite(steps, places, {}));
  steps[1].waits.clear();
  auto found = findOverwrite(steps, places, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 1u);
  EXPECT_EQ(found->value, 0);
  // 2 does not read 1, but overwrites what the other queue may still read.
  steps = {{{}, {0}}, {{0}, {1}, 1, {0}}, {{}, {2}, 0, {}}};
  found = findOverwrite(steps, places, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 2u);
  EXPECT_EQ(found->value, 2);
  // A step before it in its queue, or one that it waits for, may have waited.
  EXPECT_FALSE(findOverwrite({{{}, {0}}, {{0}, {1}, 1, {0}}, {{1}, {}, 0, {1}}, {{}, {2}, 0, {}}}, places, {}));
  EXPECT_FALSE(findOverwrite({{{}, {0}}, {{0}, {1}, 1, {0}}, {{1}, {}, 0, {1}}, {{}, {2}, 2, {2}}}, places, {}));
}

/// Random programs, placed by their true lifetimes: sound. A lifetime that ends one step early where memory is reused:
/// found whenever somebody took the bytes.
TEST(Overwrites, AgreesWithRandomPlacements) {
  std::mt19937_64 random(11);
  int found = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<StepValues> steps;
    std::vector<Lifetime> lifetimes;
    for (int k = 0; k < 30; ++k) {
      StepValues step;
      for (int read = 0; read < 2 && k > 0; ++read) {
        int value = int(random() % uint64_t(k));
        step.reads.push_back(value);
        lifetimes[size_t(value)].end = k;
      }
      step.writes.push_back(k);
      lifetimes.push_back({k, k, 64 * (1 + random() % 4)});
      steps.push_back(std::move(step));
    }
    auto placesOf = [&](const std::vector<Lifetime> &live) {
      Placement placement = placeBuffers(live);
      Places places;
      for (size_t k = 0; k < live.size(); ++k)
        places.push_back(ValuePlace{placement.offsets[k], live[k].sizeBytes});
      return places;
    };
    EXPECT_FALSE(findOverwrite(steps, placesOf(lifetimes), {}));
    for (Lifetime &lifetime : lifetimes)
      lifetime.end = std::max(lifetime.begin, lifetime.end - 2);
    found += findOverwrite(steps, placesOf(lifetimes), {}).has_value();
  }
  EXPECT_GT(found, 150);
}

} // namespace
