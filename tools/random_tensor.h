// Random inputs that depend on nothing but seed, name, type and shape.
#pragma once

#include "tools/tensor.h"

namespace ampc::tools {

/// Fills `tensor`: floats uniform in [-1, 1]; integers uniform in [0, indexBound), or 1 when indexBound is 0; booleans
/// 1.
void fillRandom(Tensor &tensor, uint64_t seed, const std::string &name, int64_t indexBound);

} // namespace ampc::tools
