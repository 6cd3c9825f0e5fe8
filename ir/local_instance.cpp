// Local types follow from the shardings; attributes change only where a Window loop is split.
#include "ir/local_instance.h"

#include "mlir/IR/MLIRContext.h"

namespace ampc {

/// Global index of the first local element, per dimension.
static std::vector<int64_t> originOf(const Sharding &sharding, const Grid &grid,
                                     const std::vector<int64_t> &coordinates) {
  std::vector<int64_t> origin;
  for (const std::vector<Interval> &intervals : sharding.tile(grid, coordinates))
    origin.push_back(intervals.empty() ? 0 : intervals[0].begin);
  return origin;
}

OpInstance localInstance(const OpInstance &whole, const IterationRule &rule,
                         const std::vector<std::vector<int>> &loopAxes, const Grid &grid,
                         const std::vector<int64_t> &coordinates) {
  OpInstance local = whole;
  LocalPart part;
  for (size_t k = 0; k < whole.operands.size(); ++k) {
    Sharding sharding = rule.operandSharding(int(k), whole.in(k), loopAxes);
    sharding.canonicalize(grid);
    local.operands[k].shape = sharding.localShape(grid, coordinates);
    part.operandOrigins.push_back(originOf(sharding, grid, coordinates));
  }
  for (size_t k = 0; k < whole.results.size(); ++k) {
    Sharding sharding = rule.resultSharding(int(k), whole.out(k), loopAxes);
    local.results[k].shape = sharding.localShape(grid, coordinates);
    if (k == 0)
      part.resultOrigin = originOf(sharding, grid, coordinates);
  }
  bool splitsWindow = false;
  for (size_t l = 0; l < rule.loops.size(); ++l)
    splitsWindow |= rule.loops[l].kind == LoopKind::Window && !loopAxes[l].empty();
  if (!splitsWindow || !whole.row->localize || !whole.attributes)
    return local;
  mlir::NamedAttrList attributes(whole.attributes);
  for (const auto &[name, values] : whole.row->localize(local, part))
    attributes.set(name, mlir::DenseI64ArrayAttr::get(whole.attributes.getContext(), values));
  local.attributes = attributes.getDictionary(whole.attributes.getContext());
  return local;
}

} // namespace ampc
