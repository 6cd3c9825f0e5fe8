// The choice follows an estimate of what each candidate makes of the memory accesses: contiguous, broadcast,
// strided, transposed in registers, or gathered.
#include "codegen/choose_lanes.h"

#include <algorithm>

namespace ampc::codegen {

namespace {

class LaneChooser {
public:
  LaneChooser(const Schedule &schedule, unsigned vectorBits) : schedule(schedule), vectorBits(vectorBits) {}

  void choose(GroupPlan &plan) {
    std::vector<const StagePlan *> all;
    for (const StagePlan &stage : plan.stages)
      all.push_back(&stage);
    unsigned groupLanes = lanesFor(all);
    double bestOuter = -1;
    int outerVariable = -1;
    for (int variable : plan.serial) {
      int64_t extent = extentOf(plan, variable);
      double cost = 0;
      for (const StagePlan &stage : plan.stages)
        cost += costPerPoint(plan, stage, variable, extent, groupLanes) * pointsOf(plan, stage);
      if (extent > 1 && (outerVariable < 0 || cost <= bestOuter)) {
        bestOuter = cost;
        outerVariable = variable;
      }
    }
    double inner = 0;
    for (StagePlan &stage : plan.stages) {
      stage.lanes = lanesFor(&stage);
      double scalar = 0.5, best = -1;
      for (const PointNode &node : stage.program.nodes)
        scalar += node.kind == PointNode::Kind::Load ? 1 : node.kind == PointNode::Kind::Compute ? 0.5 : 0;
      for (const std::vector<int> *list : {&stage.parallel, &stage.reduced})
        for (int variable : *list) {
          int64_t extent = extentOf(plan, variable);
          double cost = extent > 1 ? costPerPoint(plan, stage, variable, extent, stage.lanes) : scalar;
          if (extent > 1 && (best < 0 || cost <= best)) {
            best = cost;
            stage.laneVariable = variable;
          }
        }
      if (best < 0 || best > scalar)
        stage.laneVariable = -1;
      inner += (stage.laneVariable < 0 ? scalar : best) * pointsOf(plan, stage);
    }
    if (outerVariable >= 0 && bestOuter <= inner)
      useOuterLanes(plan, outerVariable, groupLanes);
    else
      useInnerLanes(plan);
  }

private:
  const Schedule &schedule;
  unsigned vectorBits;

  unsigned lanesFor(llvm::ArrayRef<const StagePlan *> stages) const {
    bool has[4] = {};
    auto note = [&](DataType type) {
      if (type != DataType::Bool)
        has[bitWidth(type) == 64 ? 3 : bitWidth(type) == 32 ? 2 : bitWidth(type) == 16 ? 1 : 0] = true;
    };
    for (const StagePlan *stage : stages) {
      for (const PointNode &node : stage->program.nodes)
        if (node.kind == PointNode::Kind::Load || node.kind == PointNode::Kind::Compute)
          note(node.type);
      for (const StageOutput &output : stage->outputs)
        note(output.type);
    }
    return vectorBits / (has[2] ? 32 : has[3] ? 64 : has[1] ? 16 : 8);
  }

  // An outer loop along which a load is contiguous that is not along the lanes: both together can be
  // transposed.
  int transposeVariable(const GroupPlan &plan, const Index &index, int laneVariable) const {
    for (int variable : plan.serial)
      if (variable != laneVariable && index.coefficient(variable) == 1 && extentOf(plan, variable) >= 4)
        return variable;
    return -1;
  }

  // Cost of one point when `variable` runs along the lanes, in units of one vector instruction per lane.
  double costPerPoint(const GroupPlan &plan, const StagePlan &stage, int variable, int64_t extent,
                      unsigned lanes) const {
    uint64_t bit = uint64_t(1) << variable;
    double cost = 0;
    auto access = [&](const Index &index, uint64_t loops, bool isRow, bool isLoad) {
      if (isRow || !(loops & bit))
        return isRow ? 0.5 : 0.2;
      for (const Index::Term &term : index.terms)
        if (term.atom >= stage.program.space.numLoops() && (stage.program.space.atom(term.atom).loops & bit))
          return double(lanes);
      int64_t c = std::abs(index.coefficient(variable));
      if (isLoad && c > 4 && transposeVariable(plan, index, variable) >= 0)
        return 5.0;
      return c <= 1 ? 1.0 : c <= 4 ? 1.5 * double(c) : 1.2 * double(lanes);
    };
    for (const PointNode &node : stage.program.nodes) {
      if (node.kind == PointNode::Kind::Load)
        cost += access(node.index, node.loops,
                       schedule.layouts[node.buffer].kind == Layout::Kind::Row &&
                           !(node.index.coefficient(variable)),
                       node.mask < 0 && llvm::is_contained(plan.serial, variable));
      else if (node.kind == PointNode::Kind::Compute)
        cost += node.loops & bit ? 0.5 : 0.05;
    }
    for (const StageOutput &output : stage.outputs) {
      bool isReducedAlong = output.reduction != Reduction::None && output.address.coefficient(variable) == 0;
      if (output.isStored && !isReducedAlong)
        cost += output.reduction != Reduction::None && !stage.reduced.empty()
                    ? 0.1
                    : access(output.address, bit, output.address.coefficient(variable) == 0, false);
    }
    double perVector = cost + 0.5;
    int64_t vectors = (extent + lanes - 1) / lanes;
    return perVector * double(vectors) / double(extent);
  }

