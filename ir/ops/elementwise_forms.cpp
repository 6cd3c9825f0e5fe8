// ONNX operators that become a few elementwise operators of the dialect, or one of them with attributes: variadic,
// clipping, powers by a constant, conversions, dropout.
#include "ir/ops/expansion.h"

#include <limits>

using namespace mlir;

namespace ampc {

/// Max, Min, Sum: a chain of the binary operator. Mean divides at the end.
static ImportFn importVariadic(std::string row, bool mean = false) {
  return [row, mean](ImportContext &context) -> ImportResults {
    Expansion e(context);
    Value result = e.operand(0);
    size_t count = context.numOperands();
    for (size_t k = 1; k < count; ++k)
      result = e.binary(row, result, e.operand(k), k + 1 == count && !mean ? "" : "partial");
    if (mean && count > 1)
      result = e.div(result, double(count), "");
    return e.done({result});
  };
}

static ImportResults importClip(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), low = e.operand(1), high = e.operand(2);
  DataType type = e.element(x);
  if (context.version() < 11) {
    // Until opset 6 the bounds are attributes; the largest float means none.
    constexpr double none = std::numeric_limits<float>::max();
    if (context.hasAttribute("min") && context.real("min") > -none)
      low = e.number(type, context.real("min"));
    if (context.hasAttribute("max") && context.real("max") < none)
      high = e.number(type, context.real("max"));
  }
  if (low)
    x = e.binary("max", x, e.reshape(low, {}), high ? "floor" : "");
  if (high)
    x = e.binary("min", x, e.reshape(high, {}), "");
  return e.done({x});
}

/// Powers by a small constant are products: exporters write x * x as Pow(x, 2).
static ImportResults importPow(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), y = e.operand(1);
  if (context.version() < 7 && context.hasAttribute("axis") && e.rank(y) > 0) {
    Expansion::Shape shape = e.shape(y);
    for (int64_t d = e.axis(context.integer("axis"), e.rank(x)) + e.rank(y); d < e.rank(x); ++d)
      shape.push_back(1);
    y = e.reshape(y, shape, "aligned");
  }
  std::optional<double> exponent = e.knownSplat(1);
  bool sameShape = e.type(y).numElements() == 1 && e.rank(y) <= e.rank(x);
  if (exponent && sameShape) {
    if (*exponent == 1)
      return e.done({x});
    if (*exponent == 2)
      return e.done({e.mul(x, x, "")});
    if (*exponent == 3)
      return e.done({e.mul(e.mul(x, x, "square"), x, "")});
    if (*exponent == 0.5 && isFloat(e.element(x)))
      return e.done({e.unary("sqrt", x, "")});
    if (*exponent == -1 && isFloat(e.element(x)))
      return e.done({e.unary("reciprocal", x, "")});
  }
  return e.done({e.binary("pow", x, y, "")});
}

static ImportResults importMod(ImportContext &context) {
  Expansion e(context);
  return e.done({e.build("mod", {e.operand(0), e.operand(1)}, {e.attribute("fmod", context.integer("fmod"))}, "")});
}

static ImportResults importBitShift(ImportContext &context) {
  Expansion e(context);
  std::string direction = context.string("direction");
  if (direction != "LEFT" && direction != "RIGHT")
    e.invalid("direction is '" + direction + "', not LEFT or RIGHT");
  return e.done({e.binary(direction == "LEFT" ? "shift_left" : "shift_right", e.operand(0), e.operand(1), "")});
}

static ImportResults importIsInf(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  bool positive = context.integer("detect_positive", 1), negative = context.integer("detect_negative", 1);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (positive && negative)
    return e.done({e.unary("isinf", x, "")});
  if (positive || negative)
    return e.done({e.binary("equal", x, e.number(e.element(x), positive ? infinity : -infinity), "")});
  return e.done({e.zeros(DataType::Bool, e.shape(x))});
}

static ImportResults importCast(ImportContext &context) {
  Expansion e(context);
  std::optional<DataType> to;
  if (context.version() < 6) {
    std::string text = context.string("to");
    const std::pair<const char *, int> names[] = {
        {"FLOAT", 1},  {"UINT8", 2}, {"INT8", 3},     {"UINT16", 4},  {"INT16", 5},   {"INT32", 6},
        {"INT64", 7},  {"BOOL", 9},  {"FLOAT16", 10}, {"DOUBLE", 11}, {"UINT32", 12}, {"UINT64", 13}};
    for (auto [name, number] : names)
      if (text == name)
        to = onnxDataType(number);
  } else {
    to = onnxDataType(context.integer("to"));
  }
  if (!to)
    e.unsupported("conversion to an element type outside ampc's set");
  return e.done({e.cast(e.operand(0), to.value_or(DataType::F32), "")});
}

static ImportResults importCastLike(ImportContext &context) {
  Expansion e(context);
  return e.done({e.cast(e.operand(0), e.element(e.operand(1)), "")});
}

/// Inference only: data passes, the mask is all ones.
static ImportResults importDropout(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), mask;
  if (context.version() >= 12 && e.operand(2)) {
    std::optional<double> training = e.knownSplat(2), ratio = e.operand(1) ? e.knownSplat(1) : 0.5;
    if (!training)
      e.unsupported("training_mode must be known at compile time");
    else if (*training && !(ratio && *ratio == 0))
      e.unsupported("dropout in training mode draws random numbers");
  }
  if (context.numResults() > 1 && context.isResultUsed(1)) {
    DataType type = context.version() < 10 ? e.element(x) : DataType::Bool;
    mask = e.expand(e.number(type, 1), e.shape(x), "mask");
  }
  if (context.numResults() > 1)
    return e.done({x, mask});
  return e.done({x});
}

void addElementwiseFormRows(OpTable &table) {
  constexpr int any = 1 << 20;
  table.addOnnx({"", "Max", 1, any, importVariadic("max"), "max"});
  table.addOnnx({"", "Min", 1, any, importVariadic("min"), "min"});
  table.addOnnx({"", "Sum", 1, any, importVariadic("add"), "add"});
  table.addOnnx({"", "Mean", 1, any, importVariadic("add", true), "add, div"});
  table.addOnnx({"", "Clip", 1, any, importClip, "max, min"});
  table.addOnnx({"", "Pow", 1, any, importPow, "pow, mul, sqrt, reciprocal"});
  table.addOnnx({"", "Mod", 10, any, importMod, "mod"});
  table.addOnnx({"", "BitShift", 11, any, importBitShift, "shift_left, shift_right"});
  table.addOnnx({"", "IsInf", 10, any, importIsInf, "isinf, equal"});
  table.addOnnx({"", "Cast", 1, any, importCast, "cast"});
  table.addOnnx({"", "CastLike", 15, any, importCastLike, "cast"});
  table.addOnnx({"", "Dropout", 1, any, importDropout, "expand"});
}

} // namespace ampc
