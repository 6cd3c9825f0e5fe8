// One implementation of a builtin kernel for all element types: storage type, the type it computes in,
// conversions.
#pragma once

#include "runtime/plan/data_type.h"
#include "runtime/plan/float16.h"

namespace ampc {

template <typename T> struct Plain {
  using Storage = T;
  using Compute = T;
  static T load(T stored) { return stored; }
  static T store(T value) { return value; }
};
struct Half {
  using Storage = uint16_t;
  using Compute = float;
  static float load(uint16_t stored) { return fromF16(stored); }
  static uint16_t store(float value) { return toF16(value); }
};
struct Brain {
  using Storage = uint16_t;
  using Compute = float;
  static float load(uint16_t stored) { return fromBf16(stored); }
  static uint16_t store(float value) { return toBf16(value); }
};

/// Calls `function` with an object of the element's description; booleans are u8.
template <typename Function> void withElementType(DataType type, Function function) {
  switch (type) {
  case DataType::F64:
    return function(Plain<double>());
  case DataType::F32:
    return function(Plain<float>());
  case DataType::F16:
    return function(Half());
  case DataType::BF16:
    return function(Brain());
  case DataType::I8:
    return function(Plain<int8_t>());
  case DataType::I16:
    return function(Plain<int16_t>());
  case DataType::I32:
    return function(Plain<int32_t>());
  case DataType::I64:
    return function(Plain<int64_t>());
  case DataType::U8:
  case DataType::Bool:
    return function(Plain<uint8_t>());
  case DataType::U16:
    return function(Plain<uint16_t>());
  case DataType::U32:
    return function(Plain<uint32_t>());
  case DataType::U64:
    return function(Plain<uint64_t>());
  }
}

/// Element `index` of an I32 or I64 buffer.
inline int64_t loadIndex(DataType type, const void *buffer, int64_t index) {
  return type == DataType::I32 ? static_cast<const int32_t *>(buffer)[index]
                               : static_cast<const int64_t *>(buffer)[index];
}

} // namespace ampc
