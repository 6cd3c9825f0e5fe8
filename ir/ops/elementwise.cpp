// Elementwise arithmetic, comparison, logic, bits and conversion: one line per operator. ONNX operators that become
// several of these are in elementwise_forms.cpp, activation functions in activation.cpp.
#include "ir/ops/expansion.h"

namespace ampc {

// --- Bodies longer than a line ---------------------------------------------------------------------------------------

/// fmod = 0: the result has the divisor's sign; 1: the dividend's.
static Scalar modulo(Body &x) {
  Scalar remainder = rem(x(0), x(1));
  if (x.instance.integer("fmod") || isUnsignedInteger(remainder.type()))
    return remainder;
  Scalar signsDiffer = bitXor(remainder < 0.0, x(1) < 0.0);
  return select(notEqual(remainder, 0.0) && signsDiffer, remainder + x(1), remainder);
}

/// A shift by a negative amount or by the width and more leaves only copies of the sign.
static Scalar shift(Body &x) {
  bool left = x.instance.row->name == "shift_left";
  Scalar value = x(0), amount = x(1);
  double width = bitWidth(value.type());
  Scalar inside = amount < width;
  if (isSignedInteger(value.type()))
    inside = inside && amount >= 0.0;
  if (left)
    return select(inside, shiftLeft(value, select(inside, amount, 0.0)), 0.0);
  Scalar otherwise = isSignedInteger(value.type()) ? shiftRight(value, width - 1) : x.constant(value.type(), 0);
  return select(inside, shiftRight(value, select(inside, amount, 0.0)), otherwise);
}

/// Integer powers by repeated squaring (exact, wrapping); any float makes it a float power.
static Scalar power(Body &x) {
  Scalar base = x(0), exponent = x(1);
  if (!isInteger(base.type()) || !isInteger(exponent.type())) {
    DataType type = isFloat(base.type()) ? base.type() : DataType::F64;
    return pow(cast(base, type), cast(exponent, type));
  }
  Scalar result = x.constant(base.type(), 1), square = base, e = cast(exponent, DataType::I64);
  for (int64_t bit = 0; bit < 6; ++bit) {
    result = select(notEqual(bitAnd(e, x.index(int64_t(1) << bit)), x.index(0)), result * square, result);
    square = square * square;
  }
  if (isUnsignedInteger(exponent.type()))
    return result;
  // A negative exponent: 1 / base^n truncates to zero except for bases 1 and -1.
  Scalar unit = equal(base, 1.0);
  if (isSignedInteger(base.type()))
    unit = unit || equal(base, -1.0);
  return select(e < 0.0, select(unit, result, 0.0), result);
}

static Scalar signOf(Body &x) {
  return isUnsignedInteger(x(0).type()) ? select(x(0) > 0.0, x.constant(x(0).type(), 1), 0.0) : sign(x(0));
}

static Scalar absolute(Body &x) { return isUnsignedInteger(x(0).type()) ? x(0) : abs(x(0)); }

// --- Inference that broadcastInfer does not cover --------------------------------------------------------------------

static llvm::Expected<std::vector<TensorType>> inferCast(const OpInstance &op) {
  for (DataType type : {DataType::F64, DataType::F32, DataType::F16, DataType::BF16, DataType::I8, DataType::I16,
                        DataType::I32, DataType::I64, DataType::U8, DataType::U16, DataType::U32, DataType::U64,
                        DataType::Bool})
    if (std::string_view(op.string("to")) == name(type))
      return std::vector<TensorType>{{type, op.in(0)}};
  return opError("cast to unknown type '" + op.string("to") + "'");
}

static llvm::Expected<std::vector<TensorType>> inferWhere(const OpInstance &op) {
  return broadcastInfer(op.operands[1].type)(op);
}

/// ONNX before opset 7: `axis` says where B's dimensions line up with A's.
static ImportFn importWithAxis(std::string row) {
  return [row](ImportContext &context) -> ImportResults {
    Expansion e(context);
    mlir::Value a = e.operand(0), b = e.operand(1);
    Expansion::Shape shape = e.shape(b);
    if (context.integer("broadcast") && context.hasAttribute("axis") && e.rank(b) > 0) {
      int64_t axis = e.axis(context.integer("axis"), e.rank(a));
      for (int64_t d = axis + e.rank(b); d < e.rank(a); ++d)
        shape.push_back(1);
    }
    return e.done({e.binary(row, a, e.reshape(b, shape, "aligned"), "")});
  };
}

void addElementwiseRows(OpTable &table) {
  using B = Body;
  constexpr double slow = 10; // FLOPs that a transcendental function costs, about
  constexpr double medium = 4;
  constexpr auto boolean = DataType::Bool;
  const auto same = std::nullopt;

  // The forms of opset 1 to 6 come first: the first matching row wins.
  for (auto [onnx, row] : {std::pair("Add", "add"), {"Sub", "sub"}, {"Mul", "mul"}, {"Div", "div"}, {"And", "and"},
                           {"Or", "or"}, {"Xor", "xor"}, {"Equal", "equal"}, {"Less", "less"}, {"Greater", "greater"}})
    table.addOnnx({"", onnx, 1, 6, importWithAxis(row), row});

  addElementwise(table, "add", 2, {"Add"}, [](B &x) { return x(0) + x(1); });
  addElementwise(table, "sub", 2, {"Sub"}, [](B &x) { return x(0) - x(1); });
  addElementwise(table, "mul", 2, {"Mul"}, [](B &x) { return x(0) * x(1); });
  addElementwise(table, "div", 2, {"Div"}, [](B &x) { return x(0) / x(1); }, same, medium);
  addElementwise(table, "min", 2, {}, [](B &x) { return min(x(0), x(1)); });
  addElementwise(table, "max", 2, {}, [](B &x) { return max(x(0), x(1)); });
  addElementwise(table, "mod", 2, {}, modulo, same, medium); // fmod
  addElementwise(table, "pow", 2, {}, power, same, 2 * slow);

  addElementwise(table, "neg", 1, {"Neg"}, [](B &x) { return -x(0); });
  addElementwise(table, "abs", 1, {"Abs"}, absolute);
  addElementwise(table, "sign", 1, {"Sign"}, signOf);
  addElementwise(table, "reciprocal", 1, {"Reciprocal"}, [](B &x) { return 1.0 / x(0); }, same, medium);
  addElementwise(table, "sqrt", 1, {"Sqrt"}, [](B &x) { return sqrt(x(0)); }, same, medium);
  addElementwise(table, "rsqrt", 1, {}, [](B &x) { return 1.0 / sqrt(x(0)); }, same, 2 * medium);
  addElementwise(table, "floor", 1, {"Floor"}, [](B &x) { return floor(x(0)); });
  addElementwise(table, "ceil", 1, {"Ceil"}, [](B &x) { return ceil(x(0)); });
  addElementwise(table, "round", 1, {"Round"}, [](B &x) { return roundEven(x(0)); });

  addElementwise(table, "exp", 1, {"Exp"}, [](B &x) { return exp(x(0)); }, same, slow);
  addElementwise(table, "log", 1, {"Log"}, [](B &x) { return log(x(0)); }, same, slow);
  addElementwise(table, "erf", 1, {"Erf"}, [](B &x) { return cast(erf(x(0)), x(0).type()); }, same, slow);
  addElementwise(table, "sin", 1, {"Sin"}, [](B &x) { return sin(x(0)); }, same, slow);
  addElementwise(table, "cos", 1, {"Cos"}, [](B &x) { return cos(x(0)); }, same, slow);
  addElementwise(table, "tan", 1, {"Tan"}, [](B &x) { return tan(x(0)); }, same, slow);
  addElementwise(table, "asin", 1, {"Asin"}, [](B &x) { return asin(x(0)); }, same, slow);
  addElementwise(table, "acos", 1, {"Acos"}, [](B &x) { return acos(x(0)); }, same, slow);
  addElementwise(table, "atan", 1, {"Atan"}, [](B &x) { return atan(x(0)); }, same, slow);
  addElementwise(table, "sinh", 1, {"Sinh"}, [](B &x) { return sinh(x(0)); }, same, slow);
  addElementwise(table, "cosh", 1, {"Cosh"}, [](B &x) { return cosh(x(0)); }, same, slow);
  addElementwise(table, "tanh", 1, {"Tanh"}, [](B &x) { return tanh(x(0)); }, same, slow);
  addElementwise(table, "asinh", 1, {"Asinh"}, [](B &x) { return asinh(x(0)); }, same, slow);
  addElementwise(table, "acosh", 1, {"Acosh"}, [](B &x) { return acosh(x(0)); }, same, slow);
  addElementwise(table, "atanh", 1, {"Atanh"}, [](B &x) { return atanh(x(0)); }, same, slow);

  addElementwise(table, "equal", 2, {"Equal"}, [](B &x) { return equal(x(0), x(1)); }, boolean);
  addElementwise(table, "less", 2, {"Less"}, [](B &x) { return x(0) < x(1); }, boolean);
  addElementwise(table, "less_equal", 2, {"LessOrEqual"}, [](B &x) { return x(0) <= x(1); }, boolean);
  addElementwise(table, "greater", 2, {"Greater"}, [](B &x) { return x(0) > x(1); }, boolean);
  addElementwise(table, "greater_equal", 2, {"GreaterOrEqual"}, [](B &x) { return x(0) >= x(1); }, boolean);
  addElementwise(table, "isnan", 1, {"IsNaN"}, [](B &x) { return isNan(x(0)); }, boolean);
  addElementwise(table, "isinf", 1, {}, [](B &x) { return isInf(x(0)); }, boolean);

  addElementwise(table, "and", 2, {"And"}, [](B &x) { return x(0) && x(1); }, boolean);
  addElementwise(table, "or", 2, {"Or"}, [](B &x) { return x(0) || x(1); }, boolean);
  addElementwise(table, "xor", 2, {"Xor"}, [](B &x) { return bitXor(x(0), x(1)); }, boolean);
  addElementwise(table, "not", 1, {"Not"}, [](B &x) { return !x(0); }, boolean);
  addElementwise(table, "bit_and", 2, {"BitwiseAnd"}, [](B &x) { return bitAnd(x(0), x(1)); });
  addElementwise(table, "bit_or", 2, {"BitwiseOr"}, [](B &x) { return bitOr(x(0), x(1)); });
  addElementwise(table, "bit_xor", 2, {"BitwiseXor"}, [](B &x) { return bitXor(x(0), x(1)); });
  addElementwise(table, "bit_not", 1, {"BitwiseNot"}, [](B &x) { return bitNot(x(0)); });
  addElementwise(table, "shift_left", 2, {}, shift);
  addElementwise(table, "shift_right", 2, {}, shift);

  table.add({"where", OpClass::Elementwise, 3, 3, inferWhere, elementwiseRule,
             [](B &x) { return select(x(0), x(1), x(2)); }, {}, false});
  table.addOnnx({"", "Where", 9, 1 << 20, importAs("where"), "where"});
  // cast {to = "f32"}: the conversion itself is the one that ends every body.
  table.add({"cast", OpClass::Elementwise, 1, 1, inferCast, elementwiseRule, [](B &x) { return x(0); }, {}, false});
  table.example("where", "(tensor<4x6xi1>, tensor<4x6xf32>, tensor<4x6xf32>)");
  table.example("cast", "(tensor<4x6xf32>) {to = \"f16\"}");
}

} // namespace ampc
