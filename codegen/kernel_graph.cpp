// Builds the kernel graph from a function and checks that code can be generated for every operator in it.
#include "codegen/kernel_graph.h"
#include "ir/diagnostic.h"
#include "ir/dialect.h"

#include "llvm/ADT/DenseMap.h"

#include <algorithm>

using namespace mlir;

namespace ampc::codegen {

static llvm::Error internal(const llvm::Twine &sentence) { return makeError(ErrorCode::Internal, sentence); }

static llvm::Expected<KernelOp> readOp(Operation *op) {
  OpInstance instance = instanceOf(op);
  if (!instance.row || !instance.row->body || instance.results.size() != 1)
    return internal("a kernel cannot hold " + op->getName().getStringRef());
  KernelOp result;
  result.name = nameOf(op).str();
  result.rule = ruleOf(instance);
  result.program = bodyOf(instance);
  if (result.rule.results.size() != 1 || result.rule.operands.size() < instance.operands.size() ||
      result.rule.loops.size() > 64)
    return internal("the rule of " + op->getName().getStringRef() +
                    " does not match its operands and results");
  for (size_t l = 0; l < result.rule.loops.size(); ++l) {
    bool inResult = false;
    for (const DimAccess &dim : result.rule.results[0].dims)
      for (const LinearTerm &term : dim.terms)
        inResult |= term.loop == int(l);
    if (!inResult && result.rule.loops[l].extent != 1)
      result.reduceLoops.push_back(int(l));
  }
  if (result.isReduction() && result.rule.reduction == Reduction::None)
    return internal("the rule of " + op->getName().getStringRef() + " reduces without saying how");
  result.accumulatorType = result.program.nodes[result.program.result].type;
  return result;
}

// One loop per dimension, one operand, its value: what a result that is an argument or a repetition needs.
static KernelOp copyOp(const TensorType &type) {
  KernelOp op;
  op.name = "copy";
  Access identity;
  for (size_t d = 0; d < type.shape.size(); ++d) {
    op.rule.loops.push_back({"d" + std::to_string(d), type.shape[d], LoopKind::Parallel});
    identity.dims.push_back(DimAccess::loop(int(d)));
  }
  op.rule.operands = op.rule.results = {identity};
  ScalarBuilder builder;
  op.accumulatorType = computeType(type.type);
  builder.program.result = builder.operand(0, op.accumulatorType).id();
  op.program = std::move(builder.program);
  return op;
}

// True if `order` names every dimension of a value of rank `rank` once.
static bool isPermutation(llvm::ArrayRef<int64_t> order, size_t rank) {
  std::vector<bool> seen(rank, false);
  for (int64_t d : order) {
    if (d < 0 || size_t(d) >= rank || seen[size_t(d)])
      return false;
    seen[size_t(d)] = true;
  }
  return order.size() == rank;
}

static llvm::Error readOrders(func::FuncOp function, KernelGraph &graph) {
  auto orders = function->getAttrOfType<ArrayAttr>("orders");
  if (!orders)
    return llvm::Error::success();
  std::vector<int> outside = graph.arguments;
  outside.insert(outside.end(), graph.results.begin(), graph.results.end());
  if (orders.size() != outside.size())
    return internal("a kernel has " + llvm::Twine(outside.size()) + " operands and results, but " +
                    llvm::Twine(orders.size()) + " orders");
  for (auto [attribute, tensor] : llvm::zip(orders, outside)) {
    auto order = dyn_cast<DenseI64ArrayAttr>(attribute);
    if (!order || (!order.empty() && !isPermutation(order, graph.tensors[tensor].type.shape.size())))
      return internal("an order of a kernel is no permutation of dimensions");
    graph.tensors[tensor].order = order.asArrayRef().vec();
  }
  return llvm::Error::success();
}

llvm::Expected<KernelGraph> readKernel(func::FuncOp function) {
  KernelGraph graph;
  llvm::DenseMap<Value, int> number;
  auto addTensor = [&](Value value, int producer) -> llvm::Expected<int> {
    std::optional<TensorType> type = fromMlir(value.getType());
    if (!type)
      return internal("a kernel has a value of a type outside the dialect");
    graph.tensors.push_back({std::move(*type), {}, producer, {}});
    return number[value] = int(graph.tensors.size()) - 1;
  };
  auto addOp = [&](KernelOp op) {
    for (int tensor : op.operands) {
      std::vector<int> &users = graph.tensors[tensor].users;
      if (!llvm::is_contained(users, int(graph.ops.size())))
        users.push_back(int(graph.ops.size()));
    }
    graph.ops.push_back(std::move(op));
  };

  for (Value argument : function.getArguments()) {
    llvm::Expected<int> tensor = addTensor(argument, -1);
    if (!tensor)
      return tensor.takeError();
    graph.arguments.push_back(*tensor);
  }
  for (Operation &operation : function.getBody().front()) {
    if (isa<func::ReturnOp>(operation)) {
      for (Value value : operation.getOperands()) {
        int tensor = number.lookup(value);
        if (graph.tensors[tensor].isArgument() || llvm::is_contained(graph.results, tensor)) {
          KernelOp copy = copyOp(graph.tensors[tensor].type);
          copy.operands = {tensor};
          copy.result = int(graph.tensors.size());
          graph.tensors.push_back({graph.tensors[tensor].type, {}, int(graph.ops.size()), {}});
          addOp(std::move(copy));
          tensor = int(graph.tensors.size()) - 1;
        }
        graph.results.push_back(tensor);
      }
      if (llvm::Error error = readOrders(function, graph))
        return error;
      return graph;
    }
    llvm::Expected<KernelOp> op = readOp(&operation);
    if (!op)
      return op.takeError();
    for (Value operand : operation.getOperands())
      op->operands.push_back(number.lookup(operand));
    llvm::Expected<int> tensor = addTensor(operation.getResult(0), int(graph.ops.size()));
    if (!tensor)
      return tensor.takeError();
    op->result = *tensor;
    addOp(std::move(*op));
  }
  return internal("a kernel function has no return");
}

} // namespace ampc::codegen
