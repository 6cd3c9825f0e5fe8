// Follows the group plans: outer loops, strips of the vectorized loop, stages with their accumulators. One outer
// loop of every region is shared by the calls that divide a kernel.
#include "codegen/emit_kernel.h"
#include "codegen/emit_points.h"
#include "codegen/in_place.h"
#include "codegen/stage_plan.h"
#include "ir/diagnostic.h"

#include "llvm/ADT/STLFunctionalExtras.h"

using namespace llvm;

namespace ampc::codegen {

namespace {

class KernelEmitter {
public:
  KernelEmitter(Module &module, StringRef symbol, const KernelGraph &graph, const TargetInfo &target,
                double leastDividedWork, ArrayRef<plan::InPlacePair> inPlace)
      : module(module), symbol(symbol), graph(graph), target(target), inPlace(inPlace),
        schedule(makeSchedule(graph)), b(module.getContext()), scalar(b, target) {
    for (const Group &group : schedule.groups)
      groups.push_back(planGroup(graph, schedule, group, target.vectorBits));
    rows = numRows(leastDividedWork);
  }

  Expected<EmittedKernel> run() {
    const std::vector<plan::InPlacePair> proven = inPlacePairs(graph, schedule, groups);
    if (!all_of(inPlace, [&](const plan::InPlacePair &pair) { return is_contained(proven, pair); }))
      return makeError(ErrorCode::Internal, "kernel " + symbol + " is to write over an operand that it still needs");
    createFunctions();
    for (std::vector<GroupPlan> &group : groups)
      for (GroupPlan &plan : group)
        emitGroup(plan);
    b.CreateRetVoid();
    if (tooLarge)
      return makeError(ErrorCode::LimitExceeded, "kernel " + symbol + " is too large to be compiled as one");
    if (failure)
      return makeError(ErrorCode::Internal,
                       "kernel " + symbol + " uses an operation that its type does not have");
    return EmittedKernel{workspaceBytes, rows};
  }

private:
  Module &module;
  StringRef symbol;
  const KernelGraph &graph;
  const TargetInfo &target;
  ArrayRef<plan::InPlacePair> inPlace;
  Schedule schedule;
  std::vector<std::vector<GroupPlan>> groups;
  int64_t rows = 0;
  IRBuilder<> b;
  ScalarEmitter scalar;
  Function *body = nullptr;
  Value *workspace = nullptr, *rowBegin = nullptr, *rowEnd = nullptr;
  /// The loop of the current region that is shared, and which of its steps this call takes.
  struct SharedLoop : RowLoop {
    Value *first = nullptr, *last = nullptr;
  } shared;
  std::vector<Buffer> buffers;
  uint64_t workspaceBytes = 0, stackBytes = 0;
  bool failure = false, tooLarge = false;

  static constexpr uint64_t maxStackBytes = 96 << 10, maxStackBuffer = 48 << 10, bufferAlignment = 64;
  static constexpr int64_t maxUnrolledTrips = 16;

  // --- Rows
  // ----------------------------------------------------------------------------------------------------------

  // Every region is divided in the same proportions, the one with the most steps one by one: so rows cost alike.
  int64_t numRows(double leastDividedWork) const {
    double work = 0;
    int64_t most = 0;
    for (const std::vector<GroupPlan> &group : groups)
      for (const GroupPlan &plan : group) {
        work += plan.work();
        most = std::max(most, plan.rowLoop().steps);
      }
    return most > 1 && work >= leastDividedWork && areIndependent(groups) ? most : 0;
  }

  void shareLoop(const GroupPlan &plan) {
    shared = {};
    if (rows == 0)
      return;
    static_cast<RowLoop &>(shared) = plan.rowLoop();
    auto scaled = [&](Value *row) -> Value * {
      if (shared.steps == rows)
        return row;
      Value *product = b.CreateNUWMul(row, b.getInt64(uint64_t(shared.steps)));
      return b.CreateUDiv(product, b.getInt64(uint64_t(rows)));
    };
    shared.first = scaled(rowBegin);
    shared.last = scaled(rowEnd);
  }

  void emitIf(Value *condition, function_ref<void()> emitBody) {
    auto *then = BasicBlock::Create(module.getContext(), "then", body);
    auto *after = BasicBlock::Create(module.getContext(), "after", body);
    b.CreateCondBr(condition, then, after);
    b.SetInsertPoint(then);
    emitBody();
    b.CreateBr(after);
    b.SetInsertPoint(after);
  }

  // --- Functions
  // -----------------------------------------------------------------------------------------------------

