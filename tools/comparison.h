// Compares an output of two executions.
#pragma once

#include "tools/tensor.h"

#include <optional>

namespace ampc::tools {

struct Comparison {
  double largestError = 0;     // largest absolute difference
  double largestValue = 0;     // largest finite magnitude of the reference
  double relativeError = 0;    // largestError / largestValue
  double tolerance = 0;        // of relativeError; 0: must be equal
  int64_t differing = 0;       // elements that are NaN or infinite in one and not alike in the other
  int64_t firstDifference = -1; // row-major index of the largest error
  bool isEqual = true;
};

/// Floats must agree to within the tolerance times the largest value; NaN with NaN, infinities alike. Integers and
/// booleans must be equal. `tolerance` empty: 1e-4, for f16 2e-3, for bf16 2e-2.
Comparison compare(const Tensor &reference, const Tensor &value, std::optional<double> tolerance);

} // namespace ampc::tools
