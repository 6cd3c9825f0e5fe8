// Slices that are read where they are needed instead of being copied first: which ones the kernels of their readers
// should take over. `fuse` asks; whether the readers can is its own matter.
#pragma once

#include "mlir/IR/Operation.h"

namespace ampc {

/// True if `readers` kernels that read the slice `op` gain by reading its operand at an offset.
bool isWorthFusing(mlir::Operation *op, size_t readers);

} // namespace ampc
