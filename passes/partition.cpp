// Local shapes. Ranks of a stage whose operators all have equal local shapes, and whose communication groups look
// alike, form a class and share one function.
#include "passes/attributes.h"
#include "passes/communication.h"
#include "passes/passes.h"

#include "mlir/IR/IRMapping.h"

#include <map>

using namespace mlir;

namespace ampc {

/// Everything that may differ between two ranks' functions, as text.
static std::string classKey(func::FuncOp stage, const std::vector<Grid> &grids, int64_t rank) {
  int number = stageOf(stage);
  const Grid &grid = grids[number];
  std::vector<int64_t> coordinates = grid.coordinates(rank);
  std::string key;
  for (Operation &op : stage.getBody().front().without_terminator()) {
    for (size_t k = 0; k < op.getNumResults(); ++k) {
      for (int64_t extent : shardingOf(&op, k).localShape(grid, coordinates))
        key += std::to_string(extent) + ",";
      key += ";";
    }
    if (isCommunication(&op) && !isTransfer(&op))
      key += movesKey(&op, grids, rank);
  }
  return key;
}

static void localize(func::FuncOp function, const Grid &grid, int64_t rank) {
  std::vector<int64_t> coordinates = grid.coordinates(rank);
  for (Operation &op : function.getBody().front().without_terminator())
    for (size_t k = 0; k < op.getNumResults(); ++k) {
      TensorType type = typeOf(op.getResult(unsigned(k)));
      type.shape = shardingOf(&op, k).localShape(grid, coordinates);
      op.getResult(unsigned(k)).setType(toMlir(op.getContext(), type));
    }
}

llvm::Error partition(ModuleOp module) {
  std::vector<Grid> grids = gridsOf(module);
  OpBuilder builder(module.getContext());
  for (func::FuncOp stage : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    int number = stageOf(stage);
    int64_t firstRank = firstRankOf(grids, number);
    std::map<std::string, size_t> classes;
    std::vector<std::vector<int64_t>> members;
    for (int64_t rank = 0; rank < grids[number].numDevices(); ++rank) {
      auto [it, isNew] = classes.try_emplace(classKey(stage, grids, rank), members.size());
      if (isNew)
        members.emplace_back();
      members[it->second].push_back(rank);
    }
    for (size_t k = 0; k < members.size(); ++k) {
      builder.setInsertionPoint(stage);
      auto function = cast<func::FuncOp>(builder.clone(*stage));
      function.setName("stage" + std::to_string(number) + ".class" + std::to_string(k));
      std::vector<int64_t> ranks;
      for (int64_t member : members[k])
        ranks.push_back(firstRank + member);
      function->setAttr("ranks", builder.getDenseI64ArrayAttr(ranks));
      for (Operation &op : function.getBody().front().without_terminator())
        if (isCommunication(&op))
          setGroups(&op, communicationGroups(&op, grids, members[k]));
      localize(function, grids[number], members[k][0]);
    }
    stage.erase();
  }
  return llvm::Error::success();
}

} // namespace ampc
