// Recurrences exist in two forms: whole (one operator, executed by a library) and unrolled over time. A model with
// recurrences is planned in both, and on one device their prices say which nodes are better whole.
#pragma once

#include "cost_model/cluster.h"
#include "ir/dialect.h"
#include "passes/decision.h"

#include <set>
#include <string>

namespace ampc {

/// Names of the ONNX nodes that are whole in the module.
std::set<std::string> wholeRecurrences(mlir::ModuleOp module);

/// True if the library can execute all of `nodes`, which are whole in `graph`; see recordKernels.
bool areExecutedByLibrary(const std::set<std::string> &nodes, const Graph &graph);

/// Of `nodes`, those that take less time whole, by the library: the runtime's own code is never worth it. Both graphs hold the prices of their plans for one device
/// (recordKernels); what a kernel shares with other operators counts in parts.
std::set<std::string> fasterWhole(const std::set<std::string> &nodes, const Graph &whole, const Graph &unrolled,
                                  const cost::Device &device);

} // namespace ampc
