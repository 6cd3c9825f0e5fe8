// Normalisations over an instance: LayerNormalization, RMSNormalization and their fused forms, Instance-, Group-,
// MeanVariance- and LpNormalization. All expand into reductions and elementwise operators, which kernels fuse again.
#include "ir/ops/contributed.h"
#include "ir/ops/normalization.h"

#include <algorithm>

using namespace mlir;

namespace ampc {

Standardized standardize(Expansion &e, Value x, const std::vector<int64_t> &axes, double epsilon) {
  Standardized s;
  s.mean = e.reduceMean(x, axes, true, "mean");
  s.centered = e.sub(x, s.mean, "centered");
  s.variance = e.reduceMean(e.mul(s.centered, s.centered, "square"), axes, true, "variance");
  s.inverseDeviation = e.unary("rsqrt", e.add(s.variance, epsilon, "epsilon"), "inverse_deviation");
  return s;
}

Value alongChannels(Expansion &e, Value vector, int64_t rank, llvm::StringRef suffix) {
  Expansion::Shape shape = e.shape(vector);
  if (shape.size() != 1)
    return vector;
  for (int64_t d = 2; d < rank; ++d)
    shape.push_back(1);
  return e.reshape(vector, shape, suffix);
}

/// Type of the statistics: `stash_type` if given, never below f32.
static DataType statisticsType(Expansion &e, DataType input) {
  std::optional<DataType> stash = onnxDataType(e.context.integer("stash_type", 1));
  DataType type = computeType(stash.value_or(DataType::F32));
  return input == DataType::F64 || type == DataType::F64 ? DataType::F64 : DataType::F32;
}

/// normalized * scale + bias, in the type of `scale`; absent ones are skipped.
static Value scaleAndShift(Expansion &e, Value normalized, Value scale, Value bias, DataType result) {
  // The second stage is computed wide too, so that fused kernels round once.
  DataType wide = e.element(normalized);
  if (scale)
    normalized = e.mul(normalized, e.cast(scale, wide), !bias && wide == result ? "" : "scaled");
  if (bias)
    normalized = e.add(normalized, e.cast(bias, wide), wide == result ? "" : "shifted");
  return e.cast(normalized, result, "");
}

struct LayerResults {
  Value y, mean, inverseDeviation;
};

/// `rms`: no mean is subtracted.
static LayerResults layerNormalization(Expansion &e, Value x, Value scale, Value bias, int64_t axis, bool rms,
                                       DataType result, double defaultEpsilon = 1e-5) {
  DataType wide = statisticsType(e, e.element(x));
  Expansion::Shape axes = axesFrom(e.axis(axis, e.rank(x)), e.rank(x));
  double epsilon = e.context.real("epsilon", defaultEpsilon);
  Value value = e.cast(x, wide, "widen");
  LayerResults results;
  if (rms) {
    Value square = e.reduceMean(e.mul(value, value, "square"), axes, true, "mean_square");
    results.inverseDeviation = e.unary("rsqrt", e.add(square, epsilon, "epsilon"), "inverse_rms");
    results.y = e.mul(value, results.inverseDeviation, "normalized");
  } else {
    Standardized s = standardize(e, value, axes, epsilon);
    results.mean = s.mean;
    results.inverseDeviation = s.inverseDeviation;
    results.y = e.mul(s.centered, s.inverseDeviation, "normalized");
  }
  results.y = scaleAndShift(e, results.y, scale, bias, result);
  return results;
}

static ImportResults importLayerNormalization(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  LayerResults r = layerNormalization(e, x, e.operand(1), e.operand(2), context.integer("axis", -1), false, e.element(x));
  std::vector<Value> results = {r.y, r.mean, r.inverseDeviation};
  results.resize(std::min<size_t>(3, std::max<size_t>(1, context.numResults())));
  return e.done(results);
}

static ImportResults importRmsNormalization(ImportContext &context) {
  Expansion e(context);
  Value scale = e.operand(1);
  LayerResults r =
      layerNormalization(e, e.operand(0), scale, Value(), context.integer("axis", -1), true, e.element(scale));
  std::vector<Value> results = {r.y, r.inverseDeviation}; // the second one: SimplifiedLayerNormalization
  results.resize(std::min<size_t>(2, std::max<size_t>(1, context.numResults())));
  return e.done(results);
}

/// com.microsoft: input + skip (+ bias), then normalized. Results: y, mean, inverse deviation, the sum.
static ImportFn importSkip(bool rms) {
  return [rms](ImportContext &context) -> ImportResults {
    Expansion e(context);
    Expansion::Shape shape = e.shape(e.operand(0)), skip = e.shape(e.operand(1));
    if (shape.size() != 2 && shape.size() != 3)
      e.invalid("the input has rank " + llvm::Twine(shape.size()) + ", not 2 or 3");
    else if (skip != shape && (shape.size() != 3 || (skip.size() == 3 && skip[0] != 1) || skip.size() < 2 ||
                               !std::equal(skip.end() - 2, skip.end(), shape.end() - 2)))
      e.invalid("input and skip do not fit together");
    Value scale = e.operand(2), shift = rms ? Value() : e.operand(3), bias = e.operand(rms ? 3 : 4);
    for (Value vector : {scale, shift, bias})
      if (!e.failed() && vector && e.shape(vector) != Expansion::Shape{shape.back()})
        e.invalid("scale and biases need one element per column");
    if (e.failed())
      return e.done({});
    Value sum = e.add(e.operand(0), e.operand(1), "skip");
    if (bias)
      sum = e.add(sum, bias, "biased");
    LayerResults r = layerNormalization(e, sum, scale, shift, -1, rms, e.element(sum), 1e-12);
    std::vector<Value> results = {r.y, r.mean, r.inverseDeviation, sum};
    if (context.numResults() > 1 && rms && context.isResultUsed(1))
      e.unsupported("the mean of a normalisation without one");
    results.resize(std::min<size_t>(4, std::max<size_t>(1, context.numResults())));
    return e.done(results);
  };
}

static ImportResults importInstanceNormalization(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t rank = e.rank(x);
  for (size_t k : {1, 2})
    if (!e.failed() && (rank < 2 || e.type(e.operand(k)).numElements() != e.shape(x)[1]))
      e.invalid("scale and bias need one element per channel");
  if (e.failed())
    return e.done({});
  Value wide = e.toComputeType(x);
  Standardized s = standardize(e, wide, axesFrom(2, rank), context.real("epsilon", 1e-5));
  Value normalized = e.mul(s.centered, s.inverseDeviation, "normalized");
  return e.done({scaleAndShift(e, normalized, alongChannels(e, e.operand(1), rank, "scale"),
                               alongChannels(e, e.operand(2), rank, "bias"), e.element(x))});
}

/// [n, (g c), spatial...] is seen as [n, g, c, spatial...]. Scale and bias are per group in opset 18, per channel since.
static ImportResults importGroupNormalization(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Expansion::Shape shape = e.shape(x);
  int64_t groups = context.integer("num_groups");
  if (shape.size() < 2 || groups < 1 || shape[1] % groups != 0)
    e.invalid("num_groups " + llvm::Twine(groups) + " does not divide the channels");
  if (e.failed())
    return e.done({});
  int64_t channels = shape[1] / groups, scales = context.version() < 21 ? groups : shape[1];
  for (size_t k : {1, 2}) // ONNX's checker does not see the deprecated version
    if (!e.operand(k) || e.shape(e.operand(k)) != Expansion::Shape{scales})
      e.invalid("scale and bias need " + llvm::Twine(scales) + " elements");
  if (context.numOperands() > 3)
    e.invalid("there are " + llvm::Twine(context.numOperands()) + " operands");
  if (e.failed())
    return e.done({});
  Expansion::Shape split = {shape[0], groups, channels};
  split.insert(split.end(), shape.begin() + 2, shape.end());
  Value wide = e.reshape(e.toComputeType(x), split, "split");
  Standardized s = standardize(e, wide, axesFrom(2, int64_t(split.size())), context.real("epsilon", 1e-5));
  Value normalized = e.mul(s.centered, s.inverseDeviation, "normalized");
  Expansion::Shape vector(split.size() - 1, 1);
  vector[0] = groups;
  vector[1] = context.version() < 21 ? 1 : channels;
  normalized = e.mul(normalized, e.reshape(e.toComputeType(e.operand(1)), vector, "scale"), "scaled");
  normalized = e.add(normalized, e.reshape(e.toComputeType(e.operand(2)), vector, "bias"), "shifted");
  bool narrow = computeType(e.element(x)) != e.element(x);
  return e.done({e.cast(e.reshape(normalized, shape, narrow ? "merged" : ""), e.element(x), "")});
}

static ImportResults importMeanVarianceNormalization(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Expansion::Shape axes = context.integers("axes");
  if (axes.empty())
    axes = {0, 2, 3};
  for (int64_t &axis : axes)
    axis = e.axis(axis, e.rank(x));
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  Value wide = e.toComputeType(x);
  Standardized s = standardize(e, wide, axes, 0);
  Value deviation = e.add(e.unary("sqrt", s.variance), 1e-9, "deviation");
  return e.done({e.cast(e.div(s.centered, deviation, e.element(x) == e.element(wide) ? "" : "normalized"), e.element(x), "")});
}

static ImportResults importLpNormalization(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t p = context.integer("p", 2);
  if (p != 1 && p != 2)
    e.invalid("p is " + llvm::Twine(p) + ", not 1 or 2");
  Expansion::Shape axes = {e.axis(context.integer("axis", -1), e.rank(x))};
  Value wide = e.toComputeType(x);
  Value norm = p == 1 ? e.reduceSum(e.unary("abs", wide), axes, true, "norm")
                      : e.unary("sqrt", e.reduceSum(e.mul(wide, wide, "square"), axes), "norm");
  // Zero divided by a zero norm is defined as zero.
  Value divisor = e.where(e.binary("equal", norm, e.number(e.element(wide), 0)), e.number(e.element(wide), 1), norm, "divisor");
  return e.done({e.cast(e.div(wide, divisor, e.element(x) == e.element(wide) ? "" : "normalized"), e.element(x), "")});
}

void addNormalizationRows(OpTable &table) {
  constexpr int any = 1 << 20;
  const char *rows = "reduce_sum, sub, mul, rsqrt, add";
  const char *rmsRows = "reduce_sum, mul, rsqrt, add";
  table.addOnnx({"", "LayerNormalization", 1, any, importLayerNormalization, rows});
  table.addOnnx({"", "RMSNormalization", 23, any, importRmsNormalization, rmsRows});
  table.addOnnx({"", "SimplifiedLayerNormalization", 1, any, importRmsNormalization, rmsRows});
  table.addOnnx({"com.microsoft", "SkipLayerNormalization", 1, any, contributed("TTTtt", importSkip(false)), rows});
  table.addOnnx({"com.microsoft", "SkipSimplifiedLayerNormalization", 1, any, contributed("TTTt", importSkip(true)), rmsRows});
  table.addOnnx({"", "InstanceNormalization", 1, any, importInstanceNormalization, rows});
  table.addOnnx({"", "GroupNormalization", 18, any, importGroupNormalization, rows, false, true});
  table.addOnnx({"", "MeanVarianceNormalization", 1, any, importMeanVarianceNormalization, "reduce_sum, sub, mul, sqrt, div"});
  table.addOnnx({"", "LpNormalization", 1, any, importLpNormalization, "reduce_sum, abs, mul, sqrt, where, div"});
}

} // namespace ampc
