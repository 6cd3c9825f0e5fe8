// Executes each node of a scalar program over a whole batch of points before the next, so that the dispatch
// on the operation is paid once per batch. Floats are computed in double and rounded to the node's type;
// integers wrap.
#include "ir/scalar_interpreter.h"

#include <algorithm>
#include <cmath>

namespace ampc {

// A row whose body mixes types would otherwise read lanes that do not exist.
static std::string typeError(const ScalarProgram &program, size_t numOperands) {
  for (size_t k = 0; k < program.nodes.size(); ++k) {
    const ScalarNode &node = program.nodes[k];
    std::string where = "node " + std::to_string(k) + " of a scalar program ";
    auto argType = [&](size_t a) { return program.nodes[node.args[a]].type; };
    for (int arg : node.args)
      if (arg < 0 || size_t(arg) >= k)
        return where + "uses a node that is not before it";
    bool isRead = node.op == ScalarOp::Operand || node.op == ScalarOp::Load;
    if (isRead && (node.number < 0 || size_t(node.number) >= numOperands))
      return where + "reads an operand that does not exist";
    for (size_t a = 0; a < node.args.size(); ++a) {
      DataType wanted = node.type;
      if (node.op == ScalarOp::Load)
        wanted = DataType::I64;
      else if (node.op == ScalarOp::Select && a == 0)
        wanted = DataType::Bool;
      else if (node.op == ScalarOp::Cast || (node.op >= ScalarOp::Less && node.op <= ScalarOp::IsInf))
        wanted = argType(0);
      if (argType(a) != wanted)
        return where + "takes " + std::string(name(argType(a))) + " where " + std::string(name(wanted)) +
               " is needed";
    }
  }
  return program.result >= 0 && size_t(program.result) < program.nodes.size()
             ? ""
             : "a scalar program has no result";
}

ScalarInterpreter::ScalarInterpreter(const ScalarProgram &program, std::vector<Operand> operandList)
    : program(program), operands(std::move(operandList)) {
  error = typeError(program, operands.size());
  if (!error.empty())
    return;
  operandOffsets.resize(operands.size());
  for (const ScalarNode &node : program.nodes) {
    Lanes lane;
    lane.real.resize(isFloat(node.type) ? batchSize : 0);
    lane.integer.resize(isFloat(node.type) ? 0 : batchSize);
    if (node.op == ScalarOp::Constant) {
      std::fill(lane.real.begin(), lane.real.end(), roundToType(node.type, node.real));
      std::fill(lane.integer.begin(), lane.integer.end(), wrapToType(node.type, node.integer));
    }
    if (node.op == ScalarOp::LoopIndex)
      loops.resize(std::max(loops.size(), size_t(node.number) + 1));
    if (node.op == ScalarOp::Operand)
      operandOffsets[node.number].resize(batchSize);
    lanes.push_back(std::move(lane));
  }
  for (const ScalarNode &node : program.nodes)
    if (node.op == ScalarOp::LoopIndex)
      loops[node.number].resize(batchSize);
}

bool ScalarInterpreter::usesLoop(int loop) const {
  return size_t(loop) < loops.size() && !loops[loop].empty();
}
bool ScalarInterpreter::usesOperand(int number) const { return !operandOffsets[number].empty(); }
std::vector<int64_t> &ScalarInterpreter::loopIndices(int loop) { return loops[loop]; }

void ScalarInterpreter::gather(int node, int number, const std::vector<int64_t> &offsets, int count) {
  const Operand &operand = operands[number];
  DataType from = operand.type.type, to = program.nodes[node].type;
  Lanes &out = lanes[node];
  if (isFloat(to)) {
    double outside = roundToType(to, operand.outside);
    for (int k = 0; k < count; ++k)
      out.real[k] = offsets[k] < 0 ? outside : loadReal(from, operand.data, offsets[k]);
  } else {
    int64_t outside = realToInteger(to, operand.outside);
    for (int k = 0; k < count; ++k)
      out.integer[k] = offsets[k] < 0 ? outside : loadInteger(from, operand.data, offsets[k]);
  }
}

bool ScalarInterpreter::runLoad(int node, int count) {
  const ScalarNode &load = program.nodes[node];
  const std::vector<int64_t> &shape = operands[load.number].type.shape;
  if (load.args.size() != shape.size()) {
    error = "a load from operand " + std::to_string(load.number) + " has the wrong number of indices";
    return false;
  }
  std::vector<int64_t> offsets(size_t(count), 0);
  for (size_t d = 0; d < shape.size(); ++d) {
    const std::vector<int64_t> &indices = lanes[load.args[d]].integer;
    for (int k = 0; k < count; ++k) {
      if (indices[k] < 0 || indices[k] >= shape[d]) {
        error = "a load from operand " + std::to_string(load.number) + " reads index " +
                std::to_string(indices[k]) + " of dimension " + std::to_string(d) + ", which has extent " +
                std::to_string(shape[d]);
        return false;
      }
      offsets[k] = offsets[k] * shape[d] + indices[k];
    }
  }
  gather(node, load.number, offsets, count);
  return true;
}

namespace {
double signOf(double x) { return std::isnan(x) ? x : double((x > 0) - (x < 0)); }
double minimum(double a, double b) { return std::isnan(a) || a < b ? a : b; }
double maximum(double a, double b) { return std::isnan(a) || a > b ? a : b; }

uint64_t integerPower(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1)
      result *= base;
  return result;
}

int64_t divide(DataType type, int64_t a, int64_t b, bool remainder) {
  if (b == 0)
    return 0;
  if (type == DataType::U64)
    return int64_t(remainder ? uint64_t(a) % uint64_t(b) : uint64_t(a) / uint64_t(b));
  if (b == -1) // the smallest integer / -1 wraps around
    return remainder ? 0 : int64_t(0 - uint64_t(a));
  return remainder ? a % b : a / b;
}
} // namespace

