// What can be wrong with a module at the stages whose operations carry decisions: the part of the border checks that
// looks at attributes and types together. The order of the checks is that of the stages.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>

namespace ampc {

struct Flaw {
  mlir::Operation *op;
  std::string what;
};

/// Stages exist; every operator that depends on the inputs has one, not before those of its operands, and a legal map
/// from its loops to the axes of that stage's grid.
std::optional<Flaw> annotatedFlaw(mlir::ModuleOp module);

/// One function per grid; shardings fit global types and grids; every send has its receive, and receives stand first.
std::optional<Flaw> stagedFlaw(mlir::ModuleOp module);

/// Every rank has one function; types are the local shapes of its ranks; every rank is in one group per communication.
std::optional<Flaw> partitionedFlaw(mlir::ModuleOp module);

/// Kernels have an executor and a body whose arguments and results are the kernel's.
std::optional<Flaw> kernelizedFlaw(mlir::ModuleOp module);

} // namespace ampc
