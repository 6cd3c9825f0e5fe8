// ONNX operators that become movement rows (transpose, expand, tile, slice, concat) or, where only a shape
// matters, literals.
#include "ir/ops/expansion.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ampc {

using Shape = std::vector<int64_t>;
using Value = Expansion::Value;

static ImportResults importTranspose(ImportContext &context) {
  Expansion e(context);
  int64_t rank = e.rank(e.operand(0));
  Shape perm = context.integers("perm");
  if (!context.hasAttribute("perm")) {
    perm = axesFrom(0, rank);
    std::reverse(perm.begin(), perm.end());
  }
  if (int64_t(perm.size()) != rank)
    return context.invalid("the permutation has " + llvm::Twine(perm.size()) + " entries for rank " +
                           llvm::Twine(rank));
  for (int64_t &axis : perm)
    axis = e.axis(axis, rank);
  return e.done({e.transpose(e.operand(0), perm, "")});
}

static ImportResults importExpand(ImportContext &context) {
  Expansion e(context);
  Shape from = e.shape(e.operand(0)), to = e.knownIntegers(1, "the target shape");
  // The broadcast goes both ways: a target extent of 1 keeps the operand's.
  if (from.size() > to.size())
    to.insert(to.begin(), from.size() - to.size(), 1);
  for (size_t d = 0; d < from.size() && !e.failed(); ++d) {
    int64_t &extent = to[to.size() - from.size() + d];
    extent = extent == 1 ? from[d] : extent;
  }
  return e.done({e.expand(e.operand(0), to, "")});
}

static ImportResults importTile(ImportContext &context) {
  Expansion e(context);
  int64_t rank = e.rank(e.operand(0));
  Shape repeats;
  if (context.version() < 6) {
    Shape times = e.knownIntegers(1, "the number of tiles"), axis = e.knownIntegers(2, "the tiled axis");
    repeats.assign(size_t(rank), 1);
    if (!e.failed() && (times.size() != 1 || axis.size() != 1))
      e.invalid("the number of tiles and the axis are single numbers");
    if (!e.failed())
      repeats[size_t(e.axis(axis[0], rank))] = times[0];
  } else {
    repeats = e.knownIntegers(1, "the number of repeats");
  }
  if (std::all_of(repeats.begin(), repeats.end(), [](int64_t times) { return times == 1; }))
    return e.done({e.operand(0)});
  return e.done({e.build("tile", {e.operand(0)}, {e.attribute("repeats", repeats)}, "")});
}

// --- Slice, Split, Concat
// ------------------------------------------------------------------------------------------

// One axis of a slice: start and number of elements after ONNX's clamping.
static void clampSlice(int64_t extent, int64_t &start, int64_t end, int64_t step, int64_t &count) {
  auto clamp = [extent](int64_t index, int64_t low, int64_t high) {
    if (index < 0)
      index = index < -extent ? -1 : index + extent;
    return std::clamp(index, low, high);
  };
  if (step > 0) {
    start = clamp(start, 0, extent);
    end = clamp(end, 0, extent);
    count = start < end ? (end - start - 1) / step + 1 : 0;
    return;
  }
  if (extent == 0) {
    start = count = 0;
    return;
  }
  start = clamp(start, 0, extent - 1);
  end = clamp(end, -1, extent - 1);
  // Written without -step, which overflows for the smallest integer.
  count = start > end ? int64_t(uint64_t(start - end - 1) / (0 - uint64_t(step))) + 1 : 0;
}

