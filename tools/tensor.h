// A whole tensor in this process's memory, as it goes in and out of files and sessions. It has no arithmetic beyond
// what comparing and summarising need.
#pragma once

#include "runtime/plan/data_type.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampc::tools {

/// Owned bytes at a multiple of 64, so that the runtime takes them without a copy. Uninitialised.
class AlignedBytes {
public:
  AlignedBytes() = default;
  /// `data()` is null when the memory cannot be had.
  explicit AlignedBytes(uint64_t sizeBytes);
  char *data() { return memory.get(); }
  const char *data() const { return memory.get(); }
  uint64_t size() const { return sizeBytes; }

private:
  struct Free {
    void operator()(char *p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> memory;
  uint64_t sizeBytes = 0;
};

struct Tensor {
  DataType type = DataType::F32;
  std::vector<int64_t> shape;
  AlignedBytes bytes; // row-major, little-endian; booleans are bytes 0 or 1

  int64_t elements() const;
  /// Element `index` as a number; 64-bit integers may be rounded.
  double real(int64_t index) const;
};

/// Elements of a shape; nothing when a dimension is negative or the bytes would not fit into 2^46.
std::optional<int64_t> elementsOf(DataType type, const std::vector<int64_t> &shape);
/// A tensor with memory for its elements, or nothing when there is none to be had.
std::optional<Tensor> allocateTensor(DataType type, const std::vector<int64_t> &shape);

float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value); // round to nearest even
float bfloatToFloat(uint16_t bits);
uint16_t floatToBfloat(float value);

/// "1x3x48x320", "scalar" for rank 0.
std::string shapeText(const std::vector<int64_t> &shape);
/// "f32 1x3x48x320"
std::string typeText(DataType type, const std::vector<int64_t> &shape);

} // namespace ampc::tools
