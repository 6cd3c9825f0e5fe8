// Exact search for small models: depth first over the potentials that message passing leaves, all in
// integers, so that what it proves is proven.
#pragma once

#include "dual.h"
#include "model.h"

#include <functional>

namespace ampc::search {

struct BranchResult {
  /// The whole tree was searched: `choice` is optimal, or, if empty, nothing costs less than the given limit.
  bool complete = false;
  Assignment choice; ///< best found below the given limit; empty when none
  Total cost = 0;
  int64_t steps = 0; ///< of the work given
};

/// Looks for legal assignments that cost less than `costLimit` (model units, exclusive), within `work` steps.
/// Returns at once, incomplete, for models whose tables are too large.
BranchResult branchAndBound(const Model &model, const Dual &dual, Total costLimit, int64_t work,
                            const std::function<bool()> &stop);

} // namespace ampc::search
