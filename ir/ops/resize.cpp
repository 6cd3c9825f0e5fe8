// Resize and Upsample, one axis at a time: nearest is a gather at constant places (or a plain repetition),
// the others are weighted sums over few taps with constant tables.
#include "ir/ops/indexing.h"
#include "ir/ops/resize_tables.h"

#include <algorithm>
#include <cmath>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;
using Value = Expansion::Value;

// --- interpolate {axis}: operands x, indices [to, taps], weights [to, taps]
// ----------------------------------------

static llvm::Expected<Types> inferInterpolate(const OpInstance &op) {
  int64_t axis = op.integer("axis");
  Shape shape = op.in(0);
  if (axis < 0 || axis >= int64_t(shape.size()) || op.in(1).size() != 2 || op.in(1) != op.in(2))
    return opError("the tables of an interpolation do not fit its operand");
  shape[size_t(axis)] = op.in(1)[0];
  return Types{{op.operands[0].type, shape}};
}

static IterationRule interpolateRule(const OpInstance &op) {
  IterationRule rule;
  size_t axis = size_t(op.integer("axis"));
  Access x, table, result;
  for (size_t d = 0; d < op.out().size(); ++d) {
    rule.loops.push_back({"d" + std::to_string(d), op.out()[d], LoopKind::Parallel});
    result.dims.push_back(DimAccess::loop(int(d)));
    x.dims.push_back(d == axis ? indexedDim(op, rule, int(d)) : DimAccess::loop(int(d)));
  }
  rule.loops.push_back({"tap", op.in(1)[1], LoopKind::Reduce});
  table.dims = {DimAccess::loop(int(axis)), DimAccess::loop(int(op.out().size()))};
  rule.operands = {std::move(x), table, table};
  rule.results.push_back(std::move(result));
  rule.reduction = Reduction::Sum;
  rule.flopsPerPoint = 2;
  return rule;
}

static Scalar interpolateBody(Body &x) {
  int axis = int(x.instance.integer("axis"));
  std::vector<Scalar> indices;
  for (int d = 0; d < int(x.instance.out().size()); ++d)
    indices.push_back(d == axis ? relativeIndex(x, x(1)) : x.loop(d));
  Scalar element = x.load(0, indices);
  return element * cast(x(2), element.type());
}

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

namespace {
struct ResizePlan {
  ResizeOptions options;
  std::vector<ResizeAxis> axes; // one per dimension
  double extrapolation = 0;
};
} // namespace

static Value indexLiteral(Expansion &e, const Shape &shape, const Shape &values, const std::string &suffix) {
  HostTensor tensor(TensorType{DataType::I64, shape});
  for (size_t k = 0; k < values.size(); ++k)
    tensor.setInteger(int64_t(k), values[k]);
  return e.context.literal(tensor, suffix);
}

// Positions that take the extrapolation value read an element that is appended to the axis.
static Value appendExtrapolation(Expansion &e, Value x, int64_t axis, double value, InterpolationTable &table,
                                 const std::string &number) {
  int64_t extra = e.shape(x)[size_t(axis)];
  for (size_t p = 0; p < table.outside.size(); ++p)
    for (int64_t t = 0; table.outside[p] && t < table.taps; ++t) {
      table.indices[p * size_t(table.taps) + size_t(t)] = extra;
      if (!table.weights.empty())
        table.weights[p * size_t(table.taps) + size_t(t)] = t == 0;
    }
  return e.pad(x, axis, 0, 1, value, "extrapolate" + number);
}

// The straight line through the first and the last index, and how far the others lie from it; empty if that says nothing.
static Shape reachOf(const InterpolationTable &table, const ResizeAxis &axis) {
  if (!table.outside.empty() || axis.to < 2)
    return {};
  size_t taps = size_t(table.taps);
  int64_t scale = table.indices[(size_t(axis.to) - 1) * taps] - table.indices[0], divisor = axis.to - 1;
  int64_t low = axis.from, high = -axis.from;
  for (int64_t p = 0; p < axis.to; ++p) {
    int64_t line = Reach{scale, divisor, 0, 0, axis.from}.floorAt(p);
    for (size_t t = 0; t < taps; ++t) {
      int64_t index = table.indices[size_t(p) * taps + t];
      low = std::min(low, index - line);
      high = std::max(high, index - line);
    }
  }
  return high - low < axis.from / 2 ? Shape{scale, divisor, low, high} : Shape{};
}

