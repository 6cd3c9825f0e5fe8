// Scatters, executed by the runtime's builtin kernels. Dimensions that data, indices and updates share, or
// that an update covers whole, can be sharded.
#include "ir/ops/builtin_rules.h"
#include "ir/ops/expansion.h"

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;

// --- Scatters: operands data, indices, updates
// ---------------------------------------------------------------------

static llvm::Expected<Types> inferScatterElements(const OpInstance &op) {
  const Shape &data = op.in(0), &indices = op.in(1);
  int64_t axis = op.integer("axis");
  bool fits = data.size() == indices.size() && indices == op.in(2) && axis >= 0 &&
              axis < int64_t(data.size()) && op.operands[0].type == op.operands[2].type;
  for (size_t d = 0; fits && d < data.size(); ++d)
    fits = int64_t(d) == axis || indices[d] <= data[d];
  if (!fits)
    return opError("data, indices and updates do not fit together");
  return Types{op.operands[0]};
}

static IterationRule scatterElementsRule(const OpInstance &op) {
  IterationRule rule;
  Access data, indices;
  for (size_t d = 0; d < op.in(0).size(); ++d) {
    std::string number = std::to_string(d);
    bool shared = int64_t(d) != op.integer("axis") && op.in(0)[d] == op.in(1)[d];
    if (shared) {
      int loop = addLoop(rule, "d" + number, op.in(0)[d], LoopKind::Parallel);
      data.dims.push_back(DimAccess::loop(loop));
      indices.dims.push_back(DimAccess::loop(loop));
    } else {
      addWholeDim(rule, data, "d" + number, op.in(0)[d]);
      addWholeDim(rule, indices, "i" + number, op.in(1)[d]);
    }
  }
  rule.results.push_back(data);
  rule.operands = {std::move(data), indices, indices};
  return rule;
}

static llvm::Expected<Types> inferScatterNd(const OpInstance &op) {
  const Shape &data = op.in(0), &indices = op.in(1);
  if (indices.empty() || indices.back() < 0 || indices.back() > int64_t(data.size()))
    return opError("the indices are deeper than the data's rank");
  Shape updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), data.begin() + indices.back(), data.end());
  if (updates != op.in(2) || op.operands[0].type != op.operands[2].type)
    return opError("data, indices and updates do not fit together");
  return Types{op.operands[0]};
}

static IterationRule scatterNdRule(const OpInstance &op) {
  IterationRule rule;
  Access data, indices, updates;
  size_t depth = size_t(op.in(1).back());
  for (size_t d = 0; d + 1 < op.in(1).size(); ++d) {
    addWholeDim(rule, indices, "i" + std::to_string(d), op.in(1)[d]);
    updates.dims.push_back(indices.dims.back());
  }
  addWholeDim(rule, indices, "depth", op.in(1).back());
  for (size_t d = 0; d < op.in(0).size(); ++d) {
    LoopKind kind = d < depth ? LoopKind::Whole : LoopKind::Parallel;
    data.dims.push_back(DimAccess::loop(addLoop(rule, "d" + std::to_string(d), op.in(0)[d], kind)));
    if (d >= depth)
      updates.dims.push_back(data.dims.back());
  }
  rule.results.push_back(data);
  rule.operands = {std::move(data), std::move(indices), std::move(updates)};
  return rule;
}

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

static ImportResults importScatterElements(ImportContext &context) {
  Expansion e(context);
  Shape data = e.shape(e.operand(0));
  int64_t axis = e.axis(context.integer("axis", 0), int64_t(data.size()));
  if (!data.empty())
    e.checkKnownIndices(1, {data[size_t(axis)]});
  std::string reduction = context.string("reduction", "none");
  return e.done(
      {e.build("scatter_elements", {e.operand(0), e.operand(1), e.operand(2)},
               {e.attribute("axis", axis), e.attribute("reduction", llvm::StringRef(reduction))}, "")});
}

