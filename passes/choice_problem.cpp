// Builds the choice problem of one layout.
#include "passes/choice_problem.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ampc {

/// A form node with more choices than this is given those only that save most: gathers and combined partial results.
constexpr size_t maxFormChoices = 400;

ChoiceProblem::ChoiceProblem(const Graph &graph, const OpKinds &kinds, const Grid &grid, const cost::Cluster &cluster,
                             const Filter &filter)
    : graph(graph), kinds(kinds), grid(grid), cluster(cluster), prices(grid, cluster) {
  for (uint32_t first : kinds.first) {
    const GraphOp &op = graph.ops[first];
    KindChoices kind;
    kind.choices = enumerateChoices(op, grid, cluster.devices[0]);
    if (filter)
      filter(op, kind.choices);
    kind.operandForms.resize(op.operands.size());
    kind.resultForms.resize(op.results.size());
    for (const Choice &choice : kind.choices) {
      for (size_t k = 0; k < op.operands.size(); ++k)
        kind.operandForms[k].push_back(prices.form(choice.operands[k]));
      for (size_t k = 0; k < op.results.size(); ++k)
        kind.resultForms[k].push_back(prices.form(choice.results[k]));
    }
    kindChoices.push_back(std::move(kind));
  }
}

static search::Cost unitsOf(double seconds) {
  return std::isfinite(seconds) ? search::Cost(std::llround(seconds * unitsPerSecond)) : search::kForbidden;
}

namespace {
/// The different entries of a list, and where each entry is among them.
struct Distinct {
  std::vector<size_t> first, indexOf;
  explicit Distinct(const std::vector<uint32_t> &list) {
    std::map<uint32_t, size_t> known;
    for (size_t k = 0; k < list.size(); ++k) {
      auto [it, isNew] = known.try_emplace(list[k], first.size());
      if (isNew)
        first.push_back(k);
      indexOf.push_back(it->second);
    }
  }
};
} // namespace

/// Index of the matrix with this key. `seconds` is asked once per pair of different entries of `rows` and `columns`.
uint32_t ChoiceProblem::matrix(search::Problem &problem, std::string key, const std::vector<uint32_t> &rows,
                               const std::vector<uint32_t> &columns,
                               const std::function<double(size_t row, size_t column)> &seconds) {
  auto [it, isNew] = matrices.try_emplace(std::move(key), uint32_t(problem.matrices.size()));
  if (!isNew)
    return it->second;
  Distinct row(rows), column(columns);
  std::vector<search::Cost> table, values;
  for (size_t i : row.first)
    for (size_t j : column.first)
      table.push_back(unitsOf(seconds(i, j)));
  values.reserve(rows.size() * columns.size());
  for (size_t i : row.indexOf)
    for (size_t j : column.indexOf)
      values.push_back(table[i * column.first.size() + j]);
  problem.matrices.push_back(std::move(values));
  return it->second;
}

static search::Cost numAxesUsed(const Choice &choice) {
  search::Cost axes = 0;
  for (const std::vector<int> &list : choice.loopAxes)
    axes += search::Cost(list.size());
  return axes;
}

/// 0, 1, 2...
static std::vector<uint32_t> numbersTo(size_t count) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0u);
  return numbers;
}

void ChoiceProblem::addEdge(search::Problem &problem, uint32_t u, uint32_t v, uint32_t matrix, int stage,
                            bool crosses) {
  problem.edges.push_back({u, v, matrix});
  stageOfEdge.push_back({stage, crosses});
}

bool ChoiceProblem::isSameKernel(const Source &source, const Reader &reader) const {
  return source.op >= 0 && graph.ops[size_t(source.op)].kernel.number >= 0 &&
         graph.ops[size_t(source.op)].kernel.number == graph.ops[reader.op].kernel.number;
}

std::string ChoiceProblem::readerKey(const Source &source, const Reader &reader) const {
  return std::to_string(kinds.kindOf[reader.op]) + "." + std::to_string(reader.operand) +
         (isSameKernel(source, reader) ? "k" : "");
}

