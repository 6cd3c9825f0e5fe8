// Groups operators into kernels. Elementwise chains and the reductions among them (softmax, normalisations) that walk
// the same index space become one kernel; products, convolutions and builtins stay alone. An operator joins the kernel
// of one operand and brings those of the others along where nothing stands between. Slices become part of what reads
// them.
//
// Communications keep their order in every class, whatever the grouping: all members of a group must meet in it.
#include "passes/communication.h"
#include "passes/fused_slices.h"
#include "passes/graph.h"
#include "passes/library_kernel.h"
#include "passes/passes.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

#include <map>
#include <set>

using namespace mlir;

namespace ampc {

namespace {

constexpr size_t maxOpsPerKernel = 48;
constexpr size_t maxEpilogue = 4; // operators after a product in its kernel
constexpr int64_t smallBytes = 256 << 10; // so much may live longer without being counted

/// Index space of a kernel: the shape it walks, and the axes that its reductions run over.
struct Space {
  std::vector<int64_t> shape;
  std::optional<std::vector<int64_t>> reducedAxes;
};

class Fusion {
public:
  explicit Fusion(func::FuncOp function);
  void run();

private:
  void tryJoin(int number);
  void bringAlong(int number);
  bool mayMerge(int earlier, int later) const;
  bool mayWait(int earlier, int later) const;
  void takeSlices();
  bool fits(Operation *op, Space &space) const;
  bool continuesProduct(Operation *op, int group) const;
  bool mayDependOn(int group, const std::vector<int> &sources);
  template <typename Next> bool collect(std::vector<int> &found, const Next &next, int forbidden);
  void emit(const std::vector<int> &members, IRMapping &mapping, OpBuilder &builder);