void ScalarInterpreter::runFloat(int node, int count) {
  const ScalarNode &n = program.nodes[node];
  std::vector<double> &out = lanes[node].real;
  const double *a = n.args.size() > 0 ? lanes[n.args[0]].real.data() : nullptr;
  const double *b = n.args.size() > 1 ? lanes[n.args[1]].real.data() : nullptr;
  auto unary = [&](auto function) {
    for (int k = 0; k < count; ++k)
      out[k] = function(a[k]);
  };
  auto binary = [&](auto function) {
    for (int k = 0; k < count; ++k)
      out[k] = function(a[k], b[k]);
  };
  switch (n.op) {
  case ScalarOp::Add:
    binary([](double x, double y) { return x + y; });
    break;
  case ScalarOp::Sub:
    binary([](double x, double y) { return x - y; });
    break;
  case ScalarOp::Mul:
    binary([](double x, double y) { return x * y; });
    break;
  case ScalarOp::Div:
    binary([](double x, double y) { return x / y; });
    break;
  case ScalarOp::Rem:
    binary([](double x, double y) { return std::fmod(x, y); });
    break;
  case ScalarOp::Pow:
    binary([](double x, double y) { return std::pow(x, y); });
    break;
  case ScalarOp::Min:
    binary(minimum);
    break;
  case ScalarOp::Max:
    binary(maximum);
    break;
  case ScalarOp::Neg:
    unary([](double x) { return -x; });
    break;
  case ScalarOp::Abs:
    unary([](double x) { return std::fabs(x); });
    break;
  case ScalarOp::Sign:
    unary(signOf);
    break;
  case ScalarOp::Exp:
    unary([](double x) { return std::exp(x); });
    break;
  case ScalarOp::Log:
    unary([](double x) { return std::log(x); });
    break;
  case ScalarOp::Log1p:
    unary([](double x) { return std::log1p(x); });
    break;
  case ScalarOp::Sqrt:
    unary([](double x) { return std::sqrt(x); });
    break;
  case ScalarOp::Rsqrt:
    unary([](double x) { return 1 / std::sqrt(x); });
    break;
  case ScalarOp::Sin:
    unary([](double x) { return std::sin(x); });
    break;
  case ScalarOp::Cos:
    unary([](double x) { return std::cos(x); });
    break;
  case ScalarOp::Tan:
    unary([](double x) { return std::tan(x); });
    break;
  case ScalarOp::Asin:
    unary([](double x) { return std::asin(x); });
    break;
  case ScalarOp::Acos:
    unary([](double x) { return std::acos(x); });
    break;
  case ScalarOp::Atan:
    unary([](double x) { return std::atan(x); });
    break;
  case ScalarOp::Sinh:
    unary([](double x) { return std::sinh(x); });
    break;
  case ScalarOp::Cosh:
    unary([](double x) { return std::cosh(x); });
    break;
  case ScalarOp::Tanh:
    unary([](double x) { return std::tanh(x); });
    break;
  case ScalarOp::Asinh:
    unary([](double x) { return std::asinh(x); });
    break;
  case ScalarOp::Acosh:
    unary([](double x) { return std::acosh(x); });
    break;
  case ScalarOp::Atanh:
    unary([](double x) { return std::atanh(x); });
    break;
  case ScalarOp::Erf:
    unary([](double x) { return std::erf(x); });
    break;
  case ScalarOp::Floor:
    unary([](double x) { return std::floor(x); });
    break;
  case ScalarOp::Ceil:
    unary([](double x) { return std::ceil(x); });
    break;
  case ScalarOp::RoundEven:
    unary([](double x) { return std::nearbyint(x); });
    break;
  default:
    error = "a scalar operation is not defined for floats";
    return;
  }
  if (n.type != DataType::F64)
    for (int k = 0; k < count; ++k)
      out[k] = roundToType(n.type, out[k]);
}

