// BatchNormalization. Inference: one factor and one addend per channel, computed from weights alone, so that they move
// to the init program and fold into a convolution before them. Training mode takes the statistics of the batch.
#include "ir/ops/normalization.h"

#include <algorithm>

using namespace mlir;

namespace ampc {

static ImportResults importBatchNormalization(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t rank = e.rank(x);
  DataType type = e.element(x), wide = computeType(type);
  double epsilon = context.real("epsilon", 1e-5), momentum = context.real("momentum", 0.9);
  // Every vector in the type that the sum is computed in.
  auto vector = [&](size_t k) { return e.cast(e.operand(k), wide, "widen"); };
  Value scale = vector(1), bias = vector(2), mean = vector(3), variance = vector(4);
  size_t results = std::max<size_t>(1, context.numResults());
  bool training = context.version() >= 14 && context.integer("training_mode");
  for (size_t k = 1; k < results; ++k)
    if (!training && context.isResultUsed(k))
      e.unsupported("results of the training mode");
  std::vector<Value> all(std::min<size_t>(results, 5));
  if (e.failed())
    return e.done({});

  Value value = e.cast(x, wide, "widen");
  if (training) {
    Expansion::Shape axes = axesFrom(1, rank);
    if (rank > 1)
      axes[0] = 0; // all dimensions but the channels
    else
      axes = {0};
    Standardized s = standardize(e, value, axes, epsilon);
    auto running = [&](Value old, Value current, size_t operand, const char *suffix) {
      Value flat = e.reshape(current, e.shape(old), suffix);
      Value updated = e.add(e.mul(old, momentum, "kept"), e.mul(flat, 1 - momentum, "new"), "running");
      return e.cast(updated, e.element(e.operand(operand)));
    };
    if (results > 1)
      all[1] = running(mean, s.mean, 3, "mean_vector");
    if (results > 2)
      all[2] = running(variance, s.variance, 4, "variance_vector");
    Value normalized = e.mul(s.centered, s.inverseDeviation, "normalized");
    Value scaled = e.mul(normalized, alongChannels(e, scale, rank, "scale"), "scaled");
    Value y = e.add(scaled, alongChannels(e, bias, rank, "bias"), wide == type ? "" : "shifted");
    all[0] = e.cast(y, type, "");
    return e.done(all);
  }
  Value factor = e.mul(scale, e.unary("rsqrt", e.add(variance, epsilon, "epsilon"), "inverse_deviation"), "factor");
  Value addend = e.sub(bias, e.mul(mean, factor, "shift"), "addend");
  Value scaled = e.mul(value, alongChannels(e, factor, rank, "factors"), "scaled");
  Value y = e.add(scaled, alongChannels(e, addend, rank, "addends"), wide == type ? "" : "shifted");
  all[0] = e.cast(y, type, "");
  return e.done(all);
}

void addBatchNormalizationRows(OpTable &table) {
  table.addOnnx({"", "BatchNormalization", 1, 1 << 20, importBatchNormalization, "add, rsqrt, mul, sub"});
}

} // namespace ampc