  func::FuncOp function;
  std::vector<Operation *> ops;
  llvm::DenseMap<Operation *, int> numbers;
  std::vector<int> groupOf;                // op -> group
  std::vector<std::vector<int>> members;   // group -> ops, in order
  std::vector<std::optional<Space>> space; // group -> index space; none: not open for more
  std::vector<std::vector<int>> before;    // op -> ops that must come first (operands, previous communication)
  std::vector<std::vector<int>> after;     // op -> ops that name it in `before`
  std::map<int, std::set<int>> takenBy;    // slice -> groups that have a copy of it; it has no kernel of its own then
  std::vector<int> position;               // group -> place in a topological order of the groups; distinct
  std::vector<int> visit;                  // group -> number of the last walk that met it
  int walks = 0;
};

} // namespace

static bool isFusable(Operation *op) {
  const OpRow *row = OpTable::get().find(op);
  return row && row->body && !row->isView &&
         (row->opClass == OpClass::Elementwise || row->opClass == OpClass::Reduction);
}

static bool isKernel(Operation *op) {
  const OpRow *row = OpTable::get().find(op);
  return row && row->opClass != OpClass::Storage && !row->isView;
}

static std::vector<int64_t> reducedAxes(Operation *op) {
  OpInstance instance = instanceOf(op);
  IterationRule rule = ruleOf(instance);
  std::vector<int64_t> axes;
  for (size_t d = 0; d < rule.operands[0].dims.size(); ++d)
    for (const LinearTerm &term : rule.operands[0].dims[d].terms)
      if (rule.loops[term.loop].kind == LoopKind::Reduce)
        axes.push_back(int64_t(d));
  return axes;
}

Fusion::Fusion(func::FuncOp function) : function(function) {
  int lastCommunication = -1;
  for (Operation &op : function.getBody().front().without_terminator()) {
    int number = int(ops.size());
    numbers[&op] = number;
    ops.push_back(&op);
    groupOf.push_back(number);
    members.push_back({number});
    before.emplace_back();
    position.push_back(number);
    for (Value operand : op.getOperands())
      before.back().push_back(numbers.lookup(operand.getDefiningOp()));
    if (isCommunication(&op)) {
      if (lastCommunication >= 0)
        before.back().push_back(lastCommunication);
      lastCommunication = number;
    }
    Space own;
    if (isFusable(&op) && fits(&op, own))
      space.push_back(own);
    else
      space.push_back(std::nullopt);
  }
  after.resize(ops.size());
  visit.assign(ops.size(), 0);
  for (size_t op = 0; op < ops.size(); ++op)
    for (int earlier : before[op])
      after[earlier].push_back(int(op));
}

/// True if `op` can walk `space` (an empty one takes the shape of the op); widens it by the op's reduction.
bool Fusion::fits(Operation *op, Space &space) const {
  bool isReduction = OpTable::get().find(op)->opClass == OpClass::Reduction;
  TensorType walked = isReduction ? typeOf(op->getOperand(0)) : typeOf(op->getResult(0));
  if (space.shape.empty()) {
    space.shape = walked.shape;
    if (isReduction)
      space.reducedAxes = reducedAxes(op);
    return true;
  }
  if (isReduction) {
    if (walked.shape != space.shape || (space.reducedAxes && *space.reducedAxes != reducedAxes(op)))
      return false;
    space.reducedAxes = reducedAxes(op);
    return true;
  }
  if (walked.shape == space.shape)
    return true;
  // What a kept-dimension reduction leaves: the same shape with 1 on the reduced axes.
  if (!space.reducedAxes || walked.shape.size() != space.shape.size())
    return false;
  std::vector<int64_t> reduced = space.shape;
  for (int64_t axis : *space.reducedAxes)
    reduced[axis] = 1;
  return walked.shape == reduced;
}

/// Extends `found` by all groups that `next` leads to, group by group; false if `forbidden` is one of them.
template <typename Next> bool Fusion::collect(std::vector<int> &found, const Next &next, int forbidden) {
  ++walks;
  for (int group : found)
    visit[group] = walks;
  for (size_t k = 0; k < found.size(); ++k) {
    if (found[k] == forbidden)
      return false;
    next(found[k], [&](int group) {
      if (visit[group] != walks) {
        visit[group] = walks;
        found.push_back(group);
      }
    });
  }
  return true;
}

/// Makes `group` come after all of `sources` in the order of the groups; false if one of them depends on `group`.
///
/// Only groups between the two in the order are looked at (Pearce and Kelly's dynamic topological order): those that
/// the sources need move in front of those that need `group`, on the places that both had.
bool Fusion::mayDependOn(int group, const std::vector<int> &sources) {
  int last = position[group];
  std::vector<int> needed;
  for (int source : sources)
    if (position[source] > position[group]) {
      last = std::max(last, position[source]);
      if (!llvm::is_contained(needed, source))
        needed.push_back(source);
    }
  if (needed.empty())
    return true;
  auto backward = [&](int current, auto &&meet) {
    for (int op : members[current])
      for (int earlier : before[op])
        if (position[groupOf[earlier]] >= position[group])
          meet(groupOf[earlier]);
  };
  if (!collect(needed, backward, group))
    return false;
  std::vector<int> dependent = {group};
  auto forward = [&](int current, auto &&meet) {
    for (int op : members[current])
      for (int later : after[op])
        if (position[groupOf[later]] <= last)
          meet(groupOf[later]);
  };
  collect(dependent, forward, -1);
  std::vector<int> moved, places;
  for (std::vector<int> *part : {&needed, &dependent}) {
    llvm::sort(*part, [&](int a, int b) { return position[a] < position[b]; });
    moved.insert(moved.end(), part->begin(), part->end());
  }
  for (int each : moved)
    places.push_back(position[each]);
  llvm::sort(places);
  for (size_t k = 0; k < moved.size(); ++k)
    position[moved[k]] = places[k];
  return true;
}

/// True if `op` continues the kernel of a product: it works on the product's so far last result, which nothing else
/// reads.
bool Fusion::continuesProduct(Operation *op, int group) const {
  Operation *first = ops[members[group][0]];
  const OpRow *row = OpTable::get().find(first);
  if (!row || (row->opClass != OpClass::Contraction && row->opClass != OpClass::Convolution))
    return false;
  Value last = ops[members[group].back()]->getResult(0);
  return members[group].size() <= maxEpilogue && last.hasOneUse() && isEpilogue(op, first, last);
}

/// Adds op `number` to the group of one of its operands, if index spaces agree and no path leaves and re-enters it.
void Fusion::tryJoin(int number) {
  Operation *op = ops[number];
  std::set<int, std::greater<int>> candidates; // latest producer first
  for (int earlier : before[number])
    candidates.insert(groupOf[earlier]);
  for (int group : candidates) {
    bool epilogue = continuesProduct(op, group);
    if (!epilogue && (!space[group] || members[group].size() >= maxOpsPerKernel))
      continue;
    if (isWeight(op->getResult(0)) != isWeight(ops[members[group][0]]->getResult(0)))
      continue;
    Space widened = epilogue ? Space() : *space[group];
    if (!epilogue && !fits(op, widened))
      continue;
    std::vector<int> others;
    for (int earlier : before[number])
      if (groupOf[earlier] != group)
        others.push_back(groupOf[earlier]);
    if (!mayDependOn(group, others))
      continue;
    if (!epilogue)
      space[group] = widened;
    groupOf[number] = group;
    members[group].push_back(number);
    members[number].clear();
    if (!epilogue)
      bringAlong(number);
    return;
  }
}

/// What a value is a part or a view of.
static Value wholeOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    const OpRow *row = OpTable::get().find(op);
    if (!row || (!row->isView && !isSlice(op)))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Values that exist anyway, however long they are read.
static bool isAlwaysThere(Value value) {
  const OpRow *row = OpTable::get().find(value.getDefiningOp());
  return isWeight(value) || (row && row->opClass == OpClass::Storage);
}

static bool isSent(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    const OpRow *row = OpTable::get().find(user);
    return isCommunication(user) || (row && row->isView && isSent(user->getResult(0)));
  });
}

