// A recurrence as one operator: a whole sequence in one direction, by a cell that libraries know.
#pragma once

#include "ir/ops/expansion.h"

namespace ampc {

/// One direction of an ONNX LSTM, GRU or RNN whose cell is plain: ONNX's default activations (an RNN may have relu),
/// every sample as long as the sequence, no peepholes, no clipping, f32.
struct RecurrentLayer {
  std::string cell; // as the builtin kernel has it: "lstm", "gru", "lbr_gru", "rnn_tanh", "rnn_relu"
  bool isReversed = false;
  mlir::Value x;          // [steps, batch, inputs]
  mlir::Value w, r, bias; // as ONNX has them: [gates * hidden, inputs], [gates * hidden, hidden], [2 * gates * hidden]; no
                          // bias: null
  mlir::Value h, c;       // [batch, hidden]; c of an LSTM only
};

/// Results of the operator: y [steps, batch, hidden], the last h, of an LSTM also the last c; none after an error. Gates are brought into the
/// order of the kernel; with constant weights that is done at load.
llvm::SmallVector<mlir::Value> buildRecurrence(Expansion &e, const RecurrentLayer &layer, llvm::StringRef suffix);

/// The name of the ONNX node behind an operator with the name that buildRecurrence gives it.
llvm::StringRef nodeOfRecurrence(llvm::StringRef name);

} // namespace ampc
