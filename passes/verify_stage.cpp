// The verifier at every border: a table of what is allowed after each stage.
#include "ir/diagnostic.h"
#include "passes/attributes.h"
#include "passes/communication.h"
#include "passes/orders.h"
#include "passes/passes.h"
#include "passes/stage_flaws.h"

#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ampc {

namespace {
struct Border {
  const char *stage;
  bool oneFunction;  // only @main
  bool decided;      // every op has a sharding
  bool kernelsOnly;  // computing ops stand inside ampc.kernel
  std::optional<Flaw> (*decisions)(ModuleOp); // what attributes and types must say together; null: nothing
};
} // namespace

static constexpr Border borders[] = {
    {"imported", true, false, false, nullptr},
    {"normal", true, false, false, nullptr},
    {"annotated", true, false, false, annotatedFlaw},
    {"staged", false, true, false, stagedFlaw},
    {"partitioned", false, true, false, partitionedFlaw},
    {"kernelized", false, false, true, kernelizedFlaw},
};

static llvm::Error broken(StringRef stage, Operation *op, const llvm::Twine &what) {
  return makeError(ErrorCode::Internal, "the module after stage '" + stage + "' is not well formed: " + what,
                   {{"op", op->getName().getStringRef().str()}, {"name", nameOf(op).str()}},
                   "this is a fault of ampc; please report it with the model");
}

static bool isOrder(Attribute attribute, size_t rank) {
  auto order = dyn_cast<DenseI64ArrayAttr>(attribute);
  if (!order || (!order.empty() && size_t(order.size()) != rank))
    return false;
  std::vector<int64_t> sorted = order.asArrayRef().vec();
  llvm::sort(sorted);
  for (size_t d = 0; d < sorted.size(); ++d)
    if (sorted[d] != int64_t(d))
      return false;
  return true;
}

/// A view keeps the bytes if both sides are row-major, or both have the same batch and channels, channels last.
static bool isOrderedView(Operation *view) {
  std::vector<int64_t> from = typeOf(view->getOperand(0)).shape, to = typeOf(view->getResult(0)).shape;
  if (sameBytes(from, operandOrder(view, 0), {}) && sameBytes(to, resultOrder(view, 0), {}))
    return true;
  return from.size() >= 3 && to.size() >= 3 && from[0] == to[0] && from[1] == to[1] &&
         operandOrder(view, 0) == channelsLast(from.size()) && resultOrder(view, 0) == channelsLast(to.size());
}

/// Orders in memory: well formed, on kernels, views and movement alone, and every reader agrees with the producer.
static llvm::Error checkOrders(const Border &border, func::FuncOp function) {
  for (Operation &op : function.getBody().front().without_terminator()) {
    const OpRow *row = OpTable::get().find(&op);
    bool isView = row && row->isView;
    if (Attribute attribute = op.getAttr("orders")) {
      auto orders = dyn_cast<ArrayAttr>(attribute);
      StringRef name = op.getName().stripDialect();
      bool isMovement = name == "reshard" || name == "transfer";
      if (!isView && !isMovement && name != "kernel")
        return broken(border.stage, &op, "an order in memory on an operation that has none");
      if (!orders || orders.size() != op.getNumOperands() + op.getNumResults())
        return broken(border.stage, &op, "not one order in memory per operand and result");
      for (auto [order, value] : llvm::zip(orders, llvm::concat<Value>(op.getOperands(), op.getResults())))
        if (!isOrder(order, typeOf(value).shape.size()))
          return broken(border.stage, &op, "an order in memory that is no permutation of the dimensions");
      if (isMovement && !llvm::all_equal(orders))
        return broken(border.stage, &op, "movement between different orders in memory");
    }
    for (unsigned k = 0; k < op.getNumOperands(); ++k)
      if (!sameBytes(typeOf(op.getOperand(k)).shape, writtenOrder(op.getOperand(k)), operandOrder(&op, k)))
        return broken(border.stage, &op, "operand " + llvm::Twine(k) + " is not in the order in memory that it is read in");
    if (isView && !isOrderedView(&op))
      return broken(border.stage, &op, "a view between orders in memory that are not alike");
  }
  return llvm::Error::success();
}

static llvm::Error checkFunction(const Border &border, func::FuncOp function) {
  llvm::StringSet<> names;
  for (Operation &op : function.getBody().front().without_terminator()) {
    const OpRow *row = OpTable::get().find(&op);
    StringRef name = op.getName().stripDialect();
    bool structural = name == "reshard" || name == "transfer" || name == "kernel";
    if (!row && !structural)
      return broken(border.stage, &op, "an operation outside the op table");
    if (nameOf(&op).empty() || !names.insert(nameOf(&op)).second)
      return broken(border.stage, &op, "a missing or repeated name");
    if (!row && border.oneFunction)
      return broken(border.stage, &op, "a structural operation before stages are split");
    if (border.decided && op.getNumResults() > 0 && !op.hasAttr("shardings"))
      return broken(border.stage, &op, "no sharding");
    // Tiles with a reach need not cover the value, so they are only made for their readers.
    bool isCopy = name == "reshard" || (row && row->opClass == OpClass::Storage);
    for (size_t k = 0; border.decided && !isCopy && k < op.getNumResults(); ++k)
      if (shardingOf(&op, k).hasReach())
        return broken(border.stage, &op, "a computed or transferred value with a reach");
    if (border.decided && name == "reshard" && !isWeight(op.getResult(0)) && reshardStepOf(&op).from.hasReach())
      return broken(border.stage, &op, "a reshard of a value that need not have every element");
    if (border.kernelsOnly && row && row->opClass != OpClass::Storage && !row->isView)
      return broken(border.stage, &op, "a computing operation outside a kernel");
    if (!border.kernelsOnly && name == "kernel")
      return broken(border.stage, &op, "a kernel before kernels are formed");
  }
  return border.kernelsOnly ? checkOrders(border, function) : llvm::Error::success();
}

llvm::Error verifyStage(ModuleOp module, StringRef stage) {
  for (const Border &border : borders) {
    if (stage != border.stage)
      continue;
    if (failed(verify(module)))
      return broken(stage, module, "the IR verifier refused it");
    llvm::StringMap<Attribute> ordersMoved; // by name of the communication
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      if (border.oneFunction != (function.getName() == "main"))
        return broken(stage, function, "an unexpected function");
      if (llvm::Error error = checkFunction(border, function))
        return error;
      for (Operation &op : function.getBody().front())
        if (isCommunication(&op) && border.kernelsOnly) {
          auto orders = op.getAttrOfType<ArrayAttr>("orders");
          Attribute order = orders ? orders[0] : Attribute();
          if (ordersMoved.try_emplace(nameOf(&op), order).first->second != order)
            return broken(stage, &op, "another order in memory in another class");
        }
    }
    if (border.decisions)
      if (std::optional<Flaw> flaw = border.decisions(module))
        return broken(stage, flaw->op, flaw->what);
    return llvm::Error::success();
  }
  return broken(stage, module, "an unknown stage");
}

} // namespace ampc
