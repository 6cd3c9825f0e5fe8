// Columns [n, channels * patch, positions] are added element by element where they came from; any number of
// spatial dimensions. The reinterpreting copy stands here because it, too, only moves bytes.
#include "runtime/kernels/col2im.h"

#include "runtime/kernels/element_types.h"
#include "runtime/kernels/kernel_attributes.h"

#include <cstring>

namespace ampc {

namespace {
/// Parameters per spatial dimension, and the number of positions the patch takes in each.
struct Geometry {
  std::vector<int64_t> patch, dilations, strides, pads, image, positions;

  explicit Geometry(const plan::Kernel &kernel) {
    image.assign(kernel.results[0].shape.begin() + 2, kernel.results[0].shape.end());
    auto read = [&](std::string_view name, std::vector<int64_t> &into) {
      if (const auto *values = findIntegers(kernel, name))
        into = *values;
    };
    read("block_shape", patch);
    read("dilations", dilations);
    read("strides", strides);
    read("pads", pads);
  }

  bool isConsistent() const {
    const size_t rank = image.size();
    return patch.size() == rank && dilations.size() == rank && strides.size() == rank &&
           pads.size() == 2 * rank;
  }

  void countPositions() {
    for (size_t d = 0; d < image.size(); ++d) {
      int64_t room = image[d] + pads[d] + pads[image.size() + d] - (dilations[d] * (patch[d] - 1) + 1);
      positions.push_back(room < 0 || strides[d] <= 0 ? 0 : room / strides[d] + 1);
    }
  }
};

void advance(std::vector<int64_t> &index, const std::vector<int64_t> &extents) {
  for (size_t d = index.size(); d-- > 0;) {
    if (++index[d] < extents[d])
      return;
    index[d] = 0;
  }
}
} // namespace

std::string checkCol2Im(const plan::Kernel &kernel) {
  if (kernel.operands.size() != 1 || kernel.results.size() != 1 || kernel.operands[0].shape.size() != 3 ||
      kernel.results[0].shape.size() < 3 || kernel.operands[0].type != kernel.results[0].type)
    return "col2im takes columns of rank 3 and gives an image of the same type";
  Geometry geometry(kernel);
  if (!geometry.isConsistent())
    return "the parameters of col2im do not fit the image";
  geometry.countPositions();
  const auto &columns = kernel.operands[0].shape, &image = kernel.results[0].shape;
  if (columns[0] != image[0] || columns[1] != image[1] * elementCount(geometry.patch) ||
      columns[2] != elementCount(geometry.positions))
    return "the columns of col2im do not fit the image";
  return kernel.operands[0].type == DataType::Bool ? "col2im cannot add booleans" : "";
}

void runCol2Im(const plan::Kernel &kernel, void *const *buffers) {
  Geometry g(kernel);
  g.countPositions();
  const auto &image = kernel.results[0].shape;
  const size_t rank = g.image.size();
  const int64_t planes = image[0] * image[1], pixels = elementCount(g.image);
  const int64_t patchSize = elementCount(g.patch), positions = elementCount(g.positions);
  withElementType(kernel.operands[0].type, [&](auto element) {
    using Element = decltype(element);
    using T = typename Element::Compute;
    auto *source = static_cast<const typename Element::Storage *>(buffers[0]);
    auto *target = static_cast<typename Element::Storage *>(buffers[1]);
    std::vector<T> sums(static_cast<size_t>(pixels));
    for (int64_t plane = 0; plane < planes; ++plane) {
      std::fill(sums.begin(), sums.end(), T(0));
      std::vector<int64_t> inPatch(rank, 0), position(rank, 0);
      for (int64_t p = 0; p < patchSize; ++p, advance(inPatch, g.patch))
        for (int64_t l = 0; l < positions; ++l, advance(position, g.positions)) {
          int64_t pixel = 0;
          bool inside = true;
          for (size_t d = 0; d < rank; ++d) {
            int64_t at = position[d] * g.strides[d] - g.pads[d] + inPatch[d] * g.dilations[d];
            inside &= at >= 0 && at < g.image[d];
            pixel = pixel * g.image[d] + at;
          }
          if (inside)
            sums[size_t(pixel)] =
                T(sums[size_t(pixel)] + Element::load(source[(plane * patchSize + p) * positions + l]));
        }
      for (int64_t k = 0; k < pixels; ++k)
        target[plane * pixels + k] = Element::store(sums[size_t(k)]);
    }
  });
}

std::string checkBitcast(const plan::Kernel &kernel) {
  if (kernel.operands.size() != 1 || kernel.results.size() != 1 ||
      kernel.operands[0].shape != kernel.results[0].shape ||
      bitWidth(kernel.operands[0].type) != bitWidth(kernel.results[0].type))
    return "bitcast needs types of the same width";
  return kernel.results[0].type == DataType::Bool ? "bits cannot be read as booleans" : "";
}

void runBitcast(const plan::Kernel &kernel, void *const *buffers) {
  if (buffers[1] != buffers[0])
    std::memcpy(buffers[1], buffers[0],
                size_t(sizeBytes(kernel.operands[0].type, elementCount(kernel.operands[0].shape))));
}

} // namespace ampc
