// Every lane along the axis is walked once; f16 and bf16 accumulate in f32, other types in themselves.
#include "runtime/kernels/along_axis.h"

#include "runtime/kernels/element_types.h"
#include "runtime/kernels/kernel_attributes.h"

#include <cmath>

namespace ampc {

namespace {
/// The operand seen as [outer, extent, inner].
struct Lanes {
  int64_t outer = 1, extent = 1, inner = 1;

  explicit Lanes(const plan::Kernel &kernel) {
    const auto &shape = kernel.operands[0].shape;
    const int64_t axis = integer(kernel, "axis", 0);
    for (int64_t d = 0; d < int64_t(shape.size()); ++d)
      (d < axis ? outer : d == axis ? extent : inner) *= shape[size_t(d)];
  }

  /// Calls `function` with the offset of each lane's first element in the operand, and with the lane's
  /// number.
  template <typename Function> void forEach(Function function) const {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i)
        function(o * extent * inner + i, o * inner + i);
  }
};

std::string checkAxis(const plan::Kernel &kernel) {
  if (kernel.operands.size() != 1 || kernel.results.size() != 1)
    return kernel.symbol + " has one operand and one result";
  const int64_t axis = integer(kernel, "axis", -1);
  if (axis < 0 || axis >= int64_t(kernel.operands[0].shape.size()))
    return "the axis of " + kernel.symbol + " lies outside its operand";
  return {};
}

template <typename T> bool isNanValue(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(value);
  return false;
}
} // namespace

std::string checkCumulate(const plan::Kernel &kernel) {
  if (std::string fault = checkAxis(kernel); !fault.empty())
    return fault;
  if (kernel.results[0].shape != kernel.operands[0].shape ||
      kernel.results[0].type != kernel.operands[0].type)
    return "the result of " + kernel.symbol + " has the wrong type";
  return kernel.operands[0].type == DataType::Bool ? "booleans cannot be accumulated" : "";
}

void runCumulate(const plan::Kernel &kernel, void *const *buffers) {
  const bool exclusive = integer(kernel, "exclusive", 0) != 0, reverse = integer(kernel, "reverse", 0) != 0;
  const bool isProduct = integer(kernel, "product", 0) != 0;
  const Lanes lanes(kernel);
  withElementType(kernel.operands[0].type, [&](auto element) {
    using Element = decltype(element);
    using T = typename Element::Compute;
    auto *source = static_cast<const typename Element::Storage *>(buffers[0]);
    auto *target = static_cast<typename Element::Storage *>(buffers[1]);
    auto combine = [&](T a, T b) {
      if constexpr (std::is_integral_v<T>)
        return T(isProduct ? uint64_t(a) * uint64_t(b) : uint64_t(a) + uint64_t(b));
      else
        return isProduct ? a * b : a + b;
    };
    lanes.forEach([&](int64_t first, int64_t) {
      T total = T(isProduct ? 1 : 0);
      for (int64_t k = 0; k < lanes.extent; ++k) {
        int64_t offset = first + (reverse ? lanes.extent - 1 - k : k) * lanes.inner;
        T next = combine(total, Element::load(source[offset]));
        target[offset] = Element::store(exclusive ? total : next);
        total = next;
      }
    });
  });
}

std::string checkArgExtreme(const plan::Kernel &kernel) {
  if (std::string fault = checkAxis(kernel); !fault.empty())
    return fault;
  auto expected = kernel.operands[0].shape;
  auto &extent = expected[size_t(integer(kernel, "axis", 0))];
  if (extent == 0)
    return "an empty axis has no extreme element";
  extent = 1;
  return kernel.results[0].shape == expected && kernel.results[0].type == DataType::I64
             ? ""
             : "the result of " + kernel.symbol + " has the wrong type";
}

// The first NaN, if there is one, is the extreme element, as in NumPy.
void runArgExtreme(const plan::Kernel &kernel, void *const *buffers) {
  const bool largest = integer(kernel, "largest", 1) != 0,
             last = integer(kernel, "select_last_index", 0) != 0;
  const Lanes lanes(kernel);
  withElementType(kernel.operands[0].type, [&](auto element) {
    using Element = decltype(element);
    auto *source = static_cast<const typename Element::Storage *>(buffers[0]);
    auto *target = static_cast<int64_t *>(buffers[1]);
    lanes.forEach([&](int64_t first, int64_t lane) {
      int64_t best = 0;
      auto extreme = Element::load(source[first]);
      for (int64_t k = 1; k < lanes.extent && !isNanValue(extreme); ++k) {
        auto value = Element::load(source[first + k * lanes.inner]);
        bool better = largest ? value > extreme : value < extreme;
        if (better || isNanValue(value) || (last && value == extreme)) {
          best = k;
          extreme = value;
        }
      }
      target[lane] = best;
    });
  });
}

} // namespace ampc
