// The attributes in which decisions live in the IR, from `annotated` on. Read and written only through these.
#pragma once

#include "ir/dialect.h"
#include "passes/decision.h"
#include "runtime/plan/plan.h"

namespace ampc {

/// Module: one grid per stage.
void setGrids(mlir::ModuleOp module, const std::vector<Grid> &grids);
std::vector<Grid> gridsOf(mlir::ModuleOp module);
/// Global rank of the first device of a stage.
int64_t firstRankOf(const std::vector<Grid> &grids, int stage);

/// Op: its stage; -1 if it has none yet.
void setStage(mlir::Operation *op, int stage);
int stageOf(mlir::Operation *op);

/// Op: per loop of its rule the grid axes that split it.
void setLoopAxes(mlir::Operation *op, const std::vector<std::vector<int>> &loopAxes);
std::vector<std::vector<int>> loopAxesOf(mlir::Operation *op);

/// Op: one sharding per result (of `output`: of its operand). Global shapes come along, since after `partition` the
/// types are local.
void setShardings(mlir::Operation *op, const std::vector<Sharding> &shardings);
Sharding shardingOf(mlir::Operation *op, size_t result = 0);
Sharding shardingOf(mlir::Value value);

/// Generated kernel: its results that may be written over an operand which nobody reads afterwards.
void setInPlace(mlir::Operation *kernel, const std::vector<plan::InPlacePair> &pairs);
std::vector<plan::InPlacePair> inPlaceOf(mlir::Operation *kernel);

} // namespace ampc
