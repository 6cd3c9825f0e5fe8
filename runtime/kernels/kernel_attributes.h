// Reading the shapes and named parameters of library and builtin kernels.
#pragma once

#include "runtime/plan/plan.h"

#include <string_view>

namespace ampc {

/// Elements of a shape whose size was checked before. (The compiler's numElements is not part of the
/// runtime.)
inline int64_t elementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

inline const std::vector<int64_t> *findIntegers(const plan::Kernel &kernel, std::string_view name) {
  for (const auto &[key, values] : kernel.integers)
    if (key == name)
      return &values;
  return nullptr;
}

/// The single value of an integer parameter, or `otherwise` when it is missing or not single.
inline int64_t integer(const plan::Kernel &kernel, std::string_view name, int64_t otherwise) {
  const auto *values = findIntegers(kernel, name);
  return values && values->size() == 1 ? (*values)[0] : otherwise;
}

/// Bytes that a packed form may take: one that is larger is not used, neither by who packs nor by who reads.
inline uint64_t packedLimit(const plan::Kernel &kernel) { return uint64_t(integer(kernel, "packed_bytes", INT64_MAX)); }

inline const std::vector<double> *findReals(const plan::Kernel &kernel, std::string_view name) {
  for (const auto &[key, values] : kernel.reals)
    if (key == name)
      return &values;
  return nullptr;
}

inline std::string_view text(const plan::Kernel &kernel, std::string_view name) {
  for (const auto &[key, value] : kernel.strings)
    if (key == name)
      return value;
  return {};
}

} // namespace ampc
