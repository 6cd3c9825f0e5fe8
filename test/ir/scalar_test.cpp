// Conversions between element types and the arithmetic of scalar programs.
#include "ir/scalar_interpreter.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <limits>

namespace ampc {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

TEST(Conversions, SixteenBitFloatsRoundTrip) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    float half = halfToFloat(uint16_t(bits)), bfloat = bfloatToFloat(uint16_t(bits));
    if (!std::isnan(half)) {
      EXPECT_EQ(floatToHalf(half), bits);
    }
    if (!std::isnan(bfloat)) {
      EXPECT_EQ(floatToBfloat(bfloat), bits);
    }
  }
  EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(std::nanf("")))));
  EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(std::nanf("")))));
}

TEST(Conversions, RoundToNearestEven) {
  EXPECT_EQ(roundToType(DataType::F16, 2049), 2048);
  EXPECT_EQ(roundToType(DataType::F16, 2051), 2052);
  EXPECT_EQ(roundToType(DataType::F16, 65519.99), 65504);
  EXPECT_EQ(roundToType(DataType::F16, 65520), infinity);
  EXPECT_EQ(roundToType(DataType::BF16, 257), 256);
  EXPECT_EQ(roundToType(DataType::BF16, 259), 260);
  // Rounding through f32 first would see a tie and go to the even neighbour.
  EXPECT_EQ(roundToType(DataType::F16, 2049 + 1e-9), 2050);
  EXPECT_EQ(roundToType(DataType::F32, 16777217), 16777216);
}

