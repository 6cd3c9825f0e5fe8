// Moves that write elements twice: random ones against counting, and long lists whose parts interleave.
#include "runtime/plan/move_checks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

namespace ampc::test {
namespace {

using plan::Move;
using plan::MoveDim;
using plan::SingleWrites;

/// Adds one per element that the move writes.
void count(const Move &move, size_t dim, int64_t at, std::map<int64_t, int> &writes) {
  if (dim == move.dims.size()) {
    ++writes[at];
    return;
  }
  for (int64_t i = 0; i < move.dims[dim].count; ++i)
    count(move, dim + 1, at + i * move.dims[dim].targetStride, writes);
}

bool writesTwice(const std::vector<Move> &moves) {
  std::map<int64_t, int> writes;
  for (const Move &move : moves)
    count(move, 0, move.targetOffset, writes);
  for (auto [at, times] : writes)
    if (times > 1)
      return true;
  return false;
}

/// A part of a tensor as its target: every dimension cut, some walked backwards.
Move part(std::mt19937 &random, const std::vector<int64_t> &shape) {
  Move move;
  move.targetOffset = 0;
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d]) {
    const int64_t step = 1 + int64_t(random() % 2), begin = int64_t(random() % uint64_t(shape[d]));
    const int64_t size = 1 + int64_t(random() % uint64_t((shape[d] - begin - 1) / step + 1));
    const bool backwards = random() % 4 == 0;
    move.targetOffset += (backwards ? begin + (size - 1) * step : begin) * stride;
    move.dims.insert(move.dims.begin() + ptrdiff_t(random() % (move.dims.size() + 1)),
                     MoveDim{size, 1, backwards ? -step * stride : step * stride});
  }
  return move;
}

TEST(MoveChecks, RandomPartsAgainstCounting) {
  std::mt19937 random(1);
  int disjoint = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::vector<int64_t> shape = {3, 4, 1 + int64_t(random() % 4), 6};
    std::vector<Move> moves;
    for (unsigned i = 0; i < 2 + random() % 3; ++i)
      moves.push_back(part(random, shape));
    SingleWrites singleWrites;
    const bool expected = writesTwice(moves);
    disjoint += !expected;
    ASSERT_EQ(singleWrites.memberWrittenTwice(moves, false).has_value(), expected) << round;
  }
  EXPECT_GT(disjoint, 1000);
}

TEST(MoveChecks, OneMoveAgainstCounting) {
  std::mt19937 random(2);
  int sound = 0;
  for (int round = 0; round < 5000; ++round) {
    Move move;
    for (int d = 0; d < 3; ++d)
      move.dims.push_back({1 + int64_t(random() % 3), 1, int64_t(random() % 12)});
    SingleWrites singleWrites;
    // Strides that do not nest are refused whether they meet or not.
    const bool isRefused = singleWrites.memberWrittenTwice({&move, 1}, false).has_value();
    sound += !isRefused;
    ASSERT_TRUE(isRefused || !writesTwice({move})) << round;
  }
  EXPECT_GT(sound, 500);
}

TEST(MoveChecks, MembersAreApartAndCombinedMovesCountOnce) {
  std::vector<Move> moves = {{0, 0, 0, 0, {{5, 1, 1}}}, {1, 1, 0, 0, {{5, 1, 1}}}, {1, 0, 0, 5, {{5, 1, 1}}}};
  SingleWrites singleWrites;
  EXPECT_FALSE(singleWrites.memberWrittenTwice(moves, false));
  moves.push_back({0, 1, 0, 0, {{5, 1, 1}}});
  EXPECT_EQ(singleWrites.memberWrittenTwice(moves, false), 1u);
  EXPECT_FALSE(singleWrites.memberWrittenTwice(moves, true));
  moves.push_back({2, 1, 0, 0, {{1, 5, 5}, {5, 1, 1}}}); // the same elements, but walked otherwise: not combined
  EXPECT_EQ(singleWrites.memberWrittenTwice(moves, true), 1u);
}

TEST(MoveChecks, LongListsAreQuick) {
  const auto begin = std::chrono::steady_clock::now();
  SingleWrites singleWrites;
  // Columns of a matrix from 4000 members, as blocks with parts of different widths, to 20 targets.
  constexpr int64_t members = 4000, rows = 512;
  std::vector<Move> moves;
  for (uint32_t target = 0; target < 20; ++target)
    for (int64_t source = 0; source < members; ++source)
      moves.push_back({uint32_t(source), target, 0, source * 6 + target % 2,
                       {{rows, 6, members * 6}, {2 + source % 4, 1, 1}}});
  EXPECT_FALSE(singleWrites.memberWrittenTwice(moves, false));
  moves.back().dims[1].count = 7;
  moves.back().targetOffset -= 3;
  EXPECT_EQ(singleWrites.memberWrittenTwice(moves, false), 19u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

} // namespace
} // namespace ampc::test
