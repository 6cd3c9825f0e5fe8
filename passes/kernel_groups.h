// What one device makes of a graph: which operators share a kernel, and how much work each kernel is. The prices of the
// search start from it, so that they follow whatever fusion and kernel choice do.
#pragma once

#include "cost_model/cluster.h"
#include "passes/graph.h"
#include "runtime/plan/plan.h"

namespace ampc {

/// Operator names of every kernel of a kernelized module that runs at each step, by the kernel's name.
using KernelNodes = std::vector<std::pair<std::string, std::vector<std::string>>>;
KernelNodes kernelNodesOf(mlir::ModuleOp kernelized);

/// Fills GraphOp::kernel from the plan of one device.
void recordKernels(const KernelNodes &kernels, const plan::Plan &plan, Graph &graph);

} // namespace ampc