void ScalarInterpreter::runInteger(int node, int count) {
  const ScalarNode &n = program.nodes[node];
  DataType type = n.type;
  std::vector<int64_t> &out = lanes[node].integer;
  const int64_t *a = n.args.size() > 0 ? lanes[n.args[0]].integer.data() : nullptr;
  const int64_t *b = n.args.size() > 1 ? lanes[n.args[1]].integer.data() : nullptr;
  bool isU64 = type == DataType::U64;
  unsigned width = type == DataType::Bool ? 1 : bitWidth(type);
  auto unary = [&](auto function) {
    for (int k = 0; k < count; ++k)
      out[k] = wrapToType(type, int64_t(function(a[k])));
  };
  auto binary = [&](auto function) {
    for (int k = 0; k < count; ++k)
      out[k] = wrapToType(type, int64_t(function(a[k], b[k])));
  };
  auto less = [isU64](int64_t x, int64_t y) { return isU64 ? uint64_t(x) < uint64_t(y) : x < y; };
  switch (n.op) {
  case ScalarOp::Add:
    return binary([](int64_t x, int64_t y) { return uint64_t(x) + uint64_t(y); });
  case ScalarOp::Sub:
    return binary([](int64_t x, int64_t y) { return uint64_t(x) - uint64_t(y); });
  case ScalarOp::Mul:
    return binary([](int64_t x, int64_t y) { return uint64_t(x) * uint64_t(y); });
  case ScalarOp::Div:
    return binary([type](int64_t x, int64_t y) { return divide(type, x, y, false); });
  case ScalarOp::Rem:
    return binary([type](int64_t x, int64_t y) { return divide(type, x, y, true); });
  case ScalarOp::Min:
    return binary([less](int64_t x, int64_t y) { return less(y, x) ? y : x; });
  case ScalarOp::Max:
    return binary([less](int64_t x, int64_t y) { return less(x, y) ? y : x; });
  case ScalarOp::Pow:
    return binary([](int64_t x, int64_t y) { return y < 0 ? 0 : integerPower(uint64_t(x), uint64_t(y)); });
  case ScalarOp::Neg:
    return unary([](int64_t x) { return 0 - uint64_t(x); });
  case ScalarOp::Abs:
    return unary([isU64](int64_t x) { return x < 0 && !isU64 ? 0 - uint64_t(x) : uint64_t(x); });
  case ScalarOp::Sign:
    return unary([isU64](int64_t x) { return x == 0 ? 0 : x < 0 && !isU64 ? -1 : 1; });
  case ScalarOp::And:
    return binary([](int64_t x, int64_t y) { return x & y; });
  case ScalarOp::Or:
    return binary([](int64_t x, int64_t y) { return x | y; });
  case ScalarOp::Xor:
    return binary([](int64_t x, int64_t y) { return x ^ y; });
  case ScalarOp::Not:
    return unary([](int64_t x) { return ~x; });
  case ScalarOp::ShiftLeft:
    return binary([width](int64_t x, int64_t y) { return uint64_t(y) >= width ? 0 : uint64_t(x) << y; });
  case ScalarOp::ShiftRight:
    return binary([width, type](int64_t x, int64_t y) -> int64_t {
      if (uint64_t(y) >= width)
        return isSignedInteger(type) && x < 0 ? -1 : 0;
      return isSignedInteger(type) ? x >> y : int64_t(uint64_t(x) >> y);
    });
  default:
    error = "a scalar operation is not defined for integers";
    return;
  }
}

