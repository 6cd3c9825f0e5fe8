// Memory of operators, weights and forms as live spans of search nodes.
#include "passes/plan_memory.h"

#include <algorithm>
#include <map>

namespace ampc {

namespace {

/// First time point of every stage and the one after its last.
std::vector<search::Interval> stageSpans(const std::vector<int> &stageOf, const Graph &graph) {
  std::vector<search::Interval> spans;
  for (size_t k = 0; k < stageOf.size(); ++k) {
    if (graph.ops[k].isOutput) // may stand after the operators of later stages
      continue;
    spans.resize(std::max(spans.size(), size_t(stageOf[k]) + 1), {-1, -1});
    search::Interval &span = spans[size_t(stageOf[k])];
    span.begin = span.begin < 0 ? int64_t(k) : span.begin;
    span.end = int64_t(k) + 1;
  }
  return spans;
}

} // namespace

namespace {
struct WeightReader {
  uint32_t op, operand;
};

class WeightNodes {
public:
  WeightNodes(const Graph &graph, const ChoiceProblem &choices, search::Problem &problem)
      : graph(graph), choices(choices), problem(problem) {}
  void add(const std::vector<WeightReader> &readers, search::Interval live);
  std::vector<int> ownerOf; // per node of the problem

private:
  bool addShared(const std::vector<WeightReader> &readers, search::Interval live);
  std::vector<int64_t> bytesOf(const WeightReader &reader) const;
  void addNode(std::vector<int64_t> sizes, search::Interval live, uint32_t owner);
  /// Ties the choices of a reader to those of the last node: equal numbers belong together.
  void tie(const WeightReader &reader, const std::vector<int64_t> &readerKeys, const std::vector<int64_t> &nodeKeys);

