// Quantized integers: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear and the integer products, expanded into
// exact integer products and elementwise operators. Types of 8 and 16 bits only.
#include "ir/ops/normalization.h"
#include "ir/ops/window.h"

#include <cmath>

using namespace mlir;

namespace ampc {

static double lowest(DataType type) {
  return isSignedInteger(type) ? -std::ldexp(1.0, int(bitWidth(type)) - 1) : 0.0;
}
static double largest(DataType type) { return std::ldexp(1.0, int(bitWidth(type)) - isSignedInteger(type)) - 1; }

/// Scale or zero point in the shape that broadcasts against x of shape `shape`: per tensor, along one axis, or blocks
/// of `blockSize` along that axis.
static Value broadcastParameter(Expansion &e, Value value, const Expansion::Shape &shape) {
  Expansion::Shape own = e.shape(value);
  int64_t rank = int64_t(shape.size());
  if (e.type(value).numElements() == 1 && own.size() <= 1)
    return e.reshape(value, {});
  int64_t axis = e.axis(e.context.integer("axis", 1), rank);
  if (e.failed())
    return {};
  if (own.size() == 1) {
    if (own[0] != shape[axis])
      e.invalid("a scale of " + llvm::Twine(own[0]) + " elements along an axis of " + llvm::Twine(shape[axis]));
    Expansion::Shape to(rank, 1);
    to[axis] = own[0];
    return e.reshape(value, to);
  }
  int64_t block = e.context.integer("block_size");
  if (int64_t(own.size()) != rank || block < 1 || own[axis] != (shape[axis] + block - 1) / block) {
    e.invalid("the scale fits neither the tensor, the axis nor the blocks");
    return {};
  }
  // [.., blocks, ..] -> [.., blocks, 1, ..] -> [.., blocks, block, ..] -> [.., blocks * block, ..]
  Expansion::Shape split = own, wide;
  split.insert(split.begin() + axis + 1, 1);
  wide = split;
  wide[axis + 1] = block;
  Expansion::Shape merged = own;
  merged[axis] *= block;
  Value repeated = e.reshape(e.expand(e.reshape(value, split), wide), merged);
  return e.slice(repeated, axis, 0, shape[axis]);
}

/// saturate(round(scaled) + zero point), from a float of compute type.
static Value quantize(Expansion &e, Value scaled, Value zeroPoint, DataType to, llvm::StringRef suffix) {
  Value rounded = e.unary("round", scaled);
  if (zeroPoint)
    rounded = e.add(rounded, e.cast(zeroPoint, e.element(rounded), "zero_point"), "shifted");
  return e.cast(e.clip(rounded, lowest(to), largest(to), "saturated"), to, suffix);
}

static ImportResults importQuantize(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), scale = e.operand(1), zero = e.operand(2);
  DataType to = DataType::U8;
  if (zero)
    to = e.element(zero);
  else if (int64_t stated = context.integer("output_dtype")) {
    if (std::optional<DataType> type = onnxDataType(stated); type && isInteger(*type))
      to = *type;
    else
      e.unsupported("an output type outside ampc's set");
  }
  if (!isInteger(to) || bitWidth(to) > 16)
    e.unsupported("quantization to a type of more than 16 bits");
  // The division happens in the type of the scale (or `precision`), an integer x as f32.
  DataType precision = e.element(scale);
  if (std::optional<DataType> stated = onnxDataType(context.integer("precision")))
    precision = *stated;
  if (!isFloat(precision))
    precision = DataType::F32;
  Expansion::Shape shape = e.shape(x);
  Value divided = e.div(e.cast(x, precision), broadcastParameter(e, e.cast(scale, precision), shape));
  return e.done({quantize(e, e.toComputeType(divided), zero ? broadcastParameter(e, zero, shape) : zero, to, "")});
}

static ImportResults importDequantize(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), scale = e.operand(1), zero = e.operand(2);
  DataType type = e.element(scale);
  if (std::optional<DataType> stated = onnxDataType(context.integer("output_dtype")))
    type = *stated;
  Expansion::Shape shape = e.shape(x);
  Value value = e.cast(x, DataType::I32, "widen");
  if (zero)
    value = e.sub(value, e.cast(broadcastParameter(e, zero, shape), DataType::I32, "zero_point"), "shifted");
  DataType wide = computeType(type);
  Value result = e.mul(e.cast(value, wide), e.cast(broadcastParameter(e, scale, shape), wide), wide == type ? "" : "scaled");
  return e.done({e.cast(result, type, "")});
}

static ImportResults importDynamicQuantize(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Expansion::Shape axes = axesFrom(0, e.rank(x));
  Value high = e.max(e.reduceMax(x, axes, false), 0.0, "high"), low = e.min(e.reduce("reduce_min", x, axes, false, "min"), 0.0, "low");
  Value scale = e.div(e.sub(high, low, "range"), 255.0, "scale");
  // An all-zero input has no range; any scale represents it.
  Value isZero = e.binary("equal", scale, e.number(DataType::F32, 0));
  Value divisor = e.where(isZero, e.number(DataType::F32, 1), scale, "divisor");
  Value zero = e.clip(e.unary("round", e.div(e.unary("neg", low), divisor)), 0, 255, "zero");
  Value y = quantize(e, e.div(x, divisor), zero, DataType::U8, "");
  std::vector<Value> results = {y, scale, e.cast(zero, DataType::U8, "zero_point")};
  return e.done(results);
}

