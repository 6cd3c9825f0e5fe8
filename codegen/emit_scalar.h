// LLVM IR for the operations of a scalar program, with their exact semantics, on scalars or vectors alike.
#pragma once

#include "codegen/target.h"
#include "ir/iteration.h"
#include "ir/scalar_program.h"

#include "llvm/IR/IRBuilder.h"

namespace ampc::codegen {

class ScalarEmitter {
public:
  ScalarEmitter(llvm::IRBuilder<> &builder, const TargetInfo &target) : b(builder), target(target) {}

  /// Type of a value in a register (bool is i1) and in memory (bool is i8).
  llvm::Type *valueType(DataType type);
  llvm::Type *memoryType(DataType type);

  llvm::Value *constant(DataType type, double real, int64_t integer);
  /// All arguments have the same number of lanes. Null for an operation that the type does not have.
  llvm::Value *compute(ScalarOp op, DataType type, llvm::ArrayRef<llvm::Value *> args,
                       llvm::ArrayRef<DataType> argTypes);
  llvm::Value *cast(llvm::Value *value, DataType from, DataType to);
  /// Register form from memory form, and back.
  llvm::Value *fromMemory(llvm::Value *value, DataType type);
  llvm::Value *toMemory(llvm::Value *value, DataType type);

  llvm::Value *identity(Reduction reduction, DataType type);
  llvm::Value *combine(Reduction reduction, DataType type, llvm::Value *accumulator, llvm::Value *value);
  /// Combines the lanes of a vector into a scalar.
  llvm::Value *combineLanes(Reduction reduction, DataType type, llvm::Value *vector);

private:
  llvm::IRBuilder<> &b;
  const TargetInfo &target;

  llvm::Type *like(llvm::Value *shape, llvm::Type *element);
  llvm::Value *computeFloat(ScalarOp op, llvm::ArrayRef<llvm::Value *> args);
  llvm::Value *computeInteger(ScalarOp op, DataType type, llvm::ArrayRef<llvm::Value *> args);
  llvm::Value *compare(ScalarOp op, DataType type, llvm::Value *x, llvm::Value *y);
  llvm::Value *divide(ScalarOp op, DataType type, llvm::Value *x, llvm::Value *y);
  llvm::Value *toBfloat(llvm::Value *value);
};

} // namespace ampc::codegen
