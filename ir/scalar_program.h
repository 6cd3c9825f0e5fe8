// The arithmetic of one loop point of an operator, as a small typed graph. One description serves the reference
// evaluation, code generation and (later) differentiation. Plain structs, no MLIR.
#pragma once

#include "runtime/plan/data_type.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace ampc {

enum class ScalarOp : uint8_t {
  Operand,   // number = operand; its value at the rule's access
  Load,      // number = operand, args = one i64 index per dimension
  LoopIndex, // number = loop; i64
  Constant,  // real, integer
  Cast,      // to `type`; float -> integer truncates and saturates, anything -> bool is != 0
  // float or integer, both arguments and the result of one type
  Add, Sub, Mul, Div, // integer Div truncates; division by zero gives 0
  Rem,                // C's % / fmod (sign of the dividend); 0 for a zero integer divisor
  Min, Max,           // NaN if either is NaN
  Neg, Abs, Sign,
  // float only
  Exp, Log, Log1p, Sqrt, Rsqrt, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Erf,
  Floor, Ceil, RoundEven, Pow,
  // integer and bool
  And, Or, Xor, Not, ShiftLeft, ShiftRight, // shifts by >= the width give 0 (unsigned)
  // result bool
  Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, IsNan, IsInf, // float comparisons are ordered; NotEqual not
  Select, // args: bool, then, else; both sides are evaluated
};

struct ScalarNode {
  ScalarOp op = ScalarOp::Constant;
  DataType type = DataType::F32;
  std::vector<int> args; // node numbers, smaller than this node's
  int number = 0;
  double real = 0;
  int64_t integer = 0;
};

/// Nodes in topological order; `result` is what a loop point contributes (before the rule's reduction).
struct ScalarProgram {
  std::vector<ScalarNode> nodes;
  int result = -1;
};

class ScalarBuilder;

/// A node under construction. Operators build nodes; a number takes the type of the other side.
class Scalar {
public:
  Scalar() = default;
  Scalar(ScalarBuilder *builder, int node) : builder(builder), node(node) {}
  DataType type() const;
  int id() const { return node; }
  ScalarBuilder *owner() const { return builder; }

private:
  ScalarBuilder *builder = nullptr;
  int node = -1;
};

class ScalarBuilder {
public:
  ScalarProgram program;

  Scalar constant(DataType type, double value);
  Scalar integer(DataType type, int64_t value);
  Scalar operand(int number, DataType type);
  Scalar load(int number, DataType type, const std::vector<Scalar> &indices);
  Scalar loopIndex(int loop);
  Scalar make(ScalarOp op, DataType type, const std::vector<Scalar> &args);
};

Scalar cast(Scalar value, DataType type);
Scalar select(Scalar condition, Scalar then, Scalar otherwise);
Scalar select(Scalar condition, Scalar then, double otherwise);
Scalar select(Scalar condition, double then, Scalar otherwise);

#define AMPC_BINARY(NAME)                                                                                              \
  Scalar NAME(Scalar a, Scalar b);                                                                                     \
  Scalar NAME(Scalar a, double b);                                                                                     \
  Scalar NAME(double a, Scalar b);
AMPC_BINARY(operator+)
AMPC_BINARY(operator-)
AMPC_BINARY(operator*)
AMPC_BINARY(operator/)
AMPC_BINARY(operator<)
AMPC_BINARY(operator<=)
AMPC_BINARY(operator>)
AMPC_BINARY(operator>=)
AMPC_BINARY(operator&&)
AMPC_BINARY(operator||)
AMPC_BINARY(equal)
AMPC_BINARY(notEqual)
AMPC_BINARY(min)
AMPC_BINARY(max)
AMPC_BINARY(rem)
AMPC_BINARY(pow)
AMPC_BINARY(bitAnd)
AMPC_BINARY(bitOr)
AMPC_BINARY(bitXor)
AMPC_BINARY(shiftLeft)
AMPC_BINARY(shiftRight)
#undef AMPC_BINARY

#define AMPC_UNARY(NAME) Scalar NAME(Scalar a);
AMPC_UNARY(operator-)
AMPC_UNARY(operator!)
AMPC_UNARY(abs)
AMPC_UNARY(sign)
AMPC_UNARY(exp)
AMPC_UNARY(log)
AMPC_UNARY(log1p)
AMPC_UNARY(sqrt)
AMPC_UNARY(rsqrt)
AMPC_UNARY(sin)
AMPC_UNARY(cos)
AMPC_UNARY(tan)
AMPC_UNARY(asin)
AMPC_UNARY(acos)
AMPC_UNARY(atan)
AMPC_UNARY(sinh)
AMPC_UNARY(cosh)
AMPC_UNARY(tanh)
AMPC_UNARY(asinh)
AMPC_UNARY(acosh)
AMPC_UNARY(atanh)
AMPC_UNARY(erf)
AMPC_UNARY(floor)
AMPC_UNARY(ceil)
AMPC_UNARY(roundEven)
AMPC_UNARY(bitNot)
AMPC_UNARY(isNan)
AMPC_UNARY(isInf)
#undef AMPC_UNARY

} // namespace ampc
