// The checks themselves. Attributes may have any form: nothing here trusts them.
#include "passes/stage_flaws.h"

#include "passes/attributes.h"
#include "passes/communication.h"
#include "passes/graph.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

#include <set>

using namespace mlir;

namespace ampc {

namespace {
using Lists = std::vector<std::vector<int64_t>>;

/// An array of integer arrays; nothing if the attribute is something else.
std::optional<Lists> listsOf(Attribute attribute) {
  auto array = dyn_cast_if_present<ArrayAttr>(attribute);
  if (!array)
    return std::nullopt;
  Lists lists;
  for (Attribute each : array) {
    auto list = dyn_cast<DenseI64ArrayAttr>(each);
    if (!list)
      return std::nullopt;
    lists.push_back(list.asArrayRef().vec());
  }
  return lists;
}

std::optional<int64_t> integerOf(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<IntegerAttr>(name);
  return attribute ? std::optional(attribute.getInt()) : std::nullopt;
}

std::optional<Flaw> gridsFlaw(ModuleOp module, std::vector<Grid> &grids) {
  std::optional<Lists> lists = listsOf(module->getAttr("ampc.grids"));
  if (!lists || lists->empty())
    return Flaw{module, "no grids"};
  for (const std::vector<int64_t> &sizes : *lists)
    for (int64_t size : sizes)
      if (size < 1)
        return Flaw{module, "a grid axis without devices"};
  grids = gridsOf(module);
  return std::nullopt;
}

/// True if `axes` are axes of the grid, none twice; `used` collects over several calls.
bool areAxes(const std::vector<int64_t> &axes, const Grid &grid, std::set<int64_t> &used) {
  return llvm::all_of(axes, [&](int64_t axis) {
    return axis >= 0 && axis < int64_t(grid.axisSizes.size()) && used.insert(axis).second;
  });
}

bool fitsGrid(const Sharding &sharding, const Grid &grid) {
  std::set<int64_t> used;
  for (const DimSharding &dim : sharding.dims)
    for (const Factor &factor : dim.factors)
      if (!areAxes({factor.axes.begin(), factor.axes.end()}, grid, used))
        return false;
  return areAxes({sharding.partialAxes.begin(), sharding.partialAxes.end()}, grid, used);
}

/// Sharding `k` of the op if its attributes hold one for `grid`.
std::optional<Sharding> soundSharding(Operation *op, size_t k, const Grid &grid) {
  auto texts = op->getAttrOfType<ArrayAttr>("shardings");
  std::optional<Lists> shapes = listsOf(op->getAttr("shapes"));
  if (!texts || !shapes || k >= texts.size() || k >= shapes->size() || !isa<StringAttr>(texts[unsigned(k)]))
    return std::nullopt;
  std::optional<Sharding> sharding =
      Sharding::parse(cast<StringAttr>(texts[unsigned(k)]).getValue(), (*shapes)[k]);
  if (!sharding || sharding->globalShape() != (*shapes)[k] || !fitsGrid(*sharding, grid))
    return std::nullopt;
  return sharding;
}

/// The grid that the op's own shardings are about: a transfer says how its target stage holds the value.
const Grid &gridOf(Operation *op, int64_t stage, const std::vector<Grid> &grids) {
  return isTransfer(op) ? grids[size_t(*integerOf(op, "to_stage"))] : grids[size_t(stage)];
}

std::optional<Flaw> transferFlaw(Operation *op, int64_t stage, const std::vector<Grid> &grids) {
  std::optional<int64_t> from = integerOf(op, "from_stage"), to = integerOf(op, "to_stage");
  if (!from || !to || *from < 0 || *from >= *to || *to >= int64_t(grids.size()))
    return Flaw{op, "a transfer that does not lead to a later stage"};
  auto role = op->getAttrOfType<StringAttr>("role");
  bool isSend = role && role.getValue() == "send", isReceive = role && role.getValue() == "receive";
  if (!isSend && !isReceive)
    return Flaw{op, "a transfer without a role"};
  bool fits = isSend ? stage == *from && op->getNumOperands() == 1 && op->getNumResults() == 0
                     : stage == *to && op->getNumOperands() == 0 && op->getNumResults() == 1;
  if (!fits)
    return Flaw{op, "a transfer whose role does not fit its stage, operands and results"};
  auto text = op->getAttrOfType<StringAttr>("from");
  std::optional<Lists> shapes = listsOf(op->getAttr("shapes"));
  std::optional<Sharding> source;
  if (text && shapes && !shapes->empty())
    source = Sharding::parse(text.getValue(), shapes->front());
  if (!source || !fitsGrid(*source, grids[size_t(*from)]))
    return Flaw{op, "a transfer from a sharding that its stage cannot have"};
  return std::nullopt;
}

/// Function, stage, shardings: what staged and partitioned modules share.
std::optional<Flaw> decidedFlaw(func::FuncOp function, const std::vector<Grid> &grids) {
  std::optional<int64_t> stage = integerOf(function, "stage");
  if (!stage || *stage < 0 || *stage >= int64_t(grids.size()))
    return Flaw{function, "a function of no stage"};
  bool isPastReceives = false;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (integerOf(&op, "stage") != stage)
      return Flaw{&op, "an operation in the function of another stage"};
    if (isTransfer(&op))
      if (std::optional<Flaw> flaw = transferFlaw(&op, *stage, grids))
        return flaw;
    bool isReceive = isTransfer(&op) && op.getNumResults() == 1;
    if (isReceive && isPastReceives)
      return Flaw{&op, "a receive behind another operation"};
    isPastReceives |= !isReceive;
    for (size_t k = 0; k < std::max<size_t>(1, op.getNumResults()); ++k)
      if (!soundSharding(&op, k, gridOf(&op, *stage, grids)))
        return Flaw{&op, "a sharding that the grid of its stage cannot have"};
  }
  return std::nullopt;
}

/// Every send has one receive of its name, in the stage that it says.
std::optional<Flaw> messagesFlaw(ModuleOp module) {
  llvm::StringMap<Operation *> sends, receives;
  Operation *twice = nullptr;
  module.walk([&](Operation *op) {
    if (isTransfer(op) && !(op->getNumResults() ? receives : sends).try_emplace(nameOf(op), op).second)
      twice = op;
  });
  if (twice)
    return Flaw{twice, "two transfers of one name"};
  for (const auto &entry : sends)
    if (!receives.contains(entry.getKey()))
      return Flaw{entry.getValue(), "a send without a receive"};
  for (const auto &entry : receives)
    if (!sends.contains(entry.getKey()))
      return Flaw{entry.getValue(), "a receive without a send"};
  return std::nullopt;
}

std::optional<Flaw> loopsFlaw(Operation *op, const GraphOp &node, const Grid &grid) {
  std::optional<Lists> loops = listsOf(op->getAttr("loops"));
  if (!loops || loops->size() != node.rule.loops.size())
    return Flaw{op, "not one list of grid axes per loop"};
  std::set<int64_t> used;
  for (size_t l = 0; l < loops->size(); ++l) {
    if (!areAxes((*loops)[l], grid, used))
      return Flaw{op, "loop " + node.rule.loops[l].name + " is split by an axis that the grid has not, or twice"};
    if (!(*loops)[l].empty() && !node.rule.canShard(int(l)))
      return Flaw{op, "loop " + node.rule.loops[l].name + " is split and must not be"};
  }
  return std::nullopt;
}

std::optional<Flaw> groupsFlaw(Operation *op, const std::vector<int64_t> &ranks, int64_t numRanks) {
  std::optional<Lists> groups = listsOf(op->getAttr("groups"));
  if (!groups || groups->empty())
    return Flaw{op, "a communication without groups"};
  std::set<int64_t> members;
  for (const std::vector<int64_t> &group : *groups) {
    if (group.size() != groups->front().size())
      return Flaw{op, "a communication with groups of several sizes"};
    for (int64_t rank : group)
      if (rank < 0 || rank >= numRanks || !members.insert(rank).second)
        return Flaw{op, "a communication with a rank that does not exist or comes twice"};
  }
  for (int64_t rank : ranks)
    if (!members.count(rank))
      return Flaw{op, "a communication without rank " + std::to_string(rank) + ", which executes it"};
  return std::nullopt;
}

std::optional<Flaw> kernelFlaw(Operation *op) {
  auto executor = op->getAttrOfType<StringAttr>("executor");
  StringRef name = executor ? executor.getValue() : "";
  bool isNamed = name.consume_front("builtin:") || name.consume_front("library:");
  if (name.empty() || (!isNamed && name != "generated"))
    return Flaw{op, "a kernel that nobody executes"};
  if (Attribute inPlace = op->getAttr("in_place")) {
    std::optional<Lists> pairs = listsOf(inPlace);
    bool areSound = pairs && name == "generated" && !isNamed;
    for (const std::vector<int64_t> &pair : pairs.value_or(Lists()))
      areSound &= pair.size() == 2 && pair[0] >= 0 && pair[0] < op->getNumOperands() && pair[1] >= 0 &&
                  pair[1] < op->getNumResults() &&
                  typeOf(op->getOperand(unsigned(pair[0]))).sizeBytes() ==
                      typeOf(op->getResult(unsigned(pair[1]))).sizeBytes();
    if (!areSound)
      return Flaw{op, "a kernel that writes over what is no operand of its result's size"};
  }
  if (op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock())
    return Flaw{op, "a kernel without a body"};
  Block &body = op->getRegion(0).front();
  if (body.empty() || body.back().getName().getStringRef() != "ampc.yield" || body.front().getNextNode() == nullptr)
    return Flaw{op, "a kernel that computes nothing"};
  if (body.getArgumentTypes() != op->getOperandTypes())
    return Flaw{op, "a kernel whose body takes other types than its operands have"};
  if (body.back().getOperandTypes() != op->getResultTypes())
    return Flaw{op, "a kernel whose body yields other types than its results have"};
  for (Operation &inner : body.without_terminator()) {
    const OpRow *row = OpTable::get().find(&inner);
    if (!row || row->opClass == OpClass::Storage)
      return Flaw{&inner, "an operation that computes nothing inside a kernel"};
  }
  return std::nullopt;
}
} // namespace

