// LLVM IR of a whole kernel: the exported function, its loops, temporaries and reductions.
#pragma once

#include "codegen/schedule.h"
#include "codegen/target.h"
#include "runtime/plan/plan.h"

#include "llvm/IR/Module.h"

namespace ampc::codegen {

struct EmittedKernel {
  uint64_t workspaceBytes = 0;
  int64_t rows = 0; // 0: not divisible
};

/// Adds `symbol` to `module` with the signature that compile_kernels.h describes. It is an error if a pair of `inPlace`
/// is none of inPlacePairs.
llvm::Expected<EmittedKernel> emitKernel(llvm::Module &module, llvm::StringRef symbol,
                                         const KernelGraph &graph, const TargetInfo &target,
                                         double leastDividedWork, llvm::ArrayRef<plan::InPlacePair> inPlace);

} // namespace ampc::codegen