/// Seconds until `reader`, which needs form `needed`, has the value.
double ChoiceProblem::readSeconds(const Source &source, FormChoice form, const Reader &reader, uint32_t needed,
                                  size_t choice, bool crosses) {
  if (graph.ops[reader.op].isOutput) { // written from where it is, by those who have it
    uint32_t whole = prices.combined(form.made);
    return (form.shared == whole ? 0 : prices.seconds(form.made, whole, source.type)) +
           prices.copySeconds(whole, source.type);
  }
  if (crosses) // `made` is the form that was received
    return prices.seconds(form.made, needed, source.type);
  if (needed == form.made)
    return 0;
  double seconds = prices.seconds(form.made, needed, source.type);
  if (form.shared != form.made && !prices.hasReach(form.shared))
    seconds = std::min(seconds, prices.seconds(form.shared, needed, source.type));
  if (isSameKernel(source, reader)) {
    // The kernel falls apart: one launch more where launches count, else a result written and read again.
    double kernel = choicesOf(reader.op).choices[choice].kernelSeconds, launch = cluster.devices[0].launchSeconds;
    seconds += std::max(prices.copySeconds(needed, source.type) - launch, 0.0) +
               (launch > 0 ? launch * std::clamp(2 - kernel / launch, 0.0, 1.0) : 0);
  }
  return seconds;
}

/// What a node for the value chooses from; empty if sharing cannot save anything.
std::vector<ChoiceProblem::FormChoice> ChoiceProblem::formChoices(const Source &source,
                                                                  const std::vector<Reader> &readers, bool crosses) {
  std::map<uint32_t, int> wanted; // by how many readers
  for (const Reader &reader : readers) {
    std::vector<uint32_t> needs = choicesOf(reader.op).operandForms[reader.operand];
    if (graph.ops[reader.op].isOutput) {
      needs.clear();
      for (uint32_t form : source.forms)
        needs.push_back(prices.combined(form));
    }
    std::sort(needs.begin(), needs.end());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
    for (uint32_t form : needs)
      ++wanted[form];
  }
  std::vector<uint32_t> made = source.forms, shared;
  std::sort(made.begin(), made.end());
  made.erase(std::unique(made.begin(), made.end()), made.end());
  for (auto [form, count] : wanted)
    if (count >= 2 || crosses)
      shared.push_back(form);
  std::vector<FormChoice> all, useful, few;
  if (crosses) {
    for (uint32_t form : shared)
      all.push_back({form, form});
    return all;
  }
  for (uint32_t from : made) {
    for (std::vector<FormChoice> *list : {&all, &useful, &few})
      list->push_back({from, from});
    for (uint32_t to : shared) {
      if (to == from)
        continue;
      all.push_back({from, to});
      bool combines = prices.isPartial(from) && to == prices.combined(from);
      if (prices.isPartial(from) ? prices.localElements(to) <= prices.localElements(from)
                                 : prices.isGathered(from, to))
        useful.push_back({from, to});
      if (combines)
        few.push_back({from, to});
    }
  }
  std::vector<FormChoice> &best = all.size() <= maxFormChoices ? all : useful.size() <= maxFormChoices ? useful : few;
  if (best.size() == made.size())
    best.clear();
  return std::move(best);
}

/// Connects the value with its readers in one stage.
void ChoiceProblem::addReaders(search::Problem &problem, const Source &source, const std::vector<Reader> &readers,
                               int stage, bool crosses) {
  std::string crossKey = crosses ? "*" : "", setKey = "form " + crossKey + source.key;
  std::vector<FormChoice> *choices = nullptr;
  if (readers.size() > 1) {
    std::vector<std::string> keys;
    for (const Reader &reader : readers)
      keys.push_back(readerKey(source, reader));
    std::sort(keys.begin(), keys.end());
    for (const std::string &key : keys)
      setKey += "," + key;
    auto [it, isNew] = forms.try_emplace(setKey);
    if (isNew)
      it->second = formChoices(source, readers, crosses);
    if (!it->second.empty())
      choices = &it->second;
  }
  uint32_t sourceNode = source.op >= 0 ? uint32_t(source.op) : inputNode(problem, stage);
  if (!choices) {
    for (const Reader &reader : readers) {
      const std::vector<uint32_t> &needs = choicesOf(reader.op).operandForms[reader.operand];
      uint32_t index = matrix(problem, "read " + crossKey + source.key + ">" + readerKey(source, reader), source.forms,
                              readerColumns(source, reader), [&](size_t row, size_t choice) {
                                uint32_t from = source.forms[row];
                                return crosses ? prices.transferSeconds(from, needs[choice], source.type)
                                               : readSeconds(source, {from, from}, reader, needs[choice], choice, false);
                              });
      addEdge(problem, sourceNode, reader.op, index, stage, crosses);
    }
    return;
  }
  uint32_t node = uint32_t(problem.nodes.size());
  problem.nodes.push_back({std::vector<search::Cost>(choices->size(), 0), {}, {}});
  stageOfNode.push_back(stage);
  FormNode info{node, stage, crosses, readers.front().op, readers.back().op, {}};
  for (const FormChoice &form : *choices)
    info.bytes.push_back(crosses || form.shared != form.made ? formBytes(form.shared, source.type) : 0);
  formNodesOfProblem.push_back(std::move(info));
  size_t count = choices->size();
  uint32_t make = matrix(problem, setKey, source.forms, numbersTo(count), [&](size_t row, size_t column) -> double {
    uint32_t from = source.forms[row];
    FormChoice form = (*choices)[column];
    if (crosses)
      return prices.transferSeconds(from, form.made, source.type);
    return form.made != from ? INFINITY : prices.seconds(from, form.shared, source.type);
  });
  addEdge(problem, sourceNode, node, make, stage, crosses);
  for (const Reader &reader : readers) {
    const std::vector<uint32_t> &needs = choicesOf(reader.op).operandForms[reader.operand];
    uint32_t read = matrix(problem, setKey + ">" + readerKey(source, reader), numbersTo(count),
                           readerColumns(source, reader), [&](size_t row, size_t choice) {
                             return readSeconds(source, (*choices)[row], reader, needs[choice], choice, crosses);
                           });
    addEdge(problem, node, reader.op, read, stage, false);
  }
}