std::optional<Flaw> annotatedFlaw(ModuleOp module) {
  std::vector<Grid> grids;
  if (std::optional<Flaw> flaw = gridsFlaw(module, grids))
    return flaw;
  GraphView view = buildGraph(mainFunction(module));
  llvm::DenseSet<Operation *> decided;
  for (size_t k = 0; k < view.operations.size(); ++k) {
    Operation *op = view.operations[k];
    std::optional<int64_t> stage = integerOf(op, "stage");
    if (!stage || *stage < 0 || *stage >= int64_t(grids.size()))
      return Flaw{op, "no stage, or one that does not exist"};
    decided.insert(op);
    for (const GraphSource &source : view.graph.ops[k].sources)
      if (source.op >= 0 && stageOf(view.operations[size_t(source.op)]) > *stage)
        return Flaw{op, "a stage before that of an operand"};
    if (std::optional<Flaw> flaw = loopsFlaw(op, view.graph.ops[k], grids[size_t(*stage)]))
      return flaw;
  }
  for (Operation &op : mainFunction(module).getBody().front().without_terminator())
    if (op.hasAttr("stage") && !decided.contains(&op))
      return Flaw{&op, "a stage on an operation whose readers decide it"};
  return std::nullopt;
}

std::optional<Flaw> stagedFlaw(ModuleOp module) {
  std::vector<Grid> grids;
  if (std::optional<Flaw> flaw = gridsFlaw(module, grids))
    return flaw;
  std::set<int64_t> seen;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (std::optional<Flaw> flaw = decidedFlaw(function, grids))
      return flaw;
    int64_t stage = *integerOf(function, "stage");
    if (!seen.insert(stage).second)
      return Flaw{function, "a second function for a stage"};
    for (Operation &op : function.getBody().front().without_terminator())
      for (size_t k = 0; k < op.getNumResults(); ++k)
        if (typeOf(op.getResult(unsigned(k))).shape != shardingOf(&op, k).globalShape())
          return Flaw{&op, "a type that is not the global one of its sharding"};
  }
  if (seen.size() != grids.size())
    return Flaw{module, "a stage without a function"};
  return messagesFlaw(module);
}

