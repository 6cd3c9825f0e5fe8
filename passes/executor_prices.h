// What a product, convolution or recurrence costs by generated code and by the library. Both prices are read off the
// plan's description of the kernel, as the simulation reads them: what is chosen here is what the prediction counts.
#pragma once

#include "cost_model/cluster.h"
#include "passes/library_kernel.h"

namespace ampc {

/// What the plan says about a kernel that generated code executes, but for its symbol.
plan::Kernel generatedKernelOf(mlir::Operation *kernel);

/// Elements of each operand that the kernel reads: of one that only slices read, no more than they take.
std::vector<int64_t> elementsRead(mlir::Operation *kernel);

/// Bytes of operands that the kernel reads.
double bytesRead(mlir::Operation *kernel);

double generatedSeconds(mlir::Operation *kernel, const cost::Device &device);

/// `call`: what libraryCallOf says about the kernel. A weight is packed when the program is loaded.
double librarySeconds(mlir::Operation *kernel, const LibraryCall &call, const cost::Device &device);

/// Generated code only where it is faster: a tie, or a device of which nothing is known, leaves the kernel to the
/// library.
bool isGeneratedFaster(mlir::Operation *kernel, const LibraryCall &call, const cost::Device &device);

} // namespace ampc
