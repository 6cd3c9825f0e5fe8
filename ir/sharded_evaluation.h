// Evaluates one instance as several devices would: every device its shard, the results put together. For
// tests: what a rule promises is that this equals the evaluation of the whole.
#pragma once

#include "ir/op_table.h"

namespace ampc {

/// The part of `whole` that the shard at `coordinates` holds.
HostTensor shardOf(const HostTensor &whole, const Sharding &sharding, const Grid &grid,
                   const std::vector<int64_t> &coordinates);

/// Loops split by the axes of `grid` as `loopAxes` says (one list per loop); partial results are combined. The
/// instance's results must be set and the loops such that can be sharded.
llvm::Expected<std::vector<HostTensor>> evaluateSharded(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands,
                                                        const Grid &grid,
                                                        const std::vector<std::vector<int>> &loopAxes);

/// One loop split over `devices`.
llvm::Expected<std::vector<HostTensor>>
evaluateSharded(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands, int loop, int64_t devices);

} // namespace ampc
