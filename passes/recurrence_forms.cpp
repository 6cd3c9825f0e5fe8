// Finds recurrences in a module, and adds up what plans for one device say about them.
#include "passes/recurrence_forms.h"

#include "ir/ops/recurrence.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace ampc {

std::set<std::string> wholeRecurrences(ModuleOp module) {
  std::set<std::string> nodes;
  module.walk([&](Operation *op) {
    if (op->getName().getStringRef() == "ampc.recurrence")
      nodes.insert(nodeOfRecurrence(nameOf(op)).str());
  });
  return nodes;
}

/// Seconds of the operators that each node became: they have its name, a point, and one of their own.
static llvm::StringMap<double> secondsByNode(const std::set<std::string> &nodes, const Graph &graph,
                                             const cost::Device &device) {
  llvm::StringMap<double> seconds;
  for (const GraphOp &op : graph.ops) {
    if (op.kernel.number < 0)
      continue;
    // Names of nodes may have points themselves.
    for (StringRef node = op.name; !node.empty(); node = node.contains('.') ? node.rsplit('.').first : StringRef())
      if (nodes.count(node.str())) {
        seconds[node] += op.kernel.share * cost::computeSeconds(op.kernel.work, device);
        break;
      }
  }
  return seconds;
}

std::set<std::string> fasterWhole(const std::set<std::string> &nodes, const Graph &whole, const Graph &unrolled,
                                  const cost::Device &device) {
  llvm::StringMap<double> secondsWhole = secondsByNode(nodes, whole, device);
  llvm::StringMap<double> secondsUnrolled = secondsByNode(nodes, unrolled, device);
  std::set<std::string> faster;
  for (const std::string &node : nodes)
    if (secondsWhole.lookup(node) < secondsUnrolled.lookup(node))
      faster.insert(node);
  return faster;
}

} // namespace ampc
