// Reads kernels and their work off the plan of one device.
#include "passes/kernel_groups.h"

#include "cost_model/work.h"
#include "passes/orders.h"

#include <unordered_map>

using namespace mlir;

namespace ampc {

KernelNodes kernelNodesOf(ModuleOp kernelized) {
  KernelNodes kernels;
  kernelized.walk([&](Operation *op) {
    auto atLoad = op->getAttrOfType<BoolAttr>("at_load");
    if (op->getName().getStringRef() != "ampc.kernel" || (atLoad && atLoad.getValue()))
      return;
    KernelMembers members;
    members.name = nameOf(op).str();
    for (Attribute node : op->getAttrOfType<ArrayAttr>("nodes"))
      members.nodes.push_back(cast<StringAttr>(node).getValue().str());
    if (auto library = op->getAttrOfType<StringAttr>("library"))
      members.librarySymbol = library.getValue().str();
    Operation &first = op->getRegion(0).front().front();
    members.isConvolution = OpTable::get().find(&first)->opClass == OpClass::Convolution;
    members.isChannelsLast =
        members.isConvolution && resultOrder(op, 0) == channelsLast(typeOf(first.getResult(0)).shape.size());
    kernels.push_back(std::move(members));
  });
  return kernels;
}

static double bytesOf(const GraphOp &op) {
  double bytes = 0;
  for (size_t k = 0; k < op.operands.size(); ++k) {
    const TensorType &type = op.operands[k];
    bytes += double(k < op.rule.operands.size() ? sizeBytes(type.type, op.rule.elementsRead(k, type.shape))
                                                : type.sizeBytes());
  }
  for (const TensorType &type : op.results)
    bytes += double(type.sizeBytes());
  return bytes;
}

void recordKernels(const KernelNodes &kernels, const ScheduledPlan &oneDevice, Graph &graph) {
  const plan::Plan &plan = oneDevice.plan;
  std::unordered_map<std::string, const plan::Step *> steps;
  for (const plan::Program &program : plan.programs)
    if (program.role != plan::ProgramRole::Init)
      for (const plan::Step &step : program.steps)
        if (step.kind == plan::StepKind::Launch)
          steps.emplace(step.name, &step);
  std::unordered_map<std::string, int> numbers;
  for (size_t k = 0; k < graph.ops.size(); ++k)
    numbers.emplace(graph.ops[k].name, int(k));
  for (const TakenOver &taken : oneDevice.takenOver) {
    auto value = numbers.find(taken.value), by = numbers.find(taken.by);
    if (value != numbers.end() && by != numbers.end() && graph.ops[size_t(value->second)].results.size() == 1)
      graph.ops[size_t(value->second)].takenOverBy = by->second;
  }
  for (size_t number = 0; number < kernels.size(); ++number) {
    auto step = steps.find(kernels[number].name);
    if (step == steps.end())
      continue;
    const plan::Kernel &kernel = plan.kernels[step->second->kernel];
    std::vector<GraphOp *> members;
    bool hasProduct = false;
    double bytes = 0;
    for (const std::string &node : kernels[number].nodes)
      // A slice may be part of several kernels: the first one stands for all.
      if (auto it = numbers.find(node); it != numbers.end() && graph.ops[size_t(it->second)].kernel.number < 0) {
        members.push_back(&graph.ops[size_t(it->second)]);
        hasProduct |= members.back()->isProduct;
        bytes += bytesOf(*members.back());
      }
    for (GraphOp *op : members) {
      op->kernel.number = int(number);
      op->kernel.work = cost::workOf(*step->second, kernel);
      // What follows a product in its kernel costs next to nothing there.
      op->kernel.share = hasProduct ? (op->isProduct ? 1.0 : 0.0) : bytes > 0 ? bytesOf(*op) / bytes : 1.0;
      op->kernel.librarySymbol = kernels[number].librarySymbol;
      op->kernel.isConvolution = kernels[number].isConvolution;
      op->kernel.isChannelsLast = kernels[number].isChannelsLast;
    }
  }
}

} // namespace ampc
