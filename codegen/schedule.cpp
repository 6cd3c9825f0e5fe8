// The schedule: cheap operators are substituted where they are used, the others are fused greedily, in order,
// into the open group as long as they share outer loops with everything that they read from it.
#include "codegen/schedule.h"

#include <algorithm>
#include <map>
#include <optional>

namespace ampc::codegen {

// --- Which operators are substituted
// --------------------------------------------------------------------------------

static double costOf(ScalarOp op) {
  switch (op) {
  case ScalarOp::Operand:
  case ScalarOp::Load:
  case ScalarOp::LoopIndex:
  case ScalarOp::Constant:
  case ScalarOp::Cast:
    return 0;
  case ScalarOp::Div:
  case ScalarOp::Rem:
  case ScalarOp::Sqrt:
  case ScalarOp::Rsqrt:
    return 10;
  default:
    return op >= ScalarOp::Exp && op <= ScalarOp::Pow && op != ScalarOp::Floor && op != ScalarOp::Ceil &&
                   op != ScalarOp::RoundEven
               ? 20
               : 1;
  }
}

static double numPoints(const KernelOp &op) { return double(std::max<int64_t>(op.rule.numPoints(), 1)); }

// A buffer pays when the value would be computed more than once per element and is not almost free.
static std::vector<bool> chooseBuffered(const KernelGraph &graph) {
  size_t count = graph.ops.size();
  std::vector<bool> buffered(count, false);
  std::vector<double> cost(count, 0), evaluations(count, 0), depth(count, 0);
  constexpr double recomputeLimit = 7, inlineLimit = 400;
  for (size_t o = 0; o < count; ++o) {
    const KernelOp &op = graph.ops[o];
    for (const ScalarNode &node : op.program.nodes)
      cost[o] += costOf(node.op);
    for (int operand : op.operands)
      if (int producer = graph.tensors[operand].producer; producer >= 0 && !graph.ops[producer].isReduction())
        cost[o] += cost[producer];
    cost[o] = std::min(cost[o], 1e6);
  }
  for (size_t o = count; o-- > 0;) {
    const KernelOp &op = graph.ops[o];
    const KernelTensor &result = graph.tensors[op.result];
    double elements = double(std::max<int64_t>(result.type.numElements(), 1));
    for (int user : result.users) {
      evaluations[o] += buffered[user] ? numPoints(graph.ops[user]) : evaluations[user];
      depth[o] = std::max(
          depth[o], buffered[user] ? 0 : depth[user] + 1 + double(graph.ops[user].program.nodes.size()));
    }
    bool repeats = evaluations[o] > elements && cost[o] >= recomputeLimit;
    buffered[o] = op.isReduction() || llvm::is_contained(graph.results, op.result) || repeats ||
                  depth[o] > inlineLimit || !isInvertible(op, result.type.shape);
  }
  return buffered;
}

// --- Groups
// ------------------------------------------------------------------------------------------------------

namespace {

/// A loop class of the open group: the loop of every member that it stands for.
using LoopClass = std::map<int, int>; // op -> loop

class Scheduler {
public:
  explicit Scheduler(const KernelGraph &graph) : graph(graph), buffered(chooseBuffered(graph)) {}

  Schedule run() {
    // Full layouts while the loops are being chosen; rows are known only when a group is closed.
    schedule.layouts.resize(graph.tensors.size());
    for (size_t t = 0; t < graph.tensors.size(); ++t)
      if (graph.tensors[t].isArgument() || buffered[graph.tensors[t].producer])
        schedule.layouts[t] = fullLayout(int(t));
    for (size_t o = 0; o < graph.ops.size(); ++o)
      if (buffered[o])
        addToGroups(int(o));
    closeGroup();
    return std::move(schedule);
  }

private:
  const KernelGraph &graph;
  std::vector<bool> buffered;
  Schedule schedule;
  std::vector<int> open;        // members of the open group
  std::vector<LoopClass> outer; // its common loops, outermost first
  std::map<int, std::vector<ProducerRead>> readsOf;

