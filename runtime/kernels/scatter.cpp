// Updates are applied in row-major order of the updates. Negative indices count from the end; an index that
// is out of range all the same is skipped, so that no input can write outside the result.
#include "runtime/kernels/scatter.h"

#include "runtime/kernels/element_types.h"
#include "runtime/kernels/kernel_attributes.h"

#include <cmath>
#include <cstring>

namespace ampc {

namespace {
enum class Combine { Replace, Add, Multiply, Max, Min };

bool combineOf(std::string_view name, Combine &combine) {
  static constexpr std::pair<std::string_view, Combine> names[] = {
      {"", Combine::Replace},     {"none", Combine::Replace}, {"add", Combine::Add},
      {"mul", Combine::Multiply}, {"max", Combine::Max},      {"min", Combine::Min}};
  for (const auto &[known, value] : names)
    if (known == name) {
      combine = value;
      return true;
    }
  return false;
}

template <typename T> bool isNanValue(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(value);
  return false;
}

// Narrow integers are promoted and wrap when they are converted back; wide ones wrap as unsigned.
template <typename T> T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(uint64_t(a) + uint64_t(b));
  else
    return a + b;
}
template <typename T> T product(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(uint64_t(a) * uint64_t(b));
  else
    return a * b;
}

template <typename Element>
void combineInto(Combine combine, typename Element::Storage &target, typename Element::Storage update) {
  if (combine == Combine::Replace) {
    target = update;
    return;
  }
  auto a = Element::load(target), b = Element::load(update);
  switch (combine) {
  case Combine::Add:
    a = sum(a, b);
    break;
  case Combine::Multiply:
    a = product(a, b);
    break;
  case Combine::Max:
    a = isNanValue(a) || a > b ? a : b;
    break;
  case Combine::Min:
    a = isNanValue(a) || a < b ? a : b;
    break;
  case Combine::Replace:
    break;
  }
  target = Element::store(a);
}

std::string checkOperands(const plan::Kernel &kernel) {
  Combine combine;
  if (kernel.operands.size() != 3 || kernel.results.size() != 1)
    return "a scatter has three operands and one result";
  const auto &data = kernel.operands[0], &indices = kernel.operands[1], &updates = kernel.operands[2];
  if (indices.type != DataType::I32 && indices.type != DataType::I64)
    return "the indices of a scatter must be i32 or i64";
  if (kernel.results[0].shape != data.shape || kernel.results[0].type != data.type ||
      updates.type != data.type)
    return "data, updates and result of a scatter do not fit together";
  if (!combineOf(text(kernel, "reduction"), combine))
    return "the reduction of a scatter is unknown";
  if (data.type == DataType::Bool && combine != Combine::Replace)
    return "a scatter cannot combine booleans";
  return {};
}

std::vector<int64_t> stridesOf(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  return strides;
}
} // namespace

std::string checkScatterElements(const plan::Kernel &kernel) {
  if (std::string fault = checkOperands(kernel); !fault.empty())
    return fault;
  const auto &data = kernel.operands[0].shape, &indices = kernel.operands[1].shape;
  const int64_t axis = integer(kernel, "axis", -1);
  if (axis < 0 || axis >= int64_t(data.size()) || indices != kernel.operands[2].shape ||
      indices.size() != data.size())
    return "axis or indices of a scatter do not fit the data";
  for (size_t d = 0; d < data.size(); ++d)
    if (int64_t(d) != axis && indices[d] > data[d])
      return "the indices of a scatter are larger than the data";
  return {};
}

void runScatterElements(const plan::Kernel &kernel, void *const *buffers) {
  const auto &data = kernel.operands[0], &indices = kernel.operands[1];
  const size_t axis = size_t(integer(kernel, "axis", 0));
  const std::vector<int64_t> strides = stridesOf(data.shape);
  const int64_t count = elementCount(indices.shape);
  Combine combine = Combine::Replace;
  combineOf(text(kernel, "reduction"), combine);
  if (buffers[3] != buffers[0])
    std::memcpy(buffers[3], buffers[0], size_t(sizeBytes(data.type, elementCount(data.shape))));
  withElementType(data.type, [&](auto element) {
    using Element = decltype(element);
    auto *result = static_cast<typename Element::Storage *>(buffers[3]);
    auto *updates = static_cast<const typename Element::Storage *>(buffers[2]);
    std::vector<int64_t> position(indices.shape.size(), 0);
    for (int64_t k = 0; k < count; ++k) {
      int64_t index = loadIndex(indices.type, buffers[1], k), offset = 0;
      index += index < 0 ? data.shape[axis] : 0;
      for (size_t d = 0; d < position.size(); ++d)
        offset += (d == axis ? index : position[d]) * strides[d];
      if (index >= 0 && index < data.shape[axis])
        combineInto<Element>(combine, result[offset], updates[k]);
      for (size_t d = position.size(); d-- > 0;) {
        if (++position[d] < indices.shape[d])
          break;
        position[d] = 0;
      }
    }
  });
}

std::string checkScatterNd(const plan::Kernel &kernel) {
  if (std::string fault = checkOperands(kernel); !fault.empty())
    return fault;
  const auto &data = kernel.operands[0].shape, &indices = kernel.operands[1].shape;
  if (indices.empty() || indices.back() > int64_t(data.size()))
    return "the indices of a scatter are deeper than the data's rank";
  std::vector<int64_t> updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), data.begin() + indices.back(), data.end());
  return updates == kernel.operands[2].shape ? "" : "the updates of a scatter have the wrong shape";
}

void runScatterNd(const plan::Kernel &kernel, void *const *buffers) {
  const auto &data = kernel.operands[0], &indices = kernel.operands[1];
  const int64_t depth = indices.shape.back();
  const std::vector<int64_t> strides = stridesOf(data.shape);
  int64_t slice = 1, count = 1;
  for (size_t d = size_t(depth); d < data.shape.size(); ++d)
    slice *= data.shape[d];
  for (size_t d = 0; d + 1 < indices.shape.size(); ++d)
    count *= indices.shape[d];
  Combine combine = Combine::Replace;
  combineOf(text(kernel, "reduction"), combine);
  if (buffers[3] != buffers[0])
    std::memcpy(buffers[3], buffers[0], size_t(sizeBytes(data.type, elementCount(data.shape))));
  withElementType(data.type, [&](auto element) {
    using Element = decltype(element);
    auto *result = static_cast<typename Element::Storage *>(buffers[3]);
    auto *updates = static_cast<const typename Element::Storage *>(buffers[2]);
    for (int64_t k = 0; k < count; ++k) {
      int64_t offset = 0;
      bool inside = true;
      for (int64_t d = 0; d < depth; ++d) {
        int64_t index = loadIndex(indices.type, buffers[1], k * depth + d), extent = data.shape[size_t(d)];
        index += index < 0 ? extent : 0;
        inside &= index >= 0 && index < extent;
        offset += inside ? index * strides[size_t(d)] : 0;
      }
      for (int64_t s = 0; inside && s < slice; ++s)
        combineInto<Element>(combine, result[offset + s], updates[k * slice + s]);
    }
  });
}

} // namespace ampc
