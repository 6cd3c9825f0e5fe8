// From communication operators to groups, moves and the plan's communications.
#include "passes/communication.h"

#include "passes/orders.h"

#include <algorithm>

using namespace mlir;

namespace ampc {

bool isTransfer(Operation *op) { return op->getName().getStringRef() == "ampc.transfer"; }

static StringRef kindOf(Operation *op) { return cast<StringAttr>(op->getAttr("kind")).getValue(); }

bool isCommunication(Operation *op) {
  return isTransfer(op) || (op->getName().getStringRef() == "ampc.reshard" && kindOf(op) != "slice");
}

static Sharding fromSharding(Operation *op) {
  return *Sharding::parse(cast<StringAttr>(op->getAttr("from")).getValue(), shardingOf(op, 0).globalShape());
}

ReshardStep reshardStepOf(Operation *op) {
  StringRef kind = kindOf(op);
  ReshardStep step;
  step.kind = kind == "slice"            ? plan::StepKind::Copy
              : kind == "all_reduce"     ? plan::StepKind::AllReduce
              : kind == "reduce_scatter" ? plan::StepKind::ReduceScatter
              : kind == "all_gather"     ? plan::StepKind::AllGather
              : kind == "all_to_all"     ? plan::StepKind::AllToAll
                                         : plan::StepKind::Exchange;
  step.from = fromSharding(op);
  step.to = shardingOf(op, 0);
  for (int64_t axis : cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef())
    step.axes.push_back(int(axis));
  return step;
}

static std::string textOf(const std::vector<plan::Move> &moves) {
  std::string text;
  for (const plan::Move &move : moves) {
    for (int64_t number : {int64_t(move.sourceMember), int64_t(move.targetMember), move.sourceOffset, move.targetOffset})
      text += std::to_string(number) + ",";
    for (const plan::MoveDim &dim : move.dims)
      text += std::to_string(dim.count) + "*" + std::to_string(dim.sourceStride) + "*" +
              std::to_string(dim.targetStride) + ",";
    text += ";";
  }
  return text;
}

size_t MovesNumbers::numberOf(Operation *op, int64_t stageRank) {
  const Grid &grid = grids[stageOf(op)];
  ReshardStep step = reshardStepOf(op);
  std::vector<int64_t> members = grid.group(stageRank, step.axes);
  auto [known, isNew] = ofGroups.try_emplace({op, members[0]}, 0);
  if (!isNew)
    return known->second;
  // An all-reduce has no moves: equal buffers.
  std::string text = step.kind == plan::StepKind::AllReduce
                         ? std::to_string(numElements(step.from.localShape(grid, grid.coordinates(members[0]))))
                         : textOf(reshardMoves(step, grid, members));
  return known->second = ofTexts.try_emplace(std::move(text), ofTexts.size()).first->second;
}

std::vector<std::vector<int64_t>> communicationGroups(Operation *op, const std::vector<Grid> &grids,
                                                      const std::vector<int64_t> &stageRanks,
                                                      MovesNumbers &numbers) {
  if (isTransfer(op)) {
    std::vector<int64_t> all;
    for (StringRef attribute : {"from_stage", "to_stage"}) {
      int stage = int(op->getAttrOfType<IntegerAttr>(attribute).getInt());
      for (int64_t rank = 0; rank < grids[stage].numDevices(); ++rank)
        all.push_back(firstRankOf(grids, stage) + rank);
    }
    return {all};
  }
  const Grid &grid = grids[stageOf(op)];
  int64_t firstRank = firstRankOf(grids, stageOf(op));
  const size_t number = numbers.numberOf(op, stageRanks[0]);
  ReshardStep step = reshardStepOf(op);
  std::vector<std::vector<int64_t>> groups;
  for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
    std::vector<int64_t> members = grid.group(rank, step.axes);
    if (members[0] != rank || numbers.numberOf(op, rank) != number)
      continue;
    for (int64_t &member : members)
      member += firstRank;
    groups.push_back(std::move(members));
  }
  return groups;
}

void setGroups(Operation *op, const std::vector<std::vector<int64_t>> &groups) {
  Builder builder(op->getContext());
  SmallVector<Attribute> lists;
  for (const std::vector<int64_t> &group : groups)
    lists.push_back(builder.getDenseI64ArrayAttr(group));
  op->setAttr("groups", builder.getArrayAttr(lists));
}

std::vector<std::vector<uint32_t>> groupsOf(Operation *op) {
  std::vector<std::vector<uint32_t>> groups;
  for (Attribute list : op->getAttrOfType<ArrayAttr>("groups")) {
    ArrayRef<int64_t> ranks = cast<DenseI64ArrayAttr>(list).asArrayRef();
    groups.emplace_back(ranks.begin(), ranks.end());
  }
  return groups;
}

plan::Communication communicationOf(Operation *op, const std::vector<Grid> &grids, DataType type) {
  plan::Communication communication;
  communication.type = type;
  communication.groups = groupsOf(op);
  if (isTransfer(op)) {
    int source = int(op->getAttrOfType<IntegerAttr>("from_stage").getInt());
    int target = int(op->getAttrOfType<IntegerAttr>("to_stage").getInt());
    Sharding from = fromSharding(op), to = shardingOf(op, 0);
    Order order = op->getNumOperands() ? operandOrder(op, 0) : resultOrder(op, 0);
    // Members that do not hold, or do not need, the value have empty tiles; a scalar gets a dimension to be empty in.
    bool isScalar = from.dims.empty();
    Tile nothing(isScalar ? 1 : from.dims.size());
    auto tileOf = [&](const Sharding &sharding, const Grid &grid, int64_t rank) {
      return isScalar ? Tile{{Interval{0, 1}}} : tileInOrder(sharding.tile(grid, grid.coordinates(rank)), order);
    };
    std::vector<Tile> sources, targets;
    for (int64_t rank = 0; rank < grids[source].numDevices(); ++rank) {
      sources.push_back(tileOf(from, grids[source], rank));
      targets.push_back(nothing);
    }
    for (int64_t rank = 0; rank < grids[target].numDevices(); ++rank) {
      sources.push_back(nothing);
      targets.push_back(tileOf(to, grids[target], rank));
    }
    communication.kind = plan::StepKind::Exchange;
    communication.moves = tileMoves(sources, targets);
    communication.axes = "stage " + std::to_string(source) + " -> " + std::to_string(target);
    std::vector<int64_t> first(grids[source].axisSizes.size(), 0);
    communication.bytesPerRank = double(sizeBytes(type, numElements(from.localShape(grids[source], first))));
    return communication;
  }
  ReshardStep step = reshardStepOf(op);
  const Grid &grid = grids[stageOf(op)];
  std::vector<int64_t> members;
  for (uint32_t rank : communication.groups[0])
    members.push_back(int64_t(rank) - firstRankOf(grids, stageOf(op)));
  communication.kind = step.kind;
  communication.reduction = step.from.partialKind;
  if (step.kind == plan::StepKind::AllReduce)
    communication.elements = numElements(step.from.localShape(grid, grid.coordinates(members[0])));
  else
    communication.moves = reshardMoves(step, grid, members, resultOrder(op, 0));
  for (int axis : step.axes)
    communication.axes += (communication.axes.empty() ? "" : ",") + std::to_string(axis);
  communication.bytesPerRank = bytesPerRank(step, type, grid);
  return communication;
}

} // namespace ampc
