// Some placement that keeps within memory, for when there is no order to keep: packing items into equal
// accelerators, the rest on a CPU.
#pragma once

#include "placement_items.h"

#include <functional>

namespace ampc::search {

struct Packing {
  std::vector<int> device; ///< per item; empty when none was found
  bool impossible = false; ///< proven
  std::string reason;      ///< why there is none
};

/// `items` are those without an order (placementItems with `ordered` false).
Packing packItems(const PlacementProblem &problem, const PlacementItems &items,
                  const std::function<bool()> &stop);

} // namespace ampc::search
