// One time step after the other: gates from two products, then what the cell makes of them.
#include "runtime/kernels/recurrence.h"

#include "runtime/kernels/kernel_attributes.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ampc {

std::optional<RecurrentCell> recurrentCellOf(std::string_view name) {
  constexpr std::pair<std::string_view, RecurrentCell> cells[] = {{"lstm", RecurrentCell::Lstm},
                                                                  {"gru", RecurrentCell::Gru},
                                                                  {"lbr_gru", RecurrentCell::LbrGru},
                                                                  {"rnn_tanh", RecurrentCell::RnnTanh},
                                                                  {"rnn_relu", RecurrentCell::RnnRelu}};
  for (const auto &[known, cell] : cells)
    if (known == name)
      return cell;
  return std::nullopt;
}

Recurrence readRecurrence(const plan::Kernel &kernel, size_t weightOperands, std::string &fault) {
  Recurrence sizes;
  const std::optional<RecurrentCell> cell = recurrentCellOf(text(kernel, "cell"));
  if (!cell) {
    fault = "there is no recurrent cell of this name";
    return sizes;
  }
  sizes.cell = *cell;
  sizes.isReversed = integer(kernel, "reverse", 0) != 0;
  const size_t states = sizes.hasCellState() ? 2 : 1, firstState = 2 + weightOperands;
  if (kernel.operands.size() != firstState + states || kernel.results.size() != 1 + states) {
    fault = "a recurrence has the wrong number of operands or results";
    return sizes;
  }
  const std::vector<int64_t> &x = kernel.operands[0].shape, &state = kernel.operands[firstState].shape;
  if (x.size() != 3 || state.size() != 2) {
    fault = "an operand of a recurrence has the wrong rank";
    return sizes;
  }
  sizes.steps = x[0];
  sizes.batch = x[1];
  sizes.inputs = x[2];
  sizes.hidden = state[1];
  for (int64_t size : {sizes.steps, sizes.batch, sizes.inputs, sizes.hidden})
    if (size < 0 || size > largestRecurrence)
      fault = "a dimension of a recurrence is too large";
  const int64_t rows = fault.empty() ? sizes.steps * sizes.batch : 0; // at most 2^48
  if (!fault.empty() || rows > largestRecurrence * largestRecurrence / std::max({int64_t(1), sizes.inputs, sizes.hidden})) {
    fault = "a dimension of a recurrence is too large";
    return sizes;
  }
  using Shape = std::vector<int64_t>;
  const int64_t width = sizes.gates() * sizes.hidden;
  auto expect = [&](const plan::KernelOperand &operand, const Shape &shape) {
    if (operand.type != DataType::F32)
      fault = "a recurrence is computed in f32";
    else if (operand.shape != shape)
      fault = "the shapes of a recurrence do not fit together";
  };
  expect(kernel.operands[0], x);
  if (weightOperands == 2) {
    expect(kernel.operands[1], {sizes.inputs, width});
    expect(kernel.operands[2], {sizes.hidden, width});
  }
  expect(kernel.operands[firstState - 1], {sizes.biases() * sizes.hidden});
  expect(kernel.results[0], {sizes.steps, sizes.batch, sizes.hidden});
  for (size_t k = 0; k < states; ++k) {
    expect(kernel.operands[firstState + k], {sizes.batch, sizes.hidden});
    expect(kernel.results[1 + k], {sizes.batch, sizes.hidden});
  }
  return sizes;
}

std::string checkRecurrence(const plan::Kernel &kernel) {
  std::string fault;
  readRecurrence(kernel, 2, fault);
  return fault;
}

namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// One sample at a time; `width` is gates times hidden states.
class Walk {
public:
  Walk(const Recurrence &sizes, void *const *buffers) : sizes(sizes), width(sizes.gates() * sizes.hidden) {
    auto read = [&](size_t k) { return static_cast<const float *>(buffers[k]); };
    x = read(0), w = read(1), r = read(2), bias = read(3);
    gates.resize(size_t(sizes.biases() * sizes.hidden));
    reset.resize(size_t(sizes.hidden));
    size_t next = 4;
    h0 = read(next++);
    c0 = sizes.hasCellState() ? read(next++) : nullptr;
    y = static_cast<float *>(buffers[next++]);
    h = static_cast<float *>(buffers[next++]);
    c = sizes.hasCellState() ? static_cast<float *>(buffers[next]) : nullptr;
  }

