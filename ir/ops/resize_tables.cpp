// Formulas of the ONNX specification of Resize, version 19. Coordinates are f32, rounded after every operation as
// ONNX Runtime does: which neighbour is the nearest of two equally near ones depends on the last bit.
#include "ir/ops/resize_tables.h"

#include <algorithm>
#include <cmath>

namespace ampc {

std::optional<std::string> checkResizeOptions(const ResizeOptions &options) {
  auto isOneOf = [](const std::string &text, std::initializer_list<const char *> known) {
    return std::find(known.begin(), known.end(), text) != known.end();
  };
  if (!isOneOf(options.mode, {"nearest", "linear", "cubic"}))
    return "there is no interpolation mode '" + options.mode + "'";
  if (!isOneOf(options.coordinates,
               {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                "tf_crop_and_resize", "tf_half_pixel_for_nn"}))
    return "there is no coordinate transformation '" + options.coordinates + "'";
  if (!isOneOf(options.nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}))
    return "there is no nearest mode '" + options.nearest + "'";
  return std::nullopt;
}

// Where result position `p` lies on the operand's axis, by the formula of its mode. Lengths are whole: what a scale
// leaves over when the extent is cut to an integer counts for align_corners alone, as ONNX's own cases have it.
static float exactCoordinate(const ResizeOptions &options, const ResizeAxis &axis, float p) {
  const std::string &mode = options.coordinates;
  float scale = float(axis.scale), last = float(axis.from) - 1, resized = float(axis.to);
  if (mode == "align_corners") {
    double uncut = axis.scale * double(axis.from);
    float length = std::abs(uncut - double(axis.to)) < 1e-3 ? resized : float(uncut);
    return length == 1 ? 0 : p * last / (length - 1);
  }
  if (mode == "asymmetric")
    return p / scale;
  if (mode == "tf_crop_and_resize") {
    float begin = float(axis.roiBegin), end = float(axis.roiEnd);
    return resized > 1 ? begin * last + p * (end - begin) * last / (resized - 1) : 0.5f * (begin + end) * last;
  }
  if (mode == "tf_half_pixel_for_nn")
    return (p + 0.5f) / scale;
  if (mode == "pytorch_half_pixel" && resized <= 1)
    return 0;
  if (mode == "half_pixel_symmetric") {
    float length = float(axis.from);
    float shift = length / 2 * (1 - resized / (scale * length));
    return float(shift + (double(p) + 0.5) / scale - 0.5);
  }
  return (p + 0.5f) / scale - 0.5f;
}

// Coordinates far outside the axis read its ends wherever they are; they must only fit an index.
static double sourceCoordinate(const ResizeOptions &options, const ResizeAxis &axis, double p) {
  constexpr double farAway = 1e15;
  double x = double(exactCoordinate(options, axis, float(p)));
  return std::isnan(x) ? 0 : std::clamp(x, -farAway, farAway);
}

static int64_t nearestIndex(const ResizeOptions &options, const ResizeAxis &axis, double x) {
  std::string mode = options.nearest;
  if (options.roundsByScale)
    mode = axis.scale < 1 ? "ceil" : "floor";
  if (mode == "floor")
    return int64_t(std::floor(x));
  if (mode == "ceil")
    return int64_t(std::ceil(x));
  // Two neighbours are equally near also where only the rounding of the coordinate makes a difference, as in ONNX Runtime.
  constexpr double tie = 1e-6;
  double left = std::floor(x), excess = x - left - 0.5;
  bool takesLeft = mode == "round_prefer_ceil" ? excess < -tie : excess <= tie;
  return int64_t(left) + (takesLeft ? 0 : 1);
}

// The interpolation kernel at distance `x`.
static double kernelAt(const ResizeOptions &options, double x) {
  x = std::abs(x);
  if (options.mode == "linear")
    return std::max(0.0, 1 - x);
  double a = options.cubicCoefficient;
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// Neighbours on each side that the kernel reaches. Shrinking with antialiasing widens it by the scale.
static double reachOf(const ResizeOptions &options, const ResizeAxis &axis) {
  double radius = options.mode == "cubic" ? 2 : 1;
  return options.antialias ? radius / std::min(axis.scale, 1.0) : radius;
}

double tableElements(const ResizeOptions &options, const ResizeAxis &axis) {
  return double(axis.to) * (options.mode == "nearest" ? 1 : 2 * std::ceil(reachOf(options, axis)));
}

InterpolationTable interpolationTable(const ResizeOptions &options, const ResizeAxis &axis) {
  InterpolationTable table;
  bool isNearest = options.mode == "nearest";
  double squeeze = options.antialias && !isNearest ? std::min(axis.scale, 1.0) : 1.0;
  int64_t first = int64_t(std::floor(-reachOf(options, axis))) + 1, last = 1 - first;
  table.taps = isNearest ? 1 : last - first + 1;
  bool crops = options.coordinates == "tf_crop_and_resize", anyOutside = false;
  std::vector<bool> outside;
  for (int64_t p = 0; p < axis.to; ++p) {
    double x = sourceCoordinate(options, axis, double(p));
    outside.push_back(crops && (x < 0 || x > double(axis.from - 1)));
    anyOutside |= outside.back();
    if (isNearest) {
      table.indices.push_back(std::clamp<int64_t>(nearestIndex(options, axis, x), 0, axis.from - 1));
      continue;
    }
    // The base is the neighbour on the left, x itself excluded: the distance to it is in (0, 1].
    double base = std::ceil(x) - 1, total = 0;
    size_t begin = table.weights.size();
    for (int64_t k = first; k <= last; ++k) {
      int64_t index = int64_t(base) + k;
      double weight = kernelAt(options, (double(index) - x) * squeeze);
      if (options.excludeOutside && (index < 0 || index >= axis.from))
        weight = 0;
      table.indices.push_back(std::clamp<int64_t>(index, 0, axis.from - 1));
      table.weights.push_back(weight);
      total += weight;
    }
    bool normalizes = options.excludeOutside || (options.antialias && !isNearest);
    for (size_t k = begin; k < table.weights.size() && normalizes && total != 0; ++k)
      table.weights[k] /= total;
  }
  if (anyOutside)
    table.outside = std::move(outside);
  return table;
}

} // namespace ampc
