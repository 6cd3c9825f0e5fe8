// Builds the point programs of a group's stages, cuts loops where conditions on them change, merges loops
// that are contiguous in every buffer. The vectorized loop is chosen in choose_lanes.cpp.
#include "codegen/choose_lanes.h"

#include <algorithm>
#include <map>
#include <set>

namespace ampc::codegen {

bool StagePlan::hasReductions() const {
  return llvm::any_of(outputs, [](const StageOutput &output) { return output.reduction != Reduction::None; });
}

RowLoop GroupPlan::rowLoop() const {
  constexpr int64_t enoughSteps = 32;
  std::vector<RowLoop> loops;
  for (int variable : serial)
    loops.push_back({variable, extent(variable)});
  auto addStrips = [&](int variable, int64_t width) {
    if (variable >= 0)
      loops.push_back({variable, (extent(variable) + width - 1) / width});
  };
  addStrips(laneVariable, int64_t(lanes) * unroll);
  addStrips(tileVariable, tile);
  RowLoop best;
  for (const RowLoop &loop : loops) {
    if (loop.steps > best.steps)
      best = loop;
    if (best.steps >= enoughSteps)
      break;
  }
  return best;
}

double GroupPlan::work() const {
  double outside = 1, sum = 0;
  for (int variable : serial)
    outside *= double(extent(variable));
  for (int variable : {laneVariable, tileVariable})
    if (variable >= 0)
      outside *= double(extent(variable));
  for (const StagePlan &stage : stages) {
    double points = outside * double(stage.program.nodes.size());
    for (const std::vector<int> *list : {&stage.parallel, &stage.reduced})
      for (int variable : *list)
        points *= double(extent(variable));
    sum += points;
  }
  return sum;
}

bool areIndependent(llvm::ArrayRef<std::vector<GroupPlan>> groups) {
  std::map<int, size_t> writer; // tensor -> group
  for (size_t g = 0; g < groups.size(); ++g)
    for (const GroupPlan &plan : groups[g])
      for (const StagePlan &stage : plan.stages)
        for (const StageOutput &output : stage.outputs)
          writer.emplace(output.tensor, g);
  for (size_t g = 0; g < groups.size(); ++g)
    for (const GroupPlan &plan : groups[g])
      for (const StagePlan &stage : plan.stages)
        for (const PointNode &node : stage.program.nodes)
          if (node.kind == PointNode::Kind::Load)
            if (auto at = writer.find(node.buffer); at != writer.end() && at->second != g)
              return false;
  return true;
}

namespace {

class GroupPlanner {
public:
  GroupPlanner(const KernelGraph &graph, const Schedule &schedule, const Group &group, unsigned vectorBits)
      : graph(graph), schedule(schedule), group(group), vectorBits(vectorBits) {}

  std::vector<GroupPlan> run() {
    std::vector<Range> ranges;
    for (const LoopVariable &variable : group.variables)
      ranges.push_back({0, variable.extent - 1});
    planRegion(ranges, 0);
    return std::move(plans);
  }

private:
  const KernelGraph &graph;
  const Schedule &schedule;
  const Group &group;
  unsigned vectorBits;
  std::vector<GroupPlan> plans;

  static constexpr size_t maxRegions = 40;

  // --- Point programs ---

  GroupPlan buildPrograms(const std::vector<Range> &ranges) {
    GroupPlan plan;
    plan.ranges = ranges;
    plan.serial = group.outer;
    uint64_t outerLoops = 0;
    for (int variable : group.outer)
      outerLoops |= uint64_t(1) << variable;
    std::vector<Range> nonEmpty = ranges;
    for (Range &range : nonEmpty)
      range.high = std::max(range.high, range.low);
    for (const Stage &stage : group.stages) {
      StagePlan stagePlan;
      PointBuilder builder(graph, schedule.layouts, nonEmpty);
      builder.rowLoops = outerLoops;
      for (const Member &member : stage.members)
        addOutput(builder, stagePlan, member);
      for (int variable : stage.variables)
        (group.variables[variable].isReduced ? stagePlan.reduced : stagePlan.parallel).push_back(variable);
      stagePlan.program = std::move(builder.program);
      plan.stages.push_back(std::move(stagePlan));
    }
    std::set<int> loaded;
    for (const StagePlan &stage : plan.stages)
      for (const PointNode &node : stage.program.nodes)
        if (node.kind == PointNode::Kind::Load)
          loaded.insert(node.buffer);
    for (StagePlan &stage : plan.stages)
      for (StageOutput &output : stage.outputs)
        output.isStored =
            schedule.layouts[output.tensor].kind == Layout::Kind::Full || loaded.count(output.tensor);
    return plan;
  }

