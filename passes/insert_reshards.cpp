// Makes every operand arrive in the sharding that its reader's loops need.
//
// Weights and model inputs can be read by any device in any sharding, so they are provided once per (stage, sharding)
// that is read; operators on weights alone follow their readers. Other values are resharded inside a stage and
// transferred between stages, once per (value, stage, sharding).
#include "passes/attributes.h"
#include "passes/passes.h"
#include "passes/reshard.h"

#include "mlir/IR/IRMapping.h"

#include <map>

using namespace mlir;

namespace ampc {

namespace {

class InsertReshards {
public:
  explicit InsertReshards(ModuleOp module) : builder(module.getContext()), grids(gridsOf(module)) {}
  void run(func::FuncOp main);

private:
  using Key = std::tuple<void *, int, std::string>;

  Value provide(Value value, int stage, const Sharding &sharding);
  Value provideWeight(Operation *op, size_t result, int stage, const Sharding &sharding);
  Value arrive(Value value, int stage, const Sharding &sharding);
  Value reshard(Value value, int stage, const Sharding &to);
  Value nearestForm(Value value, int stage, const Sharding &to);
  Value record(Value value, Value here, Value made, int stage, const Sharding &sharding);
  Value transfer(Value value, int stage, const Sharding &to);
  void convert(Operation *op);
  std::string uniqueName(StringRef base, StringRef what);