/// True if group `earlier` may wait for what `later` reads. Its operands live until that is there then, instead of its
/// results: they must not need much more memory. Nothing that is sent may wait, nor what others read for a
/// communication.
bool Fusion::mayWait(int earlier, int later) const {
  llvm::SmallSetVector<Value, 16> readEarlier, readLater;
  for (auto [group, read] : {std::pair(earlier, &readEarlier), std::pair(later, &readLater)})
    for (int number : members[group])
      for (Value operand : ops[number]->getOperands())
        if (groupOf[numbers.lookup(operand.getDefiningOp())] != group)
          read->insert(wholeOf(operand));
  int64_t operandBytes = 0, resultBytes = 0;
  for (Value whole : readEarlier)
    if (!isAlwaysThere(whole) && !readLater.contains(whole))
      operandBytes += typeOf(whole).sizeBytes();
  bool isReadOutside = false;
  for (int number : members[earlier]) {
    Value result = ops[number]->getResult(0);
    if (isSent(result))
      return false;
    bool isReadLater = false;
    for (Operation *user : result.getUsers()) {
      const int reader = groupOf[numbers.lookup(user)];
      isReadLater |= reader == later;
      isReadOutside |= reader != later && reader != earlier;
    }
    resultBytes += isReadLater ? typeOf(result).sizeBytes() : 0;
  }
  bool receives = llvm::any_of(readLater, [&](Value whole) {
    return isCommunication(whole.getDefiningOp()) && !isWeight(whole) && !readEarlier.contains(whole);
  });
  return operandBytes <= std::max(resultBytes, smallBytes) && !(receives && isReadOutside);
}

/// True if one kernel can walk what both groups walk.
bool Fusion::mayMerge(int earlier, int later) const {
  if (!space[earlier] || !space[later] || space[earlier]->shape != space[later]->shape ||
      members[earlier].size() + members[later].size() > maxOpsPerKernel)
    return false;
  const auto &first = space[earlier]->reducedAxes, &second = space[later]->reducedAxes;
  return (!first || !second || *first == *second) &&
         isWeight(ops[members[earlier][0]]->getResult(0)) == isWeight(ops[members[later][0]]->getResult(0)) &&
         mayWait(earlier, later);
}

/// Moves the group of op `number`, which has joined one of its operands, into those of its other operands: what they
/// compute is not stored then. The earlier group must be able to wait for all that the later one reads.
void Fusion::bringAlong(int number) {
  std::set<int, std::greater<int>> candidates;
  for (int earlier : before[number])
    candidates.insert(groupOf[earlier]);
  for (int group : candidates) {
    int later = groupOf[number];
    if (group == later || !mayMerge(group, later))
      continue;
    std::vector<int> sources;
    for (int member : members[later])
      for (int earlier : before[member])
        if (groupOf[earlier] != later && groupOf[earlier] != group)
          sources.push_back(groupOf[earlier]);
    if (!mayDependOn(group, sources))
      continue;
    if (!space[group]->reducedAxes)
      space[group]->reducedAxes = space[later]->reducedAxes;
    for (int member : members[later])
      groupOf[member] = group;
    members[group].insert(members[group].end(), members[later].begin(), members[later].end());
    llvm::sort(members[group]);
    members[later].clear();
  }
}

