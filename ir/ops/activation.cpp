// Activation functions: one row each, parameters as attributes. Formulas are those of the ONNX operator definitions.
#include "ir/ops/contributed.h"
#include "ir/ops/expansion.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace ampc {

/// Imports operand 0 (and 1, ...) as `row`, copying the named real attributes; `defaults` hold where the schema has
/// none.
static ImportFn importWithReals(std::string row, std::vector<std::pair<std::string, double>> defaults) {
  return [row, defaults](ImportContext &context) -> ImportResults {
    Expansion e(context);
    llvm::SmallVector<Value> operands;
    for (size_t k = 0; k < context.numOperands(); ++k)
      operands.push_back(context.operand(k));
    llvm::SmallVector<NamedAttribute> attributes;
    for (const auto &[name, value] : defaults)
      attributes.push_back(e.attribute(name, context.real(name, value)));
    return e.done({e.build(row, operands, attributes, "")});
  };
}

static Scalar sigmoidOf(Scalar x) { return 1.0 / (1.0 + exp(-x)); }

// Stable for large |x|, where exp(x) overflows.
static Scalar softplusOf(Scalar x) { return max(x, 0.0) + log1p(exp(-abs(x))); }

static Scalar gelu(Body &x) {
  Scalar v = x(0);
  if (x.instance.string("approximate") == "tanh")
    return 0.5 * v * (1.0 + tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
  return 0.5 * v * (1.0 + erf(v * (1 / std::numbers::sqrt2)));
}

/// Defined for integers too, where the threshold is still a real number.
static Scalar shrink(Body &x) {
  Scalar v = isFloat(x(0).type()) ? x(0) : cast(x(0), DataType::F64);
  double bias = x.instance.real("bias"), limit = x.instance.real("lambd", 0.5);
  return select(v < -limit, v + bias, select(v > limit, v - bias, x.constant(v.type(), 0)));
}

static Scalar hardSigmoid(Body &x) {
  return max(min(x(0) * x.instance.real("alpha", 0.2) + x.instance.real("beta", 0.5), 1.0), 0.0);
}

static Scalar celu(Body &x) {
  double alpha = x.instance.real("alpha", 1);
  return max(x(0), 0.0) + min(alpha * (exp(x(0) / alpha) - 1.0), 0.0);
}

static Scalar selu(Body &x) {
  double alpha = x.instance.real("alpha", 1.67326319217681884765625), gamma = x.instance.real("gamma", 1.05070102214813232421875);
  return gamma * select(x(0) > 0.0, x(0), alpha * exp(x(0)) - alpha);
}

static ImportFn importGelu(const char *approximate) {
  return [approximate](ImportContext &context) -> ImportResults {
    Expansion e(context);
    Value x = e.operand(0);
    if (Value bias = e.operand(1)) { // BiasGelu and FastGelu of com.microsoft
      if (e.rank(x) < 1 || e.shape(bias) != Expansion::Shape{e.shape(x).back()})
        e.invalid("the bias needs one element per column");
      x = e.add(x, bias, "biased");
    }
    std::string form = approximate ? approximate : context.string("approximate", "none");
    return e.done({e.build("gelu", {x}, {e.attribute("approximate", llvm::StringRef(form))}, "")});
  };
}

/// Until opset 6 the slope is one number or one per channel (dimension 1); later it broadcasts from the right.
static ImportResults importPRelu(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), slope = e.operand(1);
  if (context.version() < 7 && e.rank(slope) == 1 && e.type(slope).numElements() > 1) {
    Expansion::Shape shape = e.shape(slope);
    for (int64_t d = 2; d < e.rank(x); ++d)
      shape.push_back(1);
    slope = e.reshape(slope, shape, "aligned");
  }
  return e.done({e.binary("prelu", x, slope, "")});
}

static ImportResults importSwiGlu(ImportContext &context) {
  Expansion e(context);
  Value gate = e.build("swish", {e.operand(0)}, {e.attribute("alpha", context.real("alpha", 1))}, "gate");
  return e.done({e.mul(gate, e.operand(1), "")});
}

