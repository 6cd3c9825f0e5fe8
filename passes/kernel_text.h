// The source of one kernel: its body as a function of its own module, without names, so that equal kernels have equal
// text.
#pragma once

#include "ir/dialect.h"

namespace ampc {

/// `kernel` is an `ampc.kernel`.
std::string kernelText(mlir::Operation *kernel);

/// FLOPs of all operators of a kernel on its local shapes.
double kernelFlops(mlir::Operation *kernel);

} // namespace ampc
