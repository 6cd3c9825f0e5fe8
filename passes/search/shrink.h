// Exact reduction of a problem to a smaller model and the way back. The optimum of the model, plus its
// constant, is the optimum of the problem.
#pragma once

#include "cost_scale.h"
#include "model.h"

#include <string>

namespace ampc::search {

class WorkGraph;

class Shrunk {
public:
  Shrunk();
  ~Shrunk();
  Shrunk(Shrunk &&) noexcept;
  Shrunk &operator=(Shrunk &&) noexcept;

  Model model;
  /// Cost of what has been decided, in the model's unit.
  Total constant = 0;
  /// The model's unit: a cost of the model, with its constant, counts scale.base + (cost << scale.shift).
  CostScale scale;
  bool infeasible = false;
  /// `stop` asked before there was a model.
  bool stopped = false;
  std::string reason;

  /// Choice per node of the problem from one per node of the model.
  std::vector<int32_t> expand(const Assignment &choice) const;
  int problemNode(int modelNode) const { return nodeOf[size_t(modelNode)]; }

private:
  friend Shrunk shrink(const Problem &problem, const CostScale &scale, const Stop &enough, const Stop &stop);
  std::unique_ptr<WorkGraph> graph;
  std::vector<int> nodeOf; ///< model node -> problem node
};

/// `problem` must pass check(). When `enough` asks, reductions end and what is left is laid out; `stop` ends it all.
Shrunk shrink(const Problem &problem, const CostScale &scale, const Stop &enough = {}, const Stop &stop = {});

} // namespace ampc::search