  void setTarget(Function *function) {
    function->addFnAttr("target-cpu", target.cpu);
    function->addFnAttr("target-features", target.features);
    function->addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
    function->addFnAttr("no-trapping-math", "true");
    function->setDoesNotThrow();
  }

  bool mayShareBytes(size_t buffer) const {
    return any_of(inPlace, [&](const plan::InPlacePair &pair) {
      return buffer == pair.operand || buffer == graph.arguments.size() + pair.result;
    });
  }

  // The exported function unpacks the buffers; the body takes them one by one, so that each can be `noalias`, but for
  // those that a result may be written over.
  void createFunctions() {
    Type *pointer = b.getPtrTy(), *integer = b.getInt64Ty();
    size_t numBuffers = graph.arguments.size() + graph.results.size();
    SmallVector<Type *> types(numBuffers + 1, pointer);
    types.append({integer, integer});
    body = Function::Create(FunctionType::get(b.getVoidTy(), types, false), Function::InternalLinkage,
                            symbol + ".body", module);
    auto *exported = Function::Create(
        FunctionType::get(b.getVoidTy(), {pointer, pointer, pointer, integer, integer}, false),
        Function::ExternalLinkage, symbol, module);
    exported->setVisibility(GlobalValue::DefaultVisibility);
    for (Function *function : {body, exported})
      setTarget(function);
    body->addFnAttr(Attribute::NoInline);
    for (size_t k = 0; k <= numBuffers; ++k) {
      if (!mayShareBytes(k))
        body->addParamAttr(unsigned(k), Attribute::NoAlias);
      if (k < graph.arguments.size())
        body->addParamAttr(unsigned(k), Attribute::ReadOnly);
    }
    b.SetInsertPoint(BasicBlock::Create(module.getContext(), "entry", exported));
    SmallVector<Value *> arguments;
    for (size_t k = 0; k < numBuffers; ++k)
      arguments.push_back(
          b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(pointer, exported->getArg(0), k)));
    for (unsigned k : {2, 3, 4})
      arguments.push_back(exported->getArg(k));
    b.CreateCall(body, arguments);
    b.CreateRetVoid();

    b.SetInsertPoint(BasicBlock::Create(module.getContext(), "entry", body));
    // Products may be contracted with the sums of reductions; nothing else is relaxed.
    FastMathFlags flags;
    flags.setAllowContract();
    b.setFastMathFlags(flags);
    workspace = body->getArg(unsigned(numBuffers));
    rowBegin = body->getArg(unsigned(numBuffers) + 1);
    rowEnd = body->getArg(unsigned(numBuffers) + 2);
    buffers.resize(graph.tensors.size());
    for (size_t k = 0; k < graph.arguments.size(); ++k)
      buffers[graph.arguments[k]].pointer = body->getArg(unsigned(k));
    for (size_t k = 0; k < graph.results.size(); ++k)
      buffers[graph.results[k]].pointer = body->getArg(unsigned(graph.arguments.size() + k));
    for (size_t t = 0; t < graph.tensors.size(); ++t)
      if (schedule.layouts[t].kind == Layout::Kind::Full && !buffers[t].pointer)
        buffers[t].pointer =
            workspaceBuffer(sizeBytes(schedule.layouts[t].type, schedule.layouts[t].numElements));
  }

