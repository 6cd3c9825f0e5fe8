// Which products and convolutions the library executes and which generated code does, of those that both could: what
// reports say about chooseKernels' choice. Reads its attributes, decides nothing.
#pragma once

#include "ir/dialect.h"

#include <vector>

namespace ampc {

/// Kernels of one kind that have one executor. Seconds are the prices of all of them, in one step.
struct ExecutorChoice {
  bool isConvolution = false, isLibrary = false;
  uint64_t count = 0;
  double librarySeconds = 0, generatedSeconds = 0;
};

/// Products before convolutions, the library's before generated ones. A kernel whose shapes differ between devices of
/// its stage counts once, with its greatest prices; what runs when a plan is loaded does not count.
std::vector<ExecutorChoice> executorChoicesOf(mlir::ModuleOp module);

} // namespace ampc
