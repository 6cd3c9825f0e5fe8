// The products and convolutions that the probe times, and what the cost model sees in each. Nothing is measured here.
#pragma once

#include "cost_model/compute.h"
#include "runtime/plan/plan.h"

#include <vector>

namespace ampc::tools {

/// A product [.., m, k] x [.., k, n], or a convolution of one image [1, in, h, w] with [out, in / groups, taps, taps];
/// in f32. Shapes are logical: `isChannelsLast` says how activations lie in memory.
struct ProductShape {
  std::vector<int64_t> first, second, result;
  bool isConvolution = false, isChannelsLast = false;
  int64_t stride = 1, pad = 0, groups = 1;
};

/// Few enough for some seconds, different enough to tell the parameters of the cost model apart.
std::vector<ProductShape> probedProducts();

/// As the compiler describes them in a plan. `isPacked`: the second operand, as weights are.
plan::Kernel libraryKernelOf(const ProductShape &shape, bool isPacked);
plan::Kernel generatedKernelOf(const ProductShape &shape);

/// Whether the library is timed with such a kernel. Weights of convolutions are always packed, and with the channels in
/// front its price is a fixed part of what it reaches with them last.
bool isTimedByLibrary(const ProductShape &shape, bool isPacked);

/// Work of one execution of either kernel, as a plan with it would be priced.
cost::Work workOf(const ProductShape &shape, const plan::Kernel &kernel);

} // namespace ampc::tools
