// Enumerates and prices the decisions of one operator.
#include "passes/choices.h"

#include "cost_model/compute.h"

namespace ampc {

static bool uses(const Access &access, int loop) {
  for (const DimAccess &dim : access.dims)
    for (const LinearTerm &term : dim.terms)
      if (term.loop == loop)
        return true;
  return false;
}

double opSeconds(const GraphOp &op, const std::vector<int64_t> &loopExtents, int64_t bytesRead, int64_t bytesWritten,
                 const cost::Device &device) {
  if (op.isView || op.isOutput)
    return 0;
  double points = 1;
  for (int64_t extent : loopExtents)
    points *= double(extent);
  // Cheap operators are fused with their producer: they cost what they write.
  if (!op.isProduct)
    return std::max(cost::memorySeconds(double(bytesWritten) + 0.25 * double(bytesRead), device),
                    points * op.rule.flopsPerPoint * 4 / device.peak(op.operands[0].type));
  cost::Work work;
  work.flops = points * op.rule.flopsPerPoint;
  work.bytesRead = double(bytesRead);
  work.bytesWritten = double(bytesWritten);
  work.type = op.operands[0].type;
  work.kind = cost::WorkKind::Contraction;
  work.m = work.n = work.k = 1;
  for (size_t l = 0; l < loopExtents.size(); ++l) {
    bool inA = uses(op.rule.operands[0], int(l)), inB = uses(op.rule.operands[1], int(l));
    if (op.rule.loops[l].kind == LoopKind::Reduce)
      work.k *= double(loopExtents[l]);
    else if (inA && !inB)
      work.m *= double(loopExtents[l]);
    else if (inB && !inA)
      work.n *= double(loopExtents[l]);
  }
  return cost::computeSeconds(work, device);
}

static Choice makeChoice(const GraphOp &op, const Grid &grid, const cost::Device &device,
                         std::vector<std::vector<int>> loopAxes) {
  Choice choice;
  choice.loopAxes = std::move(loopAxes);
  std::vector<int64_t> first(grid.axisSizes.size(), 0), extents;
  for (size_t l = 0; l < op.rule.loops.size(); ++l) {
    int64_t parts = 1;
    for (int axis : choice.loopAxes[l])
      parts *= grid.axisSizes[axis];
    extents.push_back(shardRange(op.rule.loops[l].extent, parts, 0).size());
  }
  int64_t bytesRead = 0, bytesWritten = 0;
  for (size_t k = 0; k < op.operands.size(); ++k) {
    Sharding sharding = op.rule.operandSharding(int(k), op.operands[k].shape, choice.loopAxes);
    int64_t bytes = sizeBytes(op.operands[k].type, numElements(sharding.localShape(grid, first)));
    bytesRead += bytes;
    if (op.sources[k].op < 0 && op.sources[k].isWeight)
      choice.weightBytes += bytes;
    sharding.canonicalize(grid);
    choice.operands.push_back(std::move(sharding));
  }
  for (size_t k = 0; k < op.results.size(); ++k) {
    Sharding sharding = op.rule.resultSharding(int(k), op.results[k].shape, choice.loopAxes);
    bytesWritten += sizeBytes(op.results[k].type, numElements(sharding.localShape(grid, first)));
    sharding.canonicalize(grid);
    choice.results.push_back(std::move(sharding));
  }
  choice.seconds = opSeconds(op, extents, bytesRead, bytesWritten, device);
  return choice;
}

/// False if a device would read more of a window's surroundings than of its own part: such a split is legal and never
/// pays.
static bool haloIsSmall(const IterationRule &rule, int loop, int64_t parts) {
  int64_t own = rule.loops[loop].extent / parts;
  for (const Access &access : rule.operands)
    for (const DimAccess &dim : access.dims) {
      int64_t stride = 0, reach = 0;
      for (const LinearTerm &term : dim.terms) {
        int64_t coefficient = std::abs(term.coefficient);
        if (term.loop == loop)
          stride = coefficient;
        else
          reach += coefficient * (rule.loops[term.loop].extent - 1);
      }
      if (stride && reach + 1 - stride > stride * own)
        return false;
    }
  return true;
}

std::vector<Choice> enumerateChoices(const GraphOp &op, const Grid &grid, const cost::Device &device) {
  size_t numAxes = grid.axisSizes.size();
  std::vector<int> loops = {-1}; // -1: no loop
  for (size_t l = 0; l < op.rule.loops.size(); ++l)
    if (op.rule.canShard(int(l)))
      loops.push_back(int(l));
  std::vector<Choice> choices;
  std::vector<size_t> pick(numAxes, 0);
  while (true) {
    std::vector<std::vector<int>> loopAxes(op.rule.loops.size());
    for (size_t axis = 0; axis < numAxes; ++axis)
      if (loops[pick[axis]] >= 0)
        loopAxes[loops[pick[axis]]].push_back(int(axis));
    bool legal = true;
    for (size_t l = 0; l < loopAxes.size(); ++l) {
      int64_t parts = 1;
      for (int axis : loopAxes[l])
        parts *= grid.axisSizes[axis];
      legal &= parts == 1 || parts <= op.rule.loops[l].extent; // no empty shards
      legal &= parts == 1 || op.rule.loops[l].kind != LoopKind::Window || haloIsSmall(op.rule, int(l), parts);
    }
    if (legal)
      choices.push_back(makeChoice(op, grid, device, std::move(loopAxes)));
    size_t axis = numAxes;
    while (axis-- > 0) {
      if (++pick[axis] < loops.size())
        break;
      pick[axis] = 0;
    }
    if (axis == size_t(-1))
      return choices;
  }
}

} // namespace ampc
