// LSTM, GRU and RNN: one operator per direction where the importer wants it whole and the cell is plain; otherwise
// unrolled over time: one product projects all inputs of a direction at once, every step then needs one product with the
// state and elementwise operators. Samples shorter than the sequence keep their state.
#include "ir/onnx/limits.h"
#include "ir/ops/recurrence.h"

#include "llvm/ADT/StringSwitch.h"

#include <algorithm>

using namespace mlir;

namespace ampc {

namespace {

/// An activation as it stands in `activations`, with its parameters.
struct Activation {
  std::string row;
  bool hasAlpha = false, hasBeta = false;
  double alpha = 0, beta = 0;
};

enum class Cell { Lstm, Gru, Rnn };

/// One node; the members are what all directions share. Values are in compute type.
class RecurrentNode {
public:
  RecurrentNode(Expansion &e, Cell cell) : e(e), cell(cell) {}
  ImportResults expand();

private:
  Expansion &e;
  Cell cell;
  int64_t steps = 0, batch = 0, inputSize = 0, hidden = 0, directions = 0;
  int64_t gates = 0; // 4, 3, 1
  double clip = 0;
  bool inputForget = false, linearBeforeReset = false;
  Value lengths; // null: every sample has all steps
  bool mayBeEmpty = false; // some sample may have no step at all

  struct State {
    Value h, c;
  };
  /// Weights of one direction, transposed for products from the right.
  struct Weights {
    Value projected; // [steps, batch, gates * hidden]: inputs times W plus bias
    Value recurrent, recurrentBias, peepholes;
    std::vector<Activation> activations;
  };

