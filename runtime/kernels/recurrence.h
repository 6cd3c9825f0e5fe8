// LSTM, GRU and RNN over a whole sequence, in one direction: what the builtin kernel and the library's have in common,
// and the builtin one.
#pragma once

#include "runtime/plan/plan.h"

#include <optional>
#include <string>

namespace ampc {

/// The cells that a kernel can execute, by the string "cell".
enum class RecurrentCell : uint8_t {
  Lstm,    // "lstm": gates i, f, c, o
  Gru,     // "gru": gates z, r, h
  LbrGru,  // "lbr_gru": the same with the reset gate behind the product (linear before reset)
  RnnTanh, // "rnn_tanh": one gate
  RnnRelu, // "rnn_relu"
};

/// No dimension is larger, and no operand or result has more than 2^48 elements: products of sizes do not overflow.
inline constexpr int64_t largestRecurrence = int64_t(1) << 24;

/// Sizes of a recurrence; operands and results are listed in builtin_kernels.h.
struct Recurrence {
  RecurrentCell cell = RecurrentCell::Lstm;
  bool isReversed = false;
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0;

  int64_t gates() const { return cell == RecurrentCell::Lstm ? 4 : isGru() ? 3 : 1; }
  /// A GRU that is linear before reset has two biases for its last gate.
  int64_t biases() const { return cell == RecurrentCell::LbrGru ? 4 : gates(); }
  bool isGru() const { return cell == RecurrentCell::Gru || cell == RecurrentCell::LbrGru; }
  /// Of the product of one time step with the state.
  double roundFlops() const { return 2.0 * double(batch) * double(gates()) * double(hidden) * double(hidden); }
  bool hasCellState() const { return cell == RecurrentCell::Lstm; }
};

std::optional<RecurrentCell> recurrentCellOf(std::string_view name);

/// Reads and checks a kernel; `fault` says what is wrong. `weightOperands`: 2 (one matrix for the inputs, one for the
/// state), or 1 where one operand holds both in a form of its own, which is not looked at.
Recurrence readRecurrence(const plan::Kernel &kernel, size_t weightOperands, std::string &fault);

std::string checkRecurrence(const plan::Kernel &kernel);
void runRecurrence(const plan::Kernel &kernel, void *const *buffers);

} // namespace ampc
