// Partial selection of each lane, then a sort of the k that remain.
#include "runtime/kernels/topk.h"

#include "runtime/kernels/kernel_attributes.h"
#include "runtime/plan/float16.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace ampc {

namespace {
/// Ordering key of a stored element; 16-bit floats compare as f32.
struct Bf16Key {
  float operator()(uint16_t bits) const { return fromBf16(bits); }
};
struct F16Key {
  float operator()(uint16_t bits) const { return fromF16(bits); }
};
struct SameKey {
  template <typename T> T operator()(T value) const { return value; }
};

/// a before b in increasing order; NaN comes last.
template <typename T> bool isLess(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(b) ? !std::isnan(a) : a < b;
  else
    return a < b;
}

template <typename T, typename Key> void select(const plan::Kernel &kernel, void *const *buffers, Key key) {
  const std::vector<int64_t> &shape = kernel.operands[0].shape;
  const int64_t axis = integer(kernel, "axis", 0), k = integer(kernel, "k", 0);
  const bool largest = integer(kernel, "largest", 1) != 0;
  const int64_t extent = shape[size_t(axis)];
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < int64_t(shape.size()); ++d)
    (d < axis ? outer : inner) *= d == axis ? 1 : shape[size_t(d)];
  auto *source = static_cast<const T *>(buffers[0]);
  auto *values = static_cast<T *>(buffers[1]);
  auto *indices = static_cast<int64_t *>(buffers[2]);
  std::vector<int64_t> order(static_cast<size_t>(extent));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const T *lane = source + o * extent * inner + i;
      auto before = [&](int64_t a, int64_t b) {
        auto x = key(lane[a * inner]), y = key(lane[b * inner]);
        if (isLess(x, y))
          return !largest;
        if (isLess(y, x))
          return largest;
        return a < b;
      };
      std::iota(order.begin(), order.end(), int64_t(0));
      std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
      for (int64_t j = 0; j < k; ++j) {
        int64_t target = (o * k + j) * inner + i;
        values[target] = lane[order[size_t(j)] * inner];
        indices[target] = order[size_t(j)];
      }
    }
}
} // namespace

std::string checkTopK(const plan::Kernel &kernel) {
  if (kernel.operands.size() != 1 || kernel.results.size() != 2)
    return "topk has one operand and two results";
  const auto &shape = kernel.operands[0].shape;
  const int64_t axis = integer(kernel, "axis", -1), k = integer(kernel, "k", -1);
  if (axis < 0 || axis >= int64_t(shape.size()))
    return "the axis of topk lies outside its operand";
  if (k < 0 || k > shape[size_t(axis)])
    return "k of topk is larger than the axis";
  auto expected = shape;
  expected[size_t(axis)] = k;
  for (const auto &result : kernel.results)
    if (result.shape != expected)
      return "a result of topk has the wrong shape";
  if (kernel.results[0].type != kernel.operands[0].type || kernel.results[1].type != DataType::I64)
    return "a result of topk has the wrong type";
  return {};
}

void runTopK(const plan::Kernel &kernel, void *const *buffers) {
  switch (kernel.operands[0].type) {
  case DataType::F64: return select<double>(kernel, buffers, SameKey());
  case DataType::F32: return select<float>(kernel, buffers, SameKey());
  case DataType::F16: return select<uint16_t>(kernel, buffers, F16Key());
  case DataType::BF16: return select<uint16_t>(kernel, buffers, Bf16Key());
  case DataType::I8: return select<int8_t>(kernel, buffers, SameKey());
  case DataType::I16: return select<int16_t>(kernel, buffers, SameKey());
  case DataType::I32: return select<int32_t>(kernel, buffers, SameKey());
  case DataType::I64: return select<int64_t>(kernel, buffers, SameKey());
  case DataType::Bool:
  case DataType::U8: return select<uint8_t>(kernel, buffers, SameKey());
  case DataType::U16: return select<uint16_t>(kernel, buffers, SameKey());
  case DataType::U32: return select<uint32_t>(kernel, buffers, SameKey());
  case DataType::U64: return select<uint64_t>(kernel, buffers, SameKey());
  }
}

} // namespace ampc
