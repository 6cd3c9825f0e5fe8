// The maintained profile against recomputation from scratch.
#include "passes/search/memory_profile.h"
#include "passes/search/random.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace ampc::search;

TEST(MemoryProfile, EqualsRecomputation) {
  Random random(5);
  for (int times : {1, 2, 3, 7, 8, 13, 64, 100}) {
    Model model;
    model.times = times;
    model.room.resize(size_t(times));
    for (int64_t &room : model.room)
      room = random.below(50);
    MemoryProfile profile(model);
    profile.reset(model, {});
    std::vector<int64_t> used(model.room.size());
    for (size_t t = 0; t < used.size(); ++t)
      used[t] = -model.room[t];
    for (int step = 0; step < 300; ++step) {
      int begin = random.below(times), end = begin + 1 + random.below(times - begin);
      int64_t bytes = random.below(41) - 20;
      profile.add(begin, end, bytes);
      for (int t = begin; t < end; ++t)
        used[size_t(t)] += bytes;
      auto worst = std::max_element(used.begin(), used.end());
      ASSERT_EQ(profile.worst(), *worst);
      ASSERT_EQ(profile.worstTime(), worst - used.begin());
      begin = random.below(times);
      end = begin + 1 + random.below(times - begin);
      ASSERT_EQ(profile.worstIn(begin, end), *std::max_element(used.begin() + begin, used.begin() + end));
    }
  }
}

TEST(MemoryProfile, NoTimesAlwaysFit) {
  Model model;
  MemoryProfile profile(model);
  profile.reset(model, {});
  profile.add(0, 0, 5);
  EXPECT_LT(profile.worst(), 0);
}
