// Sampling at computed places of an image: GridSample as one operator whose body computes coordinates and
// weights, AffineGrid as a product with a constant grid.
#include "ir/ops/expansion.h"
#include "ir/ops/indexing.h"

#include <algorithm>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;
using Value = Expansion::Value;

// --- grid_sample {mode, padding, align_corners}: operands image [n, c, spatial...], grid [n, spatial...,
// dims] -------

static llvm::Expected<Types> inferGridSample(const OpInstance &op) {
  const Shape &image = op.in(0), &grid = op.in(1);
  size_t dims = image.size() - 2;
  if (image.size() < 3 || grid.size() != image.size() || grid.back() != int64_t(dims) ||
      grid[0] != image[0] || !isFloat(op.operands[1].type) ||
      numElements(Shape(image.begin() + 2, image.end())) == 0)
    return opError("image and grid do not fit together");
  Shape shape(grid.begin(), grid.end() - 1);
  shape.insert(shape.begin() + 1, image[1]);
  return Types{{op.operands[0].type, shape}};
}

static IterationRule gridSampleRule(const OpInstance &op) {
  IterationRule rule;
  Access image, grid, result;
  for (size_t d = 0; d < op.out().size(); ++d) {
    rule.loops.push_back({d == 0   ? "n"
                          : d == 1 ? "c"
                                   : "d" + std::to_string(d),
                          op.out()[d], LoopKind::Parallel});
    result.dims.push_back(DimAccess::loop(int(d)));
    image.dims.push_back(d < 2 ? DimAccess::loop(int(d)) : DimAccess::wholeDim());
    if (d != 1)
      grid.dims.push_back(DimAccess::loop(int(d)));
  }
  grid.dims.push_back(DimAccess::wholeDim());
  rule.operands = {std::move(image), std::move(grid)};
  rule.results.push_back(std::move(result));
  rule.flopsPerPoint = 20;
  return rule;
}

namespace {
/// One dimension of the image: where its samples lie and how much each counts.
struct Tap {
  Scalar index, weight;
};

class Sampler {
public:
  Sampler(Body &x) : x(x), mode(x.instance.string("mode")), padding(x.instance.string("padding")) {}

  Scalar sample() {
    size_t dims = x.instance.in(0).size() - 2;
    std::vector<std::vector<Tap>> taps;
    for (size_t d = 0; d < dims; ++d)
      taps.push_back(tapsOf(d, dims));
    indices = {x.loop(0), x.loop(1)};
    return weightedSum(taps, 0);
  }

private:
  Body &x;
  llvm::StringRef mode, padding;
  std::vector<Scalar> indices;

  Scalar number(double value) { return x.constant(computeType(x.instance.operands[1].type), value); }

  // Folds a coordinate back and forth between the borders of the image.
  Scalar reflect(Scalar position, double extent) {
    bool align = x.instance.integer("align_corners") != 0;
    double low = align ? 0 : -0.5, range = align ? extent - 1 : extent;
    if (range <= 0)
      return number(0);
    Scalar phase = rem(abs(position - low), 2 * range);
    return low + min(phase, 2 * range - phase);
  }

  // Coordinates of the grid run from the last dimension of the image to the first.
  Scalar position(size_t d, size_t dims) {
    double extent = double(x.instance.in(0)[d + 2]);
    std::vector<Scalar> at = {x.loop(0)};
    for (size_t k = 0; k < dims; ++k)
      at.push_back(x.loop(int(k) + 2));
    at.push_back(x.index(int64_t(dims - 1 - d)));
    Scalar g = x.load(1, at);
    bool align = x.instance.integer("align_corners") != 0;
    Scalar p = align ? (g + 1.0) / 2.0 * (extent - 1) : ((g + 1.0) * extent - 1.0) / 2.0;
    // What is no number, or too large for an index, stands for the first border, as in ONNX Runtime.
    p = select(abs(p) <= 0x1p62, p, align ? 0.0 : -0.5);
    if (mode == "nearest")
      p = roundEven(p);
    // Every tap is clamped by itself. A cubic one lies up to two elements further out and still has a weight of its own;
    // from there on all of them read the border, and infinite coordinates must not become weights.
    double beyond = mode == "cubic" ? 3 : 0;
    if (padding == "border")
      p = min(max(p, -beyond), extent - 1 + beyond);
    else if (padding == "reflection")
      p = reflect(p, extent);
    return p;
  }

  // An index that may lie outside: clamped or folded, its weight 0 where padding is zeros.
  Tap tapAt(Scalar place, Scalar weight, double extent) {
    if (padding == "zeros")
      weight = select(place >= 0.0 && place <= extent - 1, weight, 0.0);
    else if (padding == "reflection")
      place = reflect(place, extent);
    return {cast(min(max(place, 0.0), extent - 1), DataType::I64), weight};
  }