TEST(Conversions, FloatToIntegerTruncatesAndSaturates) {
  EXPECT_EQ(realToInteger(DataType::I8, -1.9), -1);
  EXPECT_EQ(realToInteger(DataType::I8, 300), 127);
  EXPECT_EQ(realToInteger(DataType::I8, -300), -128);
  EXPECT_EQ(realToInteger(DataType::U8, -5), 0);
  EXPECT_EQ(realToInteger(DataType::I32, nan), 0);
  EXPECT_EQ(realToInteger(DataType::I64, infinity), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(uint64_t(realToInteger(DataType::U64, 1e19)), 10000000000000000000u);
  EXPECT_EQ(uint64_t(realToInteger(DataType::U64, infinity)), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(realToInteger(DataType::Bool, 0.5), 1);
  EXPECT_EQ(realToInteger(DataType::Bool, nan), 1);
}

TEST(Conversions, HostTensorElements) {
  for (int k = int(DataType::F64); k <= int(DataType::Bool); ++k) {
    HostTensor tensor(TensorType{DataType(k), {3}});
    tensor.setInteger(0, 1);
    tensor.setReal(2, 1);
    EXPECT_EQ(tensor.integers(), (std::vector<int64_t>{1, 0, 1})) << name(DataType(k));
    EXPECT_EQ(tensor.real(2), 1);
  }
}

// Evaluates one program of one operand over a few values.
std::vector<double> evaluateOn(DataType type, const std::vector<double> &values,
                               const std::function<Scalar(Scalar)> &formula) {
  ScalarBuilder builder;
  builder.program.result = formula(builder.operand(0, type)).id();
  HostTensor operand(TensorType{type, {int64_t(values.size())}});
  for (size_t k = 0; k < values.size(); ++k)
    operand.setReal(int64_t(k), values[k]);
  ScalarInterpreter interpreter(builder.program, {{operand.type, operand.bytes.data(), 0}});
  EXPECT_EQ(interpreter.error, "");
  for (size_t k = 0; k < values.size(); ++k)
    interpreter.offsets(0)[k] = int64_t(k);
  EXPECT_TRUE(interpreter.run(int(values.size())));
  std::vector<double> results;
  for (size_t k = 0; k < values.size(); ++k)
    results.push_back(isFloat(interpreter.resultType())
                          ? interpreter.realResults()[k]
                          : integerToReal(interpreter.resultType(), interpreter.integerResults()[k]));
  return results;
}

using Values = std::vector<double>;

TEST(ScalarProgram, IntegersWrapAtTheirWidth) {
  EXPECT_EQ(evaluateOn(DataType::I8, {100, -128, 7}, [](Scalar x) { return x + x; }), (Values{-56, 0, 14}));
  EXPECT_EQ(evaluateOn(DataType::U8, {200, 3}, [](Scalar x) { return -x; }), (Values{56, 253}));
  EXPECT_EQ(evaluateOn(DataType::I32, {65536, -3}, [](Scalar x) { return x * x; }), (Values{0, 9}));
  EXPECT_EQ(evaluateOn(DataType::I8, {-128}, [](Scalar x) { return abs(x); }), (Values{-128}));
  EXPECT_EQ(evaluateOn(DataType::I8, {-128}, [](Scalar x) { return x / -1.0; }), (Values{-128}));
  EXPECT_EQ(evaluateOn(DataType::U64, {1}, [](Scalar x) { return x - 2.0 > x; }), (Values{1}));
}

TEST(ScalarProgram, DivisionTruncatesAndSurvivesZero) {
  EXPECT_EQ(evaluateOn(DataType::I32, {7, -7}, [](Scalar x) { return x / 2.0; }), (Values{3, -3}));
  EXPECT_EQ(evaluateOn(DataType::I32, {7, -7}, [](Scalar x) { return rem(x, 4.0); }), (Values{3, -3}));
  EXPECT_EQ(evaluateOn(DataType::I32, {7}, [](Scalar x) { return x / 0.0 + rem(x, 0.0); }), (Values{0}));
  EXPECT_EQ(evaluateOn(DataType::F32, {-5.5}, [](Scalar x) { return rem(x, 2.0); }), (Values{-1.5}));
}

TEST(ScalarProgram, Shifts) {
  EXPECT_EQ(evaluateOn(DataType::U8, {129}, [](Scalar x) { return shiftLeft(x, 1.0); }), (Values{2}));
  EXPECT_EQ(evaluateOn(DataType::U8, {129}, [](Scalar x) { return shiftRight(x, 8.0) + shiftLeft(x, 9.0); }),
            (Values{0}));
  EXPECT_EQ(evaluateOn(DataType::I8, {-4}, [](Scalar x) { return shiftRight(x, 1.0); }), (Values{-2}));
}

TEST(ScalarProgram, NanAndComparisons) {
  EXPECT_EQ(evaluateOn(DataType::F32, {nan, 1}, [](Scalar x) { return x < 2.0; }), (Values{0, 1}));
  EXPECT_EQ(evaluateOn(DataType::F32, {nan, 1}, [](Scalar x) { return equal(x, x); }), (Values{0, 1}));
  EXPECT_EQ(evaluateOn(DataType::F32, {nan, 1}, [](Scalar x) { return notEqual(x, x); }), (Values{1, 0}));
  EXPECT_EQ(evaluateOn(DataType::F32, {nan, infinity}, [](Scalar x) { return isInf(x); }), (Values{0, 1}));
  for (auto extreme : {+[](Scalar x) { return max(x, 3.0); }, +[](Scalar x) { return max(3.0, x); },
                       +[](Scalar x) { return min(x, 3.0); }, +[](Scalar x) { return min(3.0, x); }})
    EXPECT_TRUE(std::isnan(evaluateOn(DataType::F32, {nan}, extreme)[0]));
  EXPECT_EQ(evaluateOn(DataType::F32, {nan, -2}, [](Scalar x) { return select(isNan(x), 0.0, x); }),
            (Values{0, -2}));
}

TEST(ScalarProgram, EveryNodeRoundsToItsType) {
  EXPECT_EQ(evaluateOn(DataType::F32, {16777216}, [](Scalar x) { return x + 1.0 - x; }), (Values{0}));
  EXPECT_EQ(evaluateOn(DataType::F64, {16777216}, [](Scalar x) { return x + 1.0 - x; }), (Values{1}));
  EXPECT_EQ(evaluateOn(DataType::F32, {2049}, [](Scalar x) { return cast(x, DataType::F16); }),
            (Values{2048}));
  EXPECT_EQ(evaluateOn(DataType::F32, {2.5, 3.5, -0.5}, [](Scalar x) { return roundEven(x); }),
            (Values{2, 4, 0}));
}

TEST(ScalarProgram, IllTypedProgramsAreRefused) {
  ScalarBuilder builder;
  Scalar x = builder.operand(0, DataType::F32), k = builder.loopIndex(0);
  builder.program.result = builder.make(ScalarOp::Add, DataType::F32, {x, k}).id();
  HostTensor operand(TensorType{DataType::F32, {}});
  ScalarInterpreter interpreter(builder.program, {{operand.type, operand.bytes.data(), 0}});
  EXPECT_NE(interpreter.error, "");
  EXPECT_FALSE(interpreter.run(1));
}

} // namespace
} // namespace ampc
