// Statistics over axes that all normalisations share.
#pragma once

#include "ir/ops/expansion.h"

namespace ampc {

/// x - mean and 1 / sqrt(variance + epsilon) over `axes` (kept as extent 1); x must be of compute type.
struct Standardized {
  mlir::Value mean, centered, variance, inverseDeviation;
};
Standardized standardize(Expansion &e, mlir::Value x, const std::vector<int64_t> &axes, double epsilon);

/// Vector over channels -> shape that broadcasts against [n, c, spatial...] of rank `rank`; others stay.
mlir::Value alongChannels(Expansion &e, mlir::Value vector, int64_t rank, llvm::StringRef suffix);

} // namespace ampc
