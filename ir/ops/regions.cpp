// Regions of interest, patches back to images, reinterpreted bits: executed by the runtime's builtin kernels.
#include "ir/ops/builtin_rules.h"
#include "ir/ops/expansion.h"

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;

// --- Regions, patches, bits
// ------------------------------------------------------------------------------------------

static llvm::Expected<Types> inferRoiAlign(const OpInstance &op) {
  const Shape &image = op.in(0), &regions = op.in(1);
  if (image.size() != 4 || regions.size() != 2 || regions[1] != 4 || op.in(2) != Shape{regions[0]} ||
      numElements(image) == 0)
    return opError("image, regions and batch indices do not fit together");
  return Types{
      {op.operands[0].type, {regions[0], image[1], op.integer("output_height"), op.integer("output_width")}}};
}

static IterationRule roiAlignRule(const OpInstance &op) {
  IterationRule rule;
  Access image, regions, batch, result;
  int r = addLoop(rule, "r", op.out()[0], LoopKind::Parallel),
      c = addLoop(rule, "c", op.out()[1], LoopKind::Parallel);
  result.dims = {DimAccess::loop(r), DimAccess::loop(c)};
  addWholeDim(rule, result, "ph", op.out()[2]);
  addWholeDim(rule, result, "pw", op.out()[3]);
  addWholeDim(rule, image, "n", op.in(0)[0]);
  image.dims.push_back(DimAccess::loop(c));
  addWholeDim(rule, image, "h", op.in(0)[2]);
  addWholeDim(rule, image, "w", op.in(0)[3]);
  regions.dims.push_back(DimAccess::loop(r));
  addWholeDim(rule, regions, "edge", 4);
  batch.dims.push_back(DimAccess::loop(r));
  rule.operands = {std::move(image), std::move(regions), std::move(batch)};
  rule.results.push_back(std::move(result));
  return rule;
}

static llvm::Expected<Types> inferCol2Im(const OpInstance &op) {
  Shape image = op.integers("image_shape"), patch = op.integers("block_shape");
  int64_t patchSize = numElements(patch);
  if (op.in(0).size() != 3 || patchSize <= 0 || op.in(0)[1] % patchSize != 0)
    return opError("the columns do not fit the patch");
  image.insert(image.begin(), {op.in(0)[0], op.in(0)[1] / patchSize});
  return Types{{op.operands[0].type, image}};
}

static IterationRule col2ImRule(const OpInstance &op) {
  IterationRule rule;
  int n = addLoop(rule, "n", op.out()[0], LoopKind::Parallel),
      c = addLoop(rule, "c", op.out()[1], LoopKind::Parallel);
  int64_t patchSize = op.out()[1] ? op.in(0)[1] / op.out()[1] : 1;
  int patch = addLoop(rule, "patch", patchSize, LoopKind::Whole);
  Access columns, image;
  columns.dims = {DimAccess::loop(n), DimAccess{{{c, patchSize}, {patch, 1}}, 0, false}};
  addWholeDim(rule, columns, "positions", op.in(0)[2]);
  image.dims = {DimAccess::loop(n), DimAccess::loop(c)};
  for (size_t d = 2; d < op.out().size(); ++d)
    addWholeDim(rule, image, "d" + std::to_string(d), op.out()[d]);
  rule.operands.push_back(std::move(columns));
  rule.results.push_back(std::move(image));
  return rule;
}

static llvm::Expected<Types> inferBitcast(const OpInstance &op) {
  for (int k = int(DataType::F64); k <= int(DataType::U64); ++k)
    if (op.string("to") == llvm::StringRef(name(DataType(k))) &&
        bitWidth(DataType(k)) == bitWidth(op.operands[0].type))
      return Types{{DataType(k), op.in(0)}};
  return opError("the bits of a " + llvm::Twine(name(op.operands[0].type)) + " are not those of a " +
                 op.string("to"));
}

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

static ImportResults importRoiAlign(ImportContext &context) {
  Expansion e(context);
  std::string mode = context.string("mode", "avg");
  // Version 10 has no attribute: its coordinates are those of "output_half_pixel".
  std::string transform = context.version() < 16
                              ? "output_half_pixel"
                              : context.string("coordinate_transformation_mode", "half_pixel");
  if ((mode != "avg" && mode != "max") || (transform != "half_pixel" && transform != "output_half_pixel"))
    return context.invalid("mode '" + mode + "' or coordinate transformation '" + transform +
                           "' does not exist");
  return e.done({e.build("roi_align", {e.operand(0), e.operand(1), e.operand(2)},
                         {e.attribute("output_height", context.integer("output_height", 1)),
                          e.attribute("output_width", context.integer("output_width", 1)),
                          e.attribute("sampling_ratio", context.integer("sampling_ratio", 0)),
                          e.attribute("half_pixel", int64_t(transform == "half_pixel")),
                          e.attribute("spatial_scale", context.real("spatial_scale", 1)),
                          e.attribute("mode", llvm::StringRef(mode))},
                         "")});
}

static ImportResults importCol2Im(ImportContext &context) {
  Expansion e(context);
  Shape image = e.knownIntegers(1, "the image's shape"), patch = e.knownIntegers(2, "the patch's shape");
  auto perDim = [&](const char *name, int64_t otherwise, size_t count) {
    return context.hasAttribute(name) ? context.integers(name) : Shape(count, otherwise);
  };
  return e.done({e.build("col2im", {e.operand(0)},
                         {e.attribute("image_shape", image), e.attribute("block_shape", patch),
                          e.attribute("dilations", perDim("dilations", 1, image.size())),
                          e.attribute("strides", perDim("strides", 1, image.size())),
                          e.attribute("pads", perDim("pads", 0, 2 * image.size()))},
                         "")});
}

static ImportResults importBitCast(ImportContext &context) {
  Expansion e(context);
  std::optional<DataType> to = fromOnnxType(context.integer("to"));
  if (!to)
    return context.unsupported("element type " + llvm::Twine(context.integer("to")) + " is not supported");
  if (*to == e.element(e.operand(0)))
    return e.done({e.operand(0)});
  if (*to == DataType::Bool)
    return context.unsupported("bits cannot be read as booleans");
  return e.done({e.build("bitcast", {e.operand(0)}, {e.attribute("to", llvm::StringRef(name(*to)))}, "")});
}

void addRegionRows(OpTable &table) {
  auto add = [&](const char *name, int operands, InferFn infer, RuleFn rule) {
    table.add(
        {name, OpClass::Builtin, operands, operands, std::move(infer), std::move(rule), {}, name, false});
  };
  add("roi_align", 3, inferRoiAlign, roiAlignRule);
  add("col2im", 1, inferCol2Im, col2ImRule);
  add("bitcast", 1, inferBitcast, elementwiseRule);

  auto onnx = [&](const char *name, ImportFn import, const char *lowersTo) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), lowersTo});
  };
  onnx("RoiAlign", importRoiAlign, "roi_align");
  onnx("Col2Im", importCol2Im, "col2im");
  onnx("BitCast", importBitCast, "bitcast");
  table.example("col2im",
                "(tensor<2x12x4xf32>) {image_shape = array<i64: 3, 3>, block_shape = array<i64: 2, 2>, "
                "dilations = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}");
  table.example("bitcast", "(tensor<4x6xf32>) {to = \"i32\"}");
  table.example("roi_align",
                "(tensor<3x5x4x6xf32>, tensor<7x4xf32>, tensor<7xi64>) {output_height = 2 : i64, "
                "output_width = 3 : i64, sampling_ratio = 2 : i64, half_pixel = 0 : i64, mode = \"avg\"}");
}

} // namespace ampc