static Value resizeAxis(Expansion &e, Value x, int64_t axis, const ResizePlan &plan,
                        const std::string &suffix) {
  std::string number = std::to_string(axis);
  InterpolationTable table = interpolationTable(plan.options, plan.axes[size_t(axis)]);
  int64_t from = plan.axes[size_t(axis)].from, to = plan.axes[size_t(axis)].to;
  llvm::SmallVector<mlir::NamedAttribute> attributes = {e.attribute("axis", axis)};
  if (Shape reach = reachOf(table, plan.axes[size_t(axis)]); !reach.empty())
    attributes.push_back(e.attribute("reach", reach));
  if (!table.outside.empty())
    x = appendExtrapolation(e, x, axis, plan.extrapolation, table, number);
  if (plan.options.mode == "nearest") {
    // A whole multiple that repeats each element keeps its loops apart and can be sharded.
    int64_t times = to / from;
    bool repeats = times * from == to;
    for (int64_t p = 0; p < to && repeats; ++p)
      repeats = table.indices[size_t(p)] == p / times;
    if (repeats) {
      Shape counts(e.shape(x).size(), 1);
      counts[size_t(axis)] = times;
      return e.build("repeat", {x}, {e.attribute("repeats", counts)}, suffix);
    }
    Value indices = indexLiteral(e, {to}, table.indices, "indices" + number);
    return e.build("gather", {x, indices}, attributes, suffix);
  }
  Value indices = indexLiteral(e, {to, table.taps}, table.indices, "indices" + number);
  DataType weightType = e.element(x) == DataType::F64 ? DataType::F64 : DataType::F32;
  Value weights = e.literal(weightType, {to, table.taps}, table.weights, "weights" + number);
  return e.build("interpolate", {x, indices, weights}, attributes, suffix);
}

static ImportResults applyResize(Expansion &e, const ResizePlan &plan) {
  if (std::optional<std::string> fault = checkResizeOptions(plan.options))
    return e.context.invalid(*fault);
  Value x = e.operand(0);
  DataType type = e.element(x);
  std::vector<int64_t> changed;
  for (size_t d = 0; d < plan.axes.size(); ++d) {
    const ResizeAxis &axis = plan.axes[d];
    if (!(axis.scale > 0) || !std::isfinite(axis.scale) || axis.to < 0)
      return e.context.invalid("the scale of dimension " + llvm::Twine(d) + " is not a positive number");
    bool isWhole =
        plan.options.coordinates != "tf_crop_and_resize" || (axis.roiBegin == 0 && axis.roiEnd == 1);
    if (axis.scale == 1 && axis.to == axis.from && isWhole)
      continue;
    if (axis.from == 0 && axis.to != 0)
      return e.context.invalid("an empty dimension cannot be resized");
    if (!std::isfinite(axis.roiBegin) || !std::isfinite(axis.roiEnd))
      return e.context.invalid("the region of interest of dimension " + llvm::Twine(d) + " is not finite");
    // The tables are literals in the plan.
    constexpr double largestTable = 1 << 24;
    if (!(tableElements(plan.options, axis) <= largestTable))
      return e.context.unsupported("dimension " + llvm::Twine(d) + " needs an interpolation table of more than " +
                                   llvm::Twine(int64_t(largestTable)) + " elements");
    changed.push_back(int64_t(d));
  }
  // Weighted sums are taken in floats.
  bool converts = plan.options.mode != "nearest" && !isFloat(type) && !changed.empty();
  if (converts)
    x = e.cast(x, DataType::F32, "widen");
  for (size_t k = 0; k < changed.size(); ++k) {
    bool isLast = k + 1 == changed.size() && !converts;
    x = resizeAxis(e, x, changed[k], plan, isLast ? "" : "axis" + std::to_string(changed[k]));
  }
  if (converts)
    x = e.cast(x, type, "");
  return e.done({x});
}

// Scales apply to a dimension's extent in f32, as shape inference has it.
static int64_t scaledExtent(int64_t extent, double scale) {
  double scaled = std::floor(double(float(extent) * float(scale)));
  return scaled >= 0 && scaled < 1e15 ? int64_t(scaled) : -1;
}

static std::vector<double> knownReals(Expansion &e, size_t k, llvm::StringRef what) {
  std::vector<double> values;
  std::optional<HostTensor> tensor = e.context.constant(k);
  if (!tensor) {
    e.unsupported(what + " must be known at compile time");
    return values;
  }
  for (int64_t n = 0; n < tensor->type.numElements(); ++n)
    values.push_back(tensor->real(n));
  return values;
}

static ImportResults importUpsample(ImportContext &context) {
  Expansion e(context);
  Shape shape = e.shape(e.operand(0));
  std::vector<double> scales;
  ResizePlan plan;
  plan.options.mode = context.string("mode", "nearest");
  plan.options.coordinates = "asymmetric";
  plan.options.roundsByScale = true;
  if (context.version() < 7)
    scales = {1, 1, context.real("height_scale", 1), context.real("width_scale", 1)};
  else if (context.version() < 9)
    scales = context.reals("scales");
  else
    scales = knownReals(e, 1, "the scales");
  if (plan.options.mode == "bilinear")
    plan.options.mode = "linear";
  if (e.failed())
    return e.done({});
  if (scales.size() != shape.size())
    return context.invalid("there are " + llvm::Twine(scales.size()) + " scales for rank " +
                           llvm::Twine(shape.size()));
  for (size_t d = 0; d < shape.size(); ++d)
    plan.axes.push_back({shape[d], scaledExtent(shape[d], scales[d]), scales[d]});
  return applyResize(e, plan);
}