  OpBuilder builder;
  std::vector<Grid> grids;
  std::map<Key, Value> available;
  std::map<std::pair<void *, int>, std::vector<Value>> formsOf; // of a value in a stage, as they were made
  std::map<std::pair<void *, int>, Value> transferred;
  std::map<std::string, int> used;
};

} // namespace

std::string InsertReshards::uniqueName(StringRef base, StringRef what) {
  std::string wanted = (base + (what.empty() ? "" : "/") + what).str(), name = wanted;
  // A model may use any name itself, also one of this form.
  for (int count = 1; used[name] > 0; ++count)
    name = wanted + "@" + std::to_string(count);
  used[name] = 1;
  return name;
}

/// Loop axes under which `op` produces result `result` in `sharding` without partial results, if there are any.
static std::optional<std::vector<std::vector<int>>> loopsFor(const OpInstance &instance, const IterationRule &rule,
                                                            size_t result, const Sharding &sharding, const Grid &grid) {
  std::vector<int> axes;
  for (const DimSharding &dim : sharding.dims)
    for (const Factor &factor : dim.factors)
      axes.insert(axes.end(), factor.axes.begin(), factor.axes.end());
  std::vector<int> loops;
  for (size_t l = 0; l < rule.loops.size(); ++l)
    if (rule.loops[l].kind == LoopKind::Parallel && rule.canShard(int(l)))
      loops.push_back(int(l));
  if (loops.empty() && !axes.empty())
    return std::nullopt;
  std::vector<size_t> pick(axes.size(), 0);
  while (true) {
    std::vector<std::vector<int>> loopAxes(rule.loops.size());
    for (size_t a = 0; a < axes.size(); ++a)
      loopAxes[loops[pick[a]]].push_back(axes[a]);
    Sharding made = rule.resultSharding(int(result), instance.results[result].shape, loopAxes);
    made.canonicalize(grid);
    if (made == sharding)
      return loopAxes;
    size_t a = axes.size();
    while (a-- > 0) {
      if (++pick[a] < loops.size())
        break;
      pick[a] = 0;
    }
    if (a == size_t(-1))
      return std::nullopt;
  }
}

/// A weight-only operator, specialised for one reader's sharding: split itself where its loops allow, else whole and
/// sliced afterwards.
Value InsertReshards::provideWeight(Operation *op, size_t result, int stage, const Sharding &sharding) {
  OpInstance instance = instanceOf(op);
  IterationRule rule = ruleOf(instance);
  std::optional<std::vector<std::vector<int>>> loopAxes = loopsFor(instance, rule, result, sharding, grids[stage]);
  if (!loopAxes) {
    Value whole = provide(op->getResult(unsigned(result)), stage, Sharding::replicated(instance.results[result].shape));
    return reshard(whole, stage, sharding);
  }
  IRMapping mapping;
  for (size_t k = 0; k < instance.operands.size(); ++k) {
    Sharding needed = rule.operandSharding(int(k), instance.operands[k].shape, *loopAxes);
    needed.canonicalize(grids[stage]);
    mapping.map(op->getOperand(unsigned(k)), provide(op->getOperand(unsigned(k)), stage, needed));
  }
  Operation *copy = builder.clone(*op);
  for (size_t k = 0; k < instance.operands.size(); ++k)
    copy->setOperand(unsigned(k), mapping.lookup(op->getOperand(unsigned(k))));
  copy->setAttr("name", builder.getStringAttr(uniqueName(nameOf(op), "")));
  setStage(copy, stage);
  std::vector<Sharding> made;
  for (size_t k = 0; k < instance.results.size(); ++k) {
    made.push_back(rule.resultSharding(int(k), instance.results[k].shape, *loopAxes));
    made.back().canonicalize(grids[stage]);
    available[{op->getResult(unsigned(k)).getAsOpaquePointer(), stage, made.back().str()}] =
        copy->getResult(unsigned(k));
  }
  setShardings(copy, made);
  return copy->getResult(unsigned(result));
}

/// A value that every device can have in any sharding without communication.
Value InsertReshards::provide(Value value, int stage, const Sharding &sharding) {
  Key key{value.getAsOpaquePointer(), stage, sharding.str()};
  if (auto it = available.find(key); it != available.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  Value provided;
  if (op->getNumOperands() > 0) {
    provided = provideWeight(op, cast<OpResult>(value).getResultNumber(), stage, sharding);
  } else {
    Operation *copy = builder.clone(*op);
    copy->setAttr("name", builder.getStringAttr(uniqueName(nameOf(op), "")));
    setStage(copy, stage);
    setShardings(copy, {sharding});
    provided = copy->getResult(0);
  }
  return available[key] = provided;
}

Value InsertReshards::reshard(Value value, int stage, const Sharding &to) {
  std::string base = nameOf(value.getDefiningOp()).str();
  TensorType type = typeOf(value);
  for (const ReshardStep &step : reshardPath(shardingOf(value), to, grids[stage])) {
    StringRef kind = step.kind == plan::StepKind::Copy            ? "slice"
                     : step.kind == plan::StepKind::AllReduce     ? "all_reduce"
                     : step.kind == plan::StepKind::ReduceScatter ? "reduce_scatter"
                     : step.kind == plan::StepKind::AllGather     ? "all_gather"
                     : step.kind == plan::StepKind::AllToAll      ? "all_to_all"
                                                                  : "exchange";
    std::vector<int64_t> axes(step.axes.begin(), step.axes.end());
    bool atLoad = isWeight(value);
    Operation *op = createOp(builder, "reshard", uniqueName(base, kind), value,
                             {builder.getNamedAttr("kind", builder.getStringAttr(kind)),
                              builder.getNamedAttr("axes", builder.getDenseI64ArrayAttr(axes)),
                              builder.getNamedAttr("at_load", builder.getBoolAttr(atLoad)),
                              builder.getNamedAttr("from", builder.getStringAttr(step.from.str()))},
                             type);
    setStage(op, stage);
    setShardings(op, {step.to});
    value = op->getResult(0);
  }
  return value;
}

/// Communications on a path, and what they move: a measure that needs no cluster.
static std::pair<int, double> effortOf(const std::vector<ReshardStep> &path, DataType type, const Grid &grid) {
  std::pair<int, double> effort(0, 0.0);
  for (const ReshardStep &step : path) {
    if (step.kind == plan::StepKind::Copy)
      continue;
    ++effort.first;
    double members = 1, bytes = bytesPerRank(step, type, grid);
    for (int axis : step.axes)
      members *= double(grid.axisSizes[size_t(axis)]);
    bool isGather = step.kind == plan::StepKind::AllGather;
    effort.second += (step.kind == plan::StepKind::AllReduce ? 2 : 1) * bytes * (isGather ? members - 1 : 1 - 1 / members);
  }
  return effort;
}

/// Of the value itself and its forms made so far in this stage, the one from which `to` is made with least effort: a
/// partial result is combined once, whatever its readers do with it then.
Value InsertReshards::nearestForm(Value value, int stage, const Sharding &to) {
  const Grid &grid = grids[size_t(stage)];
  DataType type = typeOf(value).type;
  Value nearest = value;
  std::pair<int, double> least = effortOf(reshardPath(shardingOf(value), to, grid), type, grid);
  for (Value form : formsOf[{value.getAsOpaquePointer(), stage}]) {
    if (shardingOf(form).hasReach()) // need not hold every element
      continue;
    std::pair<int, double> effort = effortOf(reshardPath(shardingOf(form), to, grid), type, grid);
    if (effort < least) {
      least = effort;
      nearest = form;
    }
  }
  return nearest;
}

Value InsertReshards::transfer(Value value, int stage, const Sharding &to) {
  auto [it, isNew] = transferred.try_emplace({value.getAsOpaquePointer(), stage}, Value());
  if (!isNew)
    return it->second;
  int source = stageOf(value.getDefiningOp());
  Sharding whole = shardingOf(value);
  whole.partialAxes.clear();
  whole.partialKind = Reduction::None;
  // Sent as soon as it is there, not where it is read: the source stage must not finish first.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(value.getDefiningOp());
  auto known = available.find({value.getAsOpaquePointer(), source, whole.str()});
  Value sent = known != available.end() ? known->second
                                        : record(value, value, reshard(value, source, whole), source, whole);
  builder.setInsertionPointAfter(sent.getDefiningOp());
  Operation *op = createOp(builder, "transfer",
                           uniqueName(nameOf(value.getDefiningOp()), "to_stage_" + std::to_string(stage)), sent,
                           {builder.getNamedAttr("from_stage", builder.getI64IntegerAttr(source)),
                            builder.getNamedAttr("from", builder.getStringAttr(whole.str()))},
                           typeOf(value));
  setStage(op, stage);
  setShardings(op, {to});
  return transferred[{value.getAsOpaquePointer(), stage}] = op->getResult(0);
}

/// A value computed from the inputs, in `stage` and `sharding`.
Value InsertReshards::arrive(Value value, int stage, const Sharding &sharding) {
  Key key{value.getAsOpaquePointer(), stage, sharding.str()};
  if (auto it = available.find(key); it != available.end())
    return it->second;
  // What is sent to a stage once must serve all its readers, so it is the whole value.
  Value here = stageOf(value.getDefiningOp()) == stage ? value : transfer(value, stage, sharding.covering());
  return record(value, here, reshard(nearestForm(here, stage, sharding), stage, sharding), stage, sharding);
}

/// Remembers `made`, and what the path from `here` to it passes by, for later readers of `value`.
Value InsertReshards::record(Value value, Value here, Value made, int stage, const Sharding &sharding) {
  std::vector<Value> &forms = formsOf[{here.getAsOpaquePointer(), stage}];
  for (Value form = made; form != here; form = form.getDefiningOp()->getOperand(0)) {
    available.try_emplace({value.getAsOpaquePointer(), stage, shardingOf(form).str()}, form);
    if (!llvm::is_contained(forms, form))
      forms.push_back(form);
  }
  return available[{value.getAsOpaquePointer(), stage, sharding.str()}] = made;
}

void InsertReshards::convert(Operation *op) {
  OpInstance instance = instanceOf(op);
  IterationRule rule = ruleOf(instance);
  std::vector<std::vector<int>> loopAxes = loopAxesOf(op);
  builder.setInsertionPoint(op);
  bool isOutput = op->getNumResults() == 0;
  if (isOutput) { // written from where it is
    Operation *producer = op->getOperand(0).getDefiningOp();
    int stage = std::max(stageOf(producer), 0);
    Sharding sharding = Sharding::replicated(instance.operands[0].shape);
    if (stageOf(producer) >= 0)
      sharding = shardingOf(op->getOperand(0));
    sharding.partialAxes.clear();
    sharding.partialKind = Reduction::None;
    setStage(op, stage);
    setShardings(op, {sharding});
  }
  int stage = stageOf(op);
  for (size_t k = 0; k < instance.operands.size(); ++k) {
    Value operand = op->getOperand(unsigned(k));
    Sharding needed = isOutput ? shardingOf(op, 0)
                               : rule.operandSharding(int(k), instance.operands[k].shape, loopAxes);
    needed.canonicalize(grids[stage]);
    bool provided = stageOf(operand.getDefiningOp()) < 0;
    op->setOperand(unsigned(k), provided ? provide(operand, stage, needed) : arrive(operand, stage, needed));
  }
  std::vector<Sharding> shardings;
  for (size_t k = 0; k < instance.results.size(); ++k) {
    shardings.push_back(rule.resultSharding(int(k), instance.results[k].shape, loopAxes));
    shardings.back().canonicalize(grids[stage]);
  }
  if (!isOutput)
    setShardings(op, shardings);
}

void InsertReshards::run(func::FuncOp main) {
  std::vector<Operation *> ops;
  for (Operation &op : main.getBody().front().without_terminator())
    ops.push_back(&op);
  for (Operation *op : ops)
    used[nameOf(op).str()] = stageOf(op) >= 0 ? 1 : 0; // originals without a stage are replaced by copies
  for (Operation *op : ops)
    if (stageOf(op) >= 0)
      convert(op);
  for (Operation *op : llvm::reverse(ops))
    if (stageOf(op) < 0)
      op->erase();
}

llvm::Error insertReshards(ModuleOp module) {
  InsertReshards(module).run(mainFunction(module));
  return llvm::Error::success();
}

} // namespace ampc
