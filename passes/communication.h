// Communication operators of the IR (reshards that are not slices, transfers) and the groups of ranks they span.
#pragma once

#include "passes/attributes.h"
#include "passes/reshard.h"

namespace ampc {

bool isTransfer(mlir::Operation *op);
/// A reshard that is not a local slice, or a transfer.
bool isCommunication(mlir::Operation *op);
/// The step a reshard stands for; in logical order of dimensions.
ReshardStep reshardStepOf(mlir::Operation *op);

/// Text that is equal for two ranks iff the moves of their groups are equal (reshards only).
std::string movesKey(mlir::Operation *op, const std::vector<Grid> &grids, int64_t stageRank);

/// The groups (global ranks) with the same moves as those that contain `stageRanks`, in order of their first rank. A
/// transfer has one group: the ranks of the source stage, then those of the target stage.
std::vector<std::vector<int64_t>> communicationGroups(mlir::Operation *op, const std::vector<Grid> &grids,
                                                      const std::vector<int64_t> &stageRanks);

void setGroups(mlir::Operation *op, const std::vector<std::vector<int64_t>> &groups);
std::vector<std::vector<uint32_t>> groupsOf(mlir::Operation *op);

/// The plan's description of the operator: kind, groups, moves, bytes.
plan::Communication communicationOf(mlir::Operation *op, const std::vector<Grid> &grids, DataType type);

} // namespace ampc
