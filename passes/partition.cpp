// Local shapes and attributes. Ranks of a stage whose operators all have equal ones, and whose communication groups look
// alike, form a class and share one function.
#include "ir/local_instance.h"
#include "passes/attributes.h"
#include "passes/communication.h"
#include "passes/passes.h"

#include "mlir/IR/IRMapping.h"

#include <map>

using namespace mlir;

namespace ampc {

/// What the operators of a stage that split loops are on one rank; nothing for the others.
static std::vector<std::optional<OpInstance>> localInstances(func::FuncOp stage, const Grid &grid, int64_t rank) {
  std::vector<std::optional<OpInstance>> instances;
  for (Operation &op : stage.getBody().front().without_terminator()) {
    instances.emplace_back();
    std::vector<std::vector<int>> loopAxes = loopAxesOf(&op);
    const OpRow *row = OpTable::get().find(&op);
    if (!row || !row->localize || loopAxes.empty())
      continue;
    OpInstance whole = instanceOf(&op);
    instances.back() = localInstance(whole, ruleOf(whole), loopAxes, grid, grid.coordinates(rank));
  }
  return instances;
}

/// Everything that may differ between two ranks' functions, as text.
static std::string classKey(func::FuncOp stage, const std::vector<Grid> &grids, int64_t rank, MovesNumbers &numbers) {
  int number = stageOf(stage);
  const Grid &grid = grids[number];
  std::vector<int64_t> coordinates = grid.coordinates(rank);
  std::string key;
  llvm::raw_string_ostream attributes(key);
  for (const std::optional<OpInstance> &instance : localInstances(stage, grid, rank))
    if (instance)
      attributes << instance->attributes << ";";
  for (Operation &op : stage.getBody().front().without_terminator()) {
    for (size_t k = 0; k < op.getNumResults(); ++k) {
      for (int64_t extent : shardingOf(&op, k).localShape(grid, coordinates))
        key += std::to_string(extent) + ",";
      key += ";";
    }
    if (isCommunication(&op) && !isTransfer(&op))
      key += std::to_string(numbers.numberOf(&op, rank)) + ";";
  }
  return key;
}

static void localize(func::FuncOp function, const Grid &grid, int64_t rank) {
  std::vector<int64_t> coordinates = grid.coordinates(rank);
  std::vector<std::optional<OpInstance>> instances = localInstances(function, grid, rank);
  for (auto [op, instance] : llvm::zip(function.getBody().front().without_terminator(), instances))
    if (instance)
      op.setAttrs(instance->attributes);
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
    MovesNumbers numbers(grids);
    for (int64_t rank = 0; rank < grids[number].numDevices(); ++rank) {
      auto [it, isNew] = classes.try_emplace(classKey(stage, grids, rank, numbers), members.size());
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
      for (auto [op, original] : llvm::zip(function.getBody().front().without_terminator(),
                                           stage.getBody().front().without_terminator()))
        if (isCommunication(&op))
          setGroups(&op, communicationGroups(&original, grids, members[k], numbers));
      localize(function, grids[number], members[k][0]);
    }
    stage.erase();
  }
  return llvm::Error::success();
}

} // namespace ampc
