// What `ampc verify` calls equal.
#include "tools/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace ampc::tools {

template <class T> static Tensor tensorOf(DataType type, std::vector<T> values) {
  Tensor tensor = *allocateTensor(type, {int64_t(values.size())});
  std::memcpy(tensor.bytes.data(), values.data(), values.size() * sizeof(T));
  return tensor;
}
static Tensor floats(std::vector<float> values) { return tensorOf(DataType::F32, values); }

TEST(Comparison, RelativeToTheLargestValue) {
  Comparison result = compare(floats({1000, 1}), floats({1000, 1.05f}), std::nullopt);
  EXPECT_TRUE(result.isEqual);
  EXPECT_NEAR(result.relativeError, 5e-5, 1e-6);
  EXPECT_FALSE(compare(floats({1, 1}), floats({1, 1.001f}), std::nullopt).isEqual);
  EXPECT_TRUE(compare(floats({1, 1}), floats({1, 1.001f}), 1e-2).isEqual);
}

TEST(Comparison, NotANumberAndInfinity) {
  EXPECT_TRUE(compare(floats({NAN, INFINITY, 1}), floats({NAN, INFINITY, 1}), std::nullopt).isEqual);
  EXPECT_FALSE(compare(floats({NAN, 1}), floats({1, 1}), std::nullopt).isEqual);
  EXPECT_FALSE(compare(floats({INFINITY}), floats({-INFINITY}), std::nullopt).isEqual);
  EXPECT_FALSE(compare(floats({1}), floats({INFINITY}), std::nullopt).isEqual);
}

TEST(Comparison, ZerosAndIntegers) {
  EXPECT_TRUE(compare(floats({0, 0}), floats({0, -0.0f}), std::nullopt).isEqual);
  EXPECT_FALSE(compare(floats({0}), floats({1e-3f}), std::nullopt).isEqual);
  auto integers = [](std::vector<int64_t> values) { return tensorOf(DataType::I64, values); };
  EXPECT_TRUE(compare(integers({1, 2}), integers({1, 2}), 0.5).isEqual);
  EXPECT_FALSE(compare(integers({1000000, 2}), integers({1000001, 2}), 0.5).isEqual);
  // Too large for a double to tell apart.
  EXPECT_FALSE(compare(integers({(int64_t(1) << 62) + 1}), integers({int64_t(1) << 62}), 0.5).isEqual);
}

} // namespace ampc::tools