  bool readShapes(bool batchFirst);
  std::optional<std::string> plainCell(int64_t number);
  /// What a direction leaves: y [steps, 1, batch, hidden] (null if nobody wants it) and the last states.
  struct Direction {
    Value y;
    State last;
  };
  Direction whole(const std::string &plain, Value x, int64_t number, bool isReversed, State start,
                  llvm::StringRef suffix);
  Direction unrolled(Value x, int64_t number, bool isReversed, State state, bool wantsY, llvm::StringRef suffix);
  Value direction(Value x, int64_t number);
  std::vector<Activation> activations(int64_t number);
  Value apply(const Activation &f, Value x, llvm::StringRef suffix);
  /// `apply` behind the clipping of gates.
  Value activate(Value x, const Activation &f, llvm::StringRef suffix) {
    return apply(f, clip > 0 ? e.clip(x, -clip, clip, "clipped") : x, suffix);
  }
  Value gate(Value all, int64_t number, llvm::StringRef suffix) {
    return e.slice(all, 1, number * hidden, hidden, 1, suffix);
  }
  Weights weights(Value x, int64_t number);
  State step(const Weights &w, Value x, State state);
  State lstmStep(const Weights &w, Value x, State state);
  Value gruStep(const Weights &w, Value x, Value h);
};

} // namespace

/// Row and parameters of a named activation; the defaults are those of the ONNX operator of that name.
static std::optional<Activation> activationOf(llvm::StringRef name) {
  std::string lower = name.lower();
  return llvm::StringSwitch<std::optional<Activation>>(lower)
      .Case("sigmoid", Activation{"sigmoid"})
      .Case("tanh", Activation{"tanh"})
      .Case("relu", Activation{"relu"})
      .Case("softplus", Activation{"softplus"})
      .Case("softsign", Activation{"softsign"})
      .Case("leakyrelu", Activation{"leaky_relu", true, false, 0.01, 0})
      .Case("thresholdedrelu", Activation{"thresholded_relu", true, false, 1, 0})
      .Case("elu", Activation{"elu", true, false, 1, 0})
      .Case("affine", Activation{"affine", true, true, 1, 0})
      .Case("scaledtanh", Activation{"scaled_tanh", true, true, 1, 1})
      .Case("hardsigmoid", Activation{"hard_sigmoid", true, true, 0.2, 0.5})
      .Default(std::nullopt);
}

/// The functions of one direction. Parameters are listed in order, only for functions that have them.
std::vector<Activation> RecurrentNode::activations(int64_t number) {
  size_t perDirection = cell == Cell::Lstm ? 3 : cell == Cell::Gru ? 2 : 1;
  std::vector<std::string> names = e.context.strings("activations");
  if (names.empty())
    for (int64_t d = 0; d < directions; ++d) {
      if (cell != Cell::Rnn)
        names.push_back("Sigmoid");
      for (size_t k = cell == Cell::Rnn ? 0 : 1; k < perDirection; ++k)
        names.push_back("Tanh");
    }
  // More than needed are ignored: the schema's default for RNN lists two directions.
  size_t needed = perDirection * size_t(directions);
  if (names.size() < needed) {
    e.invalid("there are " + llvm::Twine(names.size()) + " activations, expected " + llvm::Twine(needed));
    return {};
  }
  names.resize(needed);
  std::vector<double> alphas = e.context.reals("activation_alpha"), betas = e.context.reals("activation_beta");
  size_t alpha = 0, beta = 0;
  std::vector<Activation> all;
  for (const std::string &name : names) {
    std::optional<Activation> f = activationOf(name);
    if (!f) {
      e.unsupported("activation '" + name + "'");
      return {};
    }
    if (f->hasAlpha && alpha < alphas.size())
      f->alpha = alphas[alpha++];
    if (f->hasBeta && beta < betas.size())
      f->beta = betas[beta++];
    all.push_back(*f);
  }
  auto first = all.begin() + number * int64_t(perDirection);
  return {first, first + int64_t(perDirection)};
}

Value RecurrentNode::apply(const Activation &f, Value x, llvm::StringRef suffix) {
  SmallVector<NamedAttribute> attributes;
  if (f.hasAlpha)
    attributes.push_back(e.attribute("alpha", f.alpha));
  if (f.hasBeta)
    attributes.push_back(e.attribute("beta", f.beta));
  return e.build(f.row, {x}, attributes, suffix);
}

/// Entry `number` of the leading dimension, which vanishes.
Value RecurrentNode::direction(Value x, int64_t number) {
  if (!x || e.failed())
    return {};
  Expansion::Shape shape = e.shape(x);
  Value part = e.slice(x, 0, number, 1, 1, "direction");
  shape.erase(shape.begin());
  return e.reshape(part, shape, "of_direction");
}

RecurrentNode::Weights RecurrentNode::weights(Value x, int64_t number) {
  Weights w;
  w.activations = activations(number);
  auto operand = [&](size_t k) {
    Value value = direction(e.operand(k), number);
    return value ? e.toComputeType(value) : value;
  };
  Value input = operand(1), recurrent = operand(2), bias = operand(3);
  Value flat = e.reshape(x, {steps * batch, inputSize}, "rows");
  Value projected = e.matmul(flat, e.swapLastTwo(input, "w_transposed"), "projection");
  int64_t width = gates * hidden;
  w.recurrent = e.swapLastTwo(recurrent, "r_transposed");
  if (bias) {
    Value inputBias = e.slice(bias, 0, 0, width, 1, "input_bias");
    w.recurrentBias = e.slice(bias, 0, width, width, 1, "recurrent_bias");
    // Both biases only ever appear as their sum, except in a GRU, which scales the recurrent side first.
    if (cell != Cell::Gru)
      inputBias = e.add(inputBias, w.recurrentBias, "bias");
    projected = e.add(projected, inputBias, "projected");
  }
  w.projected = e.reshape(projected, {steps, batch, width}, "projected_steps");
  if (cell == Cell::Lstm)
    w.peepholes = operand(7);
  return w;
}

/// Gate order i, o, f, c.
RecurrentNode::State RecurrentNode::lstmStep(const Weights &w, Value x, State state) {
  Value all = e.add(x, e.matmul(state.h, w.recurrent, "recurrent"), "gates");
  auto peep = [&](Value gate, int64_t number, Value c) {
    return w.peepholes ? e.add(gate, e.mul(e.slice(w.peepholes, 0, number * hidden, hidden, 1, "peephole"), c), "peeped")
                       : gate;
  };
  Value i = activate(peep(gate(all, 0, "i"), 0, state.c), w.activations[0], "i_gate");
  Value f;
  if (inputForget)
    f = e.binary("sub", e.number(e.element(i), 1), i, "f_gate");
  else
    f = activate(peep(gate(all, 2, "f"), 2, state.c), w.activations[0], "f_gate");
  Value candidate = activate(gate(all, 3, "c"), w.activations[1], "candidate");
  Value c = e.add(e.mul(f, state.c, "kept"), e.mul(i, candidate, "new"), "cell");
  Value o = activate(peep(gate(all, 1, "o"), 1, c), w.activations[0], "o_gate");
  // The cell state itself is not clipped, as in ONNX Runtime.
  return {e.mul(o, apply(w.activations[2], c, "squashed"), "hidden"), c};
}

/// Gate order z, r, h.
Value RecurrentNode::gruStep(const Weights &w, Value x, Value h) {
  int64_t twoGates = 2 * hidden;
  auto biased = [&](Value value, int64_t from, int64_t count) {
    return w.recurrentBias ? e.add(value, e.slice(w.recurrentBias, 0, from, count, 1, "recurrent_bias"), "biased") : value;
  };
  Value z, r, candidate, xCandidate = gate(x, 2, "x_candidate");
  if (linearBeforeReset) {
    Value all = biased(e.matmul(h, w.recurrent, "recurrent"), 0, 3 * hidden);
    z = activate(e.add(gate(x, 0, "x_z"), gate(all, 0, "h_z")), w.activations[0], "z_gate");
    r = activate(e.add(gate(x, 1, "x_r"), gate(all, 1, "h_r")), w.activations[0], "r_gate");
    candidate = e.add(xCandidate, e.mul(r, gate(all, 2, "h_candidate"), "reset"), "candidate_sum");
  } else {
    Value both = e.matmul(h, e.slice(w.recurrent, 1, 0, twoGates, 1, "recurrent_zr"), "recurrent");
    both = e.add(e.slice(x, 1, 0, twoGates, 1, "x_zr"), biased(both, 0, twoGates), "zr");
    z = activate(gate(both, 0, "z"), w.activations[0], "z_gate");
    r = activate(gate(both, 1, "r"), w.activations[0], "r_gate");
    Value reset = e.matmul(e.mul(r, h, "reset"), e.slice(w.recurrent, 1, twoGates, hidden, 1, "recurrent_h"), "recurrent_candidate");
    candidate = e.add(xCandidate, biased(reset, twoGates, hidden), "candidate_sum");
  }
  candidate = activate(candidate, w.activations[1], "candidate");
  Value rest = e.binary("sub", e.number(e.element(z), 1), z, "rest");
  return e.add(e.mul(rest, candidate, "new"), e.mul(z, h, "kept"), "hidden");
}

RecurrentNode::State RecurrentNode::step(const Weights &w, Value x, State state) {
  if (cell == Cell::Lstm)
    return lstmStep(w, x, state);
  if (cell == Cell::Gru)
    return {gruStep(w, x, state.h), Value()};
  Value sum = e.add(x, e.matmul(state.h, w.recurrent, "recurrent"), "sum");
  return {activate(sum, w.activations[0], "hidden"), Value()};
}

bool RecurrentNode::readShapes(bool batchFirst) {
  ImportContext &context = e.context;
  Expansion::Shape x = e.shape(e.operand(0)), w = e.shape(e.operand(1)), r = e.shape(e.operand(2));
  gates = cell == Cell::Lstm ? 4 : cell == Cell::Gru ? 3 : 1;
  if (x.size() != 3 || w.size() != 3 || r.size() != 3) {
    e.invalid("X, W and R must have rank 3");
    return false;
  }
  steps = x[batchFirst ? 1 : 0];
  batch = x[batchFirst ? 0 : 1];
  inputSize = x[2];
  hidden = r[2];
  directions = w[0];
  std::string way = context.string("direction", "forward");
  int64_t stated = context.integer("hidden_size", hidden);
  Expansion::Shape expectedW = {directions, gates * hidden, inputSize}, expectedR = {directions, gates * hidden, hidden};
  if (hidden < 1 || stated != hidden || directions != (way == "bidirectional" ? 2 : 1) || w != expectedW || r != expectedR)
    e.invalid("the shapes of X, W and R, hidden_size and direction do not fit together");
  else if (way != "forward" && way != "reverse" && way != "bidirectional")
    e.invalid("direction is '" + way + "'");
  auto check = [&](size_t k, const Expansion::Shape &expected) {
    if (e.operand(k) && e.shape(e.operand(k)) != expected)
      e.invalid("operand " + llvm::Twine(k) + " has another shape than the weights ask for");
  };
  Expansion::Shape state = batchFirst ? Expansion::Shape{batch, directions, hidden} : Expansion::Shape{directions, batch, hidden};
  check(3, {directions, 2 * gates * hidden});
  check(4, {batch});
  check(5, state);
  if (cell == Cell::Lstm) {
    check(6, state);
    check(7, {directions, 3 * hidden});
  }
  if (steps < 1)
    e.unsupported("a recurrence over an empty sequence");
  return !e.failed();
}

/// The cell of a direction as the row `recurrence` names it, if that row can say all that the node says.
std::optional<std::string> RecurrentNode::plainCell(int64_t number) {
  bool isPlain = e.element(e.operand(0)) == DataType::F32 && batch > 0 && inputSize > 0 && !lengths && clip <= 0 &&
                 !inputForget && !(cell == Cell::Lstm && e.operand(7));
  std::vector<Activation> functions = activations(number);
  if (!isPlain || e.failed())
    return std::nullopt;
  if (cell == Cell::Rnn)
    return functions[0].row == "tanh" || functions[0].row == "relu" ? std::optional("rnn_" + functions[0].row) : std::nullopt;
  for (size_t k = 0; k < functions.size(); ++k)
    if (functions[k].row != (k == 0 ? "sigmoid" : "tanh"))
      return std::nullopt;
  return cell == Cell::Lstm ? "lstm" : linearBeforeReset ? "lbr_gru" : "gru";
}

RecurrentNode::Direction RecurrentNode::whole(const std::string &plain, Value x, int64_t number, bool isReversed,
                                              State start, StringRef suffix) {
  RecurrentLayer layer = {plain, isReversed, x, direction(e.operand(1), number), direction(e.operand(2), number),
                          direction(e.operand(3), number), start.h, start.c};
  SmallVector<Value> results = buildRecurrence(e, layer, isReversed ? "backward" : "forward");
  if (results.empty())
    return {};
  Value y = e.reshape(results[0], {steps, 1, batch, hidden}, suffix);
  return {y, {results[1], results.size() > 2 ? results[2] : Value()}};
}

RecurrentNode::Direction RecurrentNode::unrolled(Value x, int64_t number, bool isReversed, State state, bool wantsY,
                                                 StringRef suffix) {
  DataType wide = e.element(x);
  Weights w = weights(x, number);
  std::vector<Value> outputs(steps); // [1, 1, batch, hidden]
  for (int64_t count = 0; count < steps && !e.failed(); ++count) {
    int64_t t = isReversed ? steps - 1 - count : count;
    Value now = e.reshape(e.slice(w.projected, 0, t, 1, 1, "x"), {batch, gates * hidden}, "x_step");
    State next = step(w, now, state);
    Value output = next.h;
    if (lengths) {
      Value runs = e.binary("greater", lengths, e.number(e.element(lengths), double(t)), "runs");
      output = e.where(runs, next.h, e.number(wide, 0), "output");
      next.h = e.where(runs, next.h, state.h, "held");
      if (next.c)
        next.c = e.where(runs, next.c, state.c, "held_cell");
    }
    if (wantsY)
      outputs[t] = e.reshape(output, {1, 1, batch, hidden}, "y_step");
    state = next;
  }
  // A sample without steps ends in zeros, not in its initial state: ONNX leaves it open, ONNX Runtime does that.
  if (mayBeEmpty && (e.operand(5) || (cell == Cell::Lstm && e.operand(6)))) {
    Value any = e.binary("greater", lengths, e.number(e.element(lengths), 0), "any_step");
    state.h = e.where(any, state.h, e.number(wide, 0), "final");
    if (state.c)
      state.c = e.where(any, state.c, e.number(wide, 0), "final_cell");
  }
  return {wantsY ? e.concat(outputs, 0, suffix) : Value(), state};
}

ImportResults RecurrentNode::expand() {
  ImportContext &context = e.context;
  bool batchFirst = context.integer("layout");
  if (!readShapes(batchFirst))
    return e.done({});
  DataType type = e.element(e.operand(0)), wide = computeType(type);
  clip = context.hasAttribute("clip") ? context.real("clip") : 0;
  inputForget = context.integer("input_forget");
  linearBeforeReset = context.integer("linear_before_reset");
  if (e.operand(4)) {
    std::optional<HostTensor> known = context.constant(4);
    std::vector<int64_t> values = known ? known->integers() : std::vector<int64_t>();
    mayBeEmpty = !known || std::any_of(values.begin(), values.end(), [](int64_t n) { return n < 1; });
    if (!known || std::any_of(values.begin(), values.end(), [&](int64_t n) { return n < steps; }))
      lengths = e.reshape(e.operand(4), {batch, 1}, "lengths");
  }
  Value x = e.cast(e.operand(0), wide, "widen");
  if (batchFirst)
    x = e.transpose(x, {1, 0, 2}, "time_first");
  auto initial = [&](size_t k, int64_t d) {
    Value all = k == 6 && cell != Cell::Lstm ? Value() : e.operand(k);
    if (!all)
      return e.zeros(wide, {batch, hidden});
    if (batchFirst)
      all = e.transpose(all, {1, 0, 2}, "initial");
    return e.cast(direction(all, d), wide);
  };

  std::string way = context.string("direction", "forward");
  bool wantsY = context.isResultUsed(0), isTypical = !batchFirst && wide == type;
  SmallVector<Value> bySide, lastH, lastC;
  for (int64_t d = 0; d < directions && !e.failed(); ++d) {
    bool isReversed = way == "reverse" || d == 1;
    State start = {initial(5, d), cell == Cell::Lstm ? initial(6, d) : Value()};
    // The operator that yields the node's first result has no suffix.
    StringRef suffix = directions == 1 && isTypical ? "" : "y_direction";
    std::optional<std::string> plain = plainCell(d);
    Direction result;
    if (plain && context.keepsRecurrence(steps))
      result = whole(*plain, x, d, isReversed, start, suffix);
    else if (steps > limits::unrolledSteps)
      e.unsupported("a recurrence over more than " + llvm::Twine(limits::unrolledSteps) + " steps, unless its cell is plain");
    else
      result = unrolled(x, d, isReversed, start, wantsY, suffix);
    bySide.push_back(result.y);
    lastH.push_back(e.reshape(result.last.h, {1, batch, hidden}, "last"));
    if (cell == Cell::Lstm)
      lastC.push_back(e.reshape(result.last.c, {1, batch, hidden}, "last_cell"));
  }
  if (e.failed())
    return e.done({});

  // Y: [steps, directions, batch, hidden], or [batch, steps, directions, hidden]; states without the steps.
  std::vector<Value> results(std::min<size_t>(cell == Cell::Lstm ? 3 : 2, std::max<size_t>(1, context.numResults())));
  if (wantsY) {
    Value y = e.concat(bySide, 1, isTypical && directions > 1 ? "" : "y");
    results[0] = e.cast(batchFirst ? e.transpose(y, {2, 0, 1, 3}, "y_batch_first") : y, type, "");
  }
  auto finalState = [&](ArrayRef<Value> states, llvm::StringRef suffix) {
    Value all = e.concat(states, 0, suffix);
    return e.cast(batchFirst ? e.transpose(all, {1, 0, 2}) : all, type);
  };
  if (results.size() > 1)
    results[1] = finalState(lastH, "y_h");
  if (results.size() > 2)
    results[2] = finalState(lastC, "y_c");
  return e.done(results);
}

static ImportFn importCell(Cell cell) {
  return [cell](ImportContext &context) -> ImportResults {
    Expansion e(context);
    return RecurrentNode(e, cell).expand();
  };
}

void addRecurrentRows(OpTable &table) {
  constexpr int any = 1 << 20;
  const char *rows = "recurrence, or matmul, slice, add, mul, sigmoid, tanh, concat";
  table.addOnnx({"", "LSTM", 1, any, importCell(Cell::Lstm), rows});
  table.addOnnx({"", "GRU", 1, any, importCell(Cell::Gru), rows});
  table.addOnnx({"", "RNN", 1, any, importCell(Cell::Rnn), rows});
}

} // namespace ampc