void addActivationRows(OpTable &table) {
  using B = Body;
  constexpr int any = 1 << 20;
  constexpr double slow = 12; // FLOPs of a row with a transcendental function, about
  const auto same = std::nullopt;

  addElementwise(table, "relu", 1, {"Relu"}, [](B &x) { return max(x(0), 0.0); });
  addElementwise(table, "sigmoid", 1, {"Sigmoid"}, [](B &x) { return sigmoidOf(x(0)); }, same, slow);
  addElementwise(table, "softplus", 1, {"Softplus"}, [](B &x) { return softplusOf(x(0)); }, same, 2 * slow);
  addElementwise(table, "softsign", 1, {"Softsign"}, [](B &x) { return x(0) / (1.0 + abs(x(0))); }, same, 4);
  addElementwise(table, "mish", 1, {"Mish"}, [](B &x) { return x(0) * tanh(softplusOf(x(0))); }, same, 3 * slow);
  addElementwise(table, "hard_swish", 1, {"HardSwish"},
                 [](B &x) { return x(0) * max(min(x(0) * (1.0 / 6) + 0.5, 1.0), 0.0); }, same, 5);
  addElementwise(table, "prelu", 2, {}, [](B &x) { return select(x(0) < 0.0, x(0) * x(1), x(0)); }, same, 2);
  addElementwise(table, "gelu", 1, {}, gelu, same, slow + 5); // approximate = "none" or "tanh"

  // Rows with real attributes: name, ONNX name, attributes with defaults, body, FLOPs.
  auto withReals = [&](const char *row, const char *onnx, std::vector<std::pair<std::string, double>> defaults,
                       BodyFn body, double flops) {
    addElementwise(table, row, 1, {}, std::move(body), same, flops);
    table.addOnnx({"", onnx, 1, any, importWithReals(row, std::move(defaults)), row});
  };
  withReals("leaky_relu", "LeakyRelu", {{"alpha", 0.01}},
            [](B &x) { return select(x(0) < 0.0, x(0) * x.instance.real("alpha"), x(0)); }, 2);
  withReals("elu", "Elu", {{"alpha", 1}},
            [](B &x) { return select(x(0) < 0.0, x.instance.real("alpha") * (exp(x(0)) - 1.0), x(0)); }, slow);
  withReals("celu", "Celu", {{"alpha", 1}}, celu, slow);
  withReals("selu", "Selu", {{"alpha", 1.67326319217681884765625}, {"gamma", 1.05070102214813232421875}}, selu, slow);
  withReals("hard_sigmoid", "HardSigmoid", {{"alpha", 0.2}, {"beta", 0.5}}, hardSigmoid, 4);
  withReals("thresholded_relu", "ThresholdedRelu", {{"alpha", 1}},
            [](B &x) { return select(x(0) > x.instance.real("alpha"), x(0), 0.0); }, 1);
  withReals("shrink", "Shrink", {{"bias", 0}, {"lambd", 0.5}}, shrink, 3);
  withReals("swish", "Swish", {{"alpha", 1}},
            [](B &x) { return x(0) * sigmoidOf(x(0) * x.instance.real("alpha", 1)); }, slow);
  // y = alpha * x + beta, y = alpha * tanh(beta * x): experimental in opset 1, still activations of recurrent cells.
  addElementwise(table, "affine", 1, {},
                 [](B &x) { return x(0) * x.instance.real("alpha", 1) + x.instance.real("beta"); }, same, 2);
  addElementwise(table, "scaled_tanh", 1, {},
                 [](B &x) { return x.instance.real("alpha", 1) * tanh(x(0) * x.instance.real("beta", 1)); }, same, slow);

  table.addOnnx({"", "PRelu", 1, any, importPRelu, "prelu"});
  table.addOnnx({"", "Gelu", 20, any, importGelu(nullptr), "gelu"});
  table.addOnnx({"", "SwiGLU", 28, any, importSwiGlu, "swish, mul"});
  table.addOnnx({"com.microsoft", "Gelu", 1, any, contributed("T", importGelu("none")), "gelu"});
  table.addOnnx({"com.microsoft", "BiasGelu", 1, any, contributed("TT", importGelu("none")), "add, gelu"});
  table.addOnnx({"com.microsoft", "FastGelu", 1, any, contributed("Tt", importGelu("tanh")), "add, gelu"});
  table.addOnnx({"com.microsoft", "QuickGelu", 1, any, contributed("T", importWithReals("swish", {{"alpha", 1.702}})), "swish"});
}

} // namespace ampc
