// Extracts the planning graph from the IR.
#include "passes/graph.h"

using namespace mlir;

namespace ampc {

static bool isStorage(Operation *op) {
  const OpRow *row = OpTable::get().find(op);
  return row && row->opClass == OpClass::Storage;
}

bool isWeight(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto cached = op->getAttrOfType<BoolAttr>("at_load"))
    return cached.getValue();
  if (isStorage(op))
    return op->getNumOperands() == 0 && !op->hasAttr("index");
  // Not marked yet: normalize marks every op once, in order, so operands are marked first.
  return op->getNumOperands() > 0 && llvm::all_of(op->getOperands(), isWeight);
}

bool isSlice(Operation *op) { return op->getName().stripDialect() == "slice"; }

func::FuncOp mainFunction(ModuleOp module) { return module.lookupSymbol<func::FuncOp>("main"); }

GraphView buildGraph(func::FuncOp main) {
  GraphView view;
  llvm::DenseMap<Operation *, int> numbers;
  llvm::DenseMap<Value, int> outside;
  for (Operation &op : main.getBody().front().without_terminator()) {
    bool isOutput = isStorage(&op) && op.getNumOperands() == 1;
    if (!isOutput && (isStorage(&op) || isWeight(op.getResult(0))))
      continue;
    OpInstance instance = instanceOf(&op);
    GraphOp node;
    node.name = nameOf(&op).str();
    node.rule = ruleOf(instance);
    node.operands = instance.operands;
    node.results = instance.results;
    node.isOutput = isOutput;
    node.isView = instance.row->isView;
    node.isProduct = instance.row->opClass == OpClass::Contraction || instance.row->opClass == OpClass::Convolution;
    for (Value operand : op.getOperands()) {
      GraphSource source;
      auto it = numbers.find(operand.getDefiningOp());
      if (it != numbers.end()) {
        source.op = it->second;
        source.result = int(cast<OpResult>(operand).getResultNumber());
      } else {
        source.isWeight = isWeight(operand);
        auto [number, isNew] = outside.try_emplace(operand, int(view.graph.outside.size()));
        if (isNew)
          view.graph.outside.push_back(typeOf(operand));
        source.value = number->second;
      }
      node.sources.push_back(source);
    }
    numbers[&op] = int(view.graph.ops.size());
    view.graph.ops.push_back(std::move(node));
    view.operations.push_back(&op);
  }
  return view;
}

} // namespace ampc
