// The header of an .npy file, apart from its data.
#pragma once

#include "tools/failure.h"
#include "tools/tensor.h"

#include <string>
#include <string_view>

namespace ampc::tools {

struct NpyHeader {
  DataType type = DataType::F32;
  bool isBigEndian = false, isColumnMajor = false;
  std::vector<int64_t> shape;
  size_t headerBytes = 0; // where the data begins
};

inline constexpr std::string_view npyMagic = "\x93NUMPY";

Result<NpyHeader> parseNpyHeader(std::string_view bytes);
/// Header of format version 1.0 for row-major, little-endian data, padded so that the data is aligned to 64 bytes.
std::string writeNpyHeader(DataType type, const std::vector<int64_t> &shape);

} // namespace ampc::tools
