// The passes in the order of the pipeline. Each takes the module at one stage to the next and leaves it verified.
#pragma once

#include "cost_model/cluster.h"
#include "passes/graph.h"
#include "runtime/plan/plan.h"

#include "llvm/Support/Error.h"

namespace ampc {

/// imported -> normal: marks what is known at load, merges equal operators, drops dead ones.
llvm::Error normalize(mlir::ModuleOp module);

/// normal -> annotated: writes the decision as attributes and changes nothing else.
llvm::Error annotate(mlir::ModuleOp module, const GraphView &view, const Decision &decision);

/// Makes every operand arrive in the sharding its reader needs: reshards within a stage, transfers between stages,
/// weights and inputs provided in every sharding that is read.
llvm::Error insertReshards(mlir::ModuleOp module);

/// -> staged: one function per stage; a transfer becomes a send in one and a receive in another.
llvm::Error splitStages(mlir::ModuleOp module);

/// -> partitioned: local shapes; one function per class of ranks with equal local shapes.
llvm::Error partition(mlir::ModuleOp module);

/// Groups operators into kernels (`ampc.kernel` with a region).
llvm::Error fuse(mlir::ModuleOp module);

/// Gives kernels the orders in memory of what they read and write (passes/orders.h), and copies where they differ.
llvm::Error chooseLayouts(mlir::ModuleOp module, const cost::Device &device);

/// -> kernelized: says for every kernel who executes it: generated code, a library, the runtime itself; and which results
/// of generated code may be written over an operand. `device` prices; `threads` of a device execute a kernel.
llvm::Error chooseKernels(mlir::ModuleOp module, const cost::Device &device, uint32_t threads);

/// Verifies the border after `stage` ("imported", "normal"...).
llvm::Error verifyStage(mlir::ModuleOp module, llvm::StringRef stage);

} // namespace ampc
