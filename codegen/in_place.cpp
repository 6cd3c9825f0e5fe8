// Every element of the operand must have been read for the last time when the result is written there. Points of a
// stage compute one element after the other, iterations of the outer loops run in any order, stages of one iteration
// run one after the other. So it is enough that
//
// - the stage that writes the result reads the operand only where it writes (same element of the same point), and not
//   later than for the result;
// - earlier stages read, in an iteration of the outer loops, only elements that the same iteration writes (a row of a
//   softmax);
// - nobody else reads the operand: later stages would find the result, and other groups may run before or after.
//
// An element of the result is written at one point only, so two iterations share no element, and threads that share
// the iterations do not meet. Vectors load all of their elements before they store them; blocks of several vectors and
// tiles are points that run one after the other.
#include "codegen/in_place.h"

#include <algorithm>

namespace ampc::codegen {

namespace {

class InPlaceProof {
public:
  InPlaceProof(const KernelGraph &graph, const Schedule &schedule, llvm::ArrayRef<std::vector<GroupPlan>> groups,
               int operand, int result)
      : graph(graph), schedule(schedule), groups(groups), operand(operand), result(result) {}

  bool holds() const {
    if (!haveSameBytes())
      return false;
    bool isWritten = false;
    for (const std::vector<GroupPlan> &group : groups) {
      bool writes = false, reads = false;
      for (const GroupPlan &plan : group) {
        writes |= llvm::any_of(plan.stages, [&](const StagePlan &stage) { return outputIn(stage) >= 0; });
        reads |= llvm::any_of(plan.stages, [&](const StagePlan &stage) { return !loadsIn(stage).empty(); });
      }
      if (writes ? !llvm::all_of(group, [&](const GroupPlan &plan) { return holdsIn(plan); }) : reads)
        return false;
      isWritten |= writes;
    }
    return isWritten;
  }

private:
  const KernelGraph &graph;
  const Schedule &schedule;
  llvm::ArrayRef<std::vector<GroupPlan>> groups;
  int operand, result; // tensors

  bool haveSameBytes() const {
    const Layout &from = schedule.layouts[operand], &to = schedule.layouts[result];
    const KernelOp &producer = graph.ops[graph.tensors[result].producer];
    return from.kind == Layout::Kind::Full && to.kind == Layout::Kind::Full && from.numElements > 0 &&
           from.numElements == to.numElements && bitWidth(from.type) == bitWidth(to.type) &&
           !producer.isReduction() && isInvertible(producer, graph.tensors[result].type.shape);
  }

  int outputIn(const StagePlan &stage) const {
    for (size_t k = 0; k < stage.outputs.size(); ++k)
      if (stage.outputs[k].tensor == result)
        return int(k);
    return -1;
  }

  std::vector<int> loadsIn(const StagePlan &stage) const {
    std::vector<int> nodes;
    for (size_t n = 0; n < stage.program.nodes.size(); ++n)
      if (const PointNode &node = stage.program.nodes[n];
          node.kind == PointNode::Kind::Load && node.buffer == operand)
        nodes.push_back(int(n));
    return nodes;
  }

  static bool isLinear(const StagePlan &stage, const Index &index) {
    return llvm::all_of(index.terms,
                        [&](const Index::Term &term) { return term.atom < stage.program.space.numLoops(); });
  }

  /// Is `node` computed when the values of the first outputs, up to `last`, are?
  static bool isNeededBy(const StagePlan &stage, int last, int node) {
    std::vector<int> open;
    std::vector<bool> seen(stage.program.nodes.size(), false);
    for (int k = 0; k <= last; ++k)
      if (stage.outputs[k].isStored || stage.outputs[k].reduction != Reduction::None)
        open.push_back(stage.outputs[k].node);
    while (!open.empty()) {
      int next = open.back();
      open.pop_back();
      if (seen[next])
        continue;
      seen[next] = true;
      open.insert(open.end(), stage.program.nodes[next].args.begin(), stage.program.nodes[next].args.end());
    }
    return seen[node];
  }

  /// The part of an address that the stage's own loops walk, so that equal sets of addresses are equal lists: steps
  /// from the smallest, those that continue each other as one.
  struct Step {
    int64_t coefficient, low, high;
    bool operator==(const Step &) const = default;
  };
  static std::vector<Step> innerSteps(const GroupPlan &plan, const StagePlan &stage, const Index &index) {
    std::vector<Step> steps;
    for (const Index::Term &term : index.terms)
      if (const Range &range = plan.ranges[term.atom];
          isInner(stage, term.atom) && (range.low != 0 || range.high != 0))
        steps.push_back({term.coefficient, range.low, range.high});
    std::sort(steps.begin(), steps.end(), [](const Step &a, const Step &b) {
      return std::tuple(a.coefficient, a.low, a.high) < std::tuple(b.coefficient, b.low, b.high);
    });
    for (size_t k = steps.size(); k-- > 1;) {
      Step &inner = steps[k - 1];
      const Step &outer = steps[k];
      if (inner.low != 0 || outer.low != 0 || outer.coefficient != inner.coefficient * (inner.high + 1))
        continue;
      inner.high = (outer.high + 1) * (inner.high + 1) - 1;
      steps.erase(steps.begin() + int64_t(k));
    }
    return steps;
  }
  static bool isInner(const StagePlan &stage, int variable) {
    return llvm::is_contained(stage.parallel, variable) || llvm::is_contained(stage.reduced, variable);
  }
  static Index outerPart(const StagePlan &stage, Index index) {
    std::erase_if(index.terms, [&](const Index::Term &term) { return isInner(stage, term.atom); });
    return index;
  }

  bool holdsIn(const GroupPlan &plan) const {
    size_t writer = 0;
    while (writer < plan.stages.size() && outputIn(plan.stages[writer]) < 0)
      ++writer;
    if (writer == plan.stages.size())
      return false;
    const StagePlan &stage = plan.stages[writer];
    const int output = outputIn(stage);
    const Index &address = stage.outputs[output].address;
    if (stage.outputs[output].reduction != Reduction::None || !isLinear(stage, address))
      return false;
    for (size_t s = 0; s < plan.stages.size(); ++s) {
      const StagePlan &reader = plan.stages[s];
      if (reader.program.nodes.size() > PointBuilder::maxNodes) // cut off: it does not say everything
        return false;
      for (int number : loadsIn(reader)) {
        const PointNode &load = reader.program.nodes[number];
        // Where a mask is false, some other element is loaded.
        if (s > writer || load.mask >= 0 || !isLinear(reader, load.index))
          return false;
        if (s == writer ? load.index != address || !isNeededBy(stage, output, number)
                        : outerPart(reader, load.index) != outerPart(stage, address) ||
                              innerSteps(plan, reader, load.index) != innerSteps(plan, stage, address))
          return false;
      }
    }
    return true;
  }
};

} // namespace

std::vector<plan::InPlacePair> inPlacePairs(const KernelGraph &graph, const Schedule &schedule,
                                            llvm::ArrayRef<std::vector<GroupPlan>> groups) {
  std::vector<plan::InPlacePair> pairs;
  for (size_t result = 0; result < graph.results.size(); ++result)
    for (size_t operand = 0; operand < graph.arguments.size(); ++operand)
      if (InPlaceProof(graph, schedule, groups, graph.arguments[operand], graph.results[result]).holds())
        pairs.push_back({uint32_t(operand), uint32_t(result)});
  return pairs;
}

} // namespace ampc::codegen
