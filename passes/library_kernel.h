// Kernels that a library executes: from an `ampc.kernel` to the plan's description of the call.
#pragma once

#include "ir/dialect.h"
#include "runtime/plan/plan.h"

namespace ampc {

struct LibraryCall {
  plan::Kernel kernel;
  std::vector<unsigned> operandOrder; // kernel operand k is operand operandOrder[k] of the ampc.kernel
};

/// The call of the runtime's own kernel: for kernels that are one operator of class Builtin.
LibraryCall builtinCallOf(mlir::Operation *kernel);

/// The call for a kernel that is one product or convolution followed by operators which the library applies to its
/// result, or one recurrence; nothing if the library cannot do it, or only with its slow reference implementation.
/// `threads` of a device execute it: scratch memory depends on how many.
std::optional<LibraryCall> libraryCallOf(mlir::Operation *kernel, uint32_t threads);

/// A kernel that adds an operand of its result's size, in the form that adds what the result's buffer holds instead.
struct InPlaceSum {
  plan::Kernel kernel; // without that operand
  size_t operand = 0;
};
std::optional<InPlaceSum> inPlaceSumOf(const plan::Kernel &kernel, uint32_t threads);

/// True if `op` may follow `product` as part of its kernel: a post-op on `chained`, the kernel's result so far.
bool isEpilogue(mlir::Operation *op, mlir::Operation *product, mlir::Value chained);

} // namespace ampc
