// Builds primitives for one ONNX node; see the header.
#include "ir/ops/expansion.h"

#include "ir/diagnostic.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using llvm::StringRef;

namespace ampc {

void Expansion::fail(llvm::Error why) {
  if (hasFailed) {
    llvm::consumeError(std::move(why));
    return;
  }
  hasFailed = true;
  llvm::consumeError(std::move(error));
  error = std::move(why);
}

ImportResults Expansion::done(std::vector<Value> results) {
  if (hasFailed) {
    llvm::Error why = std::move(error);
    error = llvm::Error::success();
    return why;
  }
  return llvm::SmallVector<Value>(results.begin(), results.end());
}

Expansion::Shape Expansion::knownIntegers(size_t k, StringRef what) {
  std::optional<HostTensor> value = context.constant(k);
  if (!value) {
    unsupported(what + " must be known at compile time");
    return {};
  }
  return value->integers();
}

void Expansion::checkKnownIndices(size_t k, const Shape &extents) {
  std::optional<HostTensor> known = hasFailed || extents.empty() ? std::nullopt : context.constant(k);
  if (!known || isFloat(known->type.type))
    return;
  for (int64_t n = 0; n < known->type.numElements(); ++n) {
    int64_t index = known->integer(n), extent = extents[size_t(n) % extents.size()];
    if (index < -extent || index >= extent)
      return invalid("index " + Twine(index) + " is outside a dimension of extent " + Twine(extent));
  }
}

std::optional<double> splatOf(const HostTensor &tensor) {
  int64_t count = tensor.type.numElements();
  if (count == 0)
    return std::nullopt;
  double first = tensor.real(0);
  for (int64_t k = 1; k < count; ++k)
    if (tensor.real(k) != first)
      return std::nullopt;
  return first;
}

std::optional<double> Expansion::knownSplat(size_t k) {
  std::optional<HostTensor> value = k < context.numOperands() && context.operand(k) ? context.constant(k) : std::nullopt;
  return value ? splatOf(*value) : std::nullopt;
}

int64_t Expansion::axis(int64_t axis, int64_t rank) {
  llvm::Expected<int64_t> normal = normalizeAxis(axis, rank);
  if (normal)
    return *normal;
  invalid(sentenceOf(normal.takeError()));
  return 0;
}

std::string Expansion::distinct(StringRef suffix) {
  int uses = suffixUses[suffix]++;
  if (uses == 0)
    return suffix.str();
  return suffix.str() + (suffix.empty() ? "r" : "_") + std::to_string(uses);
}

SmallVector<Value> Expansion::buildAll(StringRef row, ArrayRef<Value> operands, ArrayRef<NamedAttribute> attributes,
                                       StringRef suffix) {
  if (hasFailed)
    return {};
  for (Value operand : operands)
    if (!operand) {
      invalid("an operand of " + row + " is missing");
      return {};
    }
  auto results = context.build(row, operands, attributes, distinct(suffix));
  if (!results) {
    fail(results.takeError());
    return {};
  }
  return std::move(*results);
}

Value Expansion::build(StringRef row, ArrayRef<Value> operands, ArrayRef<NamedAttribute> attributes,
                       std::optional<StringRef> suffix) {
  SmallVector<Value> results = buildAll(row, operands, attributes, suffix.value_or(row));
  return results.empty() ? Value() : results.front();
}

NamedAttribute Expansion::attribute(StringRef name, int64_t value) {
  return context.attributes().getNamedAttr(name, context.attributes().getI64IntegerAttr(value));
}
NamedAttribute Expansion::attribute(StringRef name, double value) {
  return context.attributes().getNamedAttr(name, context.attributes().getF64FloatAttr(value));
}
NamedAttribute Expansion::attribute(StringRef name, const Shape &value) {
  return context.attributes().getNamedAttr(name, context.attributes().getDenseI64ArrayAttr(value));
}
NamedAttribute Expansion::attribute(StringRef name, StringRef value) {
  return context.attributes().getNamedAttr(name, context.attributes().getStringAttr(value));
}

// --- Literals ------------------------------------------------------------------------------------------------------

Value Expansion::literal(DataType type, const Shape &shape, const std::vector<double> &values, StringRef suffix) {
  if (hasFailed)
    return {};
  HostTensor tensor(TensorType{type, shape});
  for (size_t k = 0; k < values.size(); ++k)
    tensor.setReal(int64_t(k), values[k]);
  return context.literal(tensor, distinct(suffix));
}

Value Expansion::number(DataType type, double value) {
  if (std::isnan(value))
    return literal(type, {}, {value}, "number");
  Value &known = numbers[{type, value}];
  if (!known)
    known = literal(type, {}, {value}, "number");
  return known;
}

Value Expansion::zeros(DataType type, const Shape &shape) { return expand(number(type, 0), shape, "zeros"); }

// --- Elementwise ---------------------------------------------------------------------------------------------------

Value Expansion::unary(StringRef row, Value x, std::optional<StringRef> suffix) { return build(row, {x}, {}, suffix); }

Value Expansion::binary(StringRef row, Value a, Value b, std::optional<StringRef> suffix) {
  return build(row, {a, b}, {}, suffix);
}

Value Expansion::where(Value condition, Value then, Value otherwise, StringRef suffix) {
  return build("where", {condition, then, otherwise}, {}, suffix);
}

Value Expansion::cast(Value x, DataType to, StringRef suffix) {
  if (hasFailed || element(x) == to)
    return x;
  return build("cast", {x}, {attribute("to", StringRef(name(to)))}, suffix);
}

Value Expansion::toComputeType(Value x) { return cast(x, computeType(element(x)), "widen"); }

Value Expansion::clip(Value x, double lo, double hi, StringRef suffix) { return min(max(x, lo, "floor"), hi, suffix); }

// --- Reductions and products ---------------------------------------------------------------------------------------

Value Expansion::reduce(StringRef row, Value x, const Shape &axes, bool keepDims, StringRef suffix) {
  if (axes.empty())
    return x;
  Shape sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  return build(row, {x}, {attribute("axes", sorted), attribute("keepdims", int64_t(keepDims))}, suffix);
}

Value Expansion::reduceSum(Value x, const Shape &axes, bool keepDims, StringRef suffix) {
  return reduce("reduce_sum", x, axes, keepDims, suffix);
}

Value Expansion::reduceMax(Value x, const Shape &axes, bool keepDims, StringRef suffix) {
  return reduce("reduce_max", x, axes, keepDims, suffix);
}

Value Expansion::reduceMean(Value x, const Shape &axes, bool keepDims, StringRef suffix) {
  if (axes.empty())
    return x;
  Shape extents = shape(x);
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= hasFailed ? 1 : extents[axis];
  Value sum = reduceSum(x, axes, keepDims, "sum");
  if (isFloat(element(x)))
    return mul(sum, 1.0 / double(count), suffix);
  return div(sum, double(count), suffix);
}

Value Expansion::matmul(Value a, Value b, StringRef suffix) { return build("matmul", {a, b}, {}, suffix); }

Value Expansion::softmax(Value x, const Shape &axes, StringRef suffix) {
  DataType type = element(x);
  Value wide = toComputeType(x);
  Value shifted = unary("exp", sub(wide, reduceMax(wide, axes)));
  Value sum = reduceSum(shifted, axes);
  if (element(wide) == type)
    return div(shifted, sum, suffix);
  return cast(div(shifted, sum), type, suffix);
}

// --- Movement ------------------------------------------------------------------------------------------------------

Value Expansion::transpose(Value x, const Shape &permutation, StringRef suffix) {
  if (hasFailed || std::is_sorted(permutation.begin(), permutation.end()))
    return x;
  return build("transpose", {x}, {attribute("perm", permutation)}, suffix);
}

Value Expansion::swapLastTwo(Value x, StringRef suffix) {
  Shape permutation = axesFrom(0, rank(x));
  if (permutation.size() < 2)
    return x;
  std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
  return transpose(x, permutation, suffix);
}

Value Expansion::reshape(Value x, const Shape &to, StringRef suffix) {
  if (hasFailed || shape(x) == to)
    return x;
  return build("reshape", {x}, {attribute("shape", to)}, suffix);
}

Value Expansion::expand(Value x, const Shape &to, StringRef suffix) {
  if (hasFailed || shape(x) == to)
    return x;
  return build("expand", {x}, {attribute("shape", to)}, suffix);
}

Value Expansion::slice(Value x, int64_t axis, int64_t start, int64_t count, int64_t step, StringRef suffix) {
  if (hasFailed)
    return {};
  Shape extents = shape(x);
  if (start == 0 && step == 1 && count == extents[axis])
    return x;
  Shape starts(extents.size(), 0), steps(extents.size(), 1);
  starts[axis] = start;
  steps[axis] = step;
  extents[axis] = count;
  return build("slice", {x}, {attribute("starts", starts), attribute("steps", steps), attribute("shape", extents)},
               suffix);
}

Value Expansion::concat(ArrayRef<Value> values, int64_t axis, StringRef suffix) {
  if (values.size() == 1)
    return values[0];
  return build("concat", values, {attribute("axis", axis)}, suffix);
}

Value Expansion::pad(Value x, int64_t axis, int64_t before, int64_t after, double value, StringRef suffix) {
  if (hasFailed || (before == 0 && after == 0))
    return x;
  Shape begin(rank(x), 0), end(rank(x), 0);
  begin[axis] = before;
  end[axis] = after;
  Shape pads = begin;
  pads.insert(pads.end(), end.begin(), end.end());
  return build("pad", {x}, {attribute("pads", pads), attribute("value", value)}, suffix);
}

std::optional<DataType> onnxDataType(int64_t number) {
  switch (number) {
  case 1: return DataType::F32;
  case 2: return DataType::U8;
  case 3: return DataType::I8;
  case 4: return DataType::U16;
  case 5: return DataType::I16;
  case 6: return DataType::I32;
  case 7: return DataType::I64;
  case 9: return DataType::Bool;
  case 10: return DataType::F16;
  case 11: return DataType::F64;
  case 12: return DataType::U32;
  case 13: return DataType::U64;
  case 16: return DataType::BF16;
  }
  return std::nullopt;
}

std::vector<int64_t> axesFrom(int64_t skip, int64_t rank) {
  std::vector<int64_t> axes;
  for (int64_t d = skip; d < rank; ++d)
    axes.push_back(d);
  return axes;
}

} // namespace ampc