/// Gives every slice that is worth it to the groups that read it. They depend on its operand already, so no cycle can
/// arise; last slices first, since a slice may read another one.
void Fusion::takeSlices() {
  for (int number = int(ops.size()); number-- > 0;) {
    if (!isSlice(ops[number]))
      continue;
    Value result = ops[number]->getResult(0);
    std::set<int> readers;
    for (Operation *user : result.getUsers()) {
      int reader = numbers.lookup(user);
      if (auto taken = takenBy.find(reader); taken != takenBy.end())
        readers.insert(taken->second.begin(), taken->second.end());
      else
        readers.insert(groupOf[reader]);
    }
    bool canTake = llvm::all_of(readers, [&](int group) {
      return space[group] && members[group].size() < maxOpsPerKernel &&
             isWeight(ops[members[group].back()]->getResult(0)) == isWeight(result);
    });
    if (!canTake || !isWorthFusing(ops[number], readers.size()))
      continue;
    for (int group : readers) {
      members[group].push_back(number);
      llvm::sort(members[group]);
    }
    members[number].clear();
    takenBy[number] = std::move(readers);
  }
}

/// One `ampc.kernel` for the members, in place of the operators.
void Fusion::emit(const std::vector<int> &group, IRMapping &mapping, OpBuilder &builder) {
  if (group.size() == 1 && !isKernel(ops[group[0]])) {
    builder.clone(*ops[group[0]], mapping);
    return;
  }
  std::set<Operation *> inside;
  for (int number : group)
    inside.insert(ops[number]);
  llvm::SetVector<Value> operands, results;
  for (int number : group) {
    for (Value operand : ops[number]->getOperands())
      if (!inside.count(operand.getDefiningOp()))
        operands.insert(operand);
    if (takenBy.count(number)) // other readers have copies of their own
      continue;
    for (Value result : ops[number]->getResults())
      if (group.size() == 1 || llvm::any_of(result.getUsers(), [&](Operation *user) { return !inside.count(user); }))
        results.insert(result);
  }
  OperationState state(builder.getUnknownLoc(), "ampc.kernel");
  for (Value operand : operands)
    state.operands.push_back(mapping.lookup(operand));
  for (Value result : results)
    state.types.push_back(result.getType());
  SmallVector<Attribute> nodes;
  for (int number : group)
    nodes.push_back(ops[number]->getAttr("name"));
  state.addAttribute("name", nodes.back());
  state.addAttribute("nodes", builder.getArrayAttr(nodes));
  state.addAttribute("at_load", builder.getBoolAttr(isWeight(ops[group[0]]->getResult(0))));
  Block *body = new Block;
  state.addRegion()->push_back(body);
  IRMapping local;
  for (Value operand : operands)
    local.map(operand, body->addArgument(operand.getType(), builder.getUnknownLoc()));
  Operation *kernel = builder.create(state);
  OpBuilder inner(builder.getContext());
  inner.setInsertionPointToEnd(body);
  for (int number : group) {
    Operation *copy = inner.clone(*ops[number], local);
    for (StringRef attribute : {"stage", "loops", "shardings", "shapes", "at_load"})
      copy->removeAttr(attribute);
  }
  SmallVector<Value> yielded;
  for (Value result : results)
    yielded.push_back(local.lookup(result));
  OperationState yield(builder.getUnknownLoc(), "ampc.yield");
  yield.addOperands(yielded);
  inner.create(yield);
  for (auto [result, made] : llvm::zip(results, kernel->getResults()))
    mapping.map(result, made);
}

void Fusion::run() {
  for (size_t number = 0; number < ops.size(); ++number)
    if (space[number])
      tryJoin(int(number));
  takeSlices();
  // Groups in dependency order; among those that are ready, the one that was begun first.
  std::vector<std::set<int>> following(ops.size());
  std::vector<int> waiting(ops.size(), 0);
  std::set<int> ready;
  for (size_t group = 0; group < ops.size(); ++group) {
    std::set<int> sources;
    for (int op : members[group])
      for (int earlier : before[op])
        if (groupOf[earlier] != int(group) && !takenBy.count(earlier))
          sources.insert(groupOf[earlier]);
    for (int source : sources)
      following[source].insert(int(group));
    waiting[group] = int(sources.size());
    if (sources.empty() && !members[group].empty())
      ready.insert(int(group));
  }
  Block &block = function.getBody().front();
  OpBuilder builder(block.getTerminator());
  IRMapping mapping;
  while (!ready.empty()) {
    int group = *ready.begin();
    ready.erase(ready.begin());
    emit(members[group], mapping, builder);
    for (int next : following[group])
      if (--waiting[next] == 0)
        ready.insert(next);
  }
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

llvm::Error fuse(ModuleOp module) {
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    Fusion(function).run();
  return llvm::Error::success();
}

} // namespace ampc
