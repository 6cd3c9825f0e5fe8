// Blocks of a few kilobytes are accumulated in a local buffer: all sources are read before the target is
// written.
#include "runtime/execute/reduce.h"

#include "runtime/plan/float16.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace ampc {

namespace {
constexpr int64_t blockElements = 1024;

struct Sum {
  template <typename T> static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
    else
      return a + b;
  }
};
struct Product {
  template <typename T> static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return T(uint64_t(a) * uint64_t(b)); // in 64 bits: small unsigned types would be promoted to int
    else
      return a * b;
  }
};
struct Max {
  template <typename T> static T apply(T a, T b) { return a > b || a != a ? a : b; }
};
struct Min {
  template <typename T> static T apply(T a, T b) { return a < b || a != a ? a : b; }
};

/// Stored type and the type of the accumulator.
template <typename T> struct Direct {
  using Stored = T;
  using Value = T;
  static T load(T stored) { return stored; }
  static T store(T value) { return value; }
};
struct Bf16 {
  using Stored = uint16_t;
  using Value = float;
  static float load(uint16_t stored) { return fromBf16(stored); }
  static uint16_t store(float value) { return toBf16(value); }
};
struct F16 {
  using Stored = uint16_t;
  using Value = float;
  static float load(uint16_t stored) { return fromF16(stored); }
  static uint16_t store(float value) { return toF16(value); }
};

template <typename Format, typename Op>
void reduceAll(void *target, std::span<const void *const> sources, int64_t elements) {
  using Stored = typename Format::Stored;
  typename Format::Value accumulator[blockElements];
  for (int64_t begin = 0; begin < elements; begin += blockElements) {
    const int64_t count = std::min(blockElements, elements - begin);
    auto *first = static_cast<const Stored *>(sources[0]) + begin;
    for (int64_t i = 0; i < count; ++i)
      accumulator[i] = Format::load(first[i]);
    for (const void *source : sources.subspan(1)) {
      auto *next = static_cast<const Stored *>(source) + begin;
      for (int64_t i = 0; i < count; ++i)
        accumulator[i] = Op::apply(accumulator[i], Format::load(next[i]));
    }
    auto *out = static_cast<Stored *>(target) + begin;
    for (int64_t i = 0; i < count; ++i)
      out[i] = Format::store(accumulator[i]);
  }
}

template <typename Format>
void reduceFormat(Reduction reduction, void *target, std::span<const void *const> sources, int64_t elements) {
  switch (reduction) {
  case Reduction::None: break;
  case Reduction::Sum: return reduceAll<Format, Sum>(target, sources, elements);
  case Reduction::Max: return reduceAll<Format, Max>(target, sources, elements);
  case Reduction::Min: return reduceAll<Format, Min>(target, sources, elements);
  case Reduction::Product: return reduceAll<Format, Product>(target, sources, elements);
  }
}
} // namespace

void reduceElements(DataType type, Reduction reduction, void *target, std::span<const void *const> sources,
                    int64_t elements) {
  switch (type) {
  case DataType::F64: return reduceFormat<Direct<double>>(reduction, target, sources, elements);
  case DataType::F32: return reduceFormat<Direct<float>>(reduction, target, sources, elements);
  case DataType::F16: return reduceFormat<F16>(reduction, target, sources, elements);
  case DataType::BF16: return reduceFormat<Bf16>(reduction, target, sources, elements);
  case DataType::I8: return reduceFormat<Direct<int8_t>>(reduction, target, sources, elements);
  case DataType::I16: return reduceFormat<Direct<int16_t>>(reduction, target, sources, elements);
  case DataType::I32: return reduceFormat<Direct<int32_t>>(reduction, target, sources, elements);
  case DataType::I64: return reduceFormat<Direct<int64_t>>(reduction, target, sources, elements);
  case DataType::U8: return reduceFormat<Direct<uint8_t>>(reduction, target, sources, elements);
  case DataType::U16: return reduceFormat<Direct<uint16_t>>(reduction, target, sources, elements);
  case DataType::U32: return reduceFormat<Direct<uint32_t>>(reduction, target, sources, elements);
  case DataType::U64: return reduceFormat<Direct<uint64_t>>(reduction, target, sources, elements);
  case DataType::Bool:
    // Booleans are 0 or 1, so "or" is the maximum and "and" the minimum.
    return reduceFormat<Direct<uint8_t>>(reduction == Reduction::Sum       ? Reduction::Max
                                         : reduction == Reduction::Product ? Reduction::Min
                                                                           : reduction,
                                         target, sources, elements);
  }
}

} // namespace ampc
