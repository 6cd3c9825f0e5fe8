// The instance that one device executes when loops of an operator are split: local types, and attributes that hold for
// the device's part. Partitioning and the evaluation on simulated devices use the same one.
#pragma once

#include "ir/op_table.h"

namespace ampc {

/// `rule` is that of `whole`, whose results are set; `loopAxes` has one list of grid axes per loop.
OpInstance localInstance(const OpInstance &whole, const IterationRule &rule,
                         const std::vector<std::vector<int>> &loopAxes, const Grid &grid,
                         const std::vector<int64_t> &coordinates);

} // namespace ampc
