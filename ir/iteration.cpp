// What follows from an iteration rule: which loops can be sharded and what that makes of operands and results.
#include "ir/iteration.h"

#include <algorithm>

namespace ampc {

int64_t IterationRule::numPoints() const {
  int64_t points = 1;
  for (const Loop &loop : loops)
    points *= loop.extent;
  return points;
}

int64_t IterationRule::elementsRead(size_t operand, const std::vector<int64_t> &shape) const {
  int64_t elements = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    const DimAccess &dim = operands[operand].dims[d];
    int64_t indices = dim.indirect ? shape[d] : 1;
    for (const LinearTerm &term : dim.terms)
      indices = std::min(indices * std::min(loops[term.loop].extent, shape[d]), shape[d]);
    elements *= std::min(indices, shape[d]);
  }
  return elements;
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

/// True if every use of `loop` is either part of a mixed-radix product or the only Window loop of its dimension.
static bool readsOneWindow(const IterationRule &rule, const std::vector<Access> &accesses, int loop) {
  for (const Access &access : accesses)
    for (const DimAccess &dim : access.dims) {
      bool uses = false, shared = false;
      for (const LinearTerm &term : dim.terms) {
        uses |= term.loop == loop;
        shared |= term.loop != loop && rule.loops[term.loop].kind == LoopKind::Window;
      }
      if (uses && shared)
        return false;
    }
  return true;
}

// A strided or windowed use needs a halo from the neighbours, so loops that are no Window loops cannot be sharded then.
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
  if (l.kind == LoopKind::Whole || l.extent <= 1)
    return false;
  if (l.kind == LoopKind::Window)
    return readsOneWindow(*this, operands, loop) && productInAllUses(*this, results, loop);
  if (l.isCut)
    return false;
  if (l.kind == LoopKind::Reduce && reduction == Reduction::None)
    return false;
  return productInAllUses(*this, operands, loop) && productInAllUses(*this, results, loop);
}

/// What a range of the Window loop of term `split` reads of a dimension; the other loops run in full.
static Reach reachOf(const IterationRule &rule, const DimAccess &dim, size_t split, int64_t extent) {
  Reach reach{dim.terms[split].coefficient, 1, dim.offset, dim.offset, extent};
  for (size_t t = 0; t < dim.terms.size(); ++t)
    if (t != split) {
      int64_t span = dim.terms[t].coefficient * (rule.loops[dim.terms[t].loop].extent - 1);
      (span < 0 ? reach.low : reach.high) += span;
    }
  return reach;
}

static Sharding accessSharding(const IterationRule &rule, const Access &access, const std::vector<int64_t> &shape,
                               const std::vector<std::vector<int>> &loopAxes) {
  Sharding sharding;
  for (size_t d = 0; d < access.dims.size(); ++d) {
    const DimAccess &dim = access.dims[d];
    DimSharding out;
    auto split = std::find_if(dim.terms.begin(), dim.terms.end(), [&](const LinearTerm &term) {
      return rule.loops[term.loop].kind == LoopKind::Window && !loopAxes[term.loop].empty();
    });
    if (!dim.terms.empty() && rule.isProduct(dim, shape[d])) {
      for (const LinearTerm &term : dim.terms)
        out.factors.push_back({rule.loops[term.loop].extent, loopAxes[term.loop]});
    } else if (dim.reach && !loopAxes[dim.reach->loop].empty()) {
      out.factors.push_back({rule.loops[dim.reach->loop].extent, loopAxes[dim.reach->loop]});
      out.reach = Reach{dim.reach->scale, dim.reach->divisor, dim.reach->low, dim.reach->high, shape[d]};
    } else if (split != dim.terms.end()) {
      out.factors.push_back({rule.loops[split->loop].extent, loopAxes[split->loop]});
      out.reach = reachOf(rule, dim, size_t(split - dim.terms.begin()), shape[d]);
    } else {
      out.factors.push_back({shape[d], {}});
    }
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
