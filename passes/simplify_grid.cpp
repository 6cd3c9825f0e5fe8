// Drops and merges grid axes.
#include "passes/simplify_grid.h"

#include <algorithm>

namespace ampc {

/// True if wherever `axis` or `axis` + 1 splits a loop of `stage`, the two stand there together, in this order.
static bool splitTogether(const Decision &decision, int stage, int axis) {
  for (const OpDecision &op : decision.ops) {
    if (op.stage != stage)
      continue;
    for (const std::vector<int> &axes : op.loopAxes)
      for (size_t a = 0; a < axes.size(); ++a) {
        if (axes[a] == axis && (a + 1 == axes.size() || axes[a + 1] != axis + 1))
          return false;
        if (axes[a] == axis + 1 && (a == 0 || axes[a - 1] != axis))
          return false;
      }
  }
  return true;
}

static bool isUsed(const Decision &decision, int stage, int axis) {
  for (const OpDecision &op : decision.ops)
    if (op.stage == stage)
      for (const std::vector<int> &axes : op.loopAxes)
        if (std::find(axes.begin(), axes.end(), axis) != axes.end())
          return true;
  return false;
}

/// Takes `axis` out of a stage's grid; later axes move up.
static void removeAxis(Decision &decision, int stage, int axis) {
  std::vector<int64_t> &sizes = decision.grids[size_t(stage)].axisSizes;
  sizes.erase(sizes.begin() + axis);
  for (OpDecision &op : decision.ops) {
    if (op.stage != stage)
      continue;
    for (std::vector<int> &axes : op.loopAxes) {
      std::erase(axes, axis);
      for (int &other : axes)
        other -= other > axis;
    }
  }
}

void simplifyGrid(Decision &decision) {
  for (int stage = 0; stage < int(decision.grids.size()); ++stage) {
    std::vector<int64_t> &sizes = decision.grids[size_t(stage)].axisSizes;
    for (int axis = int(sizes.size()); axis-- > 0;)
      if (!isUsed(decision, stage, axis))
        removeAxis(decision, stage, axis);
    for (int axis = int(sizes.size()) - 1; axis-- > 0;)
      if (splitTogether(decision, stage, axis)) {
        sizes[size_t(axis)] *= sizes[size_t(axis) + 1];
        removeAxis(decision, stage, axis + 1);
      }
  }
}

} // namespace ampc