  const Graph &graph;
  const ChoiceProblem &choices;
  search::Problem &problem;
  std::map<std::pair<std::vector<int64_t>, std::vector<int64_t>>, uint32_t> ties;
};
} // namespace

std::vector<int64_t> WeightNodes::bytesOf(const WeightReader &reader) const {
  std::vector<int64_t> bytes;
  DataType type = graph.ops[reader.op].operands[reader.operand].type;
  for (uint32_t form : choices.choicesOf(reader.op).operandForms[reader.operand])
    bytes.push_back(choices.formBytes(form, type));
  return bytes;
}

void WeightNodes::addNode(std::vector<int64_t> sizes, search::Interval live, uint32_t owner) {
  ownerOf.push_back(int(owner));
  std::vector<search::Cost> costs(sizes.size(), 0);
  problem.nodes.push_back({std::move(costs), std::move(sizes), live});
}

void WeightNodes::tie(const WeightReader &reader, const std::vector<int64_t> &readerKeys,
                      const std::vector<int64_t> &nodeKeys) {
  auto [it, isNew] = ties.try_emplace({readerKeys, nodeKeys}, uint32_t(problem.matrices.size()));
  if (isNew) {
    std::vector<search::Cost> values;
    for (int64_t own : readerKeys)
      for (int64_t other : nodeKeys)
        values.push_back(own == other ? 0 : search::kForbidden);
    problem.matrices.push_back(std::move(values));
  }
  problem.edges.push_back({reader.op, uint32_t(problem.nodes.size()) - 1, it->second});
}

/// A weight that several operators read is held once, in the sharding that all of them need. False if there is none.
bool WeightNodes::addShared(const std::vector<WeightReader> &readers, search::Interval live) {
  std::vector<int64_t> common;
  for (size_t r = 0; r < readers.size(); ++r) {
    const std::vector<uint32_t> &list = choices.choicesOf(readers[r].op).operandForms[readers[r].operand];
    std::vector<int64_t> forms(list.begin(), list.end()), both;
    std::sort(forms.begin(), forms.end());
    forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
    std::set_intersection(common.begin(), common.end(), forms.begin(), forms.end(), std::back_inserter(both));
    common = r == 0 ? forms : both;
  }
  if (common.empty())
    return false;
  DataType type = graph.ops[readers[0].op].operands[readers[0].operand].type;
  std::vector<int64_t> sizes;
  for (int64_t form : common)
    sizes.push_back(choices.formBytes(uint32_t(form), type));
  addNode(std::move(sizes), live, readers[0].op);
  for (const WeightReader &reader : readers) {
    const std::vector<uint32_t> &list = choices.choicesOf(reader.op).operandForms[reader.operand];
    tie(reader, {list.begin(), list.end()}, common);
  }
  return true;
}

void WeightNodes::add(const std::vector<WeightReader> &readers, search::Interval live) {
  if (readers.size() > 1 && addShared(readers, live))
    return;
  for (const WeightReader &reader : readers) {
    std::vector<int64_t> bytes = bytesOf(reader), sizes = bytes;
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    addNode(sizes, live, reader.op);
    if (sizes.size() > 1)
      tie(reader, bytes, sizes);
  }
}

std::vector<int> addMemory(const Graph &graph, const ChoiceProblem &choices, const ValueLifetimes &lifetimes,
                           const std::vector<int> &stageOf, const MemoryOptions &options, search::Problem &problem) {
  WeightNodes weights(graph, choices, problem);
  for (size_t n = 0; n < problem.nodes.size(); ++n)
    weights.ownerOf.push_back(n < graph.ops.size() ? int(n) : -1);
  problem.memoryLimitBytes = options.limitBytes;
  std::vector<search::Interval> spans = stageSpans(stageOf, graph);
  std::map<std::pair<int, int>, std::vector<WeightReader>> weightReaders; // by stage and weight
  for (const ChoiceProblem::FormNode &form : choices.formNodes()) {
    search::Node &node = problem.nodes[form.node];
    // Of a form that crosses stages the receiver has a copy from its first moment on.
    weights.ownerOf[form.node] = int(form.firstReader);
    node.live = {form.crosses ? spans[size_t(form.stage)].begin : form.firstReader, form.lastReader + 1};
    for (int64_t bytes : form.bytes)
      node.memoryBytes.push_back(bytes * options.slots);
  }
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const KindChoices &kind = choices.choicesOf(k);
    const search::Interval &span = spans[size_t(stageOf[k])];
    search::Node &node = problem.nodes[k];
    if (lifetimes.hasBuffer[k]) {
      for (const Choice &choice : kind.choices)
        node.memoryBytes.push_back(choice.resultBytes * options.slots);
      node.live = {int64_t(k), std::min<int64_t>(lifetimes.end[k], span.end)};
      node.live.end = std::max(node.live.end, node.live.begin + 1);
    }
    for (size_t operand = 0; operand < graph.ops[k].sources.size(); ++operand)
      if (const GraphSource &source = graph.ops[k].sources[operand]; source.op < 0 && source.isWeight)
        weightReaders[{stageOf[k], source.value}].push_back({uint32_t(k), uint32_t(operand)});
  }
  for (const auto &[where, readers] : weightReaders)
    weights.add(readers, spans[size_t(where.first)]);
  return std::move(weights.ownerOf);
}

LeastMemory leastMemory(const search::Problem &problem, const std::vector<int> &ownerOf, size_t timePoints) {
  std::vector<int64_t> change(timePoints + 1, 0), least(problem.nodes.size(), 0);
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const search::Node &node = problem.nodes[n];
    if (node.memoryBytes.empty() || node.live.empty())
      continue;
    least[n] = *std::min_element(node.memoryBytes.begin(), node.memoryBytes.end());
    change[size_t(node.live.begin)] += least[n];
    change[size_t(node.live.end)] -= least[n];
  }
  LeastMemory result;
  int64_t used = 0;
  for (size_t k = 0; k < timePoints; ++k) {
    used += change[k];
    if (used > result.bytes) {
      result.bytes = used;
      result.op = int(k);
    }
  }
  std::map<int, int64_t> held; // by owner
  for (size_t n = 0; n < problem.nodes.size(); ++n)
    if (const search::Interval &live = problem.nodes[n].live;
        least[n] > 0 && live.begin <= result.op && result.op < live.end && ownerOf[n] >= 0)
      held[ownerOf[n]] += least[n];
  for (auto [owner, bytes] : held)
    result.owners.push_back(owner);
  std::stable_sort(result.owners.begin(), result.owners.end(), [&](int a, int b) { return held[a] > held[b]; });
  return result;
}

} // namespace ampc
