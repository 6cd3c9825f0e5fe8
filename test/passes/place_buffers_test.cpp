// Memory placement: no two live buffers overlap, and the arena is not larger than it must be in simple cases.
#include "passes/place_buffers.h"

#include <gtest/gtest.h>

#include <random>

using namespace ampc;

TEST(PlaceBuffers, LiveBuffersNeverOverlap) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Lifetime> buffers;
    for (int k = 0; k < 40; ++k) {
      int64_t begin = int64_t(random() % 50);
      buffers.push_back({begin, begin + int64_t(random() % 10), random() % 5000});
    }
    Placement placement = placeBuffers(buffers);
    for (size_t a = 0; a < buffers.size(); ++a) {
      EXPECT_EQ(placement.offsets[a] % 64, 0u);
      EXPECT_LE(placement.offsets[a] + buffers[a].sizeBytes, placement.arenaBytes + 64);
      for (size_t b = a + 1; b < buffers.size(); ++b) {
        if (buffers[a].end < buffers[b].begin || buffers[b].end < buffers[a].begin)
          continue;
        bool apart = placement.offsets[a] + buffers[a].sizeBytes <= placement.offsets[b] ||
                     placement.offsets[b] + buffers[b].sizeBytes <= placement.offsets[a];
        EXPECT_TRUE(apart || buffers[a].sizeBytes == 0 || buffers[b].sizeBytes == 0);
      }
    }
  }
}

TEST(PlaceBuffers, ReusesMemory) {
  EXPECT_EQ(placeBuffers({{0, 1, 640}, {2, 3, 640}, {4, 5, 640}}).arenaBytes, 640u);
  EXPECT_EQ(placeBuffers({{0, 2, 640}, {2, 3, 640}}).arenaBytes, 1280u); // step 2 reads one and writes the other
}

TEST(PlacementFlaw, ReadersComeBeforeTheNextWriter) {
  // Value 0 is made by step 0 and read by steps 1 and 2; value 1, made by step 1, may not lie on it.
  std::vector<ValueUse> steps = {{{}, {0}}, {{0}, {1}}, {{0, 1}, {2}}};
  EXPECT_EQ(placementFlaw({{0, 64}, {64, 64}, {128, 64}}, steps), "");
  EXPECT_EQ(placementFlaw({{0, 64}, {32, 64}, {128, 64}}, steps), "step 1 writes over value 0, which it reads");
  steps[1].reads.clear();
  EXPECT_EQ(placementFlaw({{0, 64}, {32, 64}, {128, 64}}, steps), "step 2 reads value 0, which is overwritten or not there");
  EXPECT_EQ(placementFlaw({{0, 64}, {64, 64}, {64, 64}}, {{{}, {1}}, {{}, {0, 2}}, {{1}, {}}}),
            "step 2 reads value 1, which is overwritten or not there");
  EXPECT_EQ(placementFlaw({{0, 64}, {32, 64}}, {{{}, {0, 1}}}), "step 0 writes two values to one place");
  EXPECT_EQ(placementFlaw({{0, 64}}, {{{0}, {}}}), "step 0 reads value 0, which is overwritten or not there");
}

TEST(PlacementFlaw, InPlaceMeansTheSamePlace) {
  std::vector<ValueUse> steps = {{{}, {0}}, {{0}, {1}, 0}, {{1}, {2}}};
  EXPECT_EQ(placementFlaw({{0, 64}, {0, 64}, {64, 64}}, steps), "");
  EXPECT_EQ(placementFlaw({{0, 64}, {32, 64}, {128, 64}}, steps), "step 1 writes over value 0, which it reads");
  EXPECT_EQ(placementFlaw({{0, 64}, {0, 32}, {64, 64}}, steps), "step 1 writes over value 0, which it reads");
  steps[2].reads.push_back(0); // gone
  EXPECT_EQ(placementFlaw({{0, 64}, {0, 64}, {64, 64}}, steps), "step 2 reads value 0, which is overwritten or not there");
}

TEST(PlacementFlaw, PlacedBuffersHaveNone) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100; ++round) {
    // Step k makes value k of some size and reads earlier ones.
    std::vector<ValueUse> steps;
    std::vector<Lifetime> lifetimes;
    for (int k = 0; k < 60; ++k) {
      steps.push_back({{}, {k}});
      lifetimes.push_back({k, k, random() % 3000});
      for (int reads = int(random() % 3); k > 0 && reads > 0; --reads) {
        int read = int(random() % uint64_t(k));
        steps.back().reads.push_back(read);
        lifetimes[size_t(read)].end = k;
      }
    }
    Placement placement = placeBuffers(lifetimes);
    std::vector<PlacedValue> values;
    for (size_t k = 0; k < lifetimes.size(); ++k)
      values.push_back({placement.offsets[k], lifetimes[k].sizeBytes});
    EXPECT_EQ(placementFlaw(values, steps), "");
  }
}