/// The operand minus its zero point, as i32. `vector`: shape that a vector of zero points takes to broadcast.
static Value centered(Expansion &e, Value x, Value zero, const Expansion::Shape &vector) {
  Value value = e.cast(x, DataType::I32, "widen");
  if (!zero)
    return value;
  Value wide = e.cast(zero, DataType::I32, "zero_point");
  if (e.type(wide).numElements() == 1)
    wide = e.reshape(wide, {});
  else if (e.rank(wide) == 1)
    wide = e.reshape(wide, vector);
  return e.sub(value, wide, "centered");
}

/// Integer product of matrices with zero points; vectors as in MatMul are not quantized in practice.
static Value integerProduct(Expansion &e, Value a, Value zeroA, Value b, Value zeroB) {
  if (e.rank(a) < 2 || e.rank(b) < 2) {
    e.unsupported("an integer product of vectors");
    return {};
  }
  Value left = centered(e, a, zeroA, {zeroA ? e.type(zeroA).numElements() : 1, 1});
  Value right = centered(e, b, zeroB, {zeroB ? e.type(zeroB).numElements() : 1});
  return e.matmul(left, right, "product");
}

static ImportResults importMatMulInteger(ImportContext &context) {
  Expansion e(context);
  return e.done({integerProduct(e, e.operand(0), e.operand(2), e.operand(1), e.operand(3))});
}

/// Zero points of weights may be one per output channel: dimension 0.
static Value integerConvolution(Expansion &e, Value x, Value zeroX, Value w, Value zeroW) {
  Expansion::Shape perChannel(std::max<int64_t>(e.rank(w), 1), 1);
  perChannel[0] = zeroW ? e.type(zeroW).numElements() : 1;
  return convolve(e, centered(e, x, zeroX, {1}), centered(e, w, zeroW, perChannel), "convolution");
}

static ImportResults importConvInteger(ImportContext &context) {
  Expansion e(context);
  return e.done({integerConvolution(e, e.operand(0), e.operand(2), e.operand(1), e.operand(3))});
}

/// Scalar, or one per row (matrices) or channel along `shape`.
static Value factor(Expansion &e, Value scale, const Expansion::Shape &shape) {
  Value wide = e.toComputeType(scale);
  if (e.type(wide).numElements() == 1)
    return e.reshape(wide, {});
  return e.rank(wide) == 1 ? e.reshape(wide, shape) : wide;
}

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point
static ImportResults importQLinearMatMul(ImportContext &context) {
  Expansion e(context);
  Value product = integerProduct(e, e.operand(0), e.operand(2), e.operand(3), e.operand(5));
  auto count = [&](size_t k) { return e.type(e.operand(k)).numElements(); };
  Value scale = e.mul(factor(e, e.operand(1), {count(1), 1}), factor(e, e.operand(4), {count(4)}), "scale");
  scale = e.div(scale, factor(e, e.operand(6), {count(6), 1}), "relative_scale");
  Value scaled = e.mul(e.cast(product, e.element(scale)), scale, "scaled");
  Value zero = e.operand(7);
  if (zero && e.rank(zero) == 1)
    zero = count(7) == 1 ? e.reshape(zero, {}) : e.reshape(zero, {count(7), 1});
  return e.done({quantize(e, scaled, zero, e.element(e.operand(7)), "")});
}

/// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias (i32, in units of x_scale * w_scale)
static ImportResults importQLinearConv(ImportContext &context) {
  Expansion e(context);
  Value y = integerConvolution(e, e.operand(0), e.operand(2), e.operand(3), e.operand(5));
  if (Value bias = e.operand(8))
    y = addChannelBias(e, y, bias, "biased");
  Expansion::Shape channels(std::max<int64_t>(e.rank(y) - 1, 1), 1);
  channels[0] = e.type(e.operand(4)).numElements();
  Value scale = e.mul(factor(e, e.operand(1), {1}), factor(e, e.operand(4), channels), "scale");
  scale = e.div(scale, factor(e, e.operand(6), {1}), "relative_scale");
  Value scaled = e.mul(e.cast(y, e.element(scale)), scale, "scaled");
  Value zero = e.operand(7);
  return e.done({quantize(e, scaled, zero ? e.reshape(zero, {}) : zero, e.element(zero), "")});
}

void addQuantizationRows(OpTable &table) {
  constexpr int any = 1 << 20;
  table.addOnnx({"", "QuantizeLinear", 10, any, importQuantize, "div, round, add, max, min, cast"});
  table.addOnnx({"", "DequantizeLinear", 10, any, importDequantize, "cast, sub, mul"});
  table.addOnnx({"", "DynamicQuantizeLinear", 11, any, importDynamicQuantize, "reduce_max, reduce_min, div, round, cast"});
  table.addOnnx({"", "MatMulInteger", 10, any, importMatMulInteger, "cast, sub, matmul"});
  table.addOnnx({"", "ConvInteger", 10, any, importConvInteger, "cast, sub, conv"});
  table.addOnnx({"", "QLinearMatMul", 10, any, importQLinearMatMul, "cast, sub, matmul, mul, round"});
  table.addOnnx({"", "QLinearConv", 10, any, importQLinearConv, "cast, sub, conv, mul, round"});
}

} // namespace ampc
