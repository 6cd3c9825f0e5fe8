// What one device makes of a graph: which operators share a kernel, and how much work each kernel is. The prices of the
// search start from it, so that they follow whatever fusion and kernel choice do.
#pragma once

#include "cost_model/cluster.h"
#include "passes/graph.h"
#include "passes/schedule.h"

namespace ampc {

/// Every kernel of a kernelized module that runs at each step.
struct KernelMembers {
  std::string name;
  std::vector<std::string> nodes; // operators
  std::string librarySymbol;      // of the library that could execute it, whoever does
  bool isConvolution = false, isChannelsLast = false;
};
using KernelNodes = std::vector<KernelMembers>;
KernelNodes kernelNodesOf(mlir::ModuleOp kernelized);

/// Fills GraphOp::kernel and GraphOp::takenOverBy from the plan of one device.
void recordKernels(const KernelNodes &kernels, const ScheduledPlan &oneDevice, Graph &graph);

} // namespace ampc