static ImportResults importSlice(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Shape shape = e.shape(x), starts, ends, axes, steps;
  int64_t rank = int64_t(shape.size());
  if (context.version() < 10) {
    starts = context.integers("starts");
    ends = context.integers("ends");
    axes = context.integers("axes");
  } else {
    starts = e.knownIntegers(1, "the starts of a slice");
    ends = e.knownIntegers(2, "the ends of a slice");
    if (e.operand(3))
      axes = e.knownIntegers(3, "the axes of a slice");
    if (e.operand(4))
      steps = e.knownIntegers(4, "the steps of a slice");
  }
  bool hasAxes = context.version() < 10 ? context.hasAttribute("axes") : bool(e.operand(3));
  if (!hasAxes)
    axes = axesFrom(0, int64_t(starts.size()));
  if (context.version() < 10 || !e.operand(4))
    steps.assign(starts.size(), 1);
  if (e.failed())
    return e.done({});
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return context.invalid("starts, ends, axes and steps differ in length");
  Shape fullStarts(size_t(rank), 0), fullSteps(size_t(rank), 1);
  std::vector<bool> seen(size_t(rank), false);
  bool changes = false;
  for (size_t k = 0; k < starts.size(); ++k) {
    int64_t axis = e.axis(axes[k], rank);
    if (e.failed())
      return e.done({});
    if (steps[k] == 0 || seen[size_t(axis)])
      return context.invalid(steps[k] == 0 ? "a step is 0" : "an axis is named twice");
    seen[size_t(axis)] = true;
    int64_t extent = shape[size_t(axis)], start = starts[k], count = 0;
    clampSlice(extent, start, ends[k], steps[k], count);
    changes |= start != 0 || steps[k] != 1 || count != extent;
    // A single element needs no step, an empty slice no start.
    fullStarts[size_t(axis)] = count == 0 ? 0 : start;
    fullSteps[size_t(axis)] = count <= 1 ? 1 : steps[k];
    shape[size_t(axis)] = count;
  }
  if (!changes)
    return e.done({x});
  return e.done({e.build(
      "slice", {x},
      {e.attribute("starts", fullStarts), e.attribute("steps", fullSteps), e.attribute("shape", shape)},
      "")});
}

static ImportResults importSplit(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t rank = e.rank(x), axis = e.axis(context.integer("axis", 0), rank);
  if (e.failed())
    return e.done({});
  int64_t extent = e.shape(x)[size_t(axis)];
  Shape sizes;
  bool isOperand = context.version() == 1 || context.version() >= 13;
  if (isOperand && e.operand(1))
    sizes = e.knownIntegers(1, "the sizes of a split");
  else if (context.hasAttribute("split"))
    sizes = context.integers("split");
  if (e.failed())
    return e.done({});
  if (sizes.empty()) {
    int64_t parts = context.version() >= 18 ? context.integer("num_outputs", int64_t(context.numResults()))
                                            : int64_t(context.numResults());
    if (parts <= 0 || (context.version() < 18 && extent % parts != 0))
      return context.invalid("extent " + llvm::Twine(extent) + " cannot be split into " + llvm::Twine(parts) +
                             " equal parts");
    int64_t size = (extent + parts - 1) / parts;
    for (int64_t part = 0, left = extent; part < parts; ++part, left -= sizes.back())
      sizes.push_back(std::min(size, left));
  }
  int64_t total = 0;
  for (int64_t size : sizes)
    total += size < 0 ? std::numeric_limits<int32_t>::min() : size;
  if (total != extent || sizes.size() < context.numResults())
    return context.invalid("the sizes of the split do not add up to extent " + llvm::Twine(extent));
  std::vector<Value> results;
  int64_t start = 0;
  for (size_t k = 0; k < context.numResults(); start += sizes[k++])
    results.push_back(context.isResultUsed(k) ? e.slice(x, axis, sizes[k] ? start : 0, sizes[k], 1,
                                                        k ? "part" + std::to_string(k) : "")
                                              : Value());
  return e.done(std::move(results));
}

static ImportResults importConcat(ImportContext &context) {
  Expansion e(context);
  std::vector<Value> operands;
  int64_t axis = e.axis(context.integer("axis", 1), e.rank(e.operand(0)));
  // Empty operands are legal (a cache of length 0) and add nothing; one of them gives the type if all are
  // empty.
  for (size_t k = 0; k < context.numOperands() && !e.failed(); ++k)
    if (e.shape(e.operand(k)).size() <= size_t(axis) || e.shape(e.operand(k))[size_t(axis)] != 0)
      operands.push_back(e.operand(k));
  if (operands.empty())
    operands.push_back(e.operand(0));
  return e.done({e.concat(operands, axis, "")});
}

// --- Shapes and fills
// ------------------------------------------------------------------------------------------------

static Value integers(Expansion &e, const Shape &shape, const Shape &values) {
  HostTensor tensor(TensorType{DataType::I64, shape});
  for (size_t k = 0; k < values.size(); ++k)
    tensor.setInteger(int64_t(k), values[k]);
  return e.context.literal(tensor, "");
}

static ImportResults importShape(ImportContext &context) {
  Expansion e(context);
  Shape shape = e.shape(e.operand(0));
  int64_t rank = int64_t(shape.size());
  auto bound = [rank](int64_t index) {
    return std::clamp(index < 0 ? index + rank : index, int64_t(0), rank);
  };
  int64_t start = bound(context.integer("start", 0)), end = bound(context.integer("end", rank));
  Shape part = start < end ? Shape(shape.begin() + start, shape.begin() + end) : Shape();
  return e.done({integers(e, {int64_t(part.size())}, part)});
}

