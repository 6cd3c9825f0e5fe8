// From LLVM IR to an object file in memory. The loops come vectorized and unrolled, so the pipeline only
// cleans up.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace ampc::codegen {

void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine);
llvm::Expected<llvm::SmallVector<char, 0>> emitObject(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace ampc::codegen
