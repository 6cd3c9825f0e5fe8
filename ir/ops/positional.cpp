// Operators in which an element's own position decides: one-hot, triangles, reversed sequences, windows of a
// cache. The dimension whose position counts stays whole.
#include "ir/ops/indexing.h"

#include <algorithm>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;

// --- one_hot {axis, depth}: operands indices, [off, on]
// ------------------------------------------------------------

static llvm::Expected<Types> inferOneHot(const OpInstance &op) {
  int64_t axis = op.integer("axis"), depth = op.integer("depth");
  Shape shape = op.in(0);
  if (axis < 0 || axis > int64_t(shape.size()) || depth < 0 || op.in(1) != Shape{2})
    return opError("the axis or the depth is out of range");
  shape.insert(shape.begin() + axis, depth);
  return Types{{op.operands[1].type, shape}};
}

static IterationRule oneHotRule(const OpInstance &op) {
  IterationRule rule;
  Access indices, result;
  for (size_t d = 0; d < op.out().size(); ++d) {
    bool isAxis = int64_t(d) == op.integer("axis");
    rule.loops.push_back(
        {"d" + std::to_string(d), op.out()[d], isAxis ? LoopKind::Whole : LoopKind::Parallel});
    result.dims.push_back(DimAccess::loop(int(d)));
    if (!isAxis)
      indices.dims.push_back(DimAccess::loop(int(d)));
  }
  rule.operands = {std::move(indices), Access{{DimAccess::wholeDim()}, {}}};
  rule.results.push_back(std::move(result));
  return rule;
}

// Indices outside [-depth, depth) match nothing.
static Scalar oneHotBody(Body &x) {
  int axis = int(x.instance.integer("axis"));
  Scalar index = cast(x(0), DataType::I64);
  index = select(index < 0.0, index + double(x.instance.out()[size_t(axis)]), index);
  return select(equal(index, x.loop(axis)), x.load(1, {x.index(1)}), x.load(1, {x.index(0)}));
}

// --- trilu {upper}: operands x, k
// ----------------------------------------------------------------------------------

static IterationRule triluRule(const OpInstance &op) {
  OpInstance first = op;
  first.operands.resize(1);
  IterationRule rule = elementwiseRule(first);
  size_t rank = op.out().size();
  rule.loops[rank - 2].kind = rule.loops[rank - 1].kind = LoopKind::Whole;
  rule.operands.push_back({});
  rule.flopsPerPoint = 0;
  return rule;
}

static llvm::Expected<Types> inferTrilu(const OpInstance &op) {
  if (op.in(0).size() < 2 || !op.in(1).empty())
    return opError("a triangle needs a tensor of rank 2 or more and a scalar offset");
  return Types{op.operands[0]};
}

static Scalar triluBody(Body &x) {
  int rank = int(x.instance.out().size());
  Scalar column = x.loop(rank - 1), diagonal = x.loop(rank - 2) + cast(x(1), DataType::I64);
  return select(x.instance.integer("upper") ? column >= diagonal : column <= diagonal, x(0), 0.0);
}

// --- reverse_sequence {time_axis, batch_axis}: operands x, lengths
// -------------------------------------------------

static IterationRule reverseSequenceRule(const OpInstance &op) {
  OpInstance first = op;
  first.operands.resize(1);
  IterationRule rule = elementwiseRule(first);
  size_t time = size_t(op.integer("time_axis"));
  rule.loops[time].kind = LoopKind::Whole;
  rule.operands[0].dims[time] = DimAccess::wholeDim();
  rule.operands.push_back({{DimAccess::loop(int(op.integer("batch_axis")))}, {}});
  rule.flopsPerPoint = 0;
  return rule;
}

static llvm::Expected<Types> inferReverseSequence(const OpInstance &op) {
  int64_t time = op.integer("time_axis"), batch = op.integer("batch_axis"), rank = int64_t(op.in(0).size());
  if (time < 0 || time >= rank || batch < 0 || batch >= rank || time == batch ||
      op.in(1) != Shape{op.in(0)[batch]})
    return opError("time axis, batch axis and lengths do not fit the operand");
  return Types{op.operands[0]};
}