  // Values inside the kernel are laid out like the results.
  std::vector<int64_t> orderOf(int tensor) const {
    const KernelTensor &t = graph.tensors[tensor];
    if (t.isArgument() || llvm::is_contained(graph.results, tensor))
      return t.order;
    for (int result : graph.results)
      if (graph.tensors[result].order.size() == t.type.shape.size())
        return graph.tensors[result].order;
    return {};
  }

  // The loops of `op` that its result has, those of the outermost dimensions in memory first.
  std::vector<int> loopsInOrder(int op) const {
    const KernelOp &o = graph.ops[op];
    std::vector<int> loops;
    const std::vector<DimAccess> &dims = o.rule.results[0].dims;
    for (int64_t d : orderOf(o.result))
      for (const LinearTerm &term : dims[size_t(d)].terms)
        if (!llvm::is_contained(loops, term.loop))
          loops.push_back(term.loop);
    for (size_t l = 0; l < o.rule.loops.size(); ++l)
      if (!llvm::is_contained(loops, int(l)))
        loops.push_back(int(l));
    return loops;
  }

  Layout fullLayout(int tensor) const {
    const TensorType &type = graph.tensors[tensor].type;
    Layout layout;
    layout.kind = Layout::Kind::Full;
    bool isOutside = graph.tensors[tensor].isArgument() || llvm::is_contained(graph.results, tensor);
    layout.type = isOutside ? type.type : computeType(type.type);
    layout.strides.resize(type.shape.size());
    const std::vector<int64_t> order = orderOf(tensor);
    int64_t stride = 1;
    for (size_t k = type.shape.size(); k-- > 0;) {
      size_t d = order.empty() ? k : size_t(order[k]);
      layout.strides[d] = stride;
      stride *= type.shape[d];
    }
    layout.numElements = type.numElements();
    return layout;
  }

  bool isParallel(int op, int loop) const { return !llvm::is_contained(graph.ops[op].reduceLoops, loop); }
  int64_t extent(int op, int loop) const { return graph.ops[op].rule.loops[loop].extent; }

  // The one loop of `op` that a producer's loop equals, if there is one.
  std::optional<int> sameLoop(int op, const Index &index, int64_t producerExtent) const {
    if (index.terms.size() != 1 || !index.isAtom(index.terms[0].atom))
      return std::nullopt;
    int loop = index.terms[0].atom;
    if (loop >= int(graph.ops[op].rule.loops.size()) || extent(op, loop) != producerExtent)
      return std::nullopt;
    return loop;
  }

  const std::vector<ProducerRead> &readsFor(int op) {
    auto at = readsOf.find(op);
    if (at != readsOf.end())
      return at->second;
    std::vector<Range> ranges;
    for (const Loop &loop : graph.ops[op].rule.loops)
      ranges.push_back({0, std::max<int64_t>(loop.extent, 1) - 1});
    PointBuilder builder(graph, schedule.layouts, ranges);
    std::vector<Index> loops;
    for (size_t l = 0; l < ranges.size(); ++l)
      loops.push_back(builder.program.space.loop(int(l)));
    builder.opAt(op, loops);
    return readsOf[op] = std::move(builder.reads);
  }

  void addToGroups(int op) {
    const KernelOp &o = graph.ops[op];
    if (!open.empty()) {
      std::vector<LoopClass> common = commonLoops(op);
      if (!common.empty() && isWorthFusing(common) && fitsVariables(op, common)) {
        outer = std::move(common);
        open.push_back(op);
        return;
      }
      closeGroup();
    }
    open = {op};
    outer.clear();
    for (int loop : loopsInOrder(op))
      if (isParallel(op, loop) && o.rule.loops[loop].extent != 1)
        outer.push_back({{op, loop}});
  }

