// The comparison that `ampc verify` reports.
#include "tools/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ampc::tools {

static double defaultTolerance(DataType type) {
  if (type == DataType::BF16)
    return 2e-2;
  return type == DataType::F16 ? 2e-3 : 1e-4;
}

static Comparison compareExactly(const Tensor &reference, const Tensor &value) {
  Comparison result;
  size_t size = bitWidth(reference.type) / 8;
  for (int64_t i = 0; i < reference.elements(); ++i) {
    result.largestValue = std::max(result.largestValue, std::fabs(reference.real(i)));
    if (std::memcmp(reference.bytes.data() + size_t(i) * size, value.bytes.data() + size_t(i) * size, size) == 0)
      continue;
    result.isEqual = false;
    double error = std::max(std::fabs(reference.real(i) - value.real(i)), 1.0);
    if (error > result.largestError) {
      result.largestError = error;
      result.firstDifference = i;
    }
  }
  result.relativeError = result.largestError / std::max(result.largestValue, 1.0);
  return result;
}

Comparison compare(const Tensor &reference, const Tensor &value, std::optional<double> tolerance) {
  if (!isFloat(reference.type))
    return compareExactly(reference, value);
  Comparison result;
  result.tolerance = tolerance.value_or(defaultTolerance(reference.type));
  for (int64_t i = 0; i < reference.elements(); ++i) {
    double a = reference.real(i), b = value.real(i);
    if (std::isfinite(a))
      result.largestValue = std::max(result.largestValue, std::fabs(a));
    if (!std::isfinite(a) || !std::isfinite(b)) {
      bool isAlike = (std::isnan(a) && std::isnan(b)) || a == b;
      if (!isAlike && result.differing++ == 0)
        result.firstDifference = i;
      continue;
    }
    double error = std::fabs(a - b);
    if (error > result.largestError) {
      result.largestError = error;
      if (result.differing == 0)
        result.firstDifference = i;
    }
  }
  // A reference of zeros only: the absolute error counts.
  result.relativeError = result.largestError / (result.largestValue > 0 ? result.largestValue : 1);
  result.isEqual = result.differing == 0 && result.relativeError <= result.tolerance;
  return result;
}

} // namespace ampc::tools
