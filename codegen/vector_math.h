// Elementary functions on scalars and vectors: own approximations in f32 where they are hot, glibc's vector
// library for the rest. Knows nothing of kernels.
#pragma once

#include "codegen/target.h"
#include "ir/scalar_program.h"

#include "llvm/IR/IRBuilder.h"

namespace ampc::codegen {

/// Emits `op` (a function of floats: Exp ... Erf, Pow, Sqrt, Floor...) on values of one float or double type,
/// scalar or vector. Errors are below 6 units in the last place; infinities and NaN are right.
llvm::Value *emitMath(llvm::IRBuilder<> &builder, const TargetInfo &target, ScalarOp op,
                      llvm::ArrayRef<llvm::Value *> args);

} // namespace ampc::codegen