std::optional<Flaw> partitionedFlaw(ModuleOp module) {
  std::vector<Grid> grids;
  if (std::optional<Flaw> flaw = gridsFlaw(module, grids))
    return flaw;
  int64_t numRanks = firstRankOf(grids, int(grids.size()));
  std::set<int64_t> seen;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (std::optional<Flaw> flaw = decidedFlaw(function, grids))
      return flaw;
    int stage = int(*integerOf(function, "stage"));
    int64_t first = firstRankOf(grids, stage), devices = grids[size_t(stage)].numDevices();
    auto attribute = function->getAttrOfType<DenseI64ArrayAttr>("ranks");
    if (!attribute || attribute.empty())
      return Flaw{function, "a class without ranks"};
    std::vector<int64_t> ranks = attribute.asArrayRef().vec();
    for (int64_t rank : ranks)
      if (rank < first || rank >= first + devices || !seen.insert(rank).second)
        return Flaw{function, "a class with a rank of another stage or class"};
    for (Operation &op : function.getBody().front().without_terminator()) {
      // The first and the last rank stand for all: where shards differ, those differ.
      for (int64_t rank : {ranks.front(), ranks.back()})
        for (size_t k = 0; k < op.getNumResults(); ++k)
          if (typeOf(op.getResult(unsigned(k))).shape !=
              shardingOf(&op, k).localShape(grids[size_t(stage)], grids[size_t(stage)].coordinates(rank - first)))
            return Flaw{&op, "a type that is not the local one of its sharding"};
      if (isCommunication(&op))
        if (std::optional<Flaw> flaw = groupsFlaw(&op, ranks, numRanks))
          return flaw;
    }
  }
  if (int64_t(seen.size()) != numRanks)
    return Flaw{module, "a rank without a function"};
  return std::nullopt;
}

std::optional<Flaw> kernelizedFlaw(ModuleOp module) {
  std::optional<Flaw> flaw;
  module.walk([&](Operation *op) {
    if (!flaw && op->getName().getStringRef() == "ampc.kernel")
      flaw = kernelFlaw(op);
  });
  return flaw;
}

} // namespace ampc
