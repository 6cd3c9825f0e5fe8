// Communication operators of the IR (reshards that are not slices, transfers) and the groups of ranks they span.
#pragma once

#include "passes/attributes.h"
#include "passes/reshard.h"

#include <map>

namespace ampc {

bool isTransfer(mlir::Operation *op);
/// A reshard that is not a local slice, or a transfer.
bool isCommunication(mlir::Operation *op);
/// The step a reshard stands for; in logical order of dimensions.
ReshardStep reshardStepOf(mlir::Operation *op);

/// Tells apart what groups of ranks exchange: numbers are equal iff moves are. They are worked out once per operator and
/// group, which is what takes time with many devices.
class MovesNumbers {
public:
  explicit MovesNumbers(const std::vector<Grid> &grids) : grids(grids) {}
  /// Of the group that `stageRank` belongs to; reshards only.
  size_t numberOf(mlir::Operation *op, int64_t stageRank);

private:
  const std::vector<Grid> &grids;
  std::map<std::pair<mlir::Operation *, int64_t>, size_t> ofGroups; // by operator and first rank of the group
  std::map<std::string, size_t> ofTexts;
};

/// The groups (global ranks) with the same moves as those that contain `stageRanks`, in order of their first rank. A
/// transfer has one group: the ranks of the source stage, then those of the target stage.
std::vector<std::vector<int64_t>> communicationGroups(mlir::Operation *op, const std::vector<Grid> &grids,
                                                      const std::vector<int64_t> &stageRanks,
                                                      MovesNumbers &numbers);

void setGroups(mlir::Operation *op, const std::vector<std::vector<int64_t>> &groups);
std::vector<std::vector<uint32_t>> groupsOf(mlir::Operation *op);

/// The plan's description of the operator: kind, groups, moves, bytes.
plan::Communication communicationOf(mlir::Operation *op, const std::vector<Grid> &grids, DataType type);

} // namespace ampc
