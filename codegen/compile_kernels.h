// Kernels as text in, one shared object out. What is fused into a kernel is decided before; how it is
// executed is not known here.
#pragma once

#include "codegen/target.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ampc {

/// `text` is an MLIR module with one `func.func @kernel(%a: tensor<..>, ...) -> (tensor<..>, ...)` whose body
/// holds rows with a body (no storage, no builtins) with local shapes, and a return.
struct KernelRequest {
  std::string symbol;
  std::string text;
};

struct KernelInfo {
  uint64_t workspaceBytes = 0; // the caller provides that much, aligned to 64 bytes
  int64_t rows = 0;            // 0: the kernel ignores rowBegin and rowEnd
};

/// Every symbol of `sharedObject` (ELF, x86-64) has the type KernelFunction.
struct KernelLibrary {
  std::vector<char> sharedObject;
  std::vector<KernelInfo> kernels; // one per request, same order
  TargetInfo target;               // what the code is for
};

/// `buffers`: operands, then results: dense, row-major, aligned to their element; booleans one byte, 0 or 1.
/// No result overlaps anything else.
extern "C" using KernelFunction =
    void(void *const *buffers, const int64_t *indexArgs, void *workspace, int64_t rowBegin, int64_t rowEnd);

/// Compiles in `jobs` threads; the result does not depend on how many. Errors are internal (a request is not
/// what it should be) or about the target.
llvm::Expected<KernelLibrary> compileKernels(llvm::ArrayRef<KernelRequest> requests,
                                             const TargetOptions &options, int jobs);

} // namespace ampc
