// Kernels as text in, one shared object out. What is fused into a kernel is decided before; how it is
// executed is not known here.
#pragma once

#include "codegen/target.h"
#include "runtime/plan/plan.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir {
class MLIRContext;
}

namespace ampc {

/// `text` is an MLIR module with one `func.func @kernel(%a: tensor<..>, ...) -> (tensor<..>, ...)` whose body
/// holds rows with a body (no storage, no builtins) with local shapes, and a return.
struct KernelRequest {
  std::string symbol;
  std::string text;
  /// Operations at all loop points of which a kernel is divisible. The default is some ten microseconds: for less,
  /// waking other cores costs more than they save.
  double leastDividedWork = 1 << 16;
  /// Which results may have the bytes of an operand when the kernel is called, some of inPlacePairsOf: what the
  /// compiler is told about memory depends on it.
  std::vector<plan::InPlacePair> inPlace = {};
};

struct KernelInfo {
  uint64_t workspaceBytes = 0; // the caller provides that much to each call, aligned to 64 bytes
  /// Calls for [0, a), [a, b), ... [z, rows) in any order, also at the same time, write what one call for [0, rows)
  /// writes, bit by bit. 0: the kernel is not divisible and ignores rowBegin and rowEnd.
  int64_t rows = 0;
};

/// Every symbol of `sharedObject` (ELF, x86-64) has the type KernelFunction.
struct KernelLibrary {
  std::vector<char> sharedObject;
  std::vector<KernelInfo> kernels; // one per request, same order
  TargetInfo target;               // what the code is for
};

/// `buffers`: operands, then results: dense, row-major, aligned to their element; booleans one byte, 0 or 1.
/// No result overlaps anything else, but for the pairs of the request, which may be the same bytes.
extern "C" using KernelFunction =
    void(void *const *buffers, const int64_t *indexArgs, void *workspace, int64_t rowBegin, int64_t rowEnd);

/// The pairs that a request for `text` may name: the result can be written over the operand, because every read of an
/// element happens before that element is written, whatever the target.
llvm::Expected<std::vector<plan::InPlacePair>> inPlacePairsOf(llvm::StringRef text, mlir::MLIRContext &context);

/// Compiles in `jobs` threads; the result does not depend on how many. Errors are internal (a request is not
/// what it should be) or about the target.
llvm::Expected<KernelLibrary> compileKernels(llvm::ArrayRef<KernelRequest> requests,
                                             const TargetOptions &options, int jobs);

} // namespace ampc
