// Substitution of operator bodies into each other, with symbolic indices.
#include "codegen/point_program.h"

#include <algorithm>
#include <limits>

namespace ampc::codegen {

static constexpr Range unknownRange{std::numeric_limits<int64_t>::min() / 4,
                                    std::numeric_limits<int64_t>::max() / 4};

bool isInvertible(const KernelOp &op, const std::vector<int64_t> &resultShape) {
  std::vector<int> uses(op.rule.loops.size());
  for (size_t d = 0; d < resultShape.size(); ++d) {
    const DimAccess &dim = op.rule.results[0].dims[d];
    if (!op.rule.isProduct(dim, resultShape[d]))
      return false;
    for (const LinearTerm &term : dim.terms)
      if (++uses[term.loop] > 1)
        return false;
  }
  return true;
}

// --- Nodes
// -------------------------------------------------------------------------------------------------------

int PointBuilder::add(PointNode node) {
  auto key = std::tuple(int(node.kind), int(node.op), int(node.type), node.args, node.buffer, node.mask,
                        node.index, node.real, node.integer);
  // NaN is not equal to itself and must not confuse the map.
  bool shared = node.real == node.real;
  if (shared)
    if (auto at = known.find(key); at != known.end())
      return at->second;
  node.loops = program.space.loopsOf(node.index);
  for (int arg : node.args)
    node.loops |= program.nodes[arg].loops;
  if (node.mask >= 0)
    node.loops |= program.nodes[node.mask].loops;
  if (node.kind == PointNode::Kind::Load && layouts[node.buffer].kind == Layout::Kind::Row)
    node.loops |= rowLoops;
  program.nodes.push_back(std::move(node));
  int number = int(program.nodes.size()) - 1;
  if (shared)
    known.emplace(std::move(key), number);
  return number;
}

int PointBuilder::constant(DataType type, double real, int64_t integer) {
  if (type == DataType::I64)
    return indexNode(Index(integer));
  PointNode node;
  node.type = type;
  node.real = real;
  node.integer = integer;
  return add(std::move(node));
}

int PointBuilder::indexNode(const Index &index) {
  PointNode node;
  node.kind = PointNode::Kind::Index;
  node.type = DataType::I64;
  node.index = index;
  return add(std::move(node));
}

const Index *PointBuilder::asIndex(int node) const {
  const PointNode &n = program.nodes[node];
  return n.kind == PointNode::Kind::Index ? &n.index : nullptr;
}

std::optional<bool> PointBuilder::asBool(int node) const {
  const PointNode &n = program.nodes[node];
  if (n.kind == PointNode::Kind::Constant && n.type == DataType::Bool)
    return n.integer != 0;
  return std::nullopt;
}

Range PointBuilder::rangeOf(int node) const {
  const PointNode &n = program.nodes[node];
  if (n.kind == PointNode::Kind::Index)
    return program.space.range(n.index);
  if (n.kind != PointNode::Kind::Compute || n.type != DataType::I64)
    return unknownRange;
  auto arg = [&](size_t k) { return rangeOf(n.args[k]); };
  switch (n.op) {
  case ScalarOp::Min:
    return {std::min(arg(0).low, arg(1).low), std::min(arg(0).high, arg(1).high)};
  case ScalarOp::Max:
    return {std::max(arg(0).low, arg(1).low), std::max(arg(0).high, arg(1).high)};
  case ScalarOp::Select:
    return {std::min(arg(1).low, arg(2).low), std::max(arg(1).high, arg(2).high)};
  default:
    return unknownRange;
  }
}

int PointBuilder::both(int a, int b) {
  if (a < 0)
    return b;
  if (b < 0 || a == b)
    return a;
  return compute(ScalarOp::And, DataType::Bool, {a, b});
}

static bool isComparison(ScalarOp op) { return op >= ScalarOp::Less && op <= ScalarOp::NotEqual; }

int PointBuilder::compute(ScalarOp op, DataType type, std::vector<int> args) {
  IndexSpace &space = program.space;
  const Index *a = args.empty() ? nullptr : asIndex(args[0]);
  const Index *b = args.size() < 2 ? nullptr : asIndex(args[1]);
  if (type == DataType::I64 && a && (b || args.size() == 1)) {
    Index x = *a, y = b ? *b : Index();
    switch (op) {
    case ScalarOp::Add:
      return indexNode(x + y);
    case ScalarOp::Sub:
      return indexNode(x - y);
    case ScalarOp::Neg:
      return indexNode(x * -1);
    case ScalarOp::Mul:
      if (x.isConstant() || y.isConstant())
        return indexNode(x.isConstant() ? y * x.constant : x * y.constant);
      break;
    case ScalarOp::Div:
      if (y.isConstant() && y.constant > 0 && space.range(x).low >= 0)
        return indexNode(space.quotient(x, y.constant));
      break;
    case ScalarOp::Rem:
      if (y.isConstant() && y.constant > 0 && space.range(x).low >= 0)
        return indexNode(space.remainder(x, y.constant));
      break;
    case ScalarOp::Min:
    case ScalarOp::Max: {
      Range difference = space.range(x - y);
      if (difference.low >= 0)
        return op == ScalarOp::Max ? args[0] : args[1];
      if (difference.high <= 0)
        return op == ScalarOp::Max ? args[1] : args[0];
      program.conditions.push_back(x - y);
      break;
    }
    default:
      break;
    }
  }
  if (isComparison(op) && a && b) {
    Index difference = *a - *b;
    Range r = space.range(difference);
    auto decided = [&](bool isTrue, bool isFalse) -> int {
      return isTrue || isFalse ? constant(DataType::Bool, 0, isTrue) : -1;
    };
    int result = -1;
    switch (op) {
    case ScalarOp::Less:
      result = decided(r.high < 0, r.low >= 0);
      break;
    case ScalarOp::LessEqual:
      result = decided(r.high <= 0, r.low > 0);
      break;
    case ScalarOp::Greater:
      result = decided(r.low > 0, r.high <= 0);
      break;
    case ScalarOp::GreaterEqual:
      result = decided(r.low >= 0, r.high < 0);
      break;
    case ScalarOp::Equal:
      result = decided(r.low == 0 && r.high == 0, r.low > 0 || r.high < 0);
      break;
    default:
      result = decided(r.low > 0 || r.high < 0, r.low == 0 && r.high == 0);
      break;
    }
    if (result >= 0)
      return result;
    bool closed = op == ScalarOp::LessEqual || op == ScalarOp::Greater;
    program.conditions.push_back(difference - Index(closed ? 1 : 0));
    if (op == ScalarOp::Equal || op == ScalarOp::NotEqual)
      program.conditions.push_back(difference - Index(1));
  }
  if (type == DataType::Bool && (op == ScalarOp::And || op == ScalarOp::Or)) {
    for (int k = 0; k < 2; ++k)
      if (std::optional<bool> value = asBool(args[k]))
        return *value == (op == ScalarOp::And) ? args[1 - k] : args[k];
    if (args[0] == args[1])
      return args[0];
  }
  if (type == DataType::Bool && op == ScalarOp::Not)
    if (std::optional<bool> value = asBool(args[0]))
      return constant(DataType::Bool, 0, !*value);
  PointNode node;
  node.kind = PointNode::Kind::Compute;
  node.op = op;
  node.type = type;
  node.args = std::move(args);
  return add(std::move(node));
}

int PointBuilder::cast(int node, DataType type) {
  const PointNode &n = program.nodes[node];
  if (n.type == type)
    return node;
  // Widening and narrowing back is the identity.
  if (n.kind == PointNode::Kind::Compute && n.op == ScalarOp::Cast && computeType(type) == n.type &&
      program.nodes[n.args[0]].type == type)
    return n.args[0];
  return compute(ScalarOp::Cast, type, {node});
}

// --- Reading tensors
// -----------------------------------------------------------------------------------------------

// The producer's loops at an index of its result; loops outside the result have one value.
std::vector<Index> PointBuilder::loopsAt(const KernelOp &op, const std::vector<Index> &index) {
  std::vector<Index> loops(op.rule.loops.size());
  for (size_t d = 0; d < index.size(); ++d) {
    Index rest = index[d];
    const std::vector<LinearTerm> &terms = op.rule.results[0].dims[d].terms;
    for (size_t t = 0; t < terms.size(); ++t) {
      loops[terms[t].loop] = program.space.quotient(rest, terms[t].coefficient);
      if (t + 1 < terms.size())
        rest = program.space.remainder(rest, terms[t].coefficient);
    }
  }
  return loops;
}

void PointBuilder::forward(int tensor, const std::vector<Index> &loops, int node) {
  forwarded[tensor] = {loops, node};
}

Index PointBuilder::address(int tensor, const std::vector<Index> &loops) {
  const Layout &layout = layouts[tensor];
  const KernelOp &op = graph.ops[graph.tensors[tensor].producer];
  Index address;
  if (layout.kind == Layout::Kind::Row) {
    for (size_t l = 0; l < loops.size(); ++l)
      address += loops[l] * layout.strides[l];
    return address;
  }
  for (size_t d = 0; d < layout.strides.size(); ++d) {
    const DimAccess &dim = op.rule.results[0].dims[d];
    Index index(dim.offset);
    for (const LinearTerm &term : dim.terms)
      index += loops[term.loop] * term.coefficient;
    address += index * layout.strides[d];
  }
  return address;
}

int PointBuilder::valueAt(int tensor, const std::vector<Index> &index, int mask) {
  auto key = std::tuple(tensor, index, mask);
  if (auto at = values.find(key); at != values.end())
    return at->second;
  const KernelTensor &t = graph.tensors[tensor];
  const Layout &layout = layouts[tensor];
  int result = -1;
  if (t.isArgument() || layout.kind != Layout::Kind::None) {
    Index address;
    if (!t.isArgument()) {
      // A result that is no product of loops is only read by its dense index.
      const KernelOp &op = graph.ops[t.producer];
      if (isInvertible(op, t.type.shape)) {
        std::vector<Index> loops = loopsAt(op, index);
        auto at = forwarded.find(tensor);
        if (at != forwarded.end() && at->second.first == loops)
          return values[key] = at->second.second;
        if (layout.kind == Layout::Kind::Row)
          address = this->address(tensor, loops);
        reads.push_back({tensor, std::move(loops)});
      } else {
        reads.push_back({tensor, {}});
      }
    }
    if (layout.kind != Layout::Kind::Row)
      for (size_t d = 0; d < index.size(); ++d)
        address += index[d] * layout.strides[d];
    PointNode load;
    load.kind = PointNode::Kind::Load;
    load.type = layout.type;
    load.buffer = tensor;
    load.index = program.space.recombine(std::move(address));
    load.mask = mask;
    result = cast(add(std::move(load)), computeType(t.type.type));
  } else {
    const KernelOp &op = graph.ops[t.producer];
    result = cast(opAt(t.producer, loopsAt(op, index), mask), computeType(t.type.type));
  }
  values.emplace(std::move(key), result);
  return result;
}

// Reads operand `operand` at `index`, which may lie outside where the rule says what is read instead.
int PointBuilder::readAt(const KernelOp &op, int operand, const std::vector<Index> &index, int mask,
                         DataType type) {
  const TensorType &tensor = graph.tensors[op.operands[operand]].type;
  const std::optional<double> &outside = op.rule.operands[operand].outside;
  int inside = -1;
  bool never = false, unproven = false;
  for (size_t d = 0; d < index.size(); ++d) {
    Range r = program.space.range(index[d]);
    int64_t extent = tensor.shape[d];
    if (r.low >= 0 && r.high < extent)
      continue;
    unproven = true;
    if (!outside)
      continue;
    for (int condition :
         {compute(ScalarOp::GreaterEqual, DataType::Bool, {indexNode(index[d]), indexNode(0)}),
          compute(ScalarOp::Less, DataType::Bool, {indexNode(index[d]), indexNode(extent)})}) {
      if (std::optional<bool> known = asBool(condition))
        never |= !*known;
      else
        inside = both(inside, condition);
    }
  }
  if (never)
    return constant(type, *outside, int64_t(*outside));
  // A read that is always inside needs no mask, also under a condition.
  int value = valueAt(op.operands[operand], index, unproven ? both(mask, inside) : -1);
  if (inside < 0)
    return value;
  return compute(ScalarOp::Select, type, {inside, value, constant(type, *outside, int64_t(*outside))});
}

int PointBuilder::operandAt(const KernelOp &op, int operand, const std::vector<Index> &loops, int mask) {
  std::vector<Index> index;
  for (const DimAccess &dim : op.rule.operands[operand].dims) {
    Index i(dim.offset);
    for (const LinearTerm &term : dim.terms)
      i += loops[term.loop] * term.coefficient;
    index.push_back(std::move(i));
  }
  return readAt(op, operand, index, mask, computeType(graph.tensors[op.operands[operand]].type.type));
}

// --- Bodies
// ------------------------------------------------------------------------------------------------------

struct PointBuilder::BodyState {
  const KernelOp &op;
  const std::vector<Index> &loops;
  std::map<std::pair<int, int>, int> done; // (body node, mask) -> node
};

int PointBuilder::loadAt(BodyState &state, const ScalarNode &node, int mask) {
  const KernelOp &op = state.op;
  const std::vector<int64_t> &shape = graph.tensors[op.operands[node.number]].type.shape;
  bool padded = op.rule.operands[node.number].outside.has_value();
  std::vector<Index> index;
  for (size_t d = 0; d < shape.size(); ++d) {
    int arg = evaluate(state, node.args[d], mask);
    if (const Index *symbolic = asIndex(arg)) {
      index.push_back(*symbolic);
      continue;
    }
    // An index from data is never trusted: it is clamped, or compared where the rule pads.
    Range range = rangeOf(arg);
    if (!padded && (range.low < 0 || range.high >= shape[d])) {
      arg = compute(ScalarOp::Max, DataType::I64, {arg, indexNode(0)});
      arg = compute(ScalarOp::Min, DataType::I64, {arg, indexNode(shape[d] - 1)});
      range = {0, shape[d] - 1};
    }
    index.push_back(program.space.value(arg, range, program.nodes[arg].loops));
  }
  return readAt(op, node.number, index, mask, node.type);
}

int PointBuilder::evaluate(BodyState &state, int number, int mask) {
  auto key = std::pair(number, mask);
  if (auto at = state.done.find(key); at != state.done.end())
    return at->second;
  const ScalarNode &node = state.op.program.nodes[number];
  int result = -1;
  switch (node.op) {
  case ScalarOp::Operand:
    result = operandAt(state.op, node.number, state.loops, mask);
    break;
  case ScalarOp::Load:
    result = loadAt(state, node, mask);
    break;
  case ScalarOp::LoopIndex:
    result = indexNode(state.loops[node.number]);
    break;
  case ScalarOp::Constant:
    result = constant(node.type, node.real, node.integer);
    break;
  case ScalarOp::Cast:
    result = cast(evaluate(state, node.args[0], mask), node.type);
    break;
  case ScalarOp::Select: {
    int condition = evaluate(state, node.args[0], mask);
    if (std::optional<bool> known = asBool(condition)) {
      result = evaluate(state, node.args[*known ? 1 : 2], mask);
      break;
    }
    int negated = compute(ScalarOp::Not, DataType::Bool, {condition});
    int then = evaluate(state, node.args[1], both(mask, condition));
    int otherwise = evaluate(state, node.args[2], both(mask, negated));
    result = then == otherwise ? then : compute(ScalarOp::Select, node.type, {condition, then, otherwise});
    break;
  }
  default: {
    std::vector<int> args;
    for (int arg : node.args)
      args.push_back(evaluate(state, arg, mask));
    result = compute(node.op, node.type, std::move(args));
  }
  }
  return state.done[key] = result;
}

int PointBuilder::opAt(int op, const std::vector<Index> &loops, int mask) {
  if (isTooLarge())
    return constant(graph.ops[op].accumulatorType, 0, 0);
  BodyState state{graph.ops[op], loops, {}};
  return evaluate(state, state.op.program.result, mask);
}

int PointBuilder::opAt(int op, const std::vector<Index> &loops) { return opAt(op, loops, -1); }

} // namespace ampc::codegen
