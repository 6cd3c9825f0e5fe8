// The placement graph as the solver sees it: colour classes merged into items, an order between items that
// keeps forward and backward parts contiguous, values with the items that touch them.
#pragma once

#include "placement.h"

#include <cstdint>

namespace ampc::search {

/// A value (or several with the same ends): moving it out of, or into, a device costs `cost`.
struct PlacementValue {
  int producer = 0;
  std::vector<int> consumers; ///< other items, ascending
  double cost = 0;
};

struct PlacementItems {
  int count = 0;
  std::vector<int> itemOf; ///< node -> item; items are numbered in a topological order
  std::vector<double> acceleratorTime, cpuTime, bytes;
  std::vector<char> onAccelerator;
  std::vector<std::vector<int>> predecessors, successors;
  std::vector<PlacementValue> values;
};

/// Items whose order is cyclic are merged: no contiguous chain of devices can part them. With `ordered` false
/// (non-contiguous placement) only colour classes are merged and there is no order.
PlacementItems placementItems(const PlacementProblem &problem, bool ordered);

/// No placement of any kind has a smaller largest load: all work shared out perfectly, transfers free.
double placementLoadBound(const PlacementProblem &problem, const PlacementItems &items);

} // namespace ampc::search
