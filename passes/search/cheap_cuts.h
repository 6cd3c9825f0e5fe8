// The ideals that can be a cut of a good chain, without listing the others: whoever cuts there pays for what
// crosses, on both sides, and each side has only so many devices.
#pragma once

#include "ideals.h"

namespace ampc::search {

struct CutLimits {
  /// Cuts of every chain whose largest load is below this.
  double below = kNever;
  /// And only those whose crossing values cost no more than this together. Finite: the list is no longer that
  /// of all such chains.
  double mostCrossing = kNever;
  size_t mostIdeals = 0;
  int64_t mostSteps = 0; ///< decisions for or against an item
};

/// Adds those ideals to `family`, the empty and the full one among them. False when a limit or `stop` ended it
/// early: then any could be missing.
bool listCuts(const PlacementProblem &problem, const CutLimits &limits, const std::function<bool()> &stop,
              Ideals &family);

} // namespace ampc::search