static ImportResults importSize(ImportContext &context) {
  Expansion e(context);
  return e.done({integers(e, {}, {numElements(e.shape(e.operand(0)))})});
}

static ImportResults importConstantOfShape(ImportContext &context) {
  Expansion e(context);
  Shape shape = e.knownIntegers(0, "the shape");
  HostTensor value = context.tensor("value").value_or(HostTensor(TensorType{DataType::F32, {}}));
  if (!e.failed() && std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 0; }))
    e.invalid("a dimension of the shape is negative");
  if (!e.failed() && value.type.numElements() != 1)
    e.invalid("the value has " + llvm::Twine(value.type.numElements()) + " elements instead of one");
  if (e.failed())
    return e.done({});
  value.type.shape = {};
  return e.done({e.expand(context.literal(value, shape.empty() ? "" : "value"), shape, "")});
}

// Literals of this size are harmless in the IR; longer ranges do not occur as positions of a model.
static constexpr int64_t maxLiteralElements = int64_t(1) << 24;

static ImportResults importRange(ImportContext &context) {
  Expansion e(context);
  std::optional<HostTensor> start = context.constant(0), limit = context.constant(1),
                            delta = context.constant(2);
  if (!start || !limit || !delta)
    return context.unsupported("start, limit and delta must be known at compile time");
  if (start->type.numElements() != 1 || limit->type.numElements() != 1 || delta->type.numElements() != 1)
    return context.invalid("start, limit and delta are single numbers");
  DataType type = start->type.type;
  if (delta->real(0) == 0)
    return context.invalid("delta is 0");
  // Differences of integers need more than 64 bits, and doubles are not exact.
  __int128 first = isFloat(type) ? 0 : start->integer(0), step = isFloat(type) ? 1 : delta->integer(0);
  __int128 distance = isFloat(type) ? 0 : limit->integer(0) - first;
  __int128 steps = distance / step + (distance % step != 0 && (distance < 0) == (step < 0));
  double count = isFloat(type) ? std::ceil((limit->real(0) - start->real(0)) / delta->real(0)) : double(steps);
  if (!(count <= double(maxLiteralElements)))
    return context.unsupported("the range has more than 16 million elements");
  HostTensor result(TensorType{type, {std::max(int64_t(0), int64_t(count))}});
  for (int64_t k = 0; k < result.type.shape[0]; ++k)
    if (isFloat(type))
      result.setReal(k, start->real(0) + double(k) * delta->real(0));
    else
      result.setInteger(k, int64_t(first + k * step));
  return e.done({context.literal(result, "")});
}

static ImportResults importEyeLike(ImportContext &context) {
  Expansion e(context);
  TensorType type = e.type(e.operand(0));
  if (context.hasAttribute("dtype")) {
    std::optional<DataType> named = fromOnnxType(context.integer("dtype"));
    if (!named)
      return context.unsupported("element type " + llvm::Twine(context.integer("dtype")) +
                                 " is not supported");
    type.type = *named;
  }
  if (type.shape.size() != 2)
    return context.invalid("the operand must have rank 2");
  if (type.numElements() > maxLiteralElements)
    return context.unsupported("the matrix has more than 16 million elements");
  HostTensor result(type);
  int64_t k = context.integer("k", 0);
  for (int64_t row = 0; row < type.shape[0]; ++row)
    if (row + k >= 0 && row + k < type.shape[1])
      result.setReal(row * type.shape[1] + row + k, 1);
  return e.done({context.literal(result, "")});
}

void addMovementFormRows(OpTable &table) {
  auto add = [&](const char *name, ImportFn import, const char *lowersTo) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), lowersTo});
  };
  add("Transpose", importTranspose, "transpose");
  add("Expand", importExpand, "expand");
  add("Tile", importTile, "tile");
  add("Slice", importSlice, "slice");
  add("Split", importSplit, "slice");
  add("Concat", importConcat, "concat");
  add("Shape", importShape, "constant");
  add("Size", importSize, "constant");
  add("ConstantOfShape", importConstantOfShape, "expand");
  add("Range", importRange, "constant");
  add("EyeLike", importEyeLike, "constant");
}

} // namespace ampc
