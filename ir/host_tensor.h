// A small tensor in memory: constants, shape arithmetic, reference evaluation. Model weights are never held in one.
#pragma once

#include "ir/iteration.h"

#include <cstring>
#include <vector>

namespace ampc {

struct HostTensor {
  TensorType type;
  std::vector<char> bytes; // row-major, little-endian; booleans one byte

  explicit HostTensor(TensorType type = {}) : type(std::move(type)) { bytes.resize(size_t(this->type.sizeBytes())); }

  /// Element `index` (row-major) converted to double or to int64 (floats truncate); f16 and bf16 included.
  double real(int64_t index) const;
  int64_t integer(int64_t index) const;
  /// Stores with the conversion of ScalarOp::Cast.
  void setReal(int64_t index, double value);
  void setInteger(int64_t index, int64_t value);
  std::vector<int64_t> integers() const;
};

/// Conversions between f32 and the 16-bit formats, round to nearest even.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);
float bfloatToFloat(uint16_t bits);
uint16_t floatToBfloat(float value);

} // namespace ampc