void ScalarInterpreter::runCompare(int node, int count) {
  const ScalarNode &n = program.nodes[node];
  std::vector<int64_t> &out = lanes[node].integer;
  DataType type = program.nodes[n.args[0]].type;
  auto compare = [&](const auto *a, const auto *b) {
    switch (n.op) {
    case ScalarOp::Less:
      for (int k = 0; k < count; ++k)
        out[k] = a[k] < b[k];
      break;
    case ScalarOp::LessEqual:
      for (int k = 0; k < count; ++k)
        out[k] = a[k] <= b[k];
      break;
    case ScalarOp::Greater:
      for (int k = 0; k < count; ++k)
        out[k] = a[k] > b[k];
      break;
    case ScalarOp::GreaterEqual:
      for (int k = 0; k < count; ++k)
        out[k] = a[k] >= b[k];
      break;
    case ScalarOp::Equal:
      for (int k = 0; k < count; ++k)
        out[k] = a[k] == b[k];
      break;
    default:
      for (int k = 0; k < count; ++k)
        out[k] = a[k] != b[k];
      break;
    }
  };
  const Lanes &a = lanes[n.args[0]], &b = lanes[n.args.back()];
  if (n.op == ScalarOp::IsNan || n.op == ScalarOp::IsInf) {
    for (int k = 0; k < count; ++k)
      out[k] = isFloat(type) && (n.op == ScalarOp::IsNan ? std::isnan(a.real[k]) : std::isinf(a.real[k]));
  } else if (isFloat(type)) {
    compare(a.real.data(), b.real.data());
  } else if (type == DataType::U64) {
    compare(reinterpret_cast<const uint64_t *>(a.integer.data()),
            reinterpret_cast<const uint64_t *>(b.integer.data()));
  } else {
    compare(a.integer.data(), b.integer.data());
  }
}

void ScalarInterpreter::runCast(int node, int count) {
  const ScalarNode &n = program.nodes[node];
  DataType from = program.nodes[n.args[0]].type, to = n.type;
  const Lanes &in = lanes[n.args[0]];
  Lanes &out = lanes[node];
  for (int k = 0; k < count; ++k) {
    if (isFloat(to))
      out.real[k] = roundToType(to, isFloat(from) ? in.real[k] : integerToReal(from, in.integer[k]));
    else if (isFloat(from))
      out.integer[k] = realToInteger(to, in.real[k]);
    else
      out.integer[k] = to == DataType::Bool ? in.integer[k] != 0 : wrapToType(to, in.integer[k]);
  }
}

bool ScalarInterpreter::run(int count) {
  if (!error.empty())
    return false;
  for (int node = 0; node < int(program.nodes.size()); ++node) {
    const ScalarNode &n = program.nodes[node];
    switch (n.op) {
    case ScalarOp::Constant:
      break;
    case ScalarOp::Operand:
      gather(node, n.number, operandOffsets[n.number], count);
      break;
    case ScalarOp::Load:
      if (!runLoad(node, count))
        return false;
      break;
    case ScalarOp::LoopIndex:
      std::copy_n(loops[n.number].begin(), count, lanes[node].integer.begin());
      break;
    case ScalarOp::Cast:
      runCast(node, count);
      break;
    case ScalarOp::Select: {
      const std::vector<int64_t> &condition = lanes[n.args[0]].integer;
      const Lanes &then = lanes[n.args[1]], &otherwise = lanes[n.args[2]];
      for (int k = 0; k < count; ++k) {
        if (isFloat(n.type))
          lanes[node].real[k] = condition[k] ? then.real[k] : otherwise.real[k];
        else
          lanes[node].integer[k] = condition[k] ? then.integer[k] : otherwise.integer[k];
      }
      break;
    }
    case ScalarOp::Less:
    case ScalarOp::LessEqual:
    case ScalarOp::Greater:
    case ScalarOp::GreaterEqual:
    case ScalarOp::Equal:
    case ScalarOp::NotEqual:
    case ScalarOp::IsNan:
    case ScalarOp::IsInf:
      runCompare(node, count);
      break;
    default:
      if (isFloat(n.type))
        runFloat(node, count);
      else
        runInteger(node, count);
    }
    if (!error.empty())
      return false;
  }
  return true;
}

} // namespace ampc
