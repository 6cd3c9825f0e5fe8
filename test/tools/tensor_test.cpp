// Tensors: 16-bit formats, sizes, random values.
#include "tools/random_tensor.h"
#include "tools/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace ampc::tools {

TEST(Tensor, HalfRoundTripsAllValues) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = halfToFloat(uint16_t(bits));
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(value))));
    else
      EXPECT_EQ(floatToHalf(value), bits);
  }
}

TEST(Tensor, HalfRoundsToNearestEven) {
  EXPECT_EQ(floatToHalf(1.0f + 0x1p-11f), 0x3c00);             // a tie goes to the even neighbour
  EXPECT_EQ(floatToHalf(1.0f + 3 * 0x1p-11f), 0x3c02);         // and here upwards
  EXPECT_EQ(floatToHalf(65519.0f), 0x7bff);                    // the largest finite value
  EXPECT_EQ(floatToHalf(65520.0f), 0x7c00);                    // rounds to infinity
  EXPECT_EQ(floatToHalf(0x1p-25f), 0x0000);                    // half of the least subnormal: tie to zero
  EXPECT_EQ(floatToHalf(std::nextafter(0x1p-25f, 1.0f)), 0x0001);
}

TEST(Tensor, BfloatRoundsToNearestEven) {
  EXPECT_EQ(bfloatToFloat(floatToBfloat(1.0f)), 1.0f);
  EXPECT_EQ(floatToBfloat(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(floatToBfloat(1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(NAN))));
}

TEST(Tensor, ImpossibleSizesAreRefused) {
  EXPECT_EQ(elementsOf(DataType::F32, {}), 1);
  EXPECT_EQ(elementsOf(DataType::F32, {3, 0, 5}), 0);
  EXPECT_FALSE(elementsOf(DataType::F32, {-1}));
  EXPECT_FALSE(elementsOf(DataType::F32, {int64_t(1) << 40, int64_t(1) << 40}));
  EXPECT_FALSE(elementsOf(DataType::F64, {int64_t(1) << 44}));
}

TEST(Tensor, RandomValuesFollowTheRules) {
  Tensor real = *allocateTensor(DataType::F32, {1000});
  fillRandom(real, 7, "x", 0);
  double sum = 0, least = 1, greatest = -1;
  for (int64_t i = 0; i < 1000; ++i) {
    least = std::min(least, real.real(i));
    greatest = std::max(greatest, real.real(i));
    sum += real.real(i);
  }
  EXPECT_GE(least, -1);
  EXPECT_LE(greatest, 1);
  EXPECT_LT(least, -0.98);
  EXPECT_GT(greatest, 0.98);
  EXPECT_NEAR(sum / 1000, 0, 0.06);

  Tensor index = *allocateTensor(DataType::I64, {1000});
  fillRandom(index, 7, "ids", 11);
  bool seen[11] = {};
  for (int64_t i = 0; i < 1000; ++i) {
    ASSERT_GE(index.real(i), 0);
    ASSERT_LT(index.real(i), 11);
    seen[int(index.real(i))] = true;
  }
  for (bool each : seen)
    EXPECT_TRUE(each);
  Tensor count = *allocateTensor(DataType::I32, {4});
  fillRandom(count, 7, "n", 0);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(count.real(i), 1);
}

TEST(Tensor, RandomValuesDependOnSeedAndName) {
  auto values = [](uint64_t seed, const char *name) {
    Tensor tensor = *allocateTensor(DataType::F64, {8});
    fillRandom(tensor, seed, name, 0);
    return std::string(tensor.bytes.data(), tensor.bytes.size());
  };
  EXPECT_EQ(values(1, "a"), values(1, "a"));
  EXPECT_NE(values(1, "a"), values(2, "a"));
  EXPECT_NE(values(1, "a"), values(1, "b"));
}

} // namespace ampc::tools
