// Describes kernels to the cost model.
#include "passes/executor_prices.h"

#include "cost_model/work.h"
#include "passes/graph.h"
#include "passes/kernel_text.h"
#include "passes/orders.h"

using namespace mlir;

namespace ampc {

static plan::KernelOperand operandOf(Value value) {
  TensorType type = typeOf(value);
  return {type.type, type.shape};
}

std::vector<int64_t> elementsRead(Operation *kernel) {
  std::vector<int64_t> elements;
  for (BlockArgument argument : kernel->getRegion(0).front().getArguments()) {
    const TensorType type = typeOf(argument);
    int64_t read = 0;
    for (OpOperand &use : argument.getUses()) {
      Operation *user = use.getOwner();
      // Pieces may overlap: then they count twice, up to the whole.
      read += isSlice(user) ? ruleOf(instanceOf(user)).elementsRead(use.getOperandNumber(), type.shape)
                            : type.numElements();
    }
    elements.push_back(std::min(read, type.numElements()));
  }
  return elements;
}

double bytesRead(Operation *kernel) {
  double bytes = 0;
  for (auto [operand, elements] : llvm::zip(kernel->getOperands(), elementsRead(kernel)))
    bytes += double(sizeBytes(typeOf(operand).type, elements));
  return bytes;
}

plan::Kernel generatedKernelOf(Operation *kernel) {
  plan::Kernel description;
  for (Value operand : kernel->getOperands())
    description.operands.push_back(operandOf(operand));
  for (Value result : kernel->getResults())
    description.results.push_back(operandOf(result));
  Operation &first = kernel->getRegion(0).front().front();
  OpClass opClass = OpTable::get().find(&first)->opClass;
  if (opClass != OpClass::Contraction && opClass != OpClass::Convolution) {
    cost::describeReads(description, elementsRead(kernel));
    return description;
  }
  bool isConvolution = opClass == OpClass::Convolution;
  Order order = resultOrder(kernel, 0);
  cost::describeProduct(description, isConvolution,
                        isConvolution && order == channelsLast(typeOf(first.getResult(0)).shape.size()),
                        typeOf(first.getOperand(0)).shape, typeOf(first.getOperand(1)).shape,
                        typeOf(first.getResult(0)).shape);
  return description;
}

/// The step as `schedule` will make it, but for where its buffers are.
static double stepSeconds(Operation *kernel, const plan::Kernel &description, const cost::Device &device) {
  plan::Step step;
  step.flops = kernelFlops(kernel);
  uint64_t writtenBytes = 0;
  for (Value result : kernel->getResults())
    writtenBytes += uint64_t(typeOf(result).sizeBytes());
  step.bytes = double(writtenBytes);
  step.bytes += bytesRead(kernel);
  step.writes.push_back({plan::Space::Activation, 0, 0, writtenBytes});
  return cost::computeSeconds(cost::workOf(step, description), device);
}

double generatedSeconds(Operation *kernel, const cost::Device &device) {
  return stepSeconds(kernel, generatedKernelOf(kernel), device);
}

double librarySeconds(Operation *kernel, const LibraryCall &call, const cost::Device &device) {
  plan::Kernel description = call.kernel;
  const bool isProduct = description.symbol != "onednn.recurrence"; // a recurrence is priced by its shapes alone
  if (isProduct && call.operandOrder.size() > 1 && isWeight(kernel->getOperand(call.operandOrder[1])))
    description.integers.push_back({"packed", {1}});
  return stepSeconds(kernel, description, device);
}

bool isGeneratedFaster(Operation *kernel, const LibraryCall &call, const cost::Device &device) {
  // What is done once is not worth the time to compile it.
  auto atLoad = kernel->getAttrOfType<BoolAttr>("at_load");
  if (atLoad && atLoad.getValue())
    return false;
  return generatedSeconds(kernel, device) < librarySeconds(kernel, call, device);
}

} // namespace ampc
