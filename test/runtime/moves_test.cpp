// Copies, fills, reductions and 16-bit floats against their definitions, element by element.
#include "runtime/execute/moves.h"
#include "runtime/execute/reduce.h"
#include "runtime/plan/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

namespace ampc::test {
namespace {

/// Calls visit(source element, target element) for all of a move.
template <typename Visit> void walk(const plan::Move &move, Visit visit) {
  std::vector<int64_t> index(move.dims.size(), 0);
  for (const plan::MoveDim &dim : move.dims)
    if (dim.count == 0)
      return;
  for (;;) {
    int64_t source = move.sourceOffset, target = move.targetOffset;
    for (size_t d = 0; d < index.size(); ++d) {
      source += index[d] * move.dims[d].sourceStride;
      target += index[d] * move.dims[d].targetStride;
    }
    visit(source, target);
    size_t d = index.size();
    while (d > 0 && ++index[d - 1] == move.dims[d - 1].count)
      index[--d] = 0;
    if (d == 0)
      return;
  }
}

/// A move between permuted, cut, flipped or repeated tensors of up to four dimensions.
plan::Move randomMove(std::mt19937 &random, int64_t &sourceElements, int64_t &targetElements) {
  const size_t rank = random() % 5;
  std::vector<int64_t> counts, extents;
  plan::Move move;
  for (size_t d = 0; d < rank; ++d) {
    counts.push_back(random() % 12 == 0 ? 0 : 1 + random() % 40 / (1 + d));
    extents.push_back(counts.back() + random() % 3);
  }
  std::vector<size_t> sourceOrder(rank), targetOrder(rank);
  for (size_t d = 0; d < rank; ++d)
    sourceOrder[d] = targetOrder[d] = d;
  std::shuffle(sourceOrder.begin(), sourceOrder.end(), random);
  if (random() % 2)
    std::shuffle(targetOrder.begin(), targetOrder.end(), random);
  move.dims.resize(rank);
  sourceElements = targetElements = 1;
  for (size_t d : sourceOrder) {
    move.dims[d].count = counts[d];
    move.dims[d].sourceStride = sourceElements;
    sourceElements *= std::max<int64_t>(extents[d], 1);
  }
  for (size_t d : targetOrder) {
    move.dims[d].targetStride = targetElements;
    targetElements *= std::max<int64_t>(extents[d], 1);
  }
  for (plan::MoveDim &dim : move.dims) {
    if (random() % 8 == 0 && dim.count) { // flipped
      move.sourceOffset += (dim.count - 1) * dim.sourceStride;
      dim.sourceStride = -dim.sourceStride;
    } else if (random() % 8 == 0) { // repeated
      dim.sourceStride = 0;
    }
  }
  return move;
}

template <typename T> void checkMoves(uint32_t seed) {
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    int64_t sourceElements, targetElements;
    plan::Move move = randomMove(random, sourceElements, targetElements);
    std::vector<T> source(static_cast<size_t>(sourceElements)),
        target(static_cast<size_t>(targetElements), T(77)), expected = target;
    for (T &value : source)
      value = T(random());
    walk(move, [&](int64_t s, int64_t t) { expected[size_t(t)] = source[size_t(s)]; });
    const PreparedMove prepared = prepareMove(move, sizeof(T));
    copyMove(prepared, source.data(), target.data());
    ASSERT_EQ(target, expected) << "round " << round;
    walk(move, [&](int64_t, int64_t t) { expected[size_t(t)] = T(5); });
    fillMove(prepared, target.data(), 5, sizeof(T));
    ASSERT_EQ(target, expected) << "round " << round;
  }
}

TEST(Moves, EqualTheDefinition) {
  checkMoves<uint8_t>(1);
  checkMoves<uint16_t>(2);
  checkMoves<uint32_t>(3);
  checkMoves<uint64_t>(4);
}

template <typename T> void checkReduction(DataType type, Reduction reduction, T (*combine)(T, T)) {
  std::mt19937 random(int(type) * 10 + int(reduction));
  for (int64_t elements : {0, 1, 63, 1024, 5000}) {
    std::vector<std::vector<T>> sources(3, std::vector<T>(static_cast<size_t>(elements)));
    std::vector<const void *> pointers;
    for (auto &source : sources) {
      for (T &value : source)
        value = T(int(random() % 200) - 100);
      pointers.push_back(source.data());
    }
    std::vector<T> expected(static_cast<size_t>(elements));
    for (size_t i = 0; i < expected.size(); ++i)
      expected[i] = combine(combine(sources[0][i], sources[1][i]), sources[2][i]);
    // In place into the second source.
    reduceElements(type, reduction, sources[1].data(), pointers, elements);
    ASSERT_EQ(sources[1], expected);
  }
}

TEST(Reduce, EqualsTheDefinition) {
  checkReduction<float>(DataType::F32, Reduction::Sum, [](float a, float b) { return a + b; });
  checkReduction<double>(DataType::F64, Reduction::Product, [](double a, double b) { return a * b; });
  checkReduction<float>(DataType::F32, Reduction::Max, [](float a, float b) { return std::max(a, b); });
  checkReduction<int8_t>(DataType::I8, Reduction::Sum, [](int8_t a, int8_t b) { return int8_t(a + b); });
  checkReduction<int64_t>(DataType::I64, Reduction::Min, [](int64_t a, int64_t b) { return std::min(a, b); });
  checkReduction<uint16_t>(DataType::U16, Reduction::Product,
                           [](uint16_t a, uint16_t b) { return uint16_t(uint32_t(a) * b); });
  checkReduction<int32_t>(DataType::I32, Reduction::Sum, [](int32_t a, int32_t b) { return a + b; });
}

TEST(Reduce, BooleansAndNan) {
  uint8_t a[4] = {0, 0, 1, 1}, b[4] = {0, 1, 0, 1}, out[4];
  const void *sources[] = {a, b};
  reduceElements(DataType::Bool, Reduction::Sum, out, sources, 4);
  EXPECT_EQ(out[0] + 10 * out[1] + 100 * out[2] + 1000 * out[3], 1110);
  reduceElements(DataType::Bool, Reduction::Product, out, sources, 4);
  EXPECT_EQ(out[0] + 10 * out[1] + 100 * out[2] + 1000 * out[3], 1000);
  float x[2] = {NAN, 1}, y[2] = {1, NAN}, z[2];
  const void *floats[] = {x, y};
  for (Reduction reduction : {Reduction::Max, Reduction::Min}) {
    reduceElements(DataType::F32, reduction, z, floats, 2);
    EXPECT_TRUE(std::isnan(z[0]));
    EXPECT_TRUE(std::isnan(z[1]));
  }
}

TEST(Reduce, HalfFloatsAccumulateInF32) {
  // 1 + 256 x 2^-9: lost one by one in bf16, not in f32.
  uint16_t one = toBf16(1), small = toBf16(1.0f / 512);
  std::vector<const void *> sources = {&one};
  for (int i = 0; i < 256; ++i)
    sources.push_back(&small);
  uint16_t out;
  reduceElements(DataType::BF16, Reduction::Sum, &out, sources, 1);
  EXPECT_EQ(fromBf16(out), 1.5f);
}

TEST(Float16, RoundTripOfAllBits) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    float half = fromF16(uint16_t(bits)), brain = fromBf16(uint16_t(bits));
    if (!std::isnan(half)) {
      ASSERT_EQ(toF16(half), bits);
    } else {
      ASSERT_TRUE(std::isnan(fromF16(toF16(half))));
    }
    if (!std::isnan(brain)) {
      ASSERT_EQ(toBf16(brain), bits);
    } else {
      ASSERT_TRUE(std::isnan(fromBf16(toBf16(brain))));
    }
  }
  EXPECT_EQ(fromF16(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(fromF16(0x7bff), 65504.0f);
  EXPECT_EQ(toF16(65519.9f), 0x7bff);
  EXPECT_EQ(toF16(65520.0f), 0x7c00);
  EXPECT_EQ(toF16(1.0f + 1.0f / 2048), 0x3c00); // ties to even
  EXPECT_EQ(toF16(1.0f + 3.0f / 2048), 0x3c02);
}

} // namespace
} // namespace ampc::test