  double pointsOf(const GroupPlan &plan, const StagePlan &stage) const {
    double points = 1;
    for (const std::vector<int> *list : {&plan.serial, &stage.parallel, &stage.reduced})
      for (int variable : *list)
        points *= double(extentOf(plan, variable));
    return points;
  }

  static int64_t extentOf(const GroupPlan &plan, int variable) {
    return plan.ranges[variable].high - plan.ranges[variable].low + 1;
  }

  static unsigned unrollFor(size_t nodes, int64_t extent, unsigned lanes, bool reduces) {
    unsigned wanted = nodes <= 12 ? 4 : nodes <= 30 ? 2 : 1;
    if (reduces && nodes <= 30)
      wanted = 4;
    while (wanted > 1 && int64_t(lanes) * (wanted / 2) >= extent)
      wanted /= 2;
    return wanted;
  }

  static void moveLast(std::vector<int> &variables, int variable) {
    auto at = std::find(variables.begin(), variables.end(), variable);
    if (at != variables.end())
      std::rotate(at, at + 1, variables.end());
  }

  void useOuterLanes(GroupPlan &plan, int variable, unsigned lanes) {
    plan.laneVariable = variable;
    plan.lanes = lanes;
    size_t nodes = 0;
    bool reduces = false;
    for (StagePlan &stage : plan.stages) {
      stage.laneVariable = -1;
      nodes += stage.program.nodes.size();
      reduces |= stage.hasReductions();
    }
    plan.unroll = unrollFor(nodes, extentOf(plan, variable), lanes, reduces);
    std::erase(plan.serial, variable);
    if (int transposed = findTranspose(plan); transposed >= 0) {
      plan.tileVariable = transposed;
      plan.tile = unsigned(std::min<int64_t>(lanes, extentOf(plan, transposed)));
      plan.unroll = nodes <= 6 ? std::min(plan.unroll, 4u) : 1;
      std::erase(plan.serial, transposed);
    } else if (reduces && nodes <= 40) {
      chooseTile(plan);
    }
  }

  int findTranspose(const GroupPlan &plan) const {
    for (const StagePlan &stage : plan.stages)
      for (const PointNode &node : stage.program.nodes)
        if (node.kind == PointNode::Kind::Load && node.mask < 0 &&
            std::abs(node.index.coefficient(plan.laneVariable)) > 4)
          if (int variable = transposeVariable(plan, node.index, plan.laneVariable); variable >= 0)
            return variable;
    return -1;
  }

  // A second loop is unrolled when vectors loaded for one of its iterations serve the others (matrix
  // products).
  void chooseTile(GroupPlan &plan) {
    uint64_t laneBit = uint64_t(1) << plan.laneVariable;
    int best = -1;
    size_t bestShared = 0;
    for (int variable : plan.serial) {
      uint64_t bit = uint64_t(1) << variable;
      size_t shared = 0;
      for (const StagePlan &stage : plan.stages)
        for (const PointNode &node : stage.program.nodes)
          shared += stage.hasReductions() && node.kind == PointNode::Kind::Load && (node.loops & laneBit) &&
                    !(node.loops & bit);
      if (shared > 0 && shared >= bestShared && extentOf(plan, variable) > 1) {
        best = variable;
        bestShared = shared;
      }
    }
    if (best < 0)
      return;
    plan.tileVariable = best;
    plan.tile = unsigned(std::min<int64_t>(4, extentOf(plan, best)));
    std::erase(plan.serial, best);
    // Small windows are unrolled as well: fewer places, or there is too much code.
    double trips = 1;
    for (const StagePlan &stage : plan.stages)
      for (int variable : stage.reduced)
        trips *= double(extentOf(plan, variable));
    if (trips <= 16)
      plan.unroll = std::min(plan.unroll, 2u);
  }

  void useInnerLanes(GroupPlan &plan) {
    for (StagePlan &stage : plan.stages) {
      if (stage.laneVariable < 0) {
        stage.lanes = 1;
        continue;
      }
      moveLast(stage.parallel, stage.laneVariable);
      moveLast(stage.reduced, stage.laneVariable);
      stage.unroll = unrollFor(stage.program.nodes.size(), extentOf(plan, stage.laneVariable), stage.lanes,
                               stage.hasReductions());
    }
  }
};

} // namespace

void chooseLanes(GroupPlan &plan, const Schedule &schedule, unsigned vectorBits) {
  LaneChooser(schedule, vectorBits).choose(plan);
}

} // namespace ampc::codegen
