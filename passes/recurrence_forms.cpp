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

/// The node among `nodes` that the operator belongs to: operators have the name of their node, a point, and one of their
/// own, and names of nodes may have points themselves. Empty if there is none.
static StringRef nodeOf(const GraphOp &op, const std::set<std::string> &nodes) {
  for (StringRef node = op.name; !node.empty(); node = node.contains('.') ? node.rsplit('.').first : StringRef())
    if (nodes.count(node.str()))
      return node;
  return {};
}

static bool isRecurrence(const GraphOp &op) { return op.kernel.librarySymbol == "onednn.recurrence"; }

/// Nodes with an operator that the library executes.
static std::set<std::string> nodesOfLibrary(const std::set<std::string> &nodes, const Graph &graph) {
  std::set<std::string> found;
  for (const GraphOp &op : graph.ops)
    if (StringRef node = nodeOf(op, nodes); !node.empty() && isRecurrence(op))
      found.insert(node.str());
  return found;
}

bool areExecutedByLibrary(const std::set<std::string> &nodes, const Graph &graph) {
  return nodesOfLibrary(nodes, graph) == nodes;
}

static llvm::StringMap<double> secondsByNode(const std::set<std::string> &nodes, const Graph &graph,
                                             const cost::Device &device) {
  llvm::StringMap<double> seconds;
  for (const GraphOp &op : graph.ops)
    if (StringRef node = nodeOf(op, nodes); !node.empty() && op.kernel.number >= 0)
      seconds[node] += op.kernel.share * cost::computeSeconds(op.kernel.work, device);
  return seconds;
}

std::set<std::string> fasterWhole(const std::set<std::string> &nodes, const Graph &whole, const Graph &unrolled,
                                  const cost::Device &device) {
  llvm::StringMap<double> secondsWhole = secondsByNode(nodes, whole, device);
  llvm::StringMap<double> secondsUnrolled = secondsByNode(nodes, unrolled, device);
  std::set<std::string> faster;
  for (const std::string &node : nodesOfLibrary(nodes, whole))
    if (secondsWhole.lookup(node) < secondsUnrolled.lookup(node))
      faster.insert(node);
  return faster;
}

} // namespace ampc