  std::vector<Tap> tapsOf(size_t d, size_t dims) {
    double extent = double(x.instance.in(0)[d + 2]);
    Scalar p = position(d, dims);
    if (mode == "nearest")
      return {tapAt(roundEven(p), number(1), extent)};
    Scalar base = floor(p), t = p - base;
    if (mode == "linear")
      return {tapAt(base, 1.0 - t, extent), tapAt(base + 1.0, t, extent)};
    std::vector<Tap> taps;
    constexpr double a = -0.75;
    for (int k = -1; k <= 2; ++k) {
      Scalar distance = abs(t - double(k));
      bool isNear = k == 0 || k == 1;
      Scalar weight = isNear ? ((a + 2) * distance - (a + 3)) * distance * distance + 1.0
                             : ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
      taps.push_back(tapAt(base + double(k), weight, extent));
    }
    return taps;
  }

  Scalar weightedSum(const std::vector<std::vector<Tap>> &taps, size_t d) {
    Scalar sum;
    for (const Tap &tap : taps[d]) {
      indices.push_back(tap.index);
      Scalar inner =
          d + 1 < taps.size() ? weightedSum(taps, d + 1) : cast(x.load(0, indices), tap.weight.type());
      indices.pop_back();
      // A tap outside adds nothing, whatever the element that stands in for it.
      Scalar term = mode == "nearest" || padding == "zeros"
                        ? select(equal(tap.weight, 0.0), 0.0, inner * tap.weight)
                        : inner * tap.weight;
      sum = sum.owner() ? sum + term : term;
    }
    return sum;
  }
};
} // namespace

static Scalar gridSampleBody(Body &x) { return Sampler(x).sample(); }

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

static ImportResults importGridSample(ImportContext &context) {
  Expansion e(context);
  std::string mode = context.string("mode", "linear"), padding = context.string("padding_mode", "zeros");
  if (mode == "bilinear")
    mode = "linear";
  if (mode == "bicubic")
    mode = "cubic";
  if ((mode != "linear" && mode != "nearest" && mode != "cubic") ||
      (padding != "zeros" && padding != "border" && padding != "reflection"))
    return context.invalid("there is no mode '" + mode + "' or no padding '" + padding + "'");
  if (!isFloat(e.element(e.operand(0))))
    return context.unsupported("only floats are sampled");
  if (e.rank(e.operand(0)) < 3)
    return context.invalid("the image has no spatial dimension");
  if (e.rank(e.operand(0)) > 5 || (mode == "cubic" && e.rank(e.operand(0)) > 4))
    return context.unsupported("so many spatial dimensions are not sampled");
  return e.done(
      {e.build("grid_sample", {e.operand(0), e.operand(1)},
               {e.attribute("mode", llvm::StringRef(mode)), e.attribute("padding", llvm::StringRef(padding)),
                e.attribute("align_corners", context.integer("align_corners", 0))},
               "")});
}

// theta [n, dims, dims + 1] applied to the homogeneous coordinates of every result position.
static ImportResults importAffineGrid(ImportContext &context) {
  Expansion e(context);
  Value theta = e.operand(0);
  Shape size = e.knownIntegers(1, "the size");
  if (e.failed())
    return e.done({});
  int64_t dims = int64_t(size.size()) - 2;
  if ((dims != 2 && dims != 3) || e.shape(theta) != Shape{size[0], dims, dims + 1})
    return context.invalid("theta does not fit the size");
  bool align = context.integer("align_corners", 0) != 0;
  Shape spatial(size.begin() + 2, size.end());
  int64_t positions = numElements(spatial);
  if (positions > int64_t(1) << 24 || positions < 0)
    return context.unsupported("the grid has more than 16 million positions");
  std::vector<double> base(size_t(positions * (dims + 1)), 1);
  for (int64_t p = 0; p < positions; ++p) {
    int64_t rest = p;
    for (int64_t d = dims; d-- > 0; rest /= spatial[size_t(d)]) {
      double extent = double(spatial[size_t(d)]), k = double(rest % spatial[size_t(d)]);
      double at = align ? (extent > 1 ? -1 + 2 * k / (extent - 1) : -1) : -1 + (2 * k + 1) / extent;
      base[size_t(p * (dims + 1) + dims - 1 - d)] = at;
    }
  }
  Value grid =
      e.matmul(e.literal(e.element(theta), {1, positions, dims + 1}, base, "base"), e.swapLastTwo(theta));
  Shape shape = {size[0]};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  shape.push_back(dims);
  return e.done({e.reshape(grid, shape, "")});
}

void addGridSampleRows(OpTable &table) {
  table.add(
      {"grid_sample", OpClass::Movement, 2, 2, inferGridSample, gridSampleRule, gridSampleBody, {}, false});
  table.addOnnx({"", "GridSample", 1, 1 << 20, importGridSample, "grid_sample"});
  table.addOnnx({"", "AffineGrid", 1, 1 << 20, importAffineGrid, "matmul"});
  table.example("grid_sample",
                "(tensor<4x3x5x6xf32>, tensor<4x2x7x2xf32>) {align_corners = 0 : i64, mode = \"linear\", "
                "padding = \"zeros\"}");
}

} // namespace ampc
