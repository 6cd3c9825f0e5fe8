// Maps rows to the post-ops of libraries.
#include "ir/post_op.h"

namespace ampc {

std::optional<PostOp> postOpOf(const OpInstance &instance, size_t chained) {
  const std::string &row = instance.row->name;
  if (instance.operands[chained].type != DataType::F32 || instance.results[0].type != DataType::F32)
    return std::nullopt;
  if (instance.operands.size() == 1) {
    if (row == "relu" || row == "sigmoid" || row == "tanh")
      return PostOp{row == "sigmoid" ? "sigmoid" : row, 0, 0, false};
    if (row == "gelu")
      return PostOp{instance.string("approximate") == "tanh" ? "gelu_tanh" : "gelu_erf", 0, 0, false};
    if (row == "hard_swish")
      return PostOp{"hardswish", 1.0 / 6, 0.5, false};
    if (row == "swish")
      return PostOp{"swish", instance.real("alpha", 1), 0, false};
    return std::nullopt;
  }
  if (instance.operands.size() != 2 || instance.operands[1 - chained].type != DataType::F32)
    return std::nullopt;
  if (row == "add" || row == "mul" || row == "max" || row == "min")
    return PostOp{row, 0, 0, true};
  if (row == "sub" || row == "div")
    return chained == 0 ? std::optional(PostOp{row, 0, 0, true}) : std::nullopt;
  return std::nullopt;
}

} // namespace ampc