  void addOutput(PointBuilder &builder, StagePlan &stage, const Member &member) {
    const KernelOp &op = graph.ops[member.op];
    std::vector<Index> loops;
    for (int variable : member.variableOfLoop)
      loops.push_back(variable < 0 ? Index(0) : builder.program.space.loop(variable));
    StageOutput output;
    output.op = member.op;
    output.tensor = op.result;
    output.resultType = computeType(graph.tensors[op.result].type.type);
    output.node = builder.opAt(member.op, loops);
    output.type = op.accumulatorType;
    if (op.isReduction()) {
      output.reduction = op.rule.reduction;
    } else {
      output.type = schedule.layouts[op.result].type;
      int value = builder.cast(output.node, output.resultType);
      builder.forward(op.result, loops, value);
      output.node = builder.cast(value, output.type);
    }
    output.address = builder.program.space.recombine(builder.address(op.result, loops));
    stage.outputs.push_back(std::move(output));
  }

  // --- Regions ---

  struct Cuts {
    int variable = -1;
    std::vector<int64_t> at; // first values of new segments
    int64_t undecided = 0;   // values of the variable for which conditions stay open
  };

  static int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

  // Where, along outer variables, conditions become decided.
  Cuts chooseCuts(const GroupPlan &plan) const {
    Cuts best;
    for (int variable : group.outer) {
      Range range = plan.ranges[variable];
      std::set<int64_t> at;
      int64_t undecided = 0;
      for (const StagePlan &stage : plan.stages)
        for (const Index &condition : stage.program.conditions) {
          int64_t c = condition.coefficient(variable);
          bool overLoops = llvm::all_of(condition.terms, [&](const Index::Term &term) {
            return term.atom < stage.program.space.numLoops();
          });
          if (c == 0 || !overLoops)
            continue;
          Index others = condition;
          for (Index::Term &term : others.terms)
            if (term.atom == variable)
              term.coefficient = 0;
          Range rest = stage.program.space.range(others);
          // c v + rest >= 0 for all rest from `sure` on, for none before `never` (mirrored for c < 0).
          int64_t first, second;
          if (c > 0) {
            first = -floorDivide(rest.high, c);
            second = -floorDivide(rest.low, c);
          } else {
            first = floorDivide(rest.low, -c) + 1;
            second = floorDivide(rest.high, -c) + 1;
          }
          if ((second - first) * 4 > range.high - range.low + 1 && second - first > 1)
            continue;
          for (int64_t value : {first, second})
            if (value > range.low && value <= range.high)
              at.insert(value);
          undecided += second - first;
        }
      // Pieces of a concatenation are worth a loop each: what is left of its choice is a masked load per operand and
      // point, and those that lie outside mapped memory take microseconds.
      constexpr size_t maxCuts = 32, maxExactCuts = 8192;
      if (at.empty() || at.size() > (undecided == 0 ? maxExactCuts : maxCuts))
        continue;
      if (variable == group.outer.back() && group.stages.size() == 1 && plan.stages[0].hasReductions()) {
        // Along the lanes of a window, margins of whole vectors cost no more than margins of one element, and
        // a row of few vectors needs no cut: its masks are constants.
        constexpr int64_t vector = 16;
        if (range.high - range.low + 1 <= 4 * vector)
          continue;
        std::set<int64_t> rounded;
        for (int64_t value : at) {
          int64_t offset = value - range.low, extent = range.high - range.low + 1;
          offset = offset * 2 < extent ? (offset + vector - 1) / vector * vector : offset / vector * vector;
          if (offset > 0 && offset < extent)
            rounded.insert(range.low + offset);
        }
        if (rounded.empty())
          continue;
        at = std::move(rounded);
      }
      if (best.variable < 0 || at.size() < best.at.size()) {
        best.variable = variable;
        best.at.assign(at.begin(), at.end());
        best.undecided = undecided;
      }
    }
    return best;
  }

