// Encodes decisions as attributes.
#include "passes/attributes.h"

using namespace mlir;

namespace ampc {

static ArrayAttr integerLists(Builder builder, const std::vector<std::vector<int64_t>> &lists) {
  SmallVector<Attribute> attributes;
  for (const std::vector<int64_t> &list : lists)
    attributes.push_back(builder.getDenseI64ArrayAttr(list));
  return builder.getArrayAttr(attributes);
}

static std::vector<std::vector<int64_t>> integerLists(ArrayAttr attribute) {
  std::vector<std::vector<int64_t>> lists;
  if (attribute)
    for (Attribute list : attribute)
      lists.push_back(cast<DenseI64ArrayAttr>(list).asArrayRef().vec());
  return lists;
}

void setGrids(ModuleOp module, const std::vector<Grid> &grids) {
  std::vector<std::vector<int64_t>> sizes;
  for (const Grid &grid : grids)
    sizes.push_back(grid.axisSizes);
  module->setAttr("ampc.grids", integerLists(Builder(module.getContext()), sizes));
}

std::vector<Grid> gridsOf(ModuleOp module) {
  std::vector<Grid> grids;
  for (std::vector<int64_t> &sizes : integerLists(module->getAttrOfType<ArrayAttr>("ampc.grids")))
    grids.push_back({std::move(sizes)});
  return grids;
}

int64_t firstRankOf(const std::vector<Grid> &grids, int stage) {
  int64_t rank = 0;
  for (int s = 0; s < stage; ++s)
    rank += grids[s].numDevices();
  return rank;
}

void setStage(Operation *op, int stage) { op->setAttr("stage", Builder(op->getContext()).getI64IntegerAttr(stage)); }

int stageOf(Operation *op) {
  auto attribute = op->getAttrOfType<IntegerAttr>("stage");
  return attribute ? int(attribute.getInt()) : -1;
}

void setLoopAxes(Operation *op, const std::vector<std::vector<int>> &loopAxes) {
  std::vector<std::vector<int64_t>> lists;
  for (const std::vector<int> &axes : loopAxes)
    lists.emplace_back(axes.begin(), axes.end());
  op->setAttr("loops", integerLists(Builder(op->getContext()), lists));
}

std::vector<std::vector<int>> loopAxesOf(Operation *op) {
  std::vector<std::vector<int>> result;
  for (const std::vector<int64_t> &list : integerLists(op->getAttrOfType<ArrayAttr>("loops")))
    result.emplace_back(list.begin(), list.end());
  return result;
}

void setShardings(Operation *op, const std::vector<Sharding> &shardings) {
  Builder builder(op->getContext());
  SmallVector<Attribute> texts;
  std::vector<std::vector<int64_t>> shapes;
  for (const Sharding &sharding : shardings) {
    texts.push_back(builder.getStringAttr(sharding.str()));
    shapes.push_back(sharding.globalShape());
  }
  op->setAttr("shardings", builder.getArrayAttr(texts));
  op->setAttr("shapes", integerLists(builder, shapes));
}

Sharding shardingOf(Operation *op, size_t result) {
  auto texts = op->getAttrOfType<ArrayAttr>("shardings");
  std::vector<std::vector<int64_t>> shapes = integerLists(op->getAttrOfType<ArrayAttr>("shapes"));
  return *Sharding::parse(cast<StringAttr>(texts[result]).getValue(), shapes[result]);
}

Sharding shardingOf(Value value) {
  return shardingOf(value.getDefiningOp(), cast<OpResult>(value).getResultNumber());
}

void setInPlace(Operation *kernel, const std::vector<plan::InPlacePair> &pairs) {
  std::vector<std::vector<int64_t>> lists;
  for (const plan::InPlacePair &pair : pairs)
    lists.push_back({pair.operand, pair.result});
  if (lists.empty())
    kernel->removeAttr("in_place");
  else
    kernel->setAttr("in_place", integerLists(Builder(kernel->getContext()), lists));
}

std::vector<plan::InPlacePair> inPlaceOf(Operation *kernel) {
  std::vector<plan::InPlacePair> pairs;
  for (const std::vector<int64_t> &list : integerLists(kernel->getAttrOfType<ArrayAttr>("in_place")))
    pairs.push_back({uint32_t(list[0]), uint32_t(list[1])});
  return pairs;
}

} // namespace ampc
