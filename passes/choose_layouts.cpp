// Chooses the physical layout of every value around convolutions, row-major or channels-last, all at once: a choice
// problem whose nodes are operations (what they read and write) and values (in which orders they exist). Where a value
// exists in an order that its producer does not write, a copying kernel makes it.
#include "passes/attributes.h"
#include "passes/layout_costs.h"
#include "passes/library_kernel.h"
#include "passes/passes.h"
#include "passes/search/solve.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

using namespace mlir;

namespace ampc {

namespace {

/// One way to execute an operation: orders of operands, then results.
struct Mode {
  std::vector<Order> orders;
  double seconds = 0;
};

/// What the members of a communication agree on, by its key: true if the value travels channels last. The first class that
/// takes part in it decides.
using Agreed = std::map<std::string, bool>;

class LayoutChooser {
public:
  LayoutChooser(func::FuncOp function, const cost::Device &device, Agreed &agreed)
      : function(function), device(device), agreed(agreed) {}
  void run();

private:
  enum Existence { RowMajor, ChannelsLast, Both }; // choices of a value's node

  void reachFromConvolutions();
  std::vector<Mode> modesOf(Operation *op);
  std::vector<Mode> kernelModes(Operation *op);
  void addModes(Operation *op, bool readsLast, bool writesLast, std::vector<Mode> &modes);
  std::vector<Order> ordersFor(Operation *op, bool readsLast, bool writesLast);
  void addValue(Value value);
  uint32_t matrix(std::vector<search::Cost> costs);
  void connect(Operation *op, const std::vector<Mode> &modes, uint32_t node);
  void solve();
  void apply(const std::vector<int32_t> &choice);
  Value converted(Value value, const Order &order);