  Value *workspaceBuffer(int64_t bytes) {
    uint64_t offset = workspaceBytes;
    workspaceBytes +=
        (uint64_t(std::max<int64_t>(bytes, 1)) + bufferAlignment - 1) / bufferAlignment * bufferAlignment;
    return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), workspace, offset);
  }

  AllocaInst *stackSlot(Type *type, uint64_t count = 1) {
    IRBuilder<> entry(&body->getEntryBlock(), body->getEntryBlock().begin());
    return entry.CreateAlloca(type, count == 1 ? nullptr : entry.getInt64(count));
  }

  // --- Loops
  // ---------------------------------------------------------------------------------------------------------

  using LoopBody = function_ref<void(Value *)>;

  // [begin, end) by `step`, which divides the distance.
  void emitLoop(int64_t begin, int64_t end, int64_t step, LoopBody emitBody) {
    if (begin >= end)
      return;
    if (end - begin == step) {
      emitBody(b.getInt64(uint64_t(begin)));
      return;
    }
    emitLoop(b.getInt64(uint64_t(begin)), b.getInt64(uint64_t(end)), step, emitBody);
  }

  // The same, of at least one iteration.
  void emitLoop(Value *begin, Value *end, int64_t step, LoopBody emitBody) {
    BasicBlock *before = b.GetInsertBlock();
    auto *loop = BasicBlock::Create(module.getContext(), "loop", body);
    b.CreateBr(loop);
    b.SetInsertPoint(loop);
    PHINode *iv = b.CreatePHI(b.getInt64Ty(), 2);
    iv->addIncoming(begin, before);
    emitBody(iv);
    Value *next = b.CreateNSWAdd(iv, b.getInt64(uint64_t(step)));
    iv->addIncoming(next, b.GetInsertBlock());
    auto *after = BasicBlock::Create(module.getContext(), "after", body);
    b.CreateCondBr(b.CreateICmpNE(next, end), loop, after);
    b.SetInsertPoint(after);
  }

  // `count` steps of `variable` from `low`; of the shared loop only those of this call.
  void emitSteps(int variable, int64_t low, int64_t count, int64_t step, LoopBody emitBody) {
    if (variable != shared.variable) {
      emitLoop(low, low + count * step, step, emitBody);
      return;
    }
    Value *last = shared.last;
    if (count < shared.steps)
      last = b.CreateBinaryIntrinsic(Intrinsic::umin, last, b.getInt64(uint64_t(count)));
    emitIf(b.CreateICmpULT(shared.first, last), [&] {
      auto value = [&](Value *index) {
        return b.CreateNSWAdd(b.CreateNSWMul(index, b.getInt64(uint64_t(step))), b.getInt64(uint64_t(low)));
      };
      emitLoop(value(shared.first), value(last), step, emitBody);
    });
  }

  // The step after those, which is not full.
  void emitRest(int variable, function_ref<void()> emitBody) {
    if (variable == shared.variable)
      emitIf(b.CreateICmpEQ(shared.last, b.getInt64(uint64_t(shared.steps))), emitBody);
    else
      emitBody();
  }

  void emitSerial(const GroupPlan &plan, ArrayRef<int> variables, Block &block,
                  function_ref<void()> emitBody) {
    if (variables.empty()) {
      emitBody();
      return;
    }
    const Range &range = plan.ranges[variables[0]];
    emitSteps(variables[0], range.low, range.high - range.low + 1, 1, [&](Value *iv) {
      block.base[variables[0]] = iv;
      emitSerial(plan, variables.drop_front(), block, emitBody);
    });
  }

  // The vectorized loop: whole strips, then one block for the rest.
  void emitStrips(const GroupPlan &plan, int variable, unsigned lanes, unsigned unroll, Block &block,
                  function_ref<void()> emitBody) {
    const Range &range = plan.ranges[variable];
    int64_t extent = range.high - range.low + 1, width = int64_t(lanes) * unroll;
    int64_t whole = extent / width * width, rest = extent - whole;
    block.laneVariable = variable;
    block.lanes = lanes;
    block.active.assign(unroll, lanes);
    emitSteps(variable, range.low, extent / width, width, [&](Value *iv) {
      block.base[variable] = iv;
      emitBody();
    });
    if (rest > 0) {
      block.active.assign(size_t(rest / lanes), lanes);
      if (rest % lanes)
        block.active.push_back(unsigned(rest % lanes));
      block.base[variable] = b.getInt64(uint64_t(range.low + whole));
      emitRest(variable, emitBody);
    }
  }

  void emitTiles(const GroupPlan &plan, Block &block, function_ref<void()> emitBody) {
    if (plan.tileVariable < 0) {
      emitBody();
      return;
    }
    const Range &range = plan.ranges[plan.tileVariable];
    int64_t extent = range.high - range.low + 1, whole = extent / plan.tile * plan.tile;
    block.tileVariable = plan.tileVariable;
    block.tile = plan.tile;
    emitSteps(plan.tileVariable, range.low, extent / plan.tile, plan.tile, [&](Value *iv) {
      block.base[plan.tileVariable] = iv;
      emitBody();
    });
    if (whole < extent) {
      block.tile = unsigned(extent - whole);
      block.base[plan.tileVariable] = b.getInt64(uint64_t(range.low + whole));
      emitRest(plan.tileVariable, emitBody);
    }
  }

  // --- Groups
  // --------------------------------------------------------------------------------------------------------

  void emitGroup(GroupPlan &plan) {
    for (int variable : plan.serial)
      if (plan.ranges[variable].high < plan.ranges[variable].low)
        return;
    for (int variable : {plan.laneVariable, plan.tileVariable})
      if (variable >= 0 && plan.ranges[variable].high < plan.ranges[variable].low)
        return;
    for (const StagePlan &stage : plan.stages)
      tooLarge |= stage.program.nodes.size() > PointBuilder::maxNodes;
    if (tooLarge)
      return;
    allocateRows(plan);
    Block block;
    block.base.assign(plan.ranges.size(), nullptr);
    // A loop that was merged into another one stays at its only value.
    for (size_t v = 0; v < plan.ranges.size(); ++v)
      block.base[v] = b.getInt64(uint64_t(plan.ranges[v].low));
    shareLoop(plan);
    auto emitNest = [&] {
      emitSerial(plan, plan.serial, block, [&] {
        if (plan.laneVariable < 0) {
          emitStages(plan, block);
          return;
        }
        emitStrips(plan, plan.laneVariable, plan.lanes, plan.unroll, block,
                   [&] { emitTiles(plan, block, [&] { emitStages(plan, block); }); });
      });
    };
    if (rows > 0 && shared.variable < 0)
      emitIf(b.CreateICmpULT(shared.first, shared.last), emitNest);
    else
      emitNest();
  }

  void allocateRows(const GroupPlan &plan) {
    for (const StagePlan &stage : plan.stages)
      for (const StageOutput &output : stage.outputs) {
        const Layout &layout = schedule.layouts[output.tensor];
        if (layout.kind != Layout::Kind::Row || !output.isStored)
          continue;
        Buffer &buffer = buffers[output.tensor];
        buffer.tile = plan.laneVariable < 0 ? 0 : plan.tile;
        buffer.width = plan.laneVariable < 0 ? 0 : plan.lanes * plan.unroll;
        uint64_t count = uint64_t(layout.numElements) * std::max(1u, buffer.tile * buffer.width);
        uint64_t bytes = count * bitWidth(layout.type) / 8;
        if (bytes > maxStackBuffer || stackBytes + bytes > maxStackBytes) {
          buffer.pointer = workspaceBuffer(int64_t(bytes));
          continue;
        }
        stackBytes += bytes;
        auto *slot = stackSlot(ArrayType::get(scalar.memoryType(layout.type), count));
        slot->setAlignment(Align(bufferAlignment));
        buffer.pointer = slot;
      }
  }

  void emitStages(GroupPlan &plan, Block &block) {
    for (StagePlan &stage : plan.stages) {
      Block inner = block;
      emitStage(plan, stage, inner);
    }
  }

  // --- Stages
  // --------------------------------------------------------------------------------------------------------

  struct Accumulators {
    std::map<std::tuple<size_t, unsigned, unsigned>, AllocaInst *> slots; // (output, vector, tile)
  };

  void emitStage(GroupPlan &plan, StagePlan &stage, Block &block) {
    std::vector<int> parallel = stage.parallel;
    bool stripsParallel = stage.laneVariable >= 0 && is_contained(parallel, stage.laneVariable);
    if (stripsParallel)
      std::erase(parallel, stage.laneVariable);
    emitSerial(plan, parallel, block, [&] {
      if (stripsParallel)
        emitStrips(plan, stage.laneVariable, stage.lanes, stage.unroll, block,
                   [&] { emitReduction(plan, stage, block); });
      else
        emitReduction(plan, stage, block);
    });
  }

  void emitReduction(GroupPlan &plan, StagePlan &stage, Block &block) {
    if (!stage.hasReductions()) {
      emitPoints(stage, block, nullptr);
      return;
    }
    bool stripsReduced = stage.laneVariable >= 0 && is_contained(stage.reduced, stage.laneVariable);
    std::vector<int> serial = stage.reduced;
    if (stripsReduced)
      std::erase(serial, stage.laneVariable);
    unsigned vectors = stripsReduced ? stage.unroll : unsigned(block.active.size());
    unsigned lanes = stripsReduced ? stage.lanes : block.lanes;
    Accumulators accumulators;
    for (size_t k = 0; k < stage.outputs.size(); ++k) {
      const StageOutput &output = stage.outputs[k];
      if (output.reduction == Reduction::None)
        continue;
      Value *identity = scalar.identity(output.reduction, output.type);
      if (lanes > 1)
        identity = b.CreateVectorSplat(lanes, identity);
      for (unsigned i = 0; i < vectors; ++i)
        for (unsigned j = 0; j < block.tile; ++j) {
          AllocaInst *slot = stackSlot(identity->getType());
          b.CreateStore(identity, slot);
          accumulators.slots[{k, i, j}] = slot;
        }
    }
    Block outside = block;
    bool isEmpty = any_of(stage.reduced, [&](int v) { return plan.ranges[v].high < plan.ranges[v].low; });
    if (!isEmpty) {
      auto emitInner = [&] { emitPoints(stage, block, &accumulators); };
      auto emitAll = [&] {
        if (stripsReduced)
          emitStrips(plan, stage.laneVariable, stage.lanes, stage.unroll, block, emitInner);
        else
          emitInner();
      };
      if (unrollsFully(plan, stage, serial, vectors * block.tile))
        emitUnrolled(plan, serial, block, emitAll);
      else
        emitSerial(plan, serial, block, emitAll);
    }
    finishReductions(stage, outside, accumulators, vectors, stripsReduced);
  }

  // Small windows (3 x 3) have no loop: their indices are constants then.
  bool unrollsFully(const GroupPlan &plan, const StagePlan &stage, ArrayRef<int> variables,
                    unsigned places) const {
    int64_t trips = 1;
    for (int variable : variables)
      trips *= plan.ranges[variable].high - plan.ranges[variable].low + 1;
    return trips <= maxUnrolledTrips && trips * int64_t(places) * int64_t(stage.program.nodes.size()) <= 600;
  }

  void emitUnrolled(const GroupPlan &plan, ArrayRef<int> variables, Block &block,
                    function_ref<void()> emitBody) {
    if (variables.empty()) {
      emitBody();
      return;
    }
    for (int64_t i = plan.ranges[variables[0]].low; i <= plan.ranges[variables[0]].high; ++i) {
      block.base[variables[0]] = b.getInt64(uint64_t(i));
      emitUnrolled(plan, variables.drop_front(), block, emitBody);
    }
  }

  void emitPoints(StagePlan &stage, Block &block, Accumulators *accumulators) {
    PointEmitter points(b, scalar, schedule, buffers, stage.program, block);
    for (unsigned j = 0; j < block.tile; ++j)
      for (unsigned i = 0; i < block.active.size(); ++i)
        for (size_t k = 0; k < stage.outputs.size(); ++k) {
          const StageOutput &output = stage.outputs[k];
          if (output.reduction == Reduction::None) {
            if (output.isStored)
              points.store(output.tensor, output.address, points.value(output.node, {i, j}), {i, j});
            continue;
          }
          Value *value = points.spread(points.value(output.node, {i, j}));
          AllocaInst *slot = accumulators->slots.at({k, i, j});
          Value *before = b.CreateLoad(slot->getAllocatedType(), slot);
          Value *after = scalar.combine(output.reduction, output.type, before, value);
          if (Value *active = points.activeMask({i, j}))
            after = b.CreateSelect(active, after, before);
          b.CreateStore(after, slot);
        }
    failure |= points.failed();
  }

  void finishReductions(StagePlan &stage, Block &block, Accumulators &accumulators, unsigned vectors,
                        bool combinesLanes) {
    PointEmitter points(b, scalar, schedule, buffers, stage.program, block);
    for (size_t k = 0; k < stage.outputs.size(); ++k) {
      const StageOutput &output = stage.outputs[k];
      if (output.reduction == Reduction::None || !output.isStored)
        continue;
      for (unsigned j = 0; j < block.tile; ++j) {
        auto load = [&](unsigned i) -> Value * {
          AllocaInst *slot = accumulators.slots.at({k, i, j});
          return b.CreateLoad(slot->getAllocatedType(), slot);
        };
        auto store = [&](Value *value, unsigned i) {
          value = scalar.cast(value, output.type, output.resultType);
          value = scalar.cast(value, output.resultType, schedule.layouts[output.tensor].type);
          points.store(output.tensor, output.address, value, {i, j});
        };
        if (!combinesLanes) {
          for (unsigned i = 0; i < vectors; ++i)
            store(load(i), i);
          continue;
        }
        std::vector<Value *> values;
        for (unsigned i = 0; i < vectors; ++i)
          values.push_back(load(i));
        // Pairwise, in a fixed order.
        for (; values.size() > 1; values.resize((values.size() + 1) / 2))
          for (size_t i = 0; i < values.size() / 2; ++i)
            values[i] = scalar.combine(output.reduction, output.type, values[2 * i], values[2 * i + 1]);
        store(scalar.combineLanes(output.reduction, output.type, values[0]), 0);
      }
    }
  }
};

} // namespace

Expected<EmittedKernel> emitKernel(Module &module, StringRef symbol, const KernelGraph &graph,
                                   const TargetInfo &target, double leastDividedWork,
                                   ArrayRef<plan::InPlacePair> inPlace) {
  return KernelEmitter(module, symbol, graph, target, leastDividedWork, inPlace).run();
}

} // namespace ampc::codegen