static ImportResults importScatterNd(ImportContext &context) {
  Expansion e(context);
  Shape data = e.shape(e.operand(0)), indices = e.shape(e.operand(1));
  if (int64_t depth = indices.empty() ? 0 : indices.back(); depth >= 0 && depth <= int64_t(data.size()))
    e.checkKnownIndices(1, Shape(data.begin(), data.begin() + depth));
  std::string reduction = context.string("reduction", "none");
  return e.done({e.build("scatter_nd", {e.operand(0), e.operand(1), e.operand(2)},
                         {e.attribute("reduction", llvm::StringRef(reduction))}, "")});
}

// The indices count elements of the image that the pooled one came from; a larger result is filled with
// zeros.
static ImportResults importMaxUnpool(ImportContext &context) {
  Expansion e(context);
  Expansion::Value x = e.operand(0), indices = e.operand(1);
  Shape shape = e.shape(x), kernel = context.integers("kernel_shape"), strides = context.integers("strides"),
        pads = context.integers("pads"), wanted;
  if (strides.empty())
    strides.assign(kernel.size(), 1);
  if (pads.empty())
    pads.assign(2 * kernel.size(), 0);
  if (shape.size() != kernel.size() + 2 || strides.size() != kernel.size() ||
      pads.size() != 2 * kernel.size() || e.shape(indices) != shape)
    return context.invalid("indices, kernel, strides or pads do not fit the operand");
  int64_t count = numElements(shape);
  for (size_t d = 0; d < kernel.size(); ++d) {
    shape[d + 2] = (shape[d + 2] - 1) * strides[d] - pads[d] - pads[kernel.size() + d] + kernel[d];
    if (shape[d + 2] <= 0)
      return context.invalid("the result is empty");
  }
  if (e.operand(2))
    wanted = e.knownIntegers(2, "the shape of the result");
  Expansion::Value flat = e.zeros(e.element(x), {numElements(shape)});
  flat = e.build(
      "scatter_elements", {flat, e.reshape(indices, {count}, "indices"), e.reshape(x, {count}, "values")},
      {e.attribute("axis", int64_t(0)), e.attribute("reduction", llvm::StringRef("none"))}, "scatter");
  Expansion::Value image = e.reshape(flat, shape, wanted.empty() || wanted == shape ? "" : "image");
  for (size_t d = 0; d < wanted.size() && !e.failed(); ++d) {
    if (wanted.size() != shape.size() || wanted[d] < shape[d])
      return context.invalid("the shape of the result is smaller than the image");
    image = e.pad(image, int64_t(d), 0, wanted[d] - shape[d]);
  }
  return e.done({image});
}

void addScatterRows(OpTable &table) {
  auto add = [&](const char *name, int operands, InferFn infer, RuleFn rule) {
    table.add(
        {name, OpClass::Builtin, operands, operands, std::move(infer), std::move(rule), {}, name, false});
  };
  add("scatter_elements", 3, inferScatterElements, scatterElementsRule);
  add("scatter_nd", 3, inferScatterNd, scatterNdRule);

  auto onnx = [&](const char *name, ImportFn import, const char *lowersTo) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), lowersTo});
  };
  onnx("Scatter", importScatterElements, "scatter_elements");
  onnx("ScatterElements", importScatterElements, "scatter_elements");
  onnx("ScatterND", importScatterNd, "scatter_nd");
  onnx("MaxUnpool", importMaxUnpool, "scatter_elements");
  table.example("scatter_elements",
                "(tensor<4x6x8xf32>, tensor<4x2x8xi64>, tensor<4x2x8xf32>) {axis = 1 : i64, "
                "reduction = \"add\"}");
  table.example("scatter_nd", "(tensor<4x6x8xf32>, tensor<5x1xi64>, tensor<5x6x8xf32>) {reduction = \"max\"}");
}

} // namespace ampc
