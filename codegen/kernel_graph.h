// A kernel's function as a plain graph: tensors, and operators with rule and scalar program. Read once from
// MLIR; the rest of code generation knows neither MLIR nor operator names.
#pragma once

#include "ir/op_table.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ampc::codegen {

struct KernelOp {
  std::string name; // for error messages
  IterationRule rule;
  ScalarProgram program;
  std::vector<int> operands; // tensors
  int result = -1;           // tensor
  /// Loops that do not appear in the result; empty for a map. Loops of extent 1 are never counted.
  std::vector<int> reduceLoops;
  DataType accumulatorType = DataType::F32;

  bool isReduction() const { return !reduceLoops.empty(); }
};

struct KernelTensor {
  TensorType type;
  /// Dimensions from the outermost to the innermost in memory, for arguments and results; empty: as in the shape.
  std::vector<int64_t> order = {};
  int producer = -1;      // op; -1 for an argument
  std::vector<int> users; // ops, each once
  bool isArgument() const { return producer < 0; }
};

struct KernelGraph {
  std::vector<KernelTensor> tensors;
  std::vector<KernelOp> ops;           // topological order
  std::vector<int> arguments, results; // tensors; each result is a distinct tensor with a producer
};

/// Reads `function`, whose body holds only rows with a body and one return. Its attribute `orders`, if there is one,
/// has the order in memory of every argument, then of every result.
llvm::Expected<KernelGraph> readKernel(mlir::func::FuncOp function);

} // namespace ampc::codegen
