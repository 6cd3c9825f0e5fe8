// Enumerates and prices the decisions of one operator.
#include "passes/choices.h"

#include "cost_model/compute.h"
#include "cost_model/work.h"

namespace ampc {

namespace {
struct LocalWork {
  double points = 1;
  double bytes = 0, wholeBytes = 0; // of operands and results: of the shard, and of the unsplit operator
  std::vector<plan::KernelOperand> operands, results;
};
} // namespace

/// Seconds of the whole kernel that a product makes, priced as the simulation prices its step: by the library or by
/// generated code, whichever is faster for this part (chooseKernels will say the same).
static double productSeconds(const GraphOp &op, LocalWork &local, const cost::Device &device) {
  plan::Kernel generated;
  generated.operands = std::move(local.operands);
  generated.results = std::move(local.results);
  plan::Kernel library = generated;
  plan::Step step;
  step.flops = local.points * op.rule.flopsPerPoint;
  double written = 0;
  for (const plan::KernelOperand &result : generated.results)
    written += double(sizeBytes(result.type, numElements(result.shape)));
  step.bytes = local.bytes;
  step.writes.push_back({plan::Space::Activation, 0, 0, uint64_t(written)});
  cost::describeProduct(generated, op.kernel.isConvolution, op.kernel.isChannelsLast, generated.operands[0].shape,
                        generated.operands[1].shape, generated.results[0].shape);
  double seconds = cost::computeSeconds(cost::workOf(step, generated), device);
  if (op.kernel.librarySymbol.empty())
    return seconds;
  library.kind = plan::KernelKind::Library;
  library.symbol = op.kernel.librarySymbol;
  if (op.sources[1].op < 0 && op.sources[1].isWeight)
    library.integers.push_back({"packed", {1}});
  double byLibrary = cost::computeSeconds(cost::workOf(step, library), device);
  return std::min(seconds, byLibrary);
}

/// How much longer the kernel of a product takes than the product alone, on one device.
static double epilogueFactorOf(const GraphOp &op, const cost::Device &device) {
  if (!op.isProduct || op.kernel.number < 0)
    return 1;
  LocalWork whole;
  whole.points = double(op.rule.numPoints());
  for (const TensorType &type : op.operands)
    whole.operands.push_back({type.type, type.shape});
  for (const TensorType &type : op.results)
    whole.results.push_back({type.type, type.shape});
  for (const TensorType &type : op.operands)
    whole.bytes += double(type.sizeBytes());
  for (const TensorType &type : op.results)
    whole.bytes += double(type.sizeBytes());
  double alone = productSeconds(op, whole, device), together = cost::computeSeconds(op.kernel.work, device);
  return alone > 0 && together > 0 ? together / alone : 1;
}

static void price(const GraphOp &op, LocalWork local, const cost::Device &device, double epilogueFactor,
                  Choice &choice) {
  if (op.kernel.number < 0)
    return;
  if (op.isProduct) {
    choice.kernelSeconds = productSeconds(op, local, device) * epilogueFactor;
  } else {
    // The kernel's work shrinks as that of the operator does.
    double part = local.bytes / std::max(local.wholeBytes, 1.0);
    cost::Work work = op.kernel.work;
    work.bytesRead *= part;
    work.bytesWritten *= part;
    if (work.rounds > 1) { // a recurrence: its weights stay as they are, its products have fewer rows
      part = local.points / std::max(double(op.rule.numPoints()), 1.0);
      work.m *= part;
    }
    work.flops *= part;
    choice.kernelSeconds = cost::computeSeconds(work, device);
  }
  choice.seconds = op.kernel.share * choice.kernelSeconds;
}

static Choice makeChoice(const GraphOp &op, const Grid &grid, const cost::Device &device, double epilogueFactor,
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
  LocalWork local;
  for (int64_t extent : extents)
    local.points *= double(extent);
  auto add = [&](const TensorType &type, const Sharding &sharding, std::vector<plan::KernelOperand> &to) {
    to.push_back({type.type, sharding.localShape(grid, first)});
    int64_t bytes = sizeBytes(type.type, numElements(to.back().shape));
    local.bytes += double(bytes);
    local.wholeBytes += double(type.sizeBytes());
    return bytes;
  };
  for (size_t k = 0; k < op.operands.size(); ++k) {
    Sharding sharding = op.rule.operandSharding(int(k), op.operands[k].shape, choice.loopAxes);
    int64_t bytes = add(op.operands[k], sharding, local.operands);
    if (op.sources[k].op < 0 && op.sources[k].isWeight)
      choice.weightBytes += bytes;
    sharding.canonicalize(grid);
    choice.operands.push_back(std::move(sharding));
  }
  for (size_t k = 0; k < op.results.size(); ++k) {
    Sharding sharding = op.rule.resultSharding(int(k), op.results[k].shape, choice.loopAxes);
    choice.resultBytes += add(op.results[k], sharding, local.results);
    sharding.canonicalize(grid);
    choice.results.push_back(std::move(sharding));
  }
  price(op, std::move(local), device, epilogueFactor, choice);
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
      if (dim.reach && dim.reach->loop == loop &&
          dim.reach->high - dim.reach->low > std::abs(dim.reach->scale) * own / dim.reach->divisor + 1)
        return false;
    }
  return true;
}

std::vector<Choice> enumerateChoices(const GraphOp &op, const Grid &grid, const cost::Device &device) {
  size_t numAxes = grid.axisSizes.size();
  std::vector<int> loops = {-1}; // -1: no loop
  if (op.isOutput) // written from wherever its operand is
    numAxes = 0;
  for (size_t l = 0; l < op.rule.loops.size(); ++l)
    if (op.rule.canShard(int(l)))
      loops.push_back(int(l));
  std::vector<Choice> choices;
  double epilogueFactor = epilogueFactorOf(op, device);
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
      choices.push_back(makeChoice(op, grid, device, epilogueFactor, std::move(loopAxes)));
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
