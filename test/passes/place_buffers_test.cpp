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

// The largest first would put the two of them below the one that lives longer, and leave a gap for the small one.
TEST(PlaceBuffers, LongLifetimesFirstWhereThatTakesLess) {
  EXPECT_EQ(placeBuffers({{1, 1, 192}, {0, 3, 192}, {4, 5, 192}, {3, 4, 128}}).arenaBytes, 384u);
}