  std::vector<LoopClass> commonLoops(int op) {
    std::vector<ProducerRead> inGroup;
    for (const ProducerRead &read : readsFor(op))
      if (llvm::is_contained(open, graph.tensors[read.tensor].producer))
        inGroup.push_back(read);
    std::vector<LoopClass> common;
    std::vector<bool> used(graph.ops[op].rule.loops.size(), false);
    for (const LoopClass &loopClass : outer) {
      int loop =
          inGroup.empty() ? loopByPosition(op, loopClass).value_or(-1) : loopOfReads(op, inGroup, loopClass);
      if (loop < 0 || !isParallel(op, loop) || used[loop])
        continue;
      used[loop] = true;
      common.push_back(loopClass);
      common.back()[op] = loop;
    }
    return common;
  }

  // The loop of `op` that equals the class in every read from the group; -1 if there is none.
  int loopOfReads(int op, const std::vector<ProducerRead> &inGroup, const LoopClass &loopClass) const {
    int loop = -1;
    for (const ProducerRead &read : inGroup) {
      int producer = graph.tensors[read.tensor].producer;
      int producerLoop = loopClass.at(producer);
      int same = read.loops.empty()
                     ? -1
                     : sameLoop(op, read.loops[producerLoop], extent(producer, producerLoop)).value_or(-1);
      if (same < 0 || (loop >= 0 && loop != same))
        return -1;
      loop = same;
    }
    return loop;
  }

  // For operators that read nothing from the group: the loop of the same result dimension.
  std::optional<int> loopByPosition(int op, const LoopClass &loopClass) const {
    auto [member, memberLoop] = *loopClass.begin();
    const std::vector<DimAccess> &dims = graph.ops[member].rule.results[0].dims;
    const std::vector<DimAccess> &own = graph.ops[op].rule.results[0].dims;
    for (size_t d = 0; d < dims.size() && d < own.size(); ++d)
      if (dims[d].terms.size() == 1 && dims[d].terms[0].loop == memberLoop && own[d].terms.size() == 1 &&
          extent(op, own[d].terms[0].loop) == extent(member, memberLoop))
        return own[d].terms[0].loop;
    return std::nullopt;
  }

  // Sets of loop variables are 64 bits.
  bool fitsVariables(int op, const std::vector<LoopClass> &common) const {
    size_t count = graph.ops[op].rule.loops.size();
    for (int member : open)
      count += graph.ops[member].rule.loops.size() - common.size();
    return count < 60;
  }

  bool isWorthFusing(const std::vector<LoopClass> &common) const {
    int64_t points = 1;
    for (const LoopClass &loopClass : common)
      points *= extent(loopClass.begin()->first, loopClass.begin()->second);
    return points > 1;
  }

  // --- Stages ---

  std::vector<int> innerLoops(int op) const {
    std::vector<int> loops;
    for (int loop : loopsInOrder(op)) {
      bool isOuter = false;
      for (const LoopClass &loopClass : outer)
        isOuter |= loopClass.at(op) == loop;
      if (!isOuter && extent(op, loop) != 1)
        loops.push_back(loop);
    }
    return loops;
  }

  // The stage's variable of every inner loop of `op`, if it can be computed in that stage.
  std::optional<std::map<int, int>> matchStage(int op, const Group &group, const Stage &stage) {
    std::vector<int> inner = innerLoops(op);
    if (inner.size() != stage.variables.size())
      return std::nullopt;
    std::map<int, int> variableOf; // loop -> variable
    auto assign = [&](int loop, int variable) {
      auto [at, isNew] = variableOf.emplace(loop, variable);
      return at->second == variable;
    };
    bool readsStage = false;
    for (const Member &member : stage.members) {
      int tensor = graph.ops[member.op].result;
      for (const ProducerRead &read : readsFor(op)) {
        if (read.tensor != tensor)
          continue;
        readsStage = true;
        if (graph.ops[member.op].isReduction() || read.loops.empty())
          return std::nullopt;
        for (size_t l = 0; l < read.loops.size(); ++l) {
          int variable = member.variableOfLoop[l];
          if (variable < 0)
            continue;
          std::optional<int> same = sameLoop(op, read.loops[l], extent(member.op, int(l)));
          if (!same || (llvm::is_contained(inner, *same) && !assign(*same, variable)))
            return std::nullopt;
        }
      }
    }
    for (size_t k = 0; k < inner.size() && !readsStage; ++k)
      assign(inner[k], stage.variables[k]);
    if (variableOf.size() != inner.size())
      return std::nullopt;
    bool stageReduces =
        llvm::any_of(stage.members, [&](const Member &m) { return graph.ops[m.op].isReduction(); });
    for (auto [loop, variable] : variableOf) {
      if (!llvm::is_contained(stage.variables, variable) ||
          group.variables[variable].extent != extent(op, loop))
        return std::nullopt;
      if (graph.ops[op].isReduction() && stageReduces &&
          group.variables[variable].isReduced == isParallel(op, loop))
        return std::nullopt;
    }
    return variableOf;
  }

