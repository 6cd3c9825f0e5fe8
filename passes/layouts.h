// How the devices are arranged: pipeline stages, each with the same grid of up to three axes.
#pragma once

#include "cost_model/cluster.h"
#include "ir/sharding.h"

#include <string>
#include <vector>

namespace ampc {

struct Layout {
  int stages = 1;
  std::vector<int64_t> axisSizes; // outermost first; every size at least 2
  bool operator==(const Layout &) const = default;
};

/// "one device", "grid 4 x 2", "pipeline 2 x 4".
std::string layoutText(int stages, const std::vector<int64_t> &axisSizes);

inline constexpr int maxGridAxes = 3;

/// The finest arrangements of `devices` devices as `stages` x up to three axes. A grid contains every grid that merges
/// neighbouring axes of it or drops some: there is no need to look at those. At most `limit`: those whose axes end
/// where links get slower come first, then those with the most equal axes.
std::vector<Layout> finestLayouts(int devices, int stages, const cost::Cluster &cluster, size_t limit);

/// Every arrangement of all `devices` devices, for strategies that are forced.
std::vector<Layout> allLayouts(int devices, int fromStages, int toStages, int maxAxes);

/// The numbers that divide `devices`, largest first.
std::vector<int> divisorsOf(int devices);

} // namespace ampc
