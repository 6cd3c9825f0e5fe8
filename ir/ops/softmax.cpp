// Softmax, LogSoftmax, Hardmax: expanded into reductions and elementwise operators. Before opset 13 the input is
// flattened to two dimensions at `axis`, which is a reduction over all dimensions from `axis` on.
#include "ir/ops/expansion.h"

using namespace mlir;

namespace ampc {

static Expansion::Shape softmaxAxes(Expansion &e, Value x) {
  int64_t rank = e.rank(x);
  if (e.context.version() >= 13)
    return {e.axis(e.context.integer("axis", -1), rank)};
  int64_t axis = e.context.integer("axis", 1);
  return axesFrom(axis == rank ? rank : e.axis(axis, rank), rank);
}

static ImportResults importSoftmax(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  return e.done({e.softmax(x, softmaxAxes(e, x), "")});
}

static ImportResults importLogSoftmax(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  DataType type = e.element(x);
  Expansion::Shape axes = softmaxAxes(e, x);
  Value wide = e.toComputeType(x);
  Value shifted = e.sub(wide, e.reduceMax(wide, axes));
  Value logSum = e.unary("log", e.reduceSum(e.unary("exp", shifted), axes));
  return e.done({e.cast(e.sub(shifted, logSum, e.element(wide) == type ? "" : "sub_1"), type, "")});
}

/// One at the first maximum, zero elsewhere: the first position among those that equal the maximum is their minimum.
static ImportResults importHardmax(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Expansion::Shape axes = softmaxAxes(e, x), positionShape(e.rank(x), 1);
  int64_t count = 1;
  for (int64_t axis : axes) {
    positionShape[axis] = e.shape(x)[axis];
    count *= positionShape[axis];
  }
  constexpr int64_t largestLiteral = 1 << 20;
  if (count > largestLiteral)
    e.unsupported("more than " + llvm::Twine(largestLiteral) + " elements along the axis");
  if (e.failed())
    return e.done({});
  std::vector<double> numbers(count);
  for (int64_t k = 0; k < count; ++k)
    numbers[k] = double(k);
  Value positions = e.literal(DataType::I32, positionShape, numbers, "positions");
  Value isMax = e.binary("equal", x, e.reduceMax(x, axes));
  Value candidates = e.where(isMax, positions, e.number(DataType::I32, double(count)), "candidates");
  Value first = e.reduce("reduce_min", candidates, axes, true, "first");
  return e.done({e.cast(e.binary("equal", positions, first), e.element(x), "")});
}

void addSoftmaxRows(OpTable &table) {
  constexpr int any = 1 << 20;
  table.addOnnx({"", "Softmax", 1, any, importSoftmax, "reduce_max, sub, exp, reduce_sum, div"});
  table.addOnnx({"", "LogSoftmax", 1, any, importLogSoftmax, "reduce_max, sub, exp, reduce_sum, log"});
  table.addOnnx({"", "Hardmax", 1, any, importHardmax, "reduce_max, equal, where, reduce_min"});
}

} // namespace ampc
