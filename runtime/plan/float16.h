// Conversion of 16-bit floats to f32 and back, with rounding to nearest even. Arithmetic on them happens in
// f32.
#pragma once

#include <bit>
#include <cstdint>

namespace ampc {

inline float fromBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

inline uint16_t toBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return uint16_t(bits >> 16 | 0x40); // keep a NaN a NaN
  return uint16_t((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

inline float fromF16(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent)
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  if (!fraction)
    return std::bit_cast<float>(sign);
  // Subnormal: shifted up in integers, because f32 arithmetic may flush. The leading one becomes implicit.
  int shift = std::countl_zero(fraction) - 21;
  return std::bit_cast<float>(sign | uint32_t(113 - shift) << 23 | (fraction << shift & 0x3ff) << 13);
}

inline uint16_t toF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return uint16_t(sign | 0x7e00);
  if (magnitude >= 0x477ff000u) // 65520 and above round to infinity
    return uint16_t(sign | 0x7c00);
  if (magnitude < 0x38800000u) { // subnormal in f16
    if (magnitude < 0x33000000u)
      return uint16_t(sign);
    uint32_t shift = 126 - (magnitude >> 23), fraction = (magnitude & 0x7fffffu) | 0x800000u;
    uint32_t result = fraction >> shift, rest = fraction & ((1u << shift) - 1), half = 1u << (shift - 1);
    result += rest > half || (rest == half && (result & 1));
    return uint16_t(sign | result);
  }
  uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1);
  return uint16_t(sign | (rounded - 0x38000000u) >> 13);
}

} // namespace ampc
