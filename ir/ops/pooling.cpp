// Pooling: dialect operators `max_pool` and `sum_pool` {kernel, strides, dilations, pads} over the last dimensions, as
// many as `kernel` has; averages and norms are a sum and elementwise operators. Also LRN, a sum over channels.
#include "ir/ops/window.h"

#include <limits>

using namespace mlir;

namespace ampc {

static std::vector<int64_t> trailing(const std::vector<int64_t> &shape, size_t count) {
  return {shape.end() - count, shape.end()};
}

static llvm::Expected<std::vector<TensorType>> inferPool(const OpInstance &op) {
  Window window = windowOf(op, op.integers("kernel"));
  size_t count = window.kernel.size();
  if (count > op.in(0).size())
    return opError("the window has more dimensions than the tensor");
  auto positions = windowPositions(window, trailing(op.in(0), count));
  if (!positions)
    return positions.takeError();
  TensorType result = op.operands[0];
  std::copy(positions->begin(), positions->end(), result.shape.end() - count);
  return std::vector<TensorType>{result};
}

/// The value that never is a maximum.
static double lowest(DataType type) {
  if (isFloat(type))
    return -std::numeric_limits<double>::infinity();
  return isSignedInteger(type) ? -std::ldexp(1.0, int(bitWidth(type)) - 1) : 0.0;
}

/// Loops d0... over the result, then k0... over the window. Operand 0 is read through the window.
static IterationRule windowRule(const OpInstance &op, Reduction reduction, double outside) {
  Window window = windowOf(op, op.integers("kernel"));
  size_t count = window.kernel.size(), rank = op.out().size();
  IterationRule rule;
  Access operand, result;
  for (size_t d = 0; d < rank; ++d) {
    rule.loops.push_back(
        {"d" + std::to_string(d), op.out()[d], d < rank - count ? LoopKind::Parallel : LoopKind::Window});
    result.dims.push_back(DimAccess::loop(int(d)));
  }
  for (size_t k = 0; k < count; ++k)
    rule.loops.push_back({"k" + std::to_string(k), window.kernel[k], LoopKind::Reduce});
  for (size_t d = 0; d < rank; ++d)
    operand.dims.push_back(d < rank - count
                               ? DimAccess::loop(int(d))
                               : windowAccess(window, d - (rank - count), int(d), int(d + count)));
  if (reachesOutside(window, trailing(op.in(0), count), trailing(op.out(), count)))
    operand.outside = outside;
  rule.operands = {operand};
  rule.results = {result};
  rule.reduction = reduction;
  rule.flopsPerPoint = 1;
  return rule;
}

static std::vector<std::pair<std::string, std::vector<int64_t>>> localPool(const OpInstance &local,
                                                                           const LocalPart &part) {
  std::vector<int64_t> kernel = local.integers("kernel");
  return localPads(local, part, kernel, local.out().size() - kernel.size());
}

static IterationRule maxPoolRule(const OpInstance &op) {
  return windowRule(op, Reduction::Max, lowest(op.operands[0].type));
}

static IterationRule sumPoolRule(const OpInstance &op) { return windowRule(op, Reduction::Sum, 0); }

// max_pool_index: the smallest number among the elements of the window that equal its maximum. Operands: input, its
// max_pool, numbers of the spatial positions, first number of every plane. As operands the numbers stay right on shards.
constexpr double noIndex = 4611686018427387904.0; // 2^62

static llvm::Expected<std::vector<TensorType>> inferMaxPoolIndex(const OpInstance &op) {
  return std::vector<TensorType>{{DataType::I64, op.in(1)}};
}

static IterationRule maxPoolIndexRule(const OpInstance &op) {
  IterationRule rule = windowRule(op, Reduction::Min, lowest(op.operands[0].type));
  size_t count = op.integers("kernel").size(), planes = op.in(0).size() - count;
  Access input = rule.operands[0], numbers, first;
  numbers.dims.assign(input.dims.end() - count, input.dims.end());
  if (input.outside)
    numbers.outside = noIndex;
  for (size_t d = 0; d < planes; ++d)
    first.dims.push_back(DimAccess::loop(int(d)));
  rule.operands = {input, rule.results[0], numbers, first};
  rule.flopsPerPoint = 3;
  return rule;
}

static Scalar maxPoolIndexBody(Body &x) { return select(equal(x(0), x(1)), x(2) + x(3), noIndex); }

// --- ONNX ------------------------------------------------------------------------------------------------------------

static Value pool(Expansion &e, llvm::StringRef row, Value x, const Window &window, llvm::StringRef suffix) {
  if (e.failed())
    return {};
  auto attributes = windowAttributes(e, window);
  attributes.push_back(e.attribute("kernel", window.kernel));
  return e.build(row, {x}, attributes, suffix);
}

static Window nodeWindow(Expansion &e, Value x) {
  Expansion::Shape shape = e.shape(x);
  if (shape.size() < 3) {
    e.invalid("pooling needs a tensor of rank 3 or more");
    return {};
  }
  return windowOf(e, trailing(shape, shape.size() - 2), e.context.integers("kernel_shape"), true);
}

/// Numbers 0, 1, ... of the elements of one plane, row-major or (storage_order 1) column-major over the last two
/// dimensions as ONNX counts them: the first spatial dimension fastest.
static Value planeNumbers(Expansion &e, const Expansion::Shape &plane, bool columnMajor) {
  int64_t count = numElements(plane);
  std::vector<double> numbers(count);
  for (int64_t k = 0; k < count; ++k) {
    int64_t number = k;
    if (columnMajor) {
      number = 0;
      int64_t rest = k;
      std::vector<int64_t> index(plane.size());
      for (size_t d = plane.size(); d-- > 0; rest /= plane[d])
        index[d] = rest % plane[d];
      for (size_t d = plane.size(); d-- > 0;)
        number = number * plane[d] + index[d];
    }
    numbers[k] = double(number);
  }
  return e.literal(DataType::I64, plane, numbers, "positions");
}

static ImportResults importMaxPool(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Window window = nodeWindow(e, x);
  Value y = pool(e, "max_pool", x, window, "");
  if (context.numResults() < 2 || !context.isResultUsed(1))
    return e.done(context.numResults() < 2 ? std::vector<Value>{y} : std::vector<Value>{y, Value()});
  Expansion::Shape shape = e.shape(x), plane = trailing(shape, shape.size() >= 2 ? shape.size() - 2 : 0);
  constexpr int64_t largestPlane = 1 << 20;
  if (!e.failed() && (numElements(plane) > largestPlane || shape[0] * shape[1] > largestPlane))
    e.unsupported("indices of a plane with more than " + llvm::Twine(largestPlane) + " elements");
  if (e.failed())
    return e.done({});
  std::vector<double> first(shape[0] * shape[1]);
  for (size_t k = 0; k < first.size(); ++k)
    first[k] = double(int64_t(k) * numElements(plane));
  auto attributes = windowAttributes(e, window);
  attributes.push_back(e.attribute("kernel", window.kernel));
  Value numbers = planeNumbers(e, plane, context.integer("storage_order"));
  Value planes = e.literal(DataType::I64, {shape[0], shape[1]}, first, "planes");
  return e.done({y, e.build("max_pool_index", {x, y, numbers, planes}, attributes, "indices")});
}

/// One over the number of elements that each window averages; a scalar where all windows have the same.
static Value inverseCounts(Expansion &e, const Window &window, const Expansion::Shape &input, bool includePad,
                           DataType type) {
  // Padding that only ceil_mode added never counts.
  std::vector<int64_t> pads = e.context.integers("pads");
  std::string automatic = e.context.string("auto_pad", "NOTSET");
  size_t dims = input.size();
  std::vector<double> counts{1};
  for (size_t d = 0; d < dims; ++d) {
    int64_t end = automatic == "VALID" ? 0 : automatic != "NOTSET" ? window.padsEnd[d] : pads.empty() ? 0 : pads[dims + d];
    int64_t low = includePad ? -window.padsBegin[d] : 0, high = input[d] + (includePad ? end : 0);
    std::vector<double> next;
    for (double outer : counts)
      for (int64_t o = 0; o < window.output[d]; ++o) {
        int64_t count = 0;
        for (int64_t k = 0; k < window.kernel[d]; ++k) {
          int64_t index = o * window.strides[d] + k * window.dilations[d] - window.padsBegin[d];
          count += index >= low && index < high;
        }
        next.push_back(outer * double(std::max<int64_t>(count, 1)));
      }
    counts = std::move(next);
  }
  bool uniform = std::all_of(counts.begin(), counts.end(), [&](double c) { return c == counts[0]; });
  for (double &count : counts)
    count = 1 / count;
  return uniform ? e.number(type, counts.empty() ? 1 : counts[0]) : e.literal(type, window.output, counts, "counts");
}

static ImportResults importAveragePool(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  Window window = nodeWindow(e, x);
  DataType type = e.element(x);
  Value sum = pool(e, "sum_pool", e.toComputeType(x), window, "sum");
  if (e.failed())
    return e.done({});
  constexpr int64_t largestOutput = 1 << 24; // positions x taps that are counted at compile time
  if (numElements(window.output) > largestOutput || numElements(window.kernel) > largestOutput)
    e.unsupported("more than " + llvm::Twine(largestOutput) + " window positions or taps");
  if (e.failed())
    return e.done({});
  Value scale = inverseCounts(e, window, trailing(e.shape(x), window.kernel.size()),
                              context.integer("count_include_pad"), e.element(sum));
  return e.done({e.cast(e.binary("mul", sum, scale, computeType(type) == type ? "" : "average"), type, "")});
}

/// |x|^p and the p-th root around a sum.
static Value power(Expansion &e, Value x, double p) {
  if (p == 1)
    return e.unary("abs", x);
  if (p == 2)
    return e.mul(x, x, "square");
  return e.binary("pow", e.unary("abs", x), e.number(e.element(x), p));
}

static Value root(Expansion &e, Value x, double p, llvm::StringRef suffix) {
  if (p == 1)
    return x;
  if (p == 2)
    return e.unary("sqrt", x, suffix);
  return e.binary("pow", x, e.number(e.element(x), 1 / p), suffix);
}

static double exponent(Expansion &e) {
  double p = e.context.version() < 2 ? e.context.real("p", 2) : double(e.context.integer("p", 2));
  if (!(p > 0))
    e.invalid("p must be positive");
  return p;
}

static ImportResults importLpPool(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  DataType type = e.element(x);
  double p = exponent(e);
  Value sum = pool(e, "sum_pool", power(e, e.toComputeType(x), p), nodeWindow(e, x), "sum");
  return e.done({e.cast(root(e, sum, p, "root"), type, "")});
}

enum class Global { Max, Average, Lp };

static ImportFn importGlobal(Global kind) {
  return [kind](ImportContext &context) -> ImportResults {
    Expansion e(context);
    Value x = e.operand(0);
    DataType type = e.element(x);
    Expansion::Shape axes = axesFrom(2, e.rank(x));
    if (kind == Global::Max)
      return e.done({e.reduceMax(x, axes, true, "")});
    Value wide = e.toComputeType(x);
    if (kind == Global::Average)
      return e.done({e.cast(e.reduceMean(wide, axes, true, e.element(wide) == type ? "" : "mean"), type, "")});
    double p = exponent(e);
    return e.done({e.cast(root(e, e.reduceSum(power(e, wide, p), axes), p, "root"), type, "")});
  };
}

/// y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta
static ImportResults importLrn(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  DataType type = e.element(x);
  int64_t rank = e.rank(x), size = context.integer("size");
  if (rank < 2 || size < 1 || size > (1 << 20))
    e.invalid("LRN needs a tensor of rank 2 or more and a positive size");
  if (e.failed())
    return e.done({});
  Window window;
  window.kernel = window.strides = window.dilations = Expansion::Shape(rank - 1, 1);
  window.padsBegin = window.padsEnd = Expansion::Shape(rank - 1, 0);
  window.kernel[0] = size;
  window.padsBegin[0] = (size - 1) / 2;
  window.padsEnd[0] = size - 1 - (size - 1) / 2;
  Value wide = e.toComputeType(x);
  Value sum = pool(e, "sum_pool", e.mul(wide, wide, "square"), window, "sum");
  Value base = e.add(e.mul(sum, context.real("alpha", 1e-4) / double(size)), context.real("bias", 1));
  Value divisor = e.binary("pow", base, e.number(e.element(base), context.real("beta", 0.75)));
  return e.done({e.cast(e.div(wide, divisor, e.element(wide) == type ? "" : "div"), type, "")});
}

void addPoolingRows(OpTable &table) {
  constexpr int any = 1 << 20;
  BodyFn element = [](Body &x) { return x(0); };
  table.add({"max_pool", OpClass::Reduction, 1, 1, inferPool, maxPoolRule, element, {}, false, localPool});
  table.add({"sum_pool", OpClass::Reduction, 1, 1, inferPool, sumPoolRule, element, {}, false, localPool});
  table.add({"max_pool_index", OpClass::Reduction, 4, 4, inferMaxPoolIndex, maxPoolIndexRule, maxPoolIndexBody, {}, false,
             localPool});
  // Before opset 22, ONNX's inference counts windows of ceil_mode that start behind the input; runtimes never did.
  table.addOnnx({"", "MaxPool", 1, any, importMaxPool, "max_pool, max_pool_index", true});
  table.addOnnx({"", "AveragePool", 1, any, importAveragePool, "sum_pool, mul", true});
  table.addOnnx({"", "LpPool", 1, any, importLpPool, "sum_pool, mul, pow, sqrt", true});
  table.addOnnx({"", "GlobalMaxPool", 1, any, importGlobal(Global::Max), "reduce_max"});
  table.addOnnx({"", "GlobalAveragePool", 1, any, importGlobal(Global::Average), "reduce_sum, mul"});
  table.addOnnx({"", "GlobalLpPool", 1, any, importGlobal(Global::Lp), "reduce_sum, mul, pow, sqrt"});
  table.addOnnx({"", "LRN", 1, any, importLrn, "mul, sum_pool, pow, div"});
  table.example("max_pool", "(tensor<4x6x10x10xf32>) {kernel = array<i64: 3, 3>}");
  table.example("sum_pool", "(tensor<4x6x10x10xf32>) {kernel = array<i64: 3, 3>}");
  table.example("max_pool_index", "(tensor<4x6x10x10xf32>) {kernel = array<i64: 3, 3>}");
}

} // namespace ampc
