// Prices layouts. Only differences between layouts matter here; absolute times are the cost model's.
#include "passes/layout_costs.h"

#include "cost_model/compute.h"
#include "cost_model/work.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace ampc {

namespace {
constexpr double lanes = 16;            // of f32; the ratio between layouts hardly depends on it
constexpr double vectorsPerCycle = 1.5; // loads, stores and arithmetic together, as seen in kernel_bench
} // namespace

static std::vector<int64_t> stridesOf(const std::vector<int64_t> &shape, const Order &order) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t k = shape.size(); k-- > 0;) {
    size_t d = order.empty() ? k : size_t(order[k]);
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

static int64_t strideAlong(const Access &access, const std::vector<int64_t> &strides, int loop) {
  int64_t stride = 0;
  for (size_t d = 0; d < access.dims.size(); ++d)
    for (const LinearTerm &term : access.dims[d].terms)
      if (term.loop == loop)
        stride += term.coefficient * strides[d];
  return std::abs(stride);
}

/// Vector instructions per vector of points, for one access with that stride along the lanes.
static double accessCost(int64_t stride, bool isTransposable) {
  if (stride == 0)
    return 0.2;
  if (stride == 1)
    return 1;
  if (stride <= 4)
    return 1.5 * double(stride);
  return isTransposable ? 5 : 1.2 * lanes;
}

/// True if the access is the same for all values of some loop of the result: the vectors loaded once serve several.
static bool isReused(const IterationRule &rule, const Access &access, int lane) {
  for (size_t l = 0; l < rule.loops.size(); ++l) {
    if (int(l) == lane || rule.loops[l].kind == LoopKind::Reduce || rule.loops[l].extent < 2)
      continue;
    bool uses = false;
    for (const DimAccess &dim : access.dims)
      for (const LinearTerm &term : dim.terms)
        uses |= term.loop == int(l);
    if (!uses)
      return true;
  }
  return false;
}

/// True if the lanes run along a padded window, where loads at the borders are masked.
static bool isMasked(const Access &access, int lane) {
  for (const DimAccess &dim : access.dims)
    for (const LinearTerm &term : dim.terms)
      if (term.loop == lane && dim.terms.size() > 1 && access.outside)
        return true;
  return false;
}

/// Vector instructions of all points of one operator, along its best loop.
static double operatorCost(const OpInstance &instance, const std::vector<Order> &orders) {
  IterationRule rule = ruleOf(instance);
  std::vector<std::vector<int64_t>> strides;
  for (size_t k = 0; k < instance.operands.size(); ++k)
    strides.push_back(stridesOf(instance.in(k), orders[k]));
  std::vector<int64_t> resultStrides = stridesOf(instance.out(), orders.back());
  bool reduces = rule.reduction != Reduction::None;
  double best = double(rule.numPoints()) * (1.5 + double(instance.operands.size())); // no lanes at all
  for (size_t l = 0; l < rule.loops.size(); ++l) {
    int64_t extent = rule.loops[l].extent;
    if (extent <= 1)
      continue;
    double cost = 0.5;
    for (size_t k = 0; k < instance.operands.size(); ++k) {
      int64_t stride = strideAlong(rule.operands[k], strides[k], int(l));
      bool isTransposable = false; // another loop of the result runs along the operand's memory
      for (size_t other = 0; other < rule.loops.size(); ++other)
        isTransposable |= other != l && !reduces && rule.loops[other].extent >= 4 &&
                          strideAlong(rule.operands[k], strides[k], int(other)) == 1;
      double access = accessCost(stride, isTransposable);
      // In a reduction a broadcast element serves the unrolled vectors along the lanes, a vector the iterations of the
      // unrolled loop across.
      if (reduces && stride == 0)
        access = 1 / std::min(4.0, std::ceil(double(extent) / lanes));
      else if (reduces && isReused(rule, rule.operands[k], int(l)))
        access *= 0.4;
      cost += access;
      cost += isMasked(rule.operands[k], int(l)) ? 0.7 : 0;
    }
    int64_t stride = strideAlong(rule.results[0], resultStrides, int(l));
    cost += reduces ? 0.1 : accessCost(stride, false);
    double vectors = std::ceil(double(extent) / lanes);
    best = std::min(best, cost * vectors / double(extent) * double(rule.numPoints()));
  }
  return best;
}

static double bytesOf(Value value) { return double(typeOf(value).sizeBytes()); }

static double trafficBytes(Operation *kernel) {
  double bytes = bytesRead(kernel);
  for (Value value : kernel->getResults())
    bytes += bytesOf(value);
  return bytes;
}

/// Lanes say nothing about devices that are no CPUs: there a generated kernel costs what the simulation will charge.
static double uniformSeconds(Operation *kernel, const cost::Device &device) {
  cost::Work work;
  double largest = 1, result = 0;
  for (int64_t elements : elementsRead(kernel))
    largest = std::max(largest, double(elements));
  for (Value value : kernel->getResults())
    result = std::max(result, double(typeOf(value).numElements()));
  for (Operation &op : kernel->getRegion(0).front().without_terminator()) {
    IterationRule rule = ruleOf(instanceOf(&op));
    work.flops += double(rule.numPoints()) * rule.flopsPerPoint;
  }
  work.kind = cost::generatedKind(work.flops, kernel->getNumOperands(), std::max(largest, result), result);
  work.bytesRead = trafficBytes(kernel);
  if (work.kind == cost::WorkKind::GeneratedContraction) {
    work.k = work.flops / (2 * std::max(result, 1.0));
    work.n = double(typeOf(kernel->getResult(0)).shape.back());
    work.m = result / std::max(work.n, 1.0);
  }
  return cost::computeSeconds(work, device);
}

double generatedSeconds(Operation *kernel, const std::vector<Order> &orders, const cost::Device &device) {
  if (device.kind != "cpu")
    return uniformSeconds(kernel, device);
  Block &body = kernel->getRegion(0).front();
  llvm::DenseMap<Value, Order> orderOf;
  for (BlockArgument argument : body.getArguments())
    orderOf[argument] = orders[argument.getArgNumber()];
  Order inside;
  for (size_t k = 0; k < kernel->getNumResults(); ++k) {
    const Order &order = orders[kernel->getNumOperands() + k];
    if (inside.empty())
      inside = order;
    orderOf[body.getTerminator()->getOperand(unsigned(k))] = order;
  }
  double vectors = 0;
  for (Operation &op : body.without_terminator()) {
    OpInstance instance = instanceOf(&op);
    std::vector<Order> own;
    for (Value value : llvm::concat<Value>(op.getOperands(), op.getResults())) {
      auto known = orderOf.find(value);
      Order order = known == orderOf.end() ? inside : known->second;
      own.push_back(order.size() == typeOf(value).shape.size() ? order : Order());
    }
    vectors += operatorCost(instance, own);
  }
  double cyclesPerSecond = device.peak(DataType::F32) / (4 * lanes); // two multiply-adds on all lanes a cycle
  return std::max({cost::memorySeconds(trafficBytes(kernel), device), vectors / vectorsPerCycle / cyclesPerSecond,
                   device.launchSeconds});
}

double libraryConvolutionSeconds(Operation *kernel, const LibraryCall &call, bool isChannelsLast,
                                 const cost::Device &device) {
  double seconds = librarySeconds(kernel, call, device);
  // With channels in front post-ops are a slow pass of their own over the result.
  Block &body = kernel->getRegion(0).front();
  bool hasPostOps = &body.back() != body.front().getNextNode();
  return !isChannelsLast && hasPostOps ? seconds + 3 * cost::memorySeconds(2 * bytesOf(kernel->getResult(0)), device)
                                       : seconds;
}

double conversionSeconds(Value value, const cost::Device &device) {
  double bytes = 2 * bytesOf(value);
  // Transposed in registers: about half the rate of a copy where the cache holds it.
  return 1.5 * cost::memorySeconds(bytes, device) + device.launchSeconds;
}

} // namespace ampc
