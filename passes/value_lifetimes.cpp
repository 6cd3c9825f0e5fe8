// Lifetimes from the order of the operators.
#include "passes/value_lifetimes.h"

#include <algorithm>

namespace ampc {

ValueLifetimes lifetimesOf(const Graph &graph) {
  size_t count = graph.ops.size();
  ValueLifetimes lifetimes;
  std::vector<char> leavesKernel(count, 0);
  lifetimes.lastReader.resize(count);
  for (size_t k = 0; k < count; ++k)
    lifetimes.lastReader[k] = int(k);
  // Readers come later, so that a view's own last reader is known when its producer is looked at.
  for (size_t k = count; k-- > 0;) {
    const GraphOp &op = graph.ops[k];
    for (const GraphSource &source : op.sources) {
      if (source.op < 0)
        continue;
      int &last = lifetimes.lastReader[size_t(source.op)];
      last = std::max(last, op.isView ? lifetimes.lastReader[k] : int(k));
      const OpKernel &producer = graph.ops[size_t(source.op)].kernel;
      if (producer.number < 0 || producer.number != op.kernel.number)
        leavesKernel[size_t(source.op)] = 1;
    }
  }
  for (size_t k = 0; k < count; ++k)
    lifetimes.hasBuffer.push_back(!graph.ops[k].isView && !graph.ops[k].isOutput &&
                                  (leavesKernel[k] || graph.ops[k].kernel.number < 0));
  // Where a split makes a reader need another form, that form is what is written over: this one is gone as early.
  for (size_t k = 0; k < count; ++k) {
    const int by = graph.ops[k].takenOverBy, behind = lifetimes.lastReader[k] + 1;
    lifetimes.end.push_back(by > int(k) ? std::min(by, behind) : behind);
  }
  return lifetimes;
}

std::vector<int64_t> unsplitBytes(const Graph &graph, const ValueLifetimes &lifetimes) {
  std::vector<int64_t> bytes(graph.ops.size() + 1, 0);
  std::vector<char> isCounted(graph.outside.size(), 0);
  int64_t weightBytes = 0;
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const GraphOp &op = graph.ops[k];
    for (size_t operand = 0; operand < op.sources.size(); ++operand) {
      const GraphSource &source = op.sources[operand];
      if (source.op >= 0 || !source.isWeight || isCounted[size_t(source.value)])
        continue;
      isCounted[size_t(source.value)] = 1;
      weightBytes += op.operands[operand].sizeBytes();
    }
    if (!lifetimes.hasBuffer[k])
      continue;
    int64_t results = 0;
    for (const TensorType &type : op.results)
      results += type.sizeBytes();
    bytes[k] += results;
    bytes[size_t(lifetimes.end[k])] -= results;
  }
  for (size_t k = 1; k < bytes.size(); ++k)
    bytes[k] += bytes[k - 1];
  bytes.pop_back();
  for (int64_t &value : bytes)
    value += weightBytes;
  return bytes;
}

} // namespace ampc
