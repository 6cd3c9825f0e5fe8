// One function per stage. A transfer becomes a send in the function of its source stage and a receive in that of its
// target stage.
//
// Receives stand first in their function, by source stage and then in the order of the sends. So a stage that waits
// for an earlier stage never holds up a message of a still earlier one: by induction over the source stages every
// send is received, and no order of execution can deadlock.
#include "passes/communication.h"
#include "passes/passes.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace ampc {

llvm::Error splitStages(ModuleOp module) {
  func::FuncOp main = mainFunction(module);
  size_t numStages = gridsOf(module).size();
  OpBuilder builder(module.getContext());
  std::vector<func::FuncOp> functions;
  std::vector<Block *> bodies;
  IRMapping mapping;
  for (size_t stage = 0; stage < numStages; ++stage) {
    builder.setInsertionPoint(main);
    auto function = func::FuncOp::create(builder, builder.getUnknownLoc(), "stage" + std::to_string(stage),
                                         builder.getFunctionType({}, {}));
    function->setAttr("stage", builder.getI64IntegerAttr(int64_t(stage)));
    functions.push_back(function);
    bodies.push_back(function.addEntryBlock());
  }
  std::vector<Operation *> transfers;
  for (Operation &op : main.getBody().front().without_terminator())
    if (isTransfer(&op))
      transfers.push_back(&op);
  auto part = [&](Operation *transfer, Block *body, StringRef role, ValueRange operands, TypeRange results) {
    builder.setInsertionPointToEnd(body);
    OperationState state(builder.getUnknownLoc(), "ampc.transfer");
    state.addOperands(operands);
    state.addTypes(results);
    state.addAttributes(transfer->getAttrs());
    state.addAttribute("role", builder.getStringAttr(role));
    state.addAttribute("to_stage", transfer->getAttr("stage"));
    return builder.create(state);
  };
  auto sourceStage = [](Operation *op) { return op->getAttrOfType<IntegerAttr>("from_stage").getInt(); };
  std::vector<Operation *> received = transfers;
  std::stable_sort(received.begin(), received.end(),
                   [&](Operation *a, Operation *b) { return sourceStage(a) < sourceStage(b); });
  for (Operation *op : received) {
    Operation *receive = part(op, bodies[stageOf(op)], "receive", {}, op->getResultTypes());
    mapping.map(op->getResult(0), receive->getResult(0));
  }
  for (Operation &op : main.getBody().front().without_terminator()) {
    if (isTransfer(&op)) {
      Operation *send = part(&op, bodies[sourceStage(&op)], "send", mapping.lookup(op.getOperand(0)), {});
      setStage(send, int(sourceStage(&op)));
      continue;
    }
    builder.setInsertionPointToEnd(bodies[std::max(stageOf(&op), 0)]);
    builder.clone(op, mapping);
  }
  for (size_t stage = 0; stage < numStages; ++stage) {
    builder.setInsertionPointToEnd(bodies[stage]);
    func::ReturnOp::create(builder, builder.getUnknownLoc());
  }
  main.erase();
  return llvm::Error::success();
}

} // namespace ampc
