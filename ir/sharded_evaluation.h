// Evaluates one instance as several devices would: every device its shard, the results put together. For
// tests: what a rule promises is that this equals the evaluation of the whole.
#pragma once

#include "ir/op_table.h"

namespace ampc {

/// The part of `whole` that the shard at `coordinates` holds.
HostTensor shardOf(const HostTensor &whole, const Sharding &sharding, const Grid &grid,
                   const std::vector<int64_t> &coordinates);

/// Loop `loop` split over `devices`; partial results are combined. The instance's results must be set and the
/// loop one that can be sharded.
llvm::Expected<std::vector<HostTensor>>
evaluateSharded(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands, int loop, int64_t devices);

} // namespace ampc
