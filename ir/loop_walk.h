// What the reference evaluation walks with: the offset of an access at the current loop point, and one
// accumulator per result element.
#pragma once

#include "ir/scalar_interpreter.h"

#include <cmath>
#include <limits>

namespace ampc {

/// The offset that one access has at the current loop point. Advancing costs one addition per loop carry.
class AccessWalker {
public:
  AccessWalker(const IterationRule &rule, const Access &access, const std::vector<int64_t> &shape)
      : shape(shape) {
    size_t numLoops = rule.loops.size();
    coefficients.assign(shape.size(), std::vector<int64_t>(numLoops, 0));
    int64_t stride = 1;
    std::vector<int64_t> perLoop(numLoops, 0);
    for (size_t d = shape.size(); d-- > 0; stride *= shape[d]) {
      const DimAccess &dim = access.dims[d];
      int64_t lowest = dim.offset, highest = dim.offset;
      for (const LinearTerm &term : dim.terms) {
        coefficients[d][term.loop] += term.coefficient;
        int64_t reach = term.coefficient * (rule.loops[term.loop].extent - 1);
        (reach < 0 ? lowest : highest) += reach;
      }
      for (size_t l = 0; l < numLoops; ++l)
        perLoop[l] += coefficients[d][l] * stride;
      offset += dim.offset * stride;
      indices.insert(indices.begin(), dim.offset);
      mayLeave |= lowest < 0 || highest >= shape[d];
    }
    // When loop l advances, all loops inside it go back to 0.
    steps.assign(numLoops, 0);
    dimSteps.assign(numLoops, std::vector<int64_t>(shape.size(), 0));
    for (size_t l = 0; l < numLoops; ++l) {
      steps[l] = perLoop[l];
      for (size_t inner = l + 1; inner < numLoops; ++inner)
        steps[l] -= perLoop[inner] * (rule.loops[inner].extent - 1);
      for (size_t d = 0; d < shape.size(); ++d) {
        dimSteps[l][d] = coefficients[d][l];
        for (size_t inner = l + 1; inner < numLoops; ++inner)
          dimSteps[l][d] -= coefficients[d][inner] * (rule.loops[inner].extent - 1);
      }
    }
  }

  void advance(int loop) {
    offset += steps[loop];
    if (mayLeave)
      for (size_t d = 0; d < shape.size(); ++d)
        indices[d] += dimSteps[loop][d];
  }

  /// -1 outside the operand.
  int64_t current() const {
    if (mayLeave)
      for (size_t d = 0; d < shape.size(); ++d)
        if (indices[d] < 0 || indices[d] >= shape[d])
          return -1;
    return offset;
  }

private:
  const std::vector<int64_t> &shape;
  std::vector<std::vector<int64_t>> coefficients, dimSteps;
  std::vector<int64_t> steps, indices;
  int64_t offset = 0;
  bool mayLeave = false;
};

/// Combines values into one accumulator per result element: floats in double, integers wrapping at their
/// width.
class Accumulators {
public:
  Accumulators(Reduction reduction, DataType type, int64_t count) : reduction(reduction), type(type) {
    if (isFloat(type))
      reals.assign(size_t(count), realIdentity());
    else
      integers.assign(size_t(count), integerIdentity());
  }

  void add(int64_t index, double value) {
    double &a = reals[size_t(index)];
    switch (reduction) {
    case Reduction::None:
      a = value;
      break;
    case Reduction::Sum:
      a += value;
      break;
    case Reduction::Product:
      a *= value;
      break;
    case Reduction::Max:
      a = std::isnan(a) || a > value ? a : value;
      break;
    case Reduction::Min:
      a = std::isnan(a) || a < value ? a : value;
      break;
    }
  }

  void add(int64_t index, int64_t value) {
    int64_t &a = integers[size_t(index)];
    bool less = type == DataType::U64 ? uint64_t(a) < uint64_t(value) : a < value;
    switch (reduction) {
    case Reduction::None:
      a = value;
      break;
    case Reduction::Sum:
      a = int64_t(uint64_t(a) + uint64_t(value));
      break;
    case Reduction::Product:
      a = int64_t(uint64_t(a) * uint64_t(value));
      break;
    case Reduction::Max:
      a = less ? value : a;
      break;
    case Reduction::Min:
      a = less ? a : value;
      break;
    }
  }

  void store(HostTensor &result) const {
    for (size_t k = 0; k < reals.size(); ++k)
      result.setReal(int64_t(k), roundToType(type, reals[k]));
    for (size_t k = 0; k < integers.size(); ++k) {
      int64_t value = wrapToType(type, integers[k]);
      if (isFloat(result.type.type))
        result.setReal(int64_t(k), integerToReal(type, value));
      else
        result.setInteger(int64_t(k), value);
    }
  }

private:
  Reduction reduction;
  DataType type;
  std::vector<double> reals;
  std::vector<int64_t> integers;

  double realIdentity() const {
    switch (reduction) {
    case Reduction::Product:
      return 1;
    case Reduction::Max:
      return -std::numeric_limits<double>::infinity();
    case Reduction::Min:
      return std::numeric_limits<double>::infinity();
    default:
      return 0;
    }
  }

  int64_t integerIdentity() const {
    bool isMax = reduction == Reduction::Max;
    if (reduction != Reduction::Max && reduction != Reduction::Min)
      return reduction == Reduction::Product ? 1 : 0;
    if (!isSignedInteger(type))
      return isMax ? 0 : wrapToType(type, -1);
    int64_t lowest = int64_t(~uint64_t(0) << (bitWidth(type) - 1));
    return isMax ? lowest : ~lowest;
  }
};

} // namespace ampc
