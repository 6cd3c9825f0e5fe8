// Exact reduction of a problem to a smaller model and the way back. The optimum of the model, plus its
// constant, is the optimum of the problem.
#pragma once

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
  /// The model's unit is 2^shift units of the problem, rounded down: 0 unless the costs' sum overflows 64
  /// bits.
  int shift = 0;
  bool infeasible = false;
  std::string reason;

  /// Choice per node of the problem from one per node of the model.
  std::vector<int32_t> expand(const Assignment &choice) const;
  int problemNode(int modelNode) const { return nodeOf[size_t(modelNode)]; }

private:
  friend Shrunk shrink(const Problem &problem);
  std::unique_ptr<WorkGraph> graph;
  std::vector<int> nodeOf; ///< model node -> problem node
};

/// `problem` must pass check().
Shrunk shrink(const Problem &problem);

} // namespace ampc::search
