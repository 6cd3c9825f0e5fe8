// Memory and element access of tensors, and the 16-bit float formats.
#include "tools/tensor.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace ampc::tools {

AlignedBytes::AlignedBytes(uint64_t sizeBytes) : sizeBytes(sizeBytes) {
  uint64_t rounded = (sizeBytes + 63) / 64 * 64;
  memory.reset(static_cast<char *>(std::aligned_alloc(64, rounded == 0 ? 64 : rounded)));
}

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

float halfToFloat(uint16_t bits) {
  int exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
  float magnitude;
  if (exponent == 31)
    magnitude = mantissa ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(float(mantissa), -24);
  else
    magnitude = std::ldexp(float(mantissa + 1024), exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

uint16_t floatToHalf(float value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  float magnitude = std::fabs(value);
  if (std::isnan(value))
    return sign | 0x7e00;
  if (magnitude >= 65520.0f) // halfway between the largest finite value and the next
    return sign | 0x7c00;
  int exponent = 0;
  std::frexp(magnitude, &exponent); // magnitude = fraction * 2^exponent, fraction in [0.5, 1)
  // Steps of the target format at this magnitude: 2^(exponent - 11), never finer than 2^-24.
  int step = magnitude == 0 ? -24 : std::max(exponent - 11, -24);
  int64_t units = std::llrint(std::ldexp(double(magnitude), -step)); // default rounding: to nearest even
  if (units < 1024)
    return sign | uint16_t(units);
  if (units == 2048)
    units = 1024, ++step;
  return sign | uint16_t((step + 25) << 10) | uint16_t(units - 1024);
}

float bfloatToFloat(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

uint16_t floatToBfloat(float value) {
  uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  if (std::isnan(value))
    return uint16_t(wide >> 16) | 0x40;
  return uint16_t((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

template <class T> static T elementAt(const AlignedBytes &bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

double Tensor::real(int64_t index) const {
  switch (type) {
  case DataType::F64:
    return elementAt<double>(bytes, index);
  case DataType::F32:
    return elementAt<float>(bytes, index);
  case DataType::F16:
    return halfToFloat(elementAt<uint16_t>(bytes, index));
  case DataType::BF16:
    return bfloatToFloat(elementAt<uint16_t>(bytes, index));
  case DataType::I8:
    return elementAt<int8_t>(bytes, index);
  case DataType::I16:
    return elementAt<int16_t>(bytes, index);
  case DataType::I32:
    return elementAt<int32_t>(bytes, index);
  case DataType::I64:
    return double(elementAt<int64_t>(bytes, index));
  case DataType::U8:
  case DataType::Bool:
    return elementAt<uint8_t>(bytes, index);
  case DataType::U16:
    return elementAt<uint16_t>(bytes, index);
  case DataType::U32:
    return elementAt<uint32_t>(bytes, index);
  case DataType::U64:
    return double(elementAt<uint64_t>(bytes, index));
  }
  return 0;
}

std::optional<int64_t> elementsOf(DataType type, const std::vector<int64_t> &shape) {
  constexpr int64_t maxBytes = int64_t(1) << 46;
  int64_t count = 1;
  bool isEmpty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    isEmpty |= extent == 0;
    if (extent != 0 && __builtin_mul_overflow(count, extent, &count))
      return std::nullopt;
  }
  if (count > maxBytes || count * int64_t(bitWidth(type) / 8) > maxBytes)
    return std::nullopt;
  return isEmpty ? 0 : count;
}

std::optional<Tensor> allocateTensor(DataType type, const std::vector<int64_t> &shape) {
  auto count = elementsOf(type, shape);
  if (!count)
    return std::nullopt;
  Tensor tensor{type, shape, AlignedBytes(uint64_t(sizeBytes(type, *count)))};
  if (!tensor.bytes.data())
    return std::nullopt;
  return tensor;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

std::string typeText(DataType type, const std::vector<int64_t> &shape) {
  return std::string(name(type)) + " " + shapeText(shape);
}

} // namespace ampc::tools
