// ONNX operators that become indexing rows (gather, one_hot, trilu...).
#include "ir/ops/expansion.h"

#include <algorithm>

namespace ampc {

using Shape = std::vector<int64_t>;
using Value = Expansion::Value;

// The extent that indices along `axis` must stay within; empty where the operand has no such dimension.
static Shape extentAlong(Expansion &e, int64_t axis) {
  Shape shape = e.shape(e.operand(0));
  return size_t(axis) < shape.size() ? Shape{shape[size_t(axis)]} : Shape();
}

static ImportResults importGather(ImportContext &context) {
  Expansion e(context);
  int64_t axis = e.axis(context.integer("axis", 0), e.rank(e.operand(0)));
  e.checkKnownIndices(1, extentAlong(e, axis));
  return e.done({e.build("gather", {e.operand(0), e.operand(1)}, {e.attribute("axis", axis)}, "")});
}

static ImportResults importGatherElements(ImportContext &context) {
  Expansion e(context);
  int64_t axis = e.axis(context.integer("axis", 0), e.rank(e.operand(0)));
  e.checkKnownIndices(1, extentAlong(e, axis));
  return e.done({e.build("gather_elements", {e.operand(0), e.operand(1)}, {e.attribute("axis", axis)}, "")});
}

static ImportResults importGatherNd(ImportContext &context) {
  Expansion e(context);
  Shape data = e.shape(e.operand(0)), indices = e.shape(e.operand(1));
  int64_t batch = context.integer("batch_dims", 0), depth = indices.empty() ? 0 : indices.back();
  if (batch >= 0 && depth >= 0 && batch <= int64_t(data.size()) && depth <= int64_t(data.size()) - batch)
    e.checkKnownIndices(1, Shape(data.begin() + batch, data.begin() + batch + depth));
  return e.done({e.build("gather_nd", {e.operand(0), e.operand(1)},
                         {e.attribute("batch_dims", context.integer("batch_dims", 0))}, "")});
}

static ImportResults importOneHot(ImportContext &context) {
  Expansion e(context);
  Value indices = e.operand(0);
  Shape depth = e.knownIntegers(1, "the depth");
  int64_t axis = e.axis(context.integer("axis", -1), e.rank(indices) + 1);
  if (!e.failed() && depth.size() != 1)
    e.invalid("the depth is a single number");
  return e.done({e.build("one_hot", {indices, e.operand(2)},
                         {e.attribute("axis", axis), e.attribute("depth", e.failed() ? 0 : depth[0])}, "")});
}

static ImportResults importTrilu(ImportContext &context) {
  Expansion e(context);
  Value offset = e.operand(1) ? e.reshape(e.operand(1), {}, "offset") : e.number(DataType::I64, 0);
  return e.done(
      {e.build("trilu", {e.operand(0), offset}, {e.attribute("upper", context.integer("upper", 1))}, "")});
}

static ImportResults importReverseSequence(ImportContext &context) {
  Expansion e(context);
  int64_t rank = e.rank(e.operand(0));
  return e.done({e.build("reverse_sequence", {e.operand(0), e.operand(1)},
                         {e.attribute("time_axis", e.axis(context.integer("time_axis", 0), rank)),
                          e.attribute("batch_axis", e.axis(context.integer("batch_axis", 1), rank))},
                         "")});
}

static ImportResults importTensorScatter(ImportContext &context) {
  Expansion e(context);
  Value cache = e.operand(0), first = e.operand(2);
  int64_t axis = e.axis(context.integer("axis", -2), e.rank(cache));
  if (e.failed() || e.rank(cache) < 2 || e.type(e.operand(1)).numElements() == 0)
    return e.done({cache});
  std::string mode = context.string("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return context.invalid("there is no mode '" + mode + "'");
  if (!first)
    first = e.zeros(DataType::I64, {e.shape(cache)[0]});
  return e.done(
      {e.build("window_update", {cache, e.operand(1), first},
               {e.attribute("axis", axis), e.attribute("circular", int64_t(mode == "circular"))}, "")});
}

// --- Operators whose result's extent is a matter of values: only on values known at compile time
// -------------------

static Value indexLiteral(Expansion &e, const Shape &shape, const Shape &values, llvm::StringRef suffix) {
  HostTensor tensor(TensorType{DataType::I64, shape});
  for (size_t k = 0; k < values.size(); ++k)
    tensor.setInteger(int64_t(k), values[k]);
  return e.context.literal(tensor, suffix);
}

static ImportResults importCompress(ImportContext &context) {
  Expansion e(context);
  Shape condition = e.knownIntegers(1, "the condition"), kept;
  Value x = e.operand(0);
  int64_t axis = 0;
  if (context.hasAttribute("axis"))
    axis = e.axis(context.integer("axis"), e.rank(x));
  else
    x = e.reshape(x, {e.type(x).numElements()}, "flat");
  if (e.failed())
    return e.done({});
  for (size_t k = 0; k < condition.size(); ++k)
    if (condition[k] && int64_t(k) < e.shape(x)[size_t(axis)])
      kept.push_back(int64_t(k));
  Value indices = indexLiteral(e, {int64_t(kept.size())}, kept, "kept");
  return e.done({e.build("gather", {x, indices}, {e.attribute("axis", axis)}, "")});
}

static ImportResults importNonZero(ImportContext &context) {
  Expansion e(context);
  std::optional<HostTensor> x = context.constant(0);
  if (!x)
    return context.unsupported("the number of non-zero elements depends on values known only at run time");
  std::vector<Shape> positions;
  const Shape &shape = x->type.shape;
  for (int64_t k = 0; k < x->type.numElements(); ++k) {
    if (isFloat(x->type.type) ? x->real(k) == 0 : x->integer(k) == 0)
      continue;
    Shape position(shape.size());
    int64_t rest = k;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
      position[d] = rest % shape[d];
    positions.push_back(std::move(position));
  }
  Shape values;
  for (size_t d = 0; d < shape.size(); ++d)
    for (const Shape &position : positions)
      values.push_back(position[d]);
  return e.done({indexLiteral(e, {int64_t(shape.size()), int64_t(positions.size())}, values, "")});
}

// Slices along the axis (or elements) compared in full; `firsts` are the first occurrences.
static ImportResults importUnique(ImportContext &context) {
  Expansion e(context);
  std::optional<HostTensor> x = context.constant(0);
  if (!x)
    return context.unsupported("the number of distinct elements depends on values known only at run time");
  bool hasAxis = context.hasAttribute("axis");
  int64_t axis = hasAxis ? e.axis(context.integer("axis"), int64_t(x->type.shape.size())) : 0;
  if (e.failed())
    return e.done({});
  Shape shape = hasAxis ? x->type.shape : Shape{x->type.numElements()};
  int64_t outer = 1, extent = shape[size_t(axis)], inner = 1;
  for (size_t d = 0; d < shape.size(); ++d)
    (int64_t(d) < axis ? outer : inner) *= int64_t(d) == axis ? 1 : shape[d];
  auto compare = [&](int64_t a, int64_t b) {
    for (int64_t k = 0; k < outer * inner; ++k) {
      int64_t base = k / inner * extent * inner + k % inner, i = base + a * inner, j = base + b * inner;
      bool less = isFloat(x->type.type) ? x->real(i) < x->real(j) : x->integer(i) < x->integer(j);
      bool greater = isFloat(x->type.type) ? x->real(j) < x->real(i) : x->integer(j) < x->integer(i);
      if (less || greater)
        return less ? -1 : 1;
    }
    return 0;
  };
  Shape order(static_cast<size_t>(extent)), firsts, groupOf(static_cast<size_t>(extent)), counts;
  for (int64_t k = 0; k < extent; ++k)
    order[size_t(k)] = k;
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
  for (size_t k = 0; k < order.size(); ++k)
    if (k == 0 || compare(order[k - 1], order[k]) != 0)
      firsts.push_back(order[k]);
  if (!context.integer("sorted", 1))
    std::sort(firsts.begin(), firsts.end());
  counts.assign(firsts.size(), 0);
  for (int64_t k = 0; k < extent; ++k)
    for (size_t g = 0; g < firsts.size(); ++g)
      if (compare(k, firsts[g]) == 0) {
        groupOf[size_t(k)] = int64_t(g);
        ++counts[g];
        break;
      }
  int64_t groups = int64_t(firsts.size());
  Value flat = hasAxis ? e.operand(0) : e.reshape(e.operand(0), shape, "flat");
  Value indices = indexLiteral(e, {groups}, firsts, "indices");
  Value values = e.build("gather", {flat, indices}, {e.attribute("axis", axis)}, "");
  return e.done({values, indices, indexLiteral(e, {extent}, groupOf, "inverse"),
                 indexLiteral(e, {groups}, counts, "counts")});
}

void addIndexingFormRows(OpTable &table) {
  auto add = [&](const char *name, ImportFn import, const char *lowersTo) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), lowersTo});
  };
  add("Gather", importGather, "gather");
  add("GatherElements", importGatherElements, "gather_elements");
  add("GatherND", importGatherNd, "gather_nd");
  add("OneHot", importOneHot, "one_hot");
  add("Trilu", importTrilu, "trilu");
  add("ReverseSequence", importReverseSequence, "reverse_sequence");
  add("TensorScatter", importTensorScatter, "window_update");
  add("Compress", importCompress, "gather");
  add("NonZero", importNonZero, "constant");
  add("Unique", importUnique, "gather");
}

} // namespace ampc
