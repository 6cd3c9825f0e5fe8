// Builds scalar programs: every operator of Scalar is one node, numbers take the type of the other side.
#include "ir/scalar_program.h"

namespace ampc {

DataType Scalar::type() const { return builder->program.nodes[node].type; }

Scalar ScalarBuilder::make(ScalarOp op, DataType type, const std::vector<Scalar> &args) {
  ScalarNode node;
  node.op = op;
  node.type = type;
  for (Scalar arg : args)
    node.args.push_back(arg.id());
  program.nodes.push_back(std::move(node));
  return {this, int(program.nodes.size()) - 1};
}

Scalar ScalarBuilder::constant(DataType type, double value) {
  Scalar result = make(ScalarOp::Constant, type, {});
  program.nodes.back().real = value;
  program.nodes.back().integer = isFloat(type) ? 0 : int64_t(value);
  return result;
}

Scalar ScalarBuilder::integer(DataType type, int64_t value) {
  Scalar result = make(ScalarOp::Constant, type, {});
  program.nodes.back().real = double(value);
  program.nodes.back().integer = value;
  return result;
}

Scalar ScalarBuilder::operand(int number, DataType type) {
  Scalar result = make(ScalarOp::Operand, type, {});
  program.nodes.back().number = number;
  return result;
}

Scalar ScalarBuilder::load(int number, DataType type, const std::vector<Scalar> &indices) {
  Scalar result = make(ScalarOp::Load, type, indices);
  program.nodes.back().number = number;
  return result;
}

Scalar ScalarBuilder::loopIndex(int loop) {
  Scalar result = make(ScalarOp::LoopIndex, DataType::I64, {});
  program.nodes.back().number = loop;
  return result;
}

Scalar cast(Scalar value, DataType type) {
  return value.type() == type ? value : value.owner()->make(ScalarOp::Cast, type, {value});
}

static Scalar like(Scalar other, double value) { return other.owner()->constant(other.type(), value); }

Scalar select(Scalar condition, Scalar then, Scalar otherwise) {
  return condition.owner()->make(ScalarOp::Select, then.type(), {condition, then, otherwise});
}
Scalar select(Scalar condition, Scalar then, double otherwise) { return select(condition, then, like(then, otherwise)); }
Scalar select(Scalar condition, double then, Scalar otherwise) { return select(condition, like(otherwise, then), otherwise); }

#define AMPC_BINARY(NAME, OP, TYPE)                                                                                    \
  Scalar NAME(Scalar a, Scalar b) { return a.owner()->make(ScalarOp::OP, TYPE, {a, b}); }                              \
  Scalar NAME(Scalar a, double b) { return NAME(a, like(a, b)); }                                                      \
  Scalar NAME(double a, Scalar b) { return NAME(like(b, a), b); }
AMPC_BINARY(operator+, Add, a.type())
AMPC_BINARY(operator-, Sub, a.type())
AMPC_BINARY(operator*, Mul, a.type())
AMPC_BINARY(operator/, Div, a.type())
AMPC_BINARY(operator<, Less, DataType::Bool)
AMPC_BINARY(operator<=, LessEqual, DataType::Bool)
AMPC_BINARY(operator>, Greater, DataType::Bool)
AMPC_BINARY(operator>=, GreaterEqual, DataType::Bool)
AMPC_BINARY(operator&&, And, DataType::Bool)
AMPC_BINARY(operator||, Or, DataType::Bool)
AMPC_BINARY(equal, Equal, DataType::Bool)
AMPC_BINARY(notEqual, NotEqual, DataType::Bool)
AMPC_BINARY(min, Min, a.type())
AMPC_BINARY(max, Max, a.type())
AMPC_BINARY(rem, Rem, a.type())
AMPC_BINARY(pow, Pow, a.type())
AMPC_BINARY(bitAnd, And, a.type())
AMPC_BINARY(bitOr, Or, a.type())
AMPC_BINARY(bitXor, Xor, a.type())
AMPC_BINARY(shiftLeft, ShiftLeft, a.type())
AMPC_BINARY(shiftRight, ShiftRight, a.type())
#undef AMPC_BINARY

#define AMPC_UNARY(NAME, OP, TYPE)                                                                                     \
  Scalar NAME(Scalar a) { return a.owner()->make(ScalarOp::OP, TYPE, {a}); }
AMPC_UNARY(operator-, Neg, a.type())
AMPC_UNARY(operator!, Not, DataType::Bool)
AMPC_UNARY(abs, Abs, a.type())
AMPC_UNARY(sign, Sign, a.type())
AMPC_UNARY(exp, Exp, a.type())
AMPC_UNARY(log, Log, a.type())
AMPC_UNARY(log1p, Log1p, a.type())
AMPC_UNARY(sqrt, Sqrt, a.type())
AMPC_UNARY(rsqrt, Rsqrt, a.type())
AMPC_UNARY(sin, Sin, a.type())
AMPC_UNARY(cos, Cos, a.type())
AMPC_UNARY(tan, Tan, a.type())
AMPC_UNARY(asin, Asin, a.type())
AMPC_UNARY(acos, Acos, a.type())
AMPC_UNARY(atan, Atan, a.type())
AMPC_UNARY(sinh, Sinh, a.type())
AMPC_UNARY(cosh, Cosh, a.type())
AMPC_UNARY(tanh, Tanh, a.type())
AMPC_UNARY(asinh, Asinh, a.type())
AMPC_UNARY(acosh, Acosh, a.type())
AMPC_UNARY(atanh, Atanh, a.type())
AMPC_UNARY(erf, Erf, a.type())
AMPC_UNARY(floor, Floor, a.type())
AMPC_UNARY(ceil, Ceil, a.type())
AMPC_UNARY(roundEven, RoundEven, a.type())
AMPC_UNARY(bitNot, Not, a.type())
AMPC_UNARY(isNan, IsNan, DataType::Bool)
AMPC_UNARY(isInf, IsInf, DataType::Bool)
#undef AMPC_UNARY

} // namespace ampc
