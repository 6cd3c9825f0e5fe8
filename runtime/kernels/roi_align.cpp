// Each bin of a region is sampled on a regular grid; a sample is interpolated from its four neighbours.
// Samples more than one element outside the image count as 0. Everything is computed in the type of the elements, in
// ONNX Runtime's order: how many samples a bin takes, and whether one lies inside, turns on the last bit.
#include "runtime/kernels/roi_align.h"

#include "runtime/kernels/element_types.h"
#include "runtime/kernels/kernel_attributes.h"

#include <algorithm>
#include <cmath>

namespace ampc {

namespace {
/// One coordinate of a sample: its two neighbours and their weights; `inside` is false where it counts as 0.
template <typename Real> struct Tap {
  int64_t low = 0, high = 0;
  Real lowWeight = 0, highWeight = 0;
  bool inside = false;

  Tap(Real position, int64_t extent) {
    inside = position >= -1 && position <= Real(extent);
    if (!inside)
      return;
    position = std::max(position, Real(0));
    low = std::min(int64_t(position), extent - 1);
    high = std::min(low + 1, extent - 1);
    highWeight = low == extent - 1 ? 0 : position - Real(low);
    lowWeight = 1 - highWeight;
  }
};

double single(const plan::Kernel &kernel, std::string_view name, double otherwise) {
  const auto *values = findReals(kernel, name);
  return values && values->size() == 1 ? (*values)[0] : otherwise;
}

// A region far larger than the image would otherwise take an unbounded number of samples per bin.
constexpr int64_t maxSamplesPerBinAxis = 4096;

template <typename Element> void align(const plan::Kernel &kernel, void *const *buffers) {
  using Storage = typename Element::Storage;
  using Real = typename Element::Compute;
  const auto &image = kernel.operands[0].shape, &out = kernel.results[0].shape;
  const int64_t channels = image[1], height = image[2], width = image[3];
  const Real scale = Real(single(kernel, "spatial_scale", 1));
  const Real offset = integer(kernel, "half_pixel", 1) ? Real(0.5) : Real(0);
  const int64_t ratio = integer(kernel, "sampling_ratio", 0);
  const bool isMax = text(kernel, "mode") == "max";
  auto *source = static_cast<const Storage *>(buffers[0]);
  auto *rois = static_cast<const Storage *>(buffers[1]);
  auto *target = static_cast<Storage *>(buffers[3]);
  for (int64_t r = 0; r < out[0]; ++r) {
    Real edges[4]; // x1, y1, x2, y2
    for (int64_t k = 0; k < 4; ++k)
      edges[k] = Element::load(rois[r * 4 + k]) * scale - offset;
    Real roiWidth = edges[2] - edges[0], roiHeight = edges[3] - edges[1];
    if (offset == 0) {
      roiWidth = std::max(roiWidth, Real(1));
      roiHeight = std::max(roiHeight, Real(1));
    }
    const Real binHeight = roiHeight / Real(out[2]), binWidth = roiWidth / Real(out[3]);
    auto samplesOf = [&](Real bin) {
      if (ratio > 0)
        return ratio;
      return std::isfinite(bin) ? int64_t(std::clamp(std::ceil(bin), Real(0), Real(maxSamplesPerBinAxis))) : int64_t(0);
    };
    const int64_t samplesY = samplesOf(binHeight), samplesX = samplesOf(binWidth);
    int64_t batch = std::clamp<int64_t>(loadIndex(kernel.operands[2].type, buffers[2], r), 0, image[0] - 1);
    for (int64_t c = 0; c < channels; ++c) {
      const Storage *plane = source + (batch * channels + c) * height * width;
      auto at = [&](int64_t y, int64_t x) { return Element::load(plane[y * width + x]); };
      for (int64_t ph = 0; ph < out[2]; ++ph)
        for (int64_t pw = 0; pw < out[3]; ++pw) {
          Real total = 0;
          bool first = true;
          for (int64_t sy = 0; sy < samplesY; ++sy)
            for (int64_t sx = 0; sx < samplesX; ++sx) {
              const Real y = edges[1] + Real(ph) * binHeight + (Real(sy) + Real(0.5)) * binHeight / Real(samplesY);
              const Real x = edges[0] + Real(pw) * binWidth + (Real(sx) + Real(0.5)) * binWidth / Real(samplesX);
              Tap<Real> ty(y, height), tx(x, width);
              Real corners[4] = {};
              if (ty.inside && tx.inside) {
                corners[0] = ty.lowWeight * tx.lowWeight * at(ty.low, tx.low);
                corners[1] = ty.lowWeight * tx.highWeight * at(ty.low, tx.high);
                corners[2] = ty.highWeight * tx.lowWeight * at(ty.high, tx.low);
                corners[3] = ty.highWeight * tx.highWeight * at(ty.high, tx.high);
              }
              if (!isMax) {
                total += corners[0] + corners[1] + corners[2] + corners[3];
                continue;
              }
              // The maximum is over the weighted corners, as the operator's definition has it.
              Real value = *std::max_element(corners, corners + 4);
              total = first ? value : std::max(total, value);
              first = false;
            }
          if (!isMax)
            total /= Real(std::max<int64_t>(samplesY * samplesX, 1));
          target[((r * channels + c) * out[2] + ph) * out[3] + pw] = Element::store(total);
        }
    }
  }
}
} // namespace

std::string checkRoiAlign(const plan::Kernel &kernel) {
  if (kernel.operands.size() != 3 || kernel.results.size() != 1)
    return "roi_align has three operands and one result";
  const auto &image = kernel.operands[0], &rois = kernel.operands[1], &batch = kernel.operands[2];
  const auto &result = kernel.results[0];
  if (!isFloat(image.type) || rois.type != image.type || result.type != image.type)
    return "roi_align works on floats";
  if (batch.type != DataType::I32 && batch.type != DataType::I64)
    return "the batch indices of roi_align must be i32 or i64";
  if (image.shape.size() != 4 || elementCount(image.shape) == 0 || rois.shape.size() != 2 ||
      rois.shape[1] != 4 || batch.shape != std::vector<int64_t>{rois.shape[0]} || result.shape.size() != 4 ||
      result.shape[0] != rois.shape[0] || result.shape[1] != image.shape[1])
    return "the shapes of roi_align do not fit together";
  return {};
}

void runRoiAlign(const plan::Kernel &kernel, void *const *buffers) {
  withElementType(kernel.operands[0].type, [&](auto element) {
    if constexpr (std::is_floating_point_v<typename decltype(element)::Compute>)
      align<decltype(element)>(kernel, buffers);
  });
}

} // namespace ampc
