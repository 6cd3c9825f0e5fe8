// The plain view of a module's main function that planning works on.
#pragma once

#include "ir/dialect.h"
#include "passes/decision.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace ampc {

/// True if the value is known at load: a parameter, a constant, or computed from such alone.
bool isWeight(mlir::Value value);

bool isSlice(mlir::Operation *op);

struct GraphView {
  Graph graph;
  std::vector<mlir::Operation *> operations; // graph op k
};

/// Lists the operators of `main` that depend on the model's inputs, in order.
GraphView buildGraph(mlir::func::FuncOp main);

mlir::func::FuncOp mainFunction(mlir::ModuleOp module);

} // namespace ampc