  void closeGroup() {
    if (open.empty())
      return;
    Group group;
    for (const LoopClass &loopClass : outer) {
      group.outer.push_back(int(group.variables.size()));
      group.variables.push_back({extent(loopClass.begin()->first, loopClass.begin()->second), false});
    }
    std::map<int, int> stageOf; // op -> stage
    for (int op : open) {
      int first = 0;
      for (const ProducerRead &read : readsFor(op)) {
        int producer = graph.tensors[read.tensor].producer;
        if (auto at = stageOf.find(producer); at != stageOf.end())
          first = std::max(first, at->second + (graph.ops[producer].isReduction() ? 1 : 0));
      }
      std::optional<std::map<int, int>> match;
      int stage = first;
      for (; stage < int(group.stages.size()) && !match; ++stage)
        match = matchStage(op, group, group.stages[stage]);
      if (match) {
        --stage;
      } else {
        match.emplace();
        group.stages.emplace_back();
        for (int loop : innerLoops(op)) {
          (*match)[loop] = int(group.variables.size());
          group.stages.back().variables.push_back(int(group.variables.size()));
          group.variables.push_back({extent(op, loop), false});
        }
      }
      stageOf[op] = stage;
      addMember(group, stage, op, *match);
    }
    chooseRows();
    schedule.groups.push_back(std::move(group));
    open.clear();
  }

  void addMember(Group &group, int stage, int op, const std::map<int, int> &variableOf) {
    Member member{op, std::vector<int>(graph.ops[op].rule.loops.size(), -1)};
    for (size_t c = 0; c < outer.size(); ++c)
      member.variableOfLoop[outer[c].at(op)] = group.outer[c];
    for (auto [loop, variable] : variableOf) {
      member.variableOfLoop[loop] = variable;
      if (!isParallel(op, loop))
        group.variables[variable].isReduced = true;
    }
    group.stages[stage].members.push_back(std::move(member));
  }

  // A value that only its own group reads needs one row, or nothing if only its own stage reads it.
  void chooseRows() {
    for (int op : open) {
      int tensor = graph.ops[op].result;
      if (llvm::is_contained(graph.results, tensor) || isReadLater(tensor) ||
          !isInvertible(graph.ops[op], graph.tensors[tensor].type.shape))
        continue;
      const KernelOp &o = graph.ops[op];
      Layout layout;
      layout.kind = Layout::Kind::Row;
      layout.type = computeType(graph.tensors[tensor].type.type);
      layout.strides.assign(o.rule.loops.size(), 0);
      layout.numElements = 1;
      std::vector<int> inner = innerLoops(op);
      for (size_t k = inner.size(); k-- > 0;)
        if (isParallel(op, inner[k])) {
          layout.strides[inner[k]] = layout.numElements;
          layout.numElements *= extent(op, inner[k]);
        }
      schedule.layouts[tensor] = std::move(layout);
    }
  }

  // Whether a buffered operator outside the open group reads the tensor, directly or through substituted
  // ones.
  bool isReadLater(int tensor) const {
    for (int user : graph.tensors[tensor].users) {
      if (!buffered[user] ? isReadLater(graph.ops[user].result) : !llvm::is_contained(open, user))
        return true;
    }
    return false;
  }
};

} // namespace

Schedule makeSchedule(const KernelGraph &graph) { return Scheduler(graph).run(); }

} // namespace ampc::codegen
