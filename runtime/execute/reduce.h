// Element-wise combination of the buffers of several ranks, always in the order of the sources, so that equal
// inputs give equal bits.
#pragma once

#include "ir/sharding.h"
#include "runtime/plan/data_type.h"

#include <cstdint>
#include <span>

namespace ampc {

/// target[i] = sources[0][i] op sources[1][i] op ... . f16 and bf16 accumulate in f32; integers wrap;
/// booleans: sum and max are "or", product and min are "and"; a NaN wins in max and min. `target` may be one
/// of the sources.
void reduceElements(DataType type, Reduction reduction, void *target, std::span<const void *const> sources,
                    int64_t elements);

} // namespace ampc
