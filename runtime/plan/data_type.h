// Element types of tensors: the one list that importer, compiler, plan and runtime share. Values are stored in
// plan files and never reused.
#pragma once

#include <cstdint>
#include <string_view>

namespace ampc {

enum class DataType : uint8_t {
  F64 = 1, F32 = 2, F16 = 3, BF16 = 4,
  I8 = 5, I16 = 6, I32 = 7, I64 = 8,
  U8 = 9, U16 = 10, U32 = 11, U64 = 12,
  Bool = 13,
};

/// Storage size of one element. Booleans are stored as one byte, 0 or 1.
constexpr unsigned bitWidth(DataType type) {
  switch (type) {
  case DataType::F64: case DataType::I64: case DataType::U64: return 64;
  case DataType::F32: case DataType::I32: case DataType::U32: return 32;
  case DataType::F16: case DataType::BF16: case DataType::I16: case DataType::U16: return 16;
  case DataType::I8: case DataType::U8: case DataType::Bool: return 8;
  }
  return 0;
}

/// Bytes that `elements` elements occupy; sizes are counted in bits so that sub-byte types can join.
constexpr int64_t sizeBytes(DataType type, int64_t elements) { return (elements * int64_t(bitWidth(type)) + 7) / 8; }

constexpr bool isFloat(DataType type) { return type <= DataType::BF16; }
constexpr bool isSignedInteger(DataType type) { return type >= DataType::I8 && type <= DataType::I64; }
constexpr bool isUnsignedInteger(DataType type) { return type >= DataType::U8 && type <= DataType::U64; }
constexpr bool isInteger(DataType type) { return isSignedInteger(type) || isUnsignedInteger(type); }

/// "f32", "i64", "bool"...: the spelling used in dumps, reports and JSON.
constexpr std::string_view name(DataType type) {
  switch (type) {
  case DataType::F64: return "f64";
  case DataType::F32: return "f32";
  case DataType::F16: return "f16";
  case DataType::BF16: return "bf16";
  case DataType::I8: return "i8";
  case DataType::I16: return "i16";
  case DataType::I32: return "i32";
  case DataType::I64: return "i64";
  case DataType::U8: return "u8";
  case DataType::U16: return "u16";
  case DataType::U32: return "u32";
  case DataType::U64: return "u64";
  case DataType::Bool: return "bool";
  }
  return "?";
}

} // namespace ampc