static Scalar reverseSequenceBody(Body &x) {
  int time = int(x.instance.integer("time_axis"));
  Scalar position = x.loop(time), length = cast(x(1), DataType::I64);
  Scalar mirrored = select(position < length, length - 1.0 - position, position);
  return loadAt(x, 0, reverseSequenceRule(x.instance).operands[0],
                {clampedIndex(mirrored, x.instance.out()[size_t(time)])});
}

// --- window_update {mode}: operands cache [b, ..., s, ...], update, first index [b]; axis
// --------------------------

static IterationRule windowUpdateRule(const OpInstance &op) {
  OpInstance first = op;
  first.operands.resize(1);
  IterationRule rule = elementwiseRule(first);
  size_t axis = size_t(op.integer("axis"));
  rule.loops[axis].kind = LoopKind::Whole;
  rule.operands.push_back(rule.operands[0]);
  rule.operands[1].dims[axis] = DimAccess::wholeDim();
  rule.operands.push_back({{DimAccess::loop(0)}, {}});
  rule.flopsPerPoint = 0;
  return rule;
}

static llvm::Expected<Types> inferWindowUpdate(const OpInstance &op) {
  int64_t axis = op.integer("axis");
  Shape update = op.in(1);
  if (axis < 1 || axis >= int64_t(op.in(0).size()) || update.size() != op.in(0).size() || update[axis] == 0 ||
      update[axis] > op.in(0)[axis] || op.in(2) != Shape{op.in(0)[0]})
    return opError("the update does not fit the cache");
  update[axis] = op.in(0)[axis];
  if (update != op.in(0) || op.operands[0].type != op.operands[1].type)
    return opError("the update does not fit the cache");
  return Types{op.operands[0]};
}

static Scalar windowUpdateBody(Body &x) {
  size_t axis = size_t(x.instance.integer("axis"));
  double extent = double(x.instance.in(0)[axis]);
  int64_t count = x.instance.in(1)[axis];
  Scalar position = x.loop(int(axis)) - cast(x(2), DataType::I64);
  if (x.instance.integer("circular"))
    position = rem(rem(position, extent) + extent, extent);
  Scalar inside = position >= 0.0 && position < double(count);
  Scalar updated =
      loadAt(x, 1, windowUpdateRule(x.instance).operands[1], {min(max(position, 0.0), double(count - 1))});
  return select(inside, updated, x(0));
}

void addPositionRows(OpTable &table) {
  auto add = [&](const char *name, int operands, InferFn infer, RuleFn rule, BodyFn body) {
    table.add({name,
               OpClass::Movement,
               operands,
               operands,
               std::move(infer),
               std::move(rule),
               std::move(body),
               {},
               false});
  };
  add("one_hot", 2, inferOneHot, oneHotRule, oneHotBody);
  add("trilu", 2, inferTrilu, triluRule, triluBody);
  add("reverse_sequence", 2, inferReverseSequence, reverseSequenceRule, reverseSequenceBody);
  add("window_update", 3, inferWindowUpdate, windowUpdateRule, windowUpdateBody);
  table.example("one_hot", "(tensor<4x6xi64>, tensor<2xf32>) {axis = 1 : i64, depth = 8 : i64}");
  table.example("trilu", "(tensor<4x6x8xf32>, tensor<i64>) {upper = 1 : i64}");
  table.example("reverse_sequence", "(tensor<4x6x8xf32>, tensor<6xi64>) {time_axis = 0 : i64, batch_axis = 1 : i64}");
  table.example("window_update",
                "(tensor<4x6x8xf32>, tensor<4x2x8xf32>, tensor<4xi64>) {axis = 1 : i64, "
                "circular = 1 : i64}");
}

} // namespace ampc
