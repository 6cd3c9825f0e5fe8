// Operators that walk one axis in order or need all of it, executed by the runtime's builtin kernels: running
// sums, positions of extremes, top-k. All other dimensions can be sharded.
#include "ir/ops/builtin_rules.h"
#include "ir/ops/expansion.h"

#include <algorithm>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;
using Value = Expansion::Value;

// --- Along one axis: cumulate, arg_extreme, topk
// -------------------------------------------------------------------

// All dimensions but the axis are parallel and shared by the operand and every result.
static IterationRule alongAxisRule(const OpInstance &op) {
  IterationRule rule;
  int64_t axis = op.integer("axis");
  rule.operands.resize(1);
  rule.results.resize(op.results.size());
  int resultLoop = -1;
  for (size_t d = 0; d < op.in(0).size(); ++d) {
    bool isAxis = int64_t(d) == axis;
    int loop =
        addLoop(rule, "d" + std::to_string(d), op.in(0)[d], isAxis ? LoopKind::Whole : LoopKind::Parallel);
    rule.operands[0].dims.push_back(DimAccess::loop(loop));
    if (isAxis && op.out()[d] != op.in(0)[d] && resultLoop < 0)
      resultLoop = addLoop(rule, "selected", op.out()[d], LoopKind::Whole);
    for (Access &result : rule.results)
      result.dims.push_back(DimAccess::loop(isAxis && resultLoop >= 0 ? resultLoop : loop));
  }
  rule.flopsPerPoint = 1;
  return rule;
}

static llvm::Expected<int64_t> axisOf(const OpInstance &op) {
  return normalizeAxis(op.integer("axis"), int64_t(op.in(0).size()));
}

static llvm::Expected<Types> inferCumulate(const OpInstance &op) {
  if (llvm::Expected<int64_t> axis = axisOf(op); !axis)
    return axis.takeError();
  return Types{op.operands[0]};
}

static llvm::Expected<Types> inferArgExtreme(const OpInstance &op) {
  llvm::Expected<int64_t> axis = axisOf(op);
  if (!axis)
    return axis.takeError();
  Shape shape = op.in(0);
  if (shape[size_t(*axis)] == 0)
    return opError("an empty axis has no extreme element");
  shape[size_t(*axis)] = 1;
  return Types{{DataType::I64, shape}};
}

static llvm::Expected<Types> inferTopK(const OpInstance &op) {
  llvm::Expected<int64_t> axis = axisOf(op);
  if (!axis)
    return axis.takeError();
  Shape shape = op.in(0);
  int64_t k = op.integer("k");
  if (k < 0 || k > shape[size_t(*axis)])
    return opError("k is " + llvm::Twine(k) + ", but the axis has extent " +
                   llvm::Twine(shape[size_t(*axis)]));
  shape[size_t(*axis)] = k;
  return Types{{op.operands[0].type, shape}, {DataType::I64, shape}};
}

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

static ImportFn importCumulate(bool isProduct) {
  return [isProduct](ImportContext &context) -> ImportResults {
    Expansion e(context);
    Shape axis = e.knownIntegers(1, "the axis");
    if (!e.failed() && axis.size() != 1)
      e.invalid("the axis is a single number");
    int64_t number = e.failed() ? 0 : e.axis(axis[0], e.rank(e.operand(0)));
    return e.done({e.build(
        "cumulate", {e.operand(0)},
        {e.attribute("axis", number), e.attribute("exclusive", context.integer("exclusive", 0)),
         e.attribute("reverse", context.integer("reverse", 0)), e.attribute("product", int64_t(isProduct))},
        "")});
  };
}

static Value buildArgExtreme(Expansion &e, Value x, int64_t axis, bool largest, bool last,
                             llvm::StringRef suffix) {
  return e.build("arg_extreme", {x},
                 {e.attribute("axis", axis), e.attribute("largest", int64_t(largest)),
                  e.attribute("select_last_index", int64_t(last))},
                 suffix);
}

static ImportFn importArgExtreme(bool largest) {
  return [largest](ImportContext &context) -> ImportResults {
    Expansion e(context);
    Value x = e.operand(0);
    int64_t axis = e.axis(context.integer("axis", 0), e.rank(x));
    bool keepDims = context.integer("keepdims", 1) != 0, last = context.integer("select_last_index", 0) != 0;
    Value position = buildArgExtreme(e, x, axis, largest, last, keepDims ? "" : "position");
    Shape shape = e.shape(x);
    if (!e.failed() && !keepDims)
      shape.erase(shape.begin() + axis), position = e.reshape(position, shape, "");
    return e.done({position});
  };
}

// 1 at the first largest element along the axis (before version 13: of all dimensions from the axis on), else
// 0.
static ImportResults importHardmax(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Shape shape = e.shape(x);
  bool flattens = context.version() < 13;
  int64_t axis = e.axis(context.integer("axis", flattens ? 1 : -1), int64_t(shape.size()));
  if (e.failed())
    return e.done({});
  Shape matrix = shape;
  if (flattens) {
    matrix = {1, 1};
    for (size_t d = 0; d < shape.size(); ++d)
      matrix[int64_t(d) < axis ? 0 : 1] *= shape[d];
    x = e.reshape(x, matrix, "matrix");
    axis = 1;
  }
  int64_t depth = matrix[size_t(axis)];
  Value position = buildArgExtreme(e, x, axis, true, false, "position");
  matrix.erase(matrix.begin() + axis);
  position = e.reshape(position, matrix, "squeeze");
  Value levels = e.literal(e.element(x), {2}, {0, 1}, "levels");
  Value result = e.build("one_hot", {position, levels},
                         {e.attribute("axis", axis), e.attribute("depth", depth)}, flattens ? "one_hot" : "");
  return e.done({e.reshape(result, shape, "")});
}

static ImportResults importTopK(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t axis = e.axis(context.integer("axis", -1), e.rank(x)), k = context.integer("k", 0);
  if (context.version() >= 10) {
    Shape number = e.knownIntegers(1, "k");
    if (!e.failed() && number.size() != 1)
      e.invalid("k is a single number");
    k = e.failed() ? 0 : number[0];
  }
  if (e.failed())
    return e.done({});
  return context.build("topk", {x},
                       {e.attribute("axis", axis), e.attribute("k", k),
                        e.attribute("largest", context.integer("largest", 1))});
}

void addSequenceRows(OpTable &table) {
  auto add = [&](const char *name, int operands, InferFn infer, RuleFn rule) {
    table.add(
        {name, OpClass::Builtin, operands, operands, std::move(infer), std::move(rule), {}, name, false});
  };
  add("cumulate", 1, inferCumulate, alongAxisRule);
  add("arg_extreme", 1, inferArgExtreme, alongAxisRule);
  add("topk", 1, inferTopK, alongAxisRule);

  auto onnx = [&](const char *name, ImportFn import, const char *lowersTo) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), lowersTo});
  };
  onnx("CumSum", importCumulate(false), "cumulate");
  onnx("CumProd", importCumulate(true), "cumulate");
  onnx("ArgMax", importArgExtreme(true), "arg_extreme");
  onnx("ArgMin", importArgExtreme(false), "arg_extreme");
  onnx("Hardmax", importHardmax, "arg_extreme one_hot");
  onnx("TopK", importTopK, "topk");
  table.example("cumulate", "(tensor<4x6x8xf32>) {axis = 1 : i64}");
  table.example("arg_extreme", "(tensor<4x6x8xf32>) {axis = 2 : i64}");
  table.example("topk", "(tensor<4x6x8xf32>) {axis = 2 : i64, k = 2 : i64}");
}

} // namespace ampc
