// Generated code for single products and convolutions: what the probe times beside the library. Part of the compiler's
// library; tools/compiler.h hands it to the command line.
#pragma once

#include "codegen/compile_kernels.h"
#include "tools/product_shapes.h"

namespace ampc::tools {

/// One kernel per shape, in this order, laid out as the compiler lays them out. Symbols are productSymbol(index).
llvm::Expected<KernelLibrary> compileProductKernels(const std::vector<ProductShape> &shapes, int jobs);

} // namespace ampc::tools
