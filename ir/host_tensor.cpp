// Element access of host tensors and the conversions between element types.
#include "ir/host_tensor.h"
#include "ir/scalar_interpreter.h"
#include "runtime/plan/float16.h"

#include <bit>
#include <cmath>
#include <limits>

namespace ampc {

// --- 16-bit floats
// -----------------------------------------------------------------------------------------------

float halfToFloat(uint16_t bits) { return fromF16(bits); }
uint16_t floatToHalf(float value) { return toF16(value); }
float bfloatToFloat(uint16_t bits) { return fromBf16(bits); }
uint16_t floatToBfloat(float value) { return toBf16(value); }

// A second rounding of the result to fewer bits is then exact: the last bit records that something was cut
// off.
static float roundToOdd(double value) {
  float nearest = float(value);
  if (double(nearest) == value || std::isnan(value) || std::isinf(nearest))
    return nearest;
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (!(bits & 1))
    bits += std::abs(double(nearest)) < std::abs(value) ? 1 : -1;
  return std::bit_cast<float>(bits);
}

// --- Single values
// -----------------------------------------------------------------------------------------------

double roundToType(DataType type, double value) {
  switch (type) {
  case DataType::F32:
    return double(float(value));
  case DataType::F16:
    return double(halfToFloat(floatToHalf(roundToOdd(value))));
  case DataType::BF16:
    return double(bfloatToFloat(floatToBfloat(roundToOdd(value))));
  default:
    return value;
  }
}

int64_t wrapToType(DataType type, int64_t value) {
  switch (type) {
  case DataType::I8:
    return int8_t(value);
  case DataType::I16:
    return int16_t(value);
  case DataType::I32:
    return int32_t(value);
  case DataType::U8:
    return uint8_t(value);
  case DataType::U16:
    return uint16_t(value);
  case DataType::U32:
    return uint32_t(value);
  case DataType::Bool:
    return value & 1;
  default:
    return value;
  }
}

template <typename T> static int64_t saturate(double value) {
  // The limits of 64-bit types are not doubles, but the comparisons below are right with the rounded ones.
  if (value >= double(std::numeric_limits<T>::max()))
    return int64_t(std::numeric_limits<T>::max());
  if (value <= double(std::numeric_limits<T>::min()))
    return int64_t(std::numeric_limits<T>::min());
  return int64_t(T(value));
}

int64_t realToInteger(DataType type, double value) {
  if (type == DataType::Bool)
    return value != 0;
  if (std::isnan(value))
    return 0;
  switch (type) {
  case DataType::I8:
    return saturate<int8_t>(value);
  case DataType::I16:
    return saturate<int16_t>(value);
  case DataType::I32:
    return saturate<int32_t>(value);
  case DataType::U8:
    return saturate<uint8_t>(value);
  case DataType::U16:
    return saturate<uint16_t>(value);
  case DataType::U32:
    return saturate<uint32_t>(value);
  case DataType::U64:
    return saturate<uint64_t>(value);
  default:
    return saturate<int64_t>(value);
  }
}

double integerToReal(DataType type, int64_t value) {
  return type == DataType::U64 ? double(uint64_t(value)) : double(value);
}

// --- Elements
// ----------------------------------------------------------------------------------------------------

template <typename T> static T element(const char *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

template <typename T> static void setElement(char *data, int64_t index, T value) {
  std::memcpy(data + index * int64_t(sizeof(T)), &value, sizeof(T));
}

double loadReal(DataType type, const char *data, int64_t index) {
  switch (type) {
  case DataType::F64:
    return element<double>(data, index);
  case DataType::F32:
    return double(element<float>(data, index));
  case DataType::F16:
    return double(halfToFloat(element<uint16_t>(data, index)));
  case DataType::BF16:
    return double(bfloatToFloat(element<uint16_t>(data, index)));
  default:
    return integerToReal(type, loadInteger(type, data, index));
  }
}

int64_t loadInteger(DataType type, const char *data, int64_t index) {
  switch (type) {
  case DataType::I8:
    return element<int8_t>(data, index);
  case DataType::I16:
    return element<int16_t>(data, index);
  case DataType::I32:
    return element<int32_t>(data, index);
  case DataType::I64:
  case DataType::U64:
    return element<int64_t>(data, index);
  case DataType::U8:
    return element<uint8_t>(data, index);
  case DataType::U16:
    return element<uint16_t>(data, index);
  case DataType::U32:
    return element<uint32_t>(data, index);
  case DataType::Bool:
    return element<uint8_t>(data, index) != 0;
  default:
    return realToInteger(DataType::I64, loadReal(type, data, index));
  }
}

void storeReal(DataType type, char *data, int64_t index, double value) {
  switch (type) {
  case DataType::F64:
    return setElement(data, index, value);
  case DataType::F32:
    return setElement(data, index, float(value));
  case DataType::F16:
    return setElement(data, index, floatToHalf(roundToOdd(value)));
  case DataType::BF16:
    return setElement(data, index, floatToBfloat(roundToOdd(value)));
  default:
    return storeInteger(type, data, index, realToInteger(type, value));
  }
}

void storeInteger(DataType type, char *data, int64_t index, int64_t value) {
  if (isFloat(type))
    return storeReal(type, data, index, double(value));
  switch (bitWidth(type)) {
  case 8:
    return setElement(data, index, uint8_t(type == DataType::Bool ? value != 0 : value));
  case 16:
    return setElement(data, index, uint16_t(value));
  case 32:
    return setElement(data, index, uint32_t(value));
  default:
    return setElement(data, index, value);
  }
}

double HostTensor::real(int64_t index) const { return loadReal(type.type, bytes.data(), index); }
int64_t HostTensor::integer(int64_t index) const { return loadInteger(type.type, bytes.data(), index); }
void HostTensor::setReal(int64_t index, double value) { storeReal(type.type, bytes.data(), index, value); }
void HostTensor::setInteger(int64_t index, int64_t value) {
  storeInteger(type.type, bytes.data(), index, value);
}

std::vector<int64_t> HostTensor::integers() const {
  std::vector<int64_t> result(size_t(type.numElements()));
  for (size_t k = 0; k < result.size(); ++k)
    result[k] = integer(int64_t(k));
  return result;
}

} // namespace ampc
