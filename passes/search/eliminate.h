// Exact minimisation without memory by eliminating one node after the other (min-plus over tables). For
// models of small width; refuses, without having done the work, what would need too much memory.
#pragma once

#include "model.h"

#include <functional>
#include <optional>

namespace ampc::search {

struct EliminationLimits {
  int64_t entriesPerTable = int64_t(1) << 22;
  int64_t entriesInAll = int64_t(1) << 24;
};

struct Elimination {
  bool legal = false; ///< false: every assignment contains a forbidden entry, one among the nodes joined with `culprit`
  int culprit = 0;
  Total cost = 0;
  Assignment choice;
  int64_t entries = 0; ///< of all tables made
};

/// Smallest cost over all assignments, memory ignored. Empty when the limits forbid it or `stop` asked.
std::optional<Elimination> eliminate(const Model &model, const EliminationLimits &limits,
                                     const std::function<bool()> &stop);

} // namespace ampc::search
