// Prints kernels.
#include "passes/kernel_text.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace ampc {

std::string kernelText(Operation *kernel) {
  MLIRContext *context = kernel->getContext();
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, builder.getUnknownLoc(), "kernel",
                                       builder.getFunctionType(kernel->getOperandTypes(), kernel->getResultTypes()));
  if (Attribute orders = kernel->getAttr("orders"))
    function->setAttr("orders", orders);
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  IRMapping mapping;
  Block &source = kernel->getRegion(0).front();
  for (auto [from, to] : llvm::zip(source.getArguments(), body->getArguments()))
    mapping.map(from, to);
  for (Operation &op : source.without_terminator())
    builder.clone(op, mapping)->removeAttr("name");
  SmallVector<Value> results;
  for (Value value : source.getTerminator()->getOperands())
    results.push_back(mapping.lookup(value));
  func::ReturnOp::create(builder, builder.getUnknownLoc(), results);
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  return text;
}

double kernelFlops(Operation *kernel) {
  double flops = 0;
  for (Operation &op : kernel->getRegion(0).front().without_terminator()) {
    IterationRule rule = ruleOf(instanceOf(&op));
    flops += double(rule.numPoints()) * rule.flopsPerPoint;
  }
  return flops;
}

} // namespace ampc
