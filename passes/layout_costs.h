// What kernels and conversions cost in one physical layout or another, for the choice of layouts.
#pragma once

#include "passes/executor_prices.h"
#include "passes/orders.h"

namespace ampc {

/// Time of generated code for a kernel with the given orders (operands, then results): memory traffic, or the accesses
/// of the vectorized loop that suits its orders best.
double generatedSeconds(mlir::Operation *kernel, const std::vector<Order> &orders, const cost::Device &device);

/// Time of a library convolution, channels last or in front.
double libraryConvolutionSeconds(mlir::Operation *kernel, const LibraryCall &call, bool isChannelsLast,
                                 const cost::Device &device);

/// Time of a copy of `value` from one order to another.
double conversionSeconds(mlir::Value value, const cost::Device &device);

} // namespace ampc
