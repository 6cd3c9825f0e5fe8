// Gathers: operators that read an operand at places given by another one. Indices are clamped to the operand,
// so that no value a user feeds in can read outside it.
#include "ir/ops/indexing.h"

#include <algorithm>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;

Scalar loadAt(Body &x, int k, const Access &access, const std::vector<Scalar> &computed) {
  std::vector<Scalar> indices;
  size_t next = 0;
  for (const DimAccess &dim : access.dims)
    indices.push_back(dim.indirect        ? computed[next++]
                      : dim.terms.empty() ? x.index(0)
                                          : x.loop(dim.terms[0].loop));
  return x.load(k, indices);
}

Scalar clampedIndex(Scalar index, int64_t extent) {
  Scalar wide = cast(index, DataType::I64);
  wide = select(wide < 0.0, wide + double(extent), wide);
  return min(max(wide, 0.0), double(std::max<int64_t>(extent - 1, 0)));
}

DimAccess indexedDim(const OpInstance &op, IterationRule &rule, int loop) {
  DimAccess dim = DimAccess::wholeDim();
  std::vector<int64_t> reach = op.integers("reach");
  if (reach.size() == 4) {
    dim.reach = LoopReach{loop, reach[0], reach[1], reach[2], reach[3]};
    rule.loops[size_t(loop)].kind = LoopKind::Window;
  }
  return dim;
}

Scalar relativeIndex(Body &x, Scalar index) {
  std::vector<int64_t> origin = x.instance.integers("origin");
  return origin.empty() ? index : index - double(origin[0]);
}

std::vector<std::pair<std::string, std::vector<int64_t>>> localOrigin(const OpInstance &local, const LocalPart &part) {
  return {{"origin", {part.operandOrigins[0][size_t(local.integer("axis"))]}}};
}

static int addLoop(IterationRule &rule, std::string name, int64_t extent,
                   LoopKind kind = LoopKind::Parallel) {
  rule.loops.push_back({std::move(name), extent, kind});
  return int(rule.loops.size()) - 1;
}

// --- gather {axis}: result = data[:axis] + indices + data[axis+1:]
// -------------------------------------------------

static llvm::Expected<Types> inferGather(const OpInstance &op) {
  int64_t axis = op.integer("axis"), rank = int64_t(op.in(0).size());
  if (axis < 0 || axis >= rank)
    return opError("axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(rank));
  if (op.in(0)[axis] == 0 && op.operands[1].numElements() != 0)
    return opError("an empty dimension cannot be indexed");
  Shape shape(op.in(0).begin(), op.in(0).begin() + axis);
  shape.insert(shape.end(), op.in(1).begin(), op.in(1).end());
  shape.insert(shape.end(), op.in(0).begin() + axis + 1, op.in(0).end());
  return Types{{op.operands[0].type, shape}};
}

static IterationRule gatherRule(const OpInstance &op) {
  IterationRule rule;
  size_t axis = size_t(op.integer("axis")), indexRank = op.in(1).size();
  Access data, indices, result;
  for (size_t d = 0; d < op.out().size(); ++d) {
    bool isIndex = d >= axis && d < axis + indexRank;
    size_t number = d < axis ? d : isIndex ? d - axis : d - indexRank + 1;
    int loop = addLoop(rule, (isIndex ? "i" : "d") + std::to_string(number), op.out()[d]);
    result.dims.push_back(DimAccess::loop(loop));
    (isIndex ? indices : data).dims.push_back(DimAccess::loop(loop));
  }
  bool isSteady = indexRank == 1 && axis < op.out().size();
  data.dims.insert(data.dims.begin() + long(axis),
                   isSteady ? indexedDim(op, rule, int(axis)) : DimAccess::wholeDim());
  rule.operands = {std::move(data), std::move(indices)};
  rule.results.push_back(std::move(result));
  return rule;
}

static Scalar gatherBody(Body &x) {
  int64_t extent = x.instance.in(0)[size_t(x.instance.integer("axis"))];
  Scalar index = clampedIndex(relativeIndex(x, x(1)), extent);
  return loadAt(x, 0, gatherRule(x.instance).operands[0], {index});
}

// --- gather_elements {axis}
// ------------------------------------------------------------------------------------------

static llvm::Expected<Types> inferGatherElements(const OpInstance &op) {
  int64_t axis = op.integer("axis");
  const Shape &data = op.in(0), &indices = op.in(1);
  if (data.size() != indices.size() || axis < 0 || axis >= int64_t(data.size()))
    return opError("data and indices differ in rank, or the axis lies outside");
  for (size_t d = 0; d < data.size(); ++d)
    if (int64_t(d) != axis && indices[d] > data[d])
      return opError("dimension " + llvm::Twine(d) + " of the indices is larger than the data's");
  return Types{{op.operands[0].type, indices}};
}

static IterationRule gatherElementsRule(const OpInstance &op) {
  IterationRule rule;
  Access data, result;
  for (size_t d = 0; d < op.out().size(); ++d) {
    bool isAxis = int64_t(d) == op.integer("axis");
    bool isPrefix = !isAxis && op.in(0)[d] != op.out()[d];
    addLoop(rule, "d" + std::to_string(d), op.out()[d], isPrefix ? LoopKind::Whole : LoopKind::Parallel);
    result.dims.push_back(DimAccess::loop(int(d)));
    data.dims.push_back(isAxis ? DimAccess::wholeDim() : DimAccess::loop(int(d)));
  }
  rule.operands = {std::move(data), result};
  rule.results.push_back(std::move(result));
  return rule;
}

static Scalar gatherElementsBody(Body &x) {
  int64_t extent = x.instance.in(0)[size_t(x.instance.integer("axis"))];
  return loadAt(x, 0, gatherElementsRule(x.instance).operands[0], {clampedIndex(x(1), extent)});
}

// --- gather_nd {batch_dims}
// --------------------------------------------------------------------------------------------

static llvm::Expected<Types> inferGatherNd(const OpInstance &op) {
  int64_t batch = op.integer("batch_dims");
  const Shape &data = op.in(0), &indices = op.in(1);
  if (indices.empty() || batch < 0 || batch >= int64_t(indices.size()) ||
      batch + indices.back() > int64_t(data.size()) ||
      !std::equal(data.begin(), data.begin() + batch, indices.begin()))
    return opError("the indices do not fit the data");
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + batch + indices.back(), data.end());
  return Types{{op.operands[0].type, shape}};
}

