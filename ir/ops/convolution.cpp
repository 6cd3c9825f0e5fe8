// Convolution: dialect operator `conv` {strides, dilations, pads} on [n, (g ic), spatial...] and weights
// [(g oc), ic, kernel...]; the number of groups follows from the channel extents. A bias is a separate addition.
#include "ir/ops/window.h"

using namespace mlir;

namespace ampc {

static std::vector<int64_t> spatial(const std::vector<int64_t> &shape) { return {shape.begin() + 2, shape.end()}; }

static llvm::Expected<std::vector<TensorType>> inferConv(const OpInstance &op) {
  const std::vector<int64_t> &x = op.in(0), &w = op.in(1);
  if (x.size() < 3 || x.size() != w.size())
    return opError("convolution needs an input and weights of one rank, at least 3");
  int64_t groups = w[1] > 0 ? x[1] / w[1] : 1;
  if (groups < 1 || groups * w[1] != x[1] || w[0] % groups != 0)
    return opError("channels do not match: input " + llvm::Twine(x[1]) + ", weights " + llvm::Twine(w[0]) + " x " +
                   llvm::Twine(w[1]));
  llvm::Expected<std::vector<int64_t>> positions = windowPositions(windowOf(op, spatial(w)), spatial(x));
  if (!positions)
    return positions.takeError();
  TensorType result{op.operands[0].type, {x[0], w[0]}};
  result.shape.insert(result.shape.end(), positions->begin(), positions->end());
  return std::vector<TensorType>{result};
}

static IterationRule convRule(const OpInstance &op) {
  const std::vector<int64_t> &x = op.in(0), &w = op.in(1), &y = op.out();
  Window window = windowOf(op, spatial(w));
  int dims = int(x.size()) - 2;
  int64_t groups = w[1] > 0 ? x[1] / w[1] : 1;
  int64_t channels = groups > 0 ? y[1] / groups : 0; // of the result, per group

  IterationRule rule;
  auto loop = [&](std::string name, int64_t extent, LoopKind kind) {
    rule.loops.push_back({std::move(name), extent, kind});
    return int(rule.loops.size()) - 1;
  };
  int n = loop("n", y[0], LoopKind::Parallel), g = loop("g", groups, LoopKind::Parallel);
  int oc = loop("oc", channels, LoopKind::Parallel);
  int position = int(rule.loops.size());
  for (int d = 0; d < dims; ++d)
    loop("o" + std::to_string(d), y[d + 2], LoopKind::Window);
  int ic = loop("ic", w[1], LoopKind::Reduce);
  int tap = int(rule.loops.size());
  for (int d = 0; d < dims; ++d)
    loop("k" + std::to_string(d), w[d + 2], LoopKind::Reduce);

  Access input{{DimAccess::loop(n), {{{g, w[1]}, {ic, 1}}, 0, false}}, std::nullopt};
  Access weights{{{{{g, channels}, {oc, 1}}, 0, false}, DimAccess::loop(ic)}, std::nullopt};
  Access result{{DimAccess::loop(n), {{{g, channels}, {oc, 1}}, 0, false}}, std::nullopt};
  for (int d = 0; d < dims; ++d) {
    input.dims.push_back(windowAccess(window, d, position + d, tap + d));
    weights.dims.push_back(DimAccess::loop(tap + d));
    result.dims.push_back(DimAccess::loop(position + d));
  }
  if (reachesOutside(window, spatial(x), spatial(y)))
    input.outside = 0;
  rule.operands = {input, weights};
  rule.results = {result};
  rule.reduction = Reduction::Sum;
  rule.flopsPerPoint = 2;
  return rule;
}

// --- ONNX ------------------------------------------------------------------------------------------------------------

Value convolve(Expansion &e, Value x, Value w, llvm::StringRef suffix) {
  Expansion::Shape input = e.shape(x), weights = e.shape(w);
  if (input.size() < 3 || input.size() != weights.size()) {
    e.invalid("convolution needs an input and weights of one rank, at least 3");
    return {};
  }
  int64_t groups = e.context.integer("group", 1);
  if (groups < 1 || weights[1] > input[1] || groups * weights[1] != input[1])
    e.invalid("group " + llvm::Twine(groups) + " does not fit " + llvm::Twine(input[1]) + " input channels and " +
              llvm::Twine(weights[1]) + " per group of the weights");
  else if (weights[0] % groups != 0)
    e.invalid("group " + llvm::Twine(groups) + " does not divide " + llvm::Twine(weights[0]) + " output channels");
  std::vector<int64_t> stated = e.context.integers("kernel_shape");
  if (!stated.empty() && stated != spatial(weights))
    e.invalid("kernel_shape differs from the shape of the weights");
  Window window = windowOf(e, spatial(input), spatial(weights));
  if (e.failed())
    return {};
  return e.build("conv", {x, w}, windowAttributes(e, window), suffix);
}

Value addChannelBias(Expansion &e, Value y, Value bias, llvm::StringRef suffix) {
  Expansion::Shape shape(e.rank(y) > 1 ? e.rank(y) - 1 : 1, 1);
  shape[0] = e.type(bias).numElements();
  return e.add(y, e.reshape(bias, shape, "bias"), suffix);
}

static ImportResults importConv(ImportContext &context) {
  Expansion e(context);
  Value bias = e.operand(2);
  Value y = convolve(e, e.operand(0), e.operand(1), bias ? "conv" : "");
  return e.done({bias ? addChannelBias(e, y, bias, "") : y});
}

void addConvolutionRows(OpTable &table) {
  table.add({"conv", OpClass::Convolution, 2, 2, inferConv, convRule, [](Body &x) { return x(0) * x(1); }, {}, false,
             [](const OpInstance &local, const LocalPart &part) { return localPads(local, part, spatial(local.in(1)), 2); }});
  table.addOnnx({"", "Conv", 1, 1 << 20, importConv, "conv, add"});
  table.example("conv", "(tensor<4x6x10x10xf32>, tensor<8x6x3x3xf32>) {pads = array<i64: 1, 1, 1, 1>}");
}

} // namespace ampc
