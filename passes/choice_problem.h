// The choice problem of one layout: a node per operator, a node per value that several operators read, and what
// resharding between them costs. Built for passes/search, which solves it.
#pragma once

#include "passes/choices.h"
#include "passes/op_kinds.h"
#include "passes/reshard_prices.h"
#include "passes/search/problem.h"

#include <functional>

namespace ampc {

inline constexpr double unitsPerSecond = 1e12; // search counts picoseconds

/// The choices of a kind of operators, and the shardings that each needs and makes, as numbers of ReshardPrices.
struct KindChoices {
  std::vector<Choice> choices;
  std::vector<std::vector<uint32_t>> operandForms, resultForms; // [operand or result][choice]
};

class ChoiceProblem {
public:
  /// Keeps of an operator's choices those that a forced strategy allows; leaves at least one.
  using Filter = std::function<void(const GraphOp &, std::vector<Choice> &)>;

  ChoiceProblem(const Graph &graph, const OpKinds &kinds, const Grid &grid, const cost::Cluster &cluster,
                const Filter &filter);

  const KindChoices &choicesOf(size_t op) const { return kindChoices[kinds.kindOf[op]]; }

  /// Nodes 0 to ops-1 are the operators; the others are forms of values. `stageOf` has a stage per operator.
  search::Problem build(const std::vector<int> &stageOf);
  /// Per node of the last problem: the stage whose devices its cost belongs to.
  const std::vector<int> &nodeStages() const { return stageOfNode; }
  /// Per edge of the last problem: the stage whose devices pay it, and whether it is a transfer from another one.
  const std::vector<std::pair<int, bool>> &edgeStages() const { return stageOfEdge; }

  /// A node that stands for a value resharded once for several readers, or received by a stage.
  struct FormNode {
    uint32_t node = 0;
    int stage = 0;
    bool crosses = false;
    int64_t firstReader = 0, lastReader = 0; // operators
    std::vector<int64_t> bytes;              // per choice: of the form on one device; 0 where the value stays as made
  };
  const std::vector<FormNode> &formNodes() const { return formNodesOfProblem; }
  /// Bytes of a value in this form on one device.
  int64_t formBytes(uint32_t form, DataType type) const { return sizeBytes(type, prices.localElements(form)); }

private:
  /// One reader of a value: operand `operand` of operator `op`.
  struct Reader {
    uint32_t op;
    uint32_t operand;
  };
  /// A value: result `result` of operator `op`, or (op = -1) an input of the model, whole on every device.
  struct Source {
    int op = -1;
    int result = 0;
    DataType type = DataType::F32;
    std::vector<uint32_t> forms; // per choice of the operator
    std::string key;             // equal keys have equal forms
  };
  /// What a form node chooses from: the sharding that the value is made in, and one that it is resharded to, once,
  /// for all readers that want it.
  struct FormChoice {
    uint32_t made, shared; // shared == made: none
  };

  void addValue(search::Problem &problem, const Source &source, const std::vector<Reader> &readers,
                const std::vector<int> &stageOf);
  void addReaders(search::Problem &problem, const Source &source, const std::vector<Reader> &readers, int stage,
                  bool crosses);
  std::vector<FormChoice> formChoices(const Source &source, const std::vector<Reader> &readers, bool crosses);
  uint32_t inputNode(search::Problem &problem, int stage);
  double readSeconds(const Source &source, FormChoice form, const Reader &reader, uint32_t needed, size_t choice,
                     bool crosses);
  std::string readerKey(const Source &source, const Reader &reader) const;
  bool isSameKernel(const Source &source, const Reader &reader) const;
  std::vector<uint32_t> readerColumns(const Source &source, const Reader &reader) const;
  uint32_t matrix(search::Problem &problem, std::string key, const std::vector<uint32_t> &rows,
                  const std::vector<uint32_t> &columns,
                  const std::function<double(size_t row, size_t column)> &seconds);
  void addEdge(search::Problem &problem, uint32_t u, uint32_t v, uint32_t matrix, int stage, bool crosses);

  const Graph &graph;
  const OpKinds &kinds;
  Grid grid;
  const cost::Cluster &cluster;
  ReshardPrices prices;
  std::vector<KindChoices> kindChoices;
  std::map<std::string, uint32_t> matrices;
  std::map<std::string, std::vector<FormChoice>> forms;
  std::vector<FormNode> formNodesOfProblem;
  std::vector<int> stageOfNode;
  std::vector<std::pair<int, bool>> stageOfEdge;
};

} // namespace ampc