static IterationRule gatherNdRule(const OpInstance &op) {
  IterationRule rule;
  size_t batch = size_t(op.integer("batch_dims")), depth = size_t(op.in(1).back()),
         outer = op.in(1).size() - 1;
  Access data, indices, result;
  for (size_t d = 0; d < op.out().size(); ++d) {
    const char *prefix = d < batch ? "b" : d < outer ? "i" : "d";
    result.dims.push_back(DimAccess::loop(addLoop(rule, prefix + std::to_string(d), op.out()[d])));
    if (d < outer)
      indices.dims.push_back(DimAccess::loop(int(d)));
    if (d < batch || d >= outer)
      data.dims.push_back(DimAccess::loop(int(d)));
  }
  indices.dims.push_back(DimAccess::wholeDim());
  data.dims.insert(data.dims.begin() + long(batch), depth, DimAccess::wholeDim());
  rule.operands = {std::move(data), std::move(indices)};
  rule.results.push_back(std::move(result));
  return rule;
}

static Scalar gatherNdBody(Body &x) {
  IterationRule rule = gatherNdRule(x.instance);
  size_t batch = size_t(x.instance.integer("batch_dims"));
  std::vector<Scalar> computed;
  for (int64_t k = 0; k < x.instance.in(1).back(); ++k)
    computed.push_back(
        clampedIndex(loadAt(x, 1, rule.operands[1], {x.index(k)}), x.instance.in(0)[batch + size_t(k)]));
  return loadAt(x, 0, rule.operands[0], computed);
}

void addIndexingRows(OpTable &table) {
  auto add = [&](const char *name, int operands, InferFn infer, RuleFn rule, BodyFn body, LocalizeFn localize = {}) {
    table.add({name,
               OpClass::Movement,
               operands,
               operands,
               std::move(infer),
               std::move(rule),
               std::move(body),
               {},
               false,
               std::move(localize)});
  };
  add("gather", 2, inferGather, gatherRule, gatherBody, localOrigin);
  add("gather_elements", 2, inferGatherElements, gatherElementsRule, gatherElementsBody);
  add("gather_nd", 2, inferGatherNd, gatherNdRule, gatherNdBody);
  table.example("gather", "(tensor<4x6x8xf32>, tensor<5xi64>) {axis = 1 : i64}");
  table.example("gather_elements", "(tensor<4x6x8xf32>, tensor<4x5x8xi64>) {axis = 1 : i64}");
  table.example("gather_nd", "(tensor<4x6x8xf32>, tensor<4x5x1xi64>) {batch_dims = 1 : i64}");
}

} // namespace ampc
