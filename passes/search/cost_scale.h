// The unit that costs are worked on in. Sums of costs must fit 64 bits with room to spare; where the problem's do not,
// costs count from the least of their node or matrix, what no solution worth having can pay is forbidden, and what is
// left is halved until it fits.
#pragma once

#include "problem.h"

namespace ampc::search {

struct CostScale {
  /// The unit is 2^shift of the problem's, rounded down.
  int shift = 0;
  /// Whether costs count from the least of their node or matrix; the sum of those is `base`, in the problem's unit.
  bool isRelative = false;
  Total base = 0;
  /// Larger entries are forbidden (after subtracting the least).
  Cost largest = kForbidden - 1;

  /// The entries of one node or matrix in this unit, kInfinity where forbidden.
  std::vector<int64_t> apply(const std::vector<Cost> &costs) const;
};

/// `problem` must pass check(). `knownCost`: what an assignment that is at hand costs; the scale then keeps every
/// assignment that costs at most that much, and need not keep others.
CostScale scaleFor(const Problem &problem, std::optional<Total> knownCost);

} // namespace ampc::search
