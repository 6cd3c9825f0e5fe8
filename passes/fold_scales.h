// Folding of scales and shifts into the weights of the product before them; part of normalize.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ampc {

/// Rewrites `main`, whose operators are marked `at_load` or not: a product with weights known at load, followed by
/// per-channel scales and shifts that nothing else reads in between, becomes a product with scaled weights and at most
/// one shift. Weights with other readers keep their value for them.
void foldScales(mlir::func::FuncOp main);

} // namespace ampc