  func::FuncOp function;
  const cost::Device &device;
  Agreed &agreed;
  search::Problem problem;
  std::map<std::vector<search::Cost>, uint32_t> matrices;
  llvm::DenseMap<Value, uint32_t> valueNodes;
  std::vector<std::pair<Operation *, std::vector<Mode>>> operations; // node k is operation k
  std::map<std::pair<void *, Order>, Value> conversions;
};

} // namespace

/// Reshards and transfers move elements between buffers of one order, whichever it is.
static bool isMovement(Operation *op) {
  StringRef name = op->getName().stripDialect();
  return name == "reshard" || name == "transfer";
}

/// A transfer has one name on both sides; reshards have names of their stage.
static std::string keyOf(Operation *op) {
  bool isTransfer = op->getName().stripDialect() == "transfer";
  return (isTransfer ? "" : std::to_string(stageOf(op)) + ":") + nameOf(op).str();
}

static search::Cost toCost(double seconds) { return search::Cost(seconds * 1e12); }

static bool isKernel(Operation *op) { return op->getName().stripDialect() == "kernel"; }

static bool isAtLoad(Operation *op) {
  auto attribute = op->getAttrOfType<BoolAttr>("at_load");
  return attribute && attribute.getValue();
}

/// True if the two orders of the value differ in memory.
static bool hasChoice(Value value) {
  std::vector<int64_t> shape = typeOf(value).shape;
  return shape.size() >= 3 && shape.size() <= 5 && !isAtLoad(value.getDefiningOp()) &&
         !sameBytes(shape, {}, channelsLast(shape.size()));
}

static OpClass frontClass(Operation *kernel) {
  return OpTable::get().find(&kernel->getRegion(0).front().front())->opClass;
}

/// Lists the operations that a convolution's layout can reach through operations that work in either; the others stay
/// row-major without being looked at.
void LayoutChooser::reachFromConvolutions() {
  llvm::DenseMap<Operation *, size_t> found;
  std::vector<Operation *> pending;
  auto reach = [&](Operation *op) {
    if (found.try_emplace(op, operations.size()).second) {
      operations.emplace_back(op, modesOf(op));
      pending.push_back(op);
    }
  };
  for (Operation &op : function.getBody().front().without_terminator()) {
    auto known = isMovement(&op) ? agreed.find(keyOf(&op)) : agreed.end();
    if (known != agreed.end() ? known->second
                                : isKernel(&op) && !isAtLoad(&op) && frontClass(&op) == OpClass::Convolution)
      reach(&op);
  }
  while (!pending.empty()) {
    Operation *op = pending.back();
    pending.pop_back();
    if (operations[found[op]].second.size() < 2 && !isMovement(op))
      continue;
    for (Value value : llvm::concat<Value>(op->getOperands(), op->getResults())) {
      if (!hasChoice(value))
        continue;
      reach(value.getDefiningOp());
      for (Operation *user : value.getUsers())
        reach(user);
    }
  }
  llvm::sort(operations, [](const auto &a, const auto &b) { return a.first->isBeforeInBlock(b.first); });
}

/// Channels last for what has the rank of the kernel's largest value, row-major for everything else.
std::vector<Order> LayoutChooser::ordersFor(Operation *op, bool readsLast, bool writesLast) {
  size_t rank = 0;
  for (Value value : llvm::concat<Value>(op->getOperands(), op->getResults()))
    rank = std::max(rank, typeOf(value).shape.size());
  auto order = [&](Value value, bool last) {
    return last && typeOf(value).shape.size() == rank ? channelsLast(rank) : Order();
  };
  std::vector<Order> orders;
  for (Value operand : op->getOperands())
    orders.push_back(order(operand, readsLast));
  for (Value result : op->getResults())
    orders.push_back(order(result, writesLast));
  return orders;
}

void LayoutChooser::addModes(Operation *op, bool readsLast, bool writesLast, std::vector<Mode> &modes) {
  Mode mode;
  mode.orders = ordersFor(op, readsLast, writesLast);
  bool isConvolution = frontClass(op) == OpClass::Convolution;
  std::optional<double> productSeconds;
  if (isConvolution) {
    mode.orders[1] = {}; // packed at load whatever its order
    if (readsLast == writesLast) {
      setOrders(op, mode.orders);
      std::optional<LibraryCall> call = libraryCallOf(op, device.threads);
      bool isLibrary = call && !isGeneratedFaster(op, *call, device);
      if (isLibrary)
        mode.seconds = libraryConvolutionSeconds(op, *call, readsLast, device);
      else if (call)
        productSeconds = generatedSeconds(op, device);
      op->removeAttr("orders");
      if (isLibrary) {
        modes.push_back(mode);
        return;
      }
    }
    // Generated: the channels of the result run along the lanes, so they come last in the weights too.
    if (writesLast && isAtLoad(op->getOperand(1).getDefiningOp())) {
      Order order;
      for (size_t d = 1; d < typeOf(op->getOperand(1)).shape.size(); ++d)
        order.push_back(int64_t(d));
      order.push_back(0);
      mode.orders[1] = order;
    }
  }
  mode.seconds = productSeconds ? *productSeconds : generatedSeconds(op, mode.orders, device);
  modes.push_back(mode);
}

std::vector<Mode> LayoutChooser::kernelModes(Operation *op) {
  std::vector<Mode> modes;
  bool chooses = llvm::any_of(llvm::concat<Value>(op->getOperands(), op->getResults()), hasChoice);
  OpClass front = frontClass(op);
  if (!chooses || isAtLoad(op) || front == OpClass::Contraction || front == OpClass::Builtin) {
    modes.push_back({ordersFor(op, false, false), 0});
    return modes;
  }
  for (bool readsLast : {false, true})
    for (bool writesLast : {false, true})
      addModes(op, readsLast, writesLast, modes);
  return modes;
}

std::vector<Mode> LayoutChooser::modesOf(Operation *op) {
  if (isKernel(op))
    return kernelModes(op);
  std::vector<Mode> modes = {{ordersFor(op, false, false), 0}};
  if (isMovement(op)) {
    Value value = op->getNumOperands() ? op->getOperand(0) : op->getResult(0);
    std::vector<Order> orders(op->getNumOperands() + op->getNumResults(), channelsLast(typeOf(value).shape.size()));
    Mode last{orders, 1e-12}; // row-major where it does not matter
    if (auto known = agreed.find(keyOf(op)); known != agreed.end())
      return {known->second ? last : modes[0]};
    if (llvm::any_of(llvm::concat<Value>(op->getOperands(), op->getResults()), hasChoice))
      modes.push_back(last);
    return modes;
  }
  const OpRow *row = OpTable::get().find(op);
  if (row && row->isView && hasChoice(op->getOperand(0)) && hasChoice(op->getResult(0))) {
    // Spatial dimensions may be merged and split with channels last too.
    std::vector<int64_t> from = typeOf(op->getOperand(0)).shape, to = typeOf(op->getResult(0)).shape;
    if (from[0] == to[0] && from[1] == to[1])
      modes.push_back({{channelsLast(from.size()), channelsLast(to.size())}, 0});
  }
  return modes;
}

void LayoutChooser::addValue(Value value) {
  valueNodes[value] = uint32_t(problem.nodes.size());
  search::Cost copy = toCost(conversionSeconds(value, device));
  search::Node node;
  node.costs = {0, 0, copy};
  problem.nodes.push_back(std::move(node));
}

uint32_t LayoutChooser::matrix(std::vector<search::Cost> costs) {
  auto [it, isNew] = matrices.try_emplace(std::move(costs), uint32_t(problem.matrices.size()));
  if (isNew)
    problem.matrices.push_back(it->first);
  return it->second;
}

/// Edges between an operation's modes and the existence of its operands and results.
void LayoutChooser::connect(Operation *op, const std::vector<Mode> &modes, uint32_t node) {
  auto edge = [&](Value value, size_t position, bool writes) {
    auto found = valueNodes.find(value);
    if (found == valueNodes.end())
      return;
    search::Cost copy = toCost(conversionSeconds(value, device));
    std::vector<search::Cost> costs;
    for (const Mode &mode : modes) {
      bool last = !mode.orders[position].empty();
      if (writes) { // existing only in the other order means a copy as well
        costs.push_back(last ? copy : 0);
        costs.push_back(last ? 0 : copy);
        costs.push_back(0);
      } else {
        costs.push_back(last ? search::kForbidden : 0);
        costs.push_back(last ? 0 : search::kForbidden);
        costs.push_back(0);
      }
    }
    problem.edges.push_back({node, found->second, matrix(std::move(costs))});
  };
  for (size_t k = 0; k < op->getNumOperands(); ++k)
    edge(op->getOperand(unsigned(k)), k, false);
  for (size_t k = 0; k < op->getNumResults(); ++k)
    edge(op->getResult(unsigned(k)), op->getNumOperands() + k, true);
}

/// `value` in `order`, copied once if its producer does not write that.
Value LayoutChooser::converted(Value value, const Order &order) {
  Order written = writtenOrder(value);
  if (sameBytes(typeOf(value).shape, written, order))
    return value;
  Value &made = conversions[{value.getAsOpaquePointer(), order}];
  if (made)
    return made;
  Operation *producer = value.getDefiningOp();
  OpBuilder builder(producer->getContext());
  builder.setInsertionPointAfter(producer);
  size_t rank = typeOf(value).shape.size();
  std::string name = nameOf(producer).str() + "/order";
  if (producer->getNumResults() > 1)
    name += std::to_string(cast<OpResult>(value).getResultNumber());
  for (int64_t d : order)
    name += "_" + std::to_string(d);
  OperationState state(builder.getUnknownLoc(), "ampc.kernel");
  state.addOperands(value);
  state.addTypes(value.getType());
  state.addAttribute("name", builder.getStringAttr(name));
  Attribute nodes[] = {producer->getAttr("name")};
  Attribute known = producer->getAttr("nodes");
  state.addAttribute("nodes", known ? known : builder.getArrayAttr(nodes));
  state.addAttribute("at_load", builder.getBoolAttr(isAtLoad(producer)));
  Block *body = new Block;
  state.addRegion()->push_back(body);
  Value argument = body->addArgument(value.getType(), builder.getUnknownLoc());
  Operation *kernel = builder.create(state);
  OpBuilder inner = OpBuilder::atBlockEnd(body);
  std::vector<int64_t> identity(rank);
  for (size_t d = 0; d < rank; ++d)
    identity[d] = int64_t(d);
  Operation *copy = createOp(inner, "transpose", name + "/copy", argument,
                             inner.getNamedAttr("perm", inner.getDenseI64ArrayAttr(identity)), typeOf(value));
  OperationState yield(builder.getUnknownLoc(), "ampc.yield");
  yield.addOperands(copy->getResult(0));
  inner.create(yield);
  setOrders(kernel, {written, order});
  return made = kernel->getResult(0);
}

void LayoutChooser::apply(const std::vector<int32_t> &choice) {
  for (size_t k = 0; k < operations.size(); ++k) {
    auto &[op, modes] = operations[k];
    const Mode &mode = modes[size_t(choice[k])];
    setOrders(op, mode.orders);
    if (isMovement(op))
      agreed.emplace(keyOf(op), !mode.orders.back().empty());
  }
  for (auto &[op, modes] : operations)
    for (unsigned k = 0; k < op->getNumOperands(); ++k)
      op->setOperand(k, converted(op->getOperand(k), operandOrder(op, k)));
}

void LayoutChooser::run() {
  reachFromConvolutions();
  if (!operations.empty())
    solve();
  for (Operation &op : function.getBody().front().without_terminator())
    if (isMovement(&op))
      agreed.emplace(keyOf(&op), false);
}

void LayoutChooser::solve() {
  for (auto &[op, modes] : operations) {
    search::Node node;
    for (const Mode &mode : modes)
      node.costs.push_back(toCost(mode.seconds));
    problem.nodes.push_back(std::move(node));
  }
  for (auto &[op, modes] : operations)
    for (Value result : op->getResults())
      if (hasChoice(result))
        addValue(result);
  for (size_t k = 0; k < operations.size(); ++k)
    connect(operations[k].first, operations[k].second, uint32_t(k));
  search::Solution solution = search::solve(problem);
  // The first modes are always possible: copies make what is missing.
  apply(solution.feasible ? solution.choice : std::vector<int32_t>(problem.nodes.size(), 0));
}

llvm::Error chooseLayouts(ModuleOp module, const cost::Device &device) {
  Agreed agreed;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    LayoutChooser(function, device, agreed).run();
  return llvm::Error::success();
}

} // namespace ampc
