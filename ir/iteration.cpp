// What follows from an iteration rule: which loops can be sharded and what that makes of operands and results.
#include "ir/iteration.h"

namespace ampc {

int64_t IterationRule::numPoints() const {
  int64_t points = 1;
  for (const Loop &loop : loops)
    points *= loop.extent;
  return points;
}

bool IterationRule::isProduct(const DimAccess &dim, int64_t extent) const {
  if (dim.indirect || dim.offset != 0)
    return false;
  int64_t product = 1;
  for (size_t t = dim.terms.size(); t-- > 0;) {
    if (dim.terms[t].coefficient != product)
      return false;
    product *= loops[dim.terms[t].loop].extent;
  }
  return product == extent;
}

// A strided or windowed use would need a halo from the neighbours, so only mixed-radix uses can be sharded.
static bool productInAllUses(const IterationRule &rule, const std::vector<Access> &accesses, int loop) {
  for (const Access &access : accesses)
    for (const DimAccess &dim : access.dims) {
      bool uses = false;
      int64_t product = 1;
      bool mixedRadix = !dim.indirect && dim.offset == 0;
      for (size_t t = dim.terms.size(); t-- > 0;) {
        uses |= dim.terms[t].loop == loop;
        mixedRadix &= dim.terms[t].coefficient == product;
        product *= rule.loops[dim.terms[t].loop].extent;
      }
      if (uses && !mixedRadix)
        return false;
    }
  return true;
}

bool IterationRule::canShard(int loop) const {
  const Loop &l = loops[loop];
  if (l.kind == LoopKind::Whole || l.isCut || l.extent <= 1)
    return false;
  if (l.kind == LoopKind::Reduce && reduction == Reduction::None)
    return false;
  return productInAllUses(*this, operands, loop) && productInAllUses(*this, results, loop);
}

static Sharding accessSharding(const IterationRule &rule, const Access &access, const std::vector<int64_t> &shape,
                               const std::vector<std::vector<int>> &loopAxes) {
  Sharding sharding;
  for (size_t d = 0; d < access.dims.size(); ++d) {
    const DimAccess &dim = access.dims[d];
    DimSharding out;
    if (!dim.terms.empty() && rule.isProduct(dim, shape[d]))
      for (const LinearTerm &term : dim.terms)
        out.factors.push_back({rule.loops[term.loop].extent, loopAxes[term.loop]});
    else
      out.factors.push_back({shape[d], {}});
    sharding.dims.push_back(std::move(out));
  }
  return sharding;
}

Sharding IterationRule::operandSharding(int operand, const std::vector<int64_t> &shape,
                                        const std::vector<std::vector<int>> &loopAxes) const {
  return accessSharding(*this, operands[operand], shape, loopAxes);
}

Sharding IterationRule::resultSharding(int result, const std::vector<int64_t> &shape,
                                       const std::vector<std::vector<int>> &loopAxes) const {
  Sharding sharding = accessSharding(*this, results[result], shape, loopAxes);
  for (size_t l = 0; l < loops.size(); ++l)
    if (loops[l].kind == LoopKind::Reduce && !loopAxes[l].empty()) {
      sharding.partialAxes.insert(sharding.partialAxes.end(), loopAxes[l].begin(), loopAxes[l].end());
      sharding.partialKind = reduction;
    }
  return sharding;
}

} // namespace ampc
