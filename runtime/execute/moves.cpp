// The loops of copies and fills. Inner transposes go in small square tiles, so that both sides use whole
// cache lines.
#include "runtime/execute/moves.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ampc {

namespace {
using plan::MoveDim;

constexpr int64_t tileElements = 16;

template <typename T>
void copyPlane(const char *source, char *target, const MoveDim &outer, const MoveDim &inner) {
  for (int64_t i0 = 0; i0 < outer.count; i0 += tileElements)
    for (int64_t j0 = 0; j0 < inner.count; j0 += tileElements) {
      const int64_t i1 = std::min(i0 + tileElements, outer.count),
                    j1 = std::min(j0 + tileElements, inner.count);
      for (int64_t i = i0; i < i1; ++i) {
        const char *from = source + i * outer.sourceStride + j0 * inner.sourceStride;
        char *to = target + i * outer.targetStride + j0 * inner.targetStride;
        for (int64_t j = j0; j < j1; ++j, from += inner.sourceStride, to += inner.targetStride) {
          T value;
          std::memcpy(&value, from, sizeof value);
          std::memcpy(to, &value, sizeof value);
        }
      }
    }
}

void copyPlane(const char *source, char *target, const MoveDim &outer, const MoveDim &inner,
               int64_t runBytes) {
  switch (runBytes) {
  case 1: return copyPlane<uint8_t>(source, target, outer, inner);
  case 2: return copyPlane<uint16_t>(source, target, outer, inner);
  case 4: return copyPlane<uint32_t>(source, target, outer, inner);
  case 8: return copyPlane<uint64_t>(source, target, outer, inner);
  }
  for (int64_t i = 0; i < outer.count; ++i)
    for (int64_t j = 0; j < inner.count; ++j)
      std::memcpy(target + i * outer.targetStride + j * inner.targetStride,
                  source + i * outer.sourceStride + j * inner.sourceStride, size_t(runBytes));
}

void copyDims(std::span<const MoveDim> dims, const char *source, char *target, int64_t runBytes) {
  static constexpr MoveDim once;
  switch (dims.size()) {
  case 0: std::memcpy(target, source, size_t(runBytes)); return;
  case 1: copyPlane(source, target, once, dims[0], runBytes); return;
  case 2: copyPlane(source, target, dims[0], dims[1], runBytes); return;
  }
  for (int64_t i = 0; i < dims[0].count; ++i)
    copyDims(dims.subspan(1), source + i * dims[0].sourceStride, target + i * dims[0].targetStride, runBytes);
}

void fillRun(char *target, int64_t runBytes, uint64_t bits, unsigned elementBytes) {
  for (int64_t at = 0; at < runBytes; at += elementBytes)
    std::memcpy(target + at, &bits, elementBytes);
}

void fillDims(std::span<const MoveDim> dims, char *target, int64_t runBytes, uint64_t bits,
              unsigned elementBytes) {
  if (dims.empty())
    return bits == 0 ? void(std::memset(target, 0, size_t(runBytes)))
                     : fillRun(target, runBytes, bits, elementBytes);
  for (int64_t i = 0; i < dims[0].count; ++i)
    fillDims(dims.subspan(1), target + i * dims[0].targetStride, runBytes, bits, elementBytes);
}
} // namespace

PreparedMove prepareMove(const plan::Move &move, unsigned elementBytes) {
  const int64_t element = elementBytes;
  PreparedMove result{move.sourceOffset * element, move.targetOffset * element, element, {}};
  for (const MoveDim &dim : move.dims) {
    if (dim.count == 0)
      return {};
    if (dim.count > 1)
      result.dims.push_back({dim.count, dim.sourceStride * element, dim.targetStride * element});
  }
  auto &dims = result.dims;
  // The order of the dimensions does not change what is copied: largest target strides outermost.
  std::stable_sort(dims.begin(), dims.end(), [](const MoveDim &a, const MoveDim &b) {
    return std::abs(a.targetStride) > std::abs(b.targetStride);
  });
  std::vector<MoveDim> merged;
  for (const MoveDim &dim : dims) {
    if (!merged.empty() && merged.back().sourceStride == dim.count * dim.sourceStride &&
        merged.back().targetStride == dim.count * dim.targetStride)
      merged.back() = {merged.back().count * dim.count, dim.sourceStride, dim.targetStride};
    else
      merged.push_back(dim);
  }
  dims = std::move(merged);
  if (!dims.empty() && dims.back().sourceStride == element && dims.back().targetStride == element) {
    result.runBytes = dims.back().count * element;
    dims.pop_back();
  } else if (dims.size() > 2) {
    // A transpose: the dimension that is contiguous in the source joins the inner plane.
    auto contiguous = std::find_if(dims.begin(), dims.end() - 1,
                                   [&](const MoveDim &dim) { return dim.sourceStride == element; });
    if (contiguous != dims.end() - 1)
      std::rotate(contiguous, contiguous + 1, dims.end() - 1);
  }
  return result;
}

void copyMove(const PreparedMove &move, const void *source, void *target) {
  if (move.runBytes)
    copyDims(move.dims, static_cast<const char *>(source) + move.sourceOffset,
             static_cast<char *>(target) + move.targetOffset, move.runBytes);
}

void fillMove(const PreparedMove &move, void *target, uint64_t bits, unsigned elementBytes) {
  if (move.runBytes)
    fillDims(move.dims, static_cast<char *>(target) + move.targetOffset, move.runBytes, bits, elementBytes);
}

} // namespace ampc
