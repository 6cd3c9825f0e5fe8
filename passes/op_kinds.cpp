// Groups operators by everything that their choices and prices depend on.
#include "passes/op_kinds.h"

#include <unordered_map>

namespace ampc {

/// Equal but for names, and for which operators and weights the operands are.
static bool isSameKind(const GraphOp &a, const GraphOp &b) {
  if (!(a.rule == b.rule) || a.operands != b.operands || a.results != b.results || a.isOutput != b.isOutput ||
      a.isView != b.isView || a.isProduct != b.isProduct || (a.kernel.number < 0) != (b.kernel.number < 0) ||
      a.kernel.share != b.kernel.share || !(a.kernel.work == b.kernel.work) ||
      a.kernel.librarySymbol != b.kernel.librarySymbol || a.kernel.isConvolution != b.kernel.isConvolution ||
      a.kernel.isChannelsLast != b.kernel.isChannelsLast)
    return false;
  for (size_t k = 0; k < a.sources.size(); ++k)
    if ((a.sources[k].op < 0) != (b.sources[k].op < 0) || a.sources[k].isWeight != b.sources[k].isWeight)
      return false;
  return true;
}

OpKinds kindsOf(const Graph &graph) {
  OpKinds kinds;
  std::unordered_map<std::string, std::vector<uint32_t>> buckets;
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const GraphOp &op = graph.ops[k];
    std::string key = std::to_string(op.sources.size());
    for (const Loop &loop : op.rule.loops)
      key += "," + std::to_string(loop.extent);
    for (const TensorType &type : op.results)
      key += ";" + std::to_string(type.numElements());
    std::vector<uint32_t> &bucket = buckets[key];
    uint32_t found = ~0u;
    for (uint32_t kind : bucket)
      if (found == ~0u && isSameKind(graph.ops[kinds.first[kind]], op))
        found = kind;
    if (found == ~0u) {
      found = uint32_t(kinds.first.size());
      kinds.first.push_back(uint32_t(k));
      bucket.push_back(found);
    }
    kinds.kindOf.push_back(found);
  }
  return kinds;
}

} // namespace ampc