/// Equal numbers for choices of the reader that pay the same for the value.
std::vector<uint32_t> ChoiceProblem::readerColumns(const Source &source, const Reader &reader) const {
  const KindChoices &kind = choicesOf(reader.op);
  return isSameKernel(source, reader) ? numbersTo(kind.choices.size()) : kind.operandForms[reader.operand];
}

/// Inputs are whole on every device: one node with one choice stands for those that a stage reads.
uint32_t ChoiceProblem::inputNode(search::Problem &problem, int stage) {
  problem.nodes.push_back({{0}, {}, {}});
  stageOfNode.push_back(stage);
  return uint32_t(problem.nodes.size()) - 1;
}

void ChoiceProblem::addValue(search::Problem &problem, const Source &source, const std::vector<Reader> &readers,
                             const std::vector<int> &stageOf) {
  std::map<int, std::vector<Reader>> byStage;
  for (const Reader &reader : readers)
    byStage[stageOf[reader.op]].push_back(reader);
  for (const auto &[stage, group] : byStage)
    addReaders(problem, source, group, stage, source.op >= 0 && stage != stageOf[size_t(source.op)]);
}

search::Problem ChoiceProblem::build(const std::vector<int> &stageOf) {
  search::Problem problem;
  matrices.clear();
  stageOfNode.assign(stageOf.begin(), stageOf.end());
  stageOfEdge.clear();
  formNodesOfProblem.clear();
  std::vector<std::vector<std::vector<Reader>>> readers(graph.ops.size());
  std::vector<std::vector<Reader>> outsideReaders(graph.outside.size());
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const GraphOp &op = graph.ops[k];
    readers[k].resize(op.results.size());
    for (size_t operand = 0; operand < op.sources.size(); ++operand) {
      const GraphSource &source = op.sources[operand];
      Reader reader{uint32_t(k), uint32_t(operand)};
      if (source.op >= 0)
        readers[size_t(source.op)][size_t(source.result)].push_back(reader);
      else if (!source.isWeight)
        outsideReaders[size_t(source.value)].push_back(reader);
    }
    search::Node node;
    // A picosecond per axis: of plans that cost the same the one that splits least is preferred.
    for (const Choice &choice : choicesOf(k).choices)
      node.costs.push_back(unitsOf(choice.seconds) + numAxesUsed(choice));
    problem.nodes.push_back(std::move(node));
  }
  for (size_t value = 0; value < outsideReaders.size(); ++value) {
    Source source;
    source.type = graph.outside[value].type;
    source.forms = {prices.form(Sharding::replicated(graph.outside[value].shape))};
    source.key = "in" + std::to_string(source.forms[0]) + "." + std::to_string(int(source.type));
    addValue(problem, source, outsideReaders[value], stageOf);
  }
  for (size_t k = 0; k < graph.ops.size(); ++k)
    for (size_t result = 0; result < readers[k].size(); ++result) {
      Source source;
      source.op = int(k);
      source.result = int(result);
      source.type = graph.ops[k].results[result].type;
      source.forms = choicesOf(k).resultForms[result];
      source.key = std::to_string(kinds.kindOf[k]) + "." + std::to_string(result);
      addValue(problem, source, readers[k][result], stageOf);
    }
  return problem;
}

} // namespace ampc