  void planRegion(const std::vector<Range> &ranges, int depth) {
    GroupPlan plan = buildPrograms(ranges);
    Cuts cuts;
    if (depth < 6 && plans.size() < maxRegions)
      cuts = chooseCuts(plan);
    if (cuts.variable < 0) {
      finish(plan);
      plans.push_back(std::move(plan));
      return;
    }
    cuts.at.push_back(ranges[cuts.variable].high + 1);
    int64_t begin = ranges[cuts.variable].low;
    for (int64_t end : cuts.at) {
      std::vector<Range> part = ranges;
      part[cuts.variable] = {begin, end - 1};
      // The margins of a padded window are not worth more code; the large parts are cut on.
      bool isMargin =
          cuts.undecided > 0 && (end - begin) * 4 < ranges[cuts.variable].high - ranges[cuts.variable].low;
      planRegion(part, isMargin ? 100 : depth + 1);
      begin = end;
    }
  }

  // --- Merging ---

  static bool canMerge(const StagePlan &stage, int outer, int inner, int64_t extent) {
    uint64_t both = (uint64_t(1) << outer) | (uint64_t(1) << inner);
    const IndexSpace &space = stage.program.space;
    auto isContiguous = [&](const Index &index) {
      for (const Index::Term &term : index.terms)
        if (term.atom >= space.numLoops() && space.atom(term.atom).kind != IndexSpace::Kind::Value &&
            (space.atom(term.atom).loops & both))
          return false;
      return index.coefficient(outer) == index.coefficient(inner) * extent;
    };
    // Every index of the program counts, also those inside quotients and of computed values.
    for (int a = space.numLoops(); a < space.numAtoms(); ++a)
      if (space.atom(a).kind != IndexSpace::Kind::Value && (space.atom(a).loops & both))
        return false;
    for (const PointNode &node : stage.program.nodes)
      if ((node.kind == PointNode::Kind::Load || node.kind == PointNode::Kind::Index) &&
          !isContiguous(node.index))
        return false;
    return llvm::all_of(stage.outputs,
                        [&](const StageOutput &output) { return isContiguous(output.address); });
  }

  static void merge(StagePlan &stage, int outer, int inner) {
    uint64_t outerBit = uint64_t(1) << outer, innerBit = uint64_t(1) << inner;
    auto drop = [&](Index &index) {
      std::erase_if(index.terms, [&](const Index::Term &term) { return term.atom == outer; });
    };
    for (PointNode &node : stage.program.nodes) {
      drop(node.index);
      if (node.loops & outerBit)
        node.loops = (node.loops & ~outerBit) | innerBit;
    }
    for (StageOutput &output : stage.outputs)
      drop(output.address);
    stage.program.space.mergeLoops(outer, inner);
  }

  // Merges neighbours of `variables` where all of `stages` allow it.
  void mergeNeighbours(GroupPlan &plan, std::vector<int> &variables,
                       llvm::MutableArrayRef<StagePlan> stages) {
    for (size_t k = variables.size(); k-- > 1;) {
      int outer = variables[k - 1], inner = variables[k];
      Range &o = plan.ranges[outer], &i = plan.ranges[inner];
      int64_t extent = i.high + 1;
      if (i.low != 0 || extent != group.variables[inner].extent * mergedFactor[inner] ||
          !llvm::all_of(stages, [&](const StagePlan &s) { return canMerge(s, outer, inner, extent); }))
        continue;
      for (StagePlan &stage : plan.stages)
        merge(stage, outer, inner);
      mergedFactor[inner] *= group.variables[outer].extent * mergedFactor[outer];
      i = {o.low * extent, o.high * extent + i.high};
      o = {0, 0};
      variables.erase(variables.begin() + int64_t(k) - 1);
      // The merged loop takes the outer one's place; look at it again against the next one out.
    }
  }
  std::vector<int64_t> mergedFactor;

  void finish(GroupPlan &plan) {
    mergedFactor.assign(group.variables.size(), 1);
    mergeNeighbours(plan, plan.serial, plan.stages);
    for (StagePlan &stage : plan.stages) {
      mergeNeighbours(plan, stage.parallel, stage);
      mergeNeighbours(plan, stage.reduced, stage);
    }
    chooseLanes(plan, schedule, vectorBits);
  }
};

} // namespace

std::vector<GroupPlan> planGroup(const KernelGraph &graph, const Schedule &schedule, const Group &group,
                                 unsigned vectorBits) {
  return GroupPlanner(graph, schedule, group, vectorBits).run();
}

} // namespace ampc::codegen