  void run() {
    std::copy(h0, h0 + sizes.batch * sizes.hidden, h);
    if (c)
      std::copy(c0, c0 + sizes.batch * sizes.hidden, c);
    for (int64_t count = 0; count < sizes.steps; ++count) {
      const int64_t t = sizes.isReversed ? sizes.steps - 1 - count : count;
      for (int64_t sample = 0; sample < sizes.batch; ++sample)
        step(t, sample);
    }
  }

private:
  /// target[0, count) += source[k] * matrix[k, from..]
  void multiply(const float *source, int64_t extent, const float *matrix, int64_t from, int64_t count, float *target) const {
    for (int64_t k = 0; k < extent; ++k)
      for (int64_t j = 0; j < count; ++j)
        target[j] += source[k] * matrix[k * width + from + j];
  }

  void step(int64_t t, int64_t sample) {
    const int64_t H = sizes.hidden;
    float *state = h + sample * H, *result = y + (t * sizes.batch + sample) * H, *gate = gates.data();
    std::copy(bias, bias + sizes.biases() * H, gate);
    multiply(x + (t * sizes.batch + sample) * sizes.inputs, sizes.inputs, w, 0, width, gate);
    switch (sizes.cell) {
    case RecurrentCell::Lstm: {
      float *cell = c + sample * H;
      multiply(state, H, r, 0, width, gate);
      for (int64_t j = 0; j < H; ++j) {
        cell[j] = sigmoid(gate[H + j]) * cell[j] + sigmoid(gate[j]) * std::tanh(gate[2 * H + j]);
        result[j] = sigmoid(gate[3 * H + j]) * std::tanh(cell[j]);
      }
      break;
    }
    case RecurrentCell::Gru:
      multiply(state, H, r, 0, 2 * H, gate);
      for (int64_t j = 0; j < H; ++j)
        reset[size_t(j)] = sigmoid(gate[H + j]) * state[j];
      multiply(reset.data(), H, r, 2 * H, H, gate + 2 * H);
      blend(gate, state, result);
      break;
    case RecurrentCell::LbrGru:
      multiply(state, H, r, 0, 2 * H, gate);
      multiply(state, H, r, 2 * H, H, gate + 3 * H);
      for (int64_t j = 0; j < H; ++j)
        gate[2 * H + j] += sigmoid(gate[H + j]) * gate[3 * H + j];
      blend(gate, state, result);
      break;
    case RecurrentCell::RnnTanh:
    case RecurrentCell::RnnRelu:
      multiply(state, H, r, 0, H, gate);
      for (int64_t j = 0; j < H; ++j)
        result[j] = sizes.cell == RecurrentCell::RnnTanh ? std::tanh(gate[j]) : std::max(gate[j], 0.0f);
      break;
    }
    std::copy(result, result + H, state);
  }

  /// The new state of a GRU: between the candidate and the old one.
  void blend(const float *gate, const float *state, float *result) const {
    for (int64_t j = 0; j < sizes.hidden; ++j) {
      const float z = sigmoid(gate[j]);
      result[j] = (1 - z) * std::tanh(gate[2 * sizes.hidden + j]) + z * state[j];
    }
  }

  const Recurrence &sizes;
  const int64_t width;
  const float *x, *w, *r, *bias, *h0, *c0;
  float *y, *h, *c;
  std::vector<float> gates, reset;
};

} // namespace

void runRecurrence(const plan::Kernel &kernel, void *const *buffers) {
  std::string fault; // checked before
  const Recurrence sizes = readRecurrence(kernel, 2, fault);
  Walk(sizes, buffers).run();
}

} // namespace ampc
