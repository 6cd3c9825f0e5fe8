// Elementwise operators that a library product or convolution can apply to its result before storing it.
#pragma once

#include "ir/op_table.h"

namespace ampc {

struct PostOp {
  std::string name;         // runtime/kernels/library_kernels.h lists them
  double alpha = 0, beta = 0;
  bool takesOperand = false; // binary: the other operand comes along
};

/// `instance` as a post-op on its operand `chained`, if it is one.
std::optional<PostOp> postOpOf(const OpInstance &instance, size_t chained);

} // namespace ampc