// One scale for all axes, the smaller or larger of those that the sizes ask for.
static void keepAspectRatio(ResizePlan &plan, const Shape &axes, bool larger) {
  double scale = plan.axes[size_t(axes[0])].scale;
  for (int64_t axis : axes)
    scale = larger ? std::max(scale, plan.axes[size_t(axis)].scale)
                   : std::min(scale, plan.axes[size_t(axis)].scale);
  for (int64_t axis : axes) {
    double to = std::round(double(float(scale) * float(plan.axes[size_t(axis)].from)));
    plan.axes[size_t(axis)].scale = scale;
    plan.axes[size_t(axis)].to = to >= 0 && to < 1e15 ? int64_t(to) : -1;
  }
}

static ImportResults importResize(ImportContext &context) {
  Expansion e(context);
  Shape shape = e.shape(e.operand(0)), axes = axesFrom(0, int64_t(shape.size()));
  ResizePlan plan;
  plan.options.mode = context.string("mode", "nearest");
  bool isFirst = context.version() < 11; // version 10: scales only, no coordinate transformation
  plan.options.coordinates =
      isFirst ? "asymmetric" : context.string("coordinate_transformation_mode", "half_pixel");
  plan.options.nearest = context.string("nearest_mode", "round_prefer_floor");
  plan.options.roundsByScale = isFirst;
  plan.options.cubicCoefficient = context.real("cubic_coeff_a", -0.75);
  plan.options.excludeOutside = context.integer("exclude_outside", 0) != 0;
  plan.options.antialias = context.integer("antialias", 0) != 0;
  plan.extrapolation = context.real("extrapolation_value", 0);
  if (context.hasAttribute("axes")) {
    axes = context.integers("axes");
    for (int64_t &axis : axes)
      axis = e.axis(axis, int64_t(shape.size()));
  }
  size_t scalesOperand = isFirst ? 1 : 2;
  bool hasScales = e.operand(scalesOperand) && e.type(e.operand(scalesOperand)).numElements() != 0;
  bool hasSizes = !isFirst && e.operand(3) && e.type(e.operand(3)).numElements() != 0;
  std::vector<double> scales, roi;
  Shape sizes;
  if (hasScales)
    scales = knownReals(e, scalesOperand, "the scales");
  else if (hasSizes)
    sizes = e.knownIntegers(3, "the sizes");
  if (plan.options.coordinates == "tf_crop_and_resize")
    roi = knownReals(e, 1, "the region of interest");
  if (e.failed())
    return e.done({});
  size_t given = hasScales ? scales.size() : sizes.size();
  if ((!hasScales && !hasSizes) || given != axes.size() || (!roi.empty() && roi.size() != 2 * axes.size()))
    return context.invalid("scales, sizes or region do not fit " + llvm::Twine(axes.size()) + " axes");
  for (int64_t extent : shape)
    plan.axes.push_back({extent, extent, 1});
  for (size_t k = 0; k < axes.size(); ++k) {
    ResizeAxis &axis = plan.axes[size_t(axes[k])];
    axis.to = hasScales ? scaledExtent(axis.from, scales[k]) : sizes[k];
    axis.scale = hasScales ? scales[k] : axis.from ? double(float(sizes[k]) / float(axis.from)) : 1;
    if (axis.to == 0 && axis.scale == 0)
      axis.scale = 1;
    if (!roi.empty()) {
      axis.roiBegin = roi[k];
      axis.roiEnd = roi[k + axes.size()];
    }
  }
  std::string policy = context.string("keep_aspect_ratio_policy", "stretch");
  if (hasSizes && !hasScales && policy != "stretch" && !axes.empty()) {
    if (policy != "not_larger" && policy != "not_smaller")
      return context.invalid("there is no policy '" + policy + "'");
    keepAspectRatio(plan, axes, policy == "not_smaller");
  }
  return applyResize(e, plan);
}

void addResizeRows(OpTable &table) {
  table.add({"interpolate",
             OpClass::Reduction,
             3,
             3,
             inferInterpolate,
             interpolateRule,
             interpolateBody,
             {},
             false,
             localOrigin});
  // ONNX's inference multiplies extents by scales in f64, runtimes in f32: 10 x 0.7 gives 6 there and 7 here.
  table.addOnnx({"", "Resize", 1, 1 << 20, importResize, "interpolate gather repeat", true});
  table.addOnnx({"", "Upsample", 1, 1 << 20, importUpsample, "interpolate gather repeat", true});
  table.example("interpolate", "(tensor<4x6x8xf32>, tensor<12x2xi64>, tensor<12x2xf32>) {axis = 1 : i64}");
}

} // namespace ampc
