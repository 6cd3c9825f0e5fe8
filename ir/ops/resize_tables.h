// How one axis of a Resize reads its operand: coordinate transformations and interpolation weights, computed
// when the model is imported. Plain numbers, no IR.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampc {

struct ResizeOptions {
  std::string coordinates = "half_pixel"; // ONNX's coordinate_transformation_mode
  std::string mode = "nearest";           // nearest, linear, cubic
  std::string nearest = "round_prefer_floor";
  bool roundsByScale = false; // before version 11: ceil where the axis shrinks, else floor, whatever `nearest` says
  double cubicCoefficient = -0.75;
  bool excludeOutside = false, antialias = false;
};

struct ResizeAxis {
  int64_t from = 1, to = 1;
  double scale = 1;
  double roiBegin = 0, roiEnd = 1; // tf_crop_and_resize
};

/// Result position p is the sum over t of weights[p * taps + t] * operand[indices[p * taps + t]].
struct InterpolationTable {
  int64_t taps = 1;
  std::vector<int64_t> indices; // in [0, from)
  std::vector<double> weights;  // empty for "nearest"
  std::vector<bool> outside;    // per position: takes the extrapolation value instead; empty if none does
};

/// Error sentence for modes that do not exist.
std::optional<std::string> checkResizeOptions(const ResizeOptions &options);
/// Elements of each table that interpolationTable would make: to be looked at first, it may be any number.
double tableElements(const ResizeOptions &options, const ResizeAxis &axis);
InterpolationTable interpolationTable(const ResizeOptions &options, const ResizeAxis &axis);

} // namespace ampc
