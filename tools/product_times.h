// Times products and convolutions on one core: the library's through runtime/kernels, generated code as the compiler's
// library makes it. What the times say is cost_model/product_fit's.
#pragma once

#include "cost_model/product_fit.h"
#include "tools/failure.h"
#include "tools/product_shapes.h"

namespace ampc::tools {

struct ProductTimes {
  std::vector<cost::TimedWork> times; // library and generated
  /// Why there are no times of that executor. The library's are missing as well once one of its kernels fails.
  Status libraryMissing, generatedMissing;
};

/// About `seconds` per kernel, and there are about two per shape. What runs beside it makes results wrong only if it
/// never pauses: the executors of a shape take turns, and the least time of each counts. Throws std::bad_alloc.
ProductTimes timeProducts(const std::vector<ProductShape> &shapes, double seconds);

} // namespace ampc::tools
