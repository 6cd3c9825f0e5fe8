// Sliding windows over the last dimensions of a tensor: the geometry that convolution and pooling share, from ONNX
// attributes to the access of an iteration rule.
#pragma once

#include "ir/ops/expansion.h"

namespace ampc {

/// One entry per windowed dimension.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, padsBegin, padsEnd;
  std::vector<int64_t> output; // number of window positions

  /// Elements that a window spans: (kernel - 1) * dilation + 1.
  int64_t span(size_t d) const { return (kernel[d] - 1) * dilations[d] + 1; }
};

/// Reads strides, dilations, pads, auto_pad (and ceil_mode if `mayRoundUp`) of the node. With ceil_mode the end padding
/// grows so that rounding down gives the same positions. Fails on what is out of range.
Window windowOf(Expansion &e, const std::vector<int64_t> &input, const std::vector<int64_t> &kernel,
                bool mayRoundUp = false);

/// The attributes strides, dilations, pads (begin..., end...) of a windowed dialect operator.
llvm::SmallVector<mlir::NamedAttribute> windowAttributes(Expansion &e, const Window &window);

/// The window of an instance whose kernel extents are given; `output` is empty. Missing attributes are the defaults.
Window windowOf(const OpInstance &op, const std::vector<int64_t> &kernel);

/// Window positions over `input`; the error is one sentence.
llvm::Expected<std::vector<int64_t>> windowPositions(const Window &window, const std::vector<int64_t> &input);

/// The `pads` of one device's part of an instance whose windows slide over operand 0 from dimension `first` on.
std::vector<std::pair<std::string, std::vector<int64_t>>> localPads(const OpInstance &local, const LocalPart &part,
                                                                    const std::vector<int64_t> &kernel, size_t first);

/// index = stride * position + dilation * tap - pad, for loops `position` (a Window loop) and `tap`.
DimAccess windowAccess(const Window &window, size_t dim, int position, int tap);

/// `conv` with the node's attributes (group, strides, ...), and the addition of one number per channel.
mlir::Value convolve(Expansion &e, mlir::Value x, mlir::Value weights, llvm::StringRef suffix);
mlir::Value addChannelBias(Expansion &e, mlir::Value y, mlir::Value bias, llvm::StringRef suffix);

/// True if some window reaches outside `input`.
bool reachesOutside(const Window &window, const std::vector<int64_t> &input, const std::vector<int64_t> &output);

} // namespace ampc
