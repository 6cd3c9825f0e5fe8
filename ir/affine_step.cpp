// Recognizes scaling and shifting rows, and products by what their bodies compute.
#include "ir/affine_step.h"

namespace ampc {

std::optional<AffineStep> affineStepOf(const OpInstance &instance, size_t chained) {
  if (!instance.row || instance.operands.size() != 2 || instance.results.size() != 1)
    return std::nullopt;
  DataType type = instance.results[0].type;
  if (!isFloat(type) || instance.operands[0].type != type || instance.operands[1].type != type)
    return std::nullopt;
  const std::string &row = instance.row->name;
  if (row == "mul")
    return AffineStep::Multiply;
  if (row == "add")
    return AffineStep::Add;
  if (row == "div" && chained == 0)
    return AffineStep::Divide;
  if (row == "sub" && chained == 0)
    return AffineStep::Subtract;
  return std::nullopt;
}

bool isBilinear(const OpInstance &instance) {
  if (!instance.row || !instance.row->body || instance.operands.size() != 2 || instance.results.size() != 1 ||
      ruleOf(instance).reduction != Reduction::Sum)
    return false;
  ScalarProgram program = bodyOf(instance);
  int node = program.result;
  while (program.nodes[node].op == ScalarOp::Cast)
    node = program.nodes[node].args[0];
  const ScalarNode &product = program.nodes[node];
  if (product.op != ScalarOp::Mul)
    return false;
  const ScalarNode &a = program.nodes[product.args[0]], &b = program.nodes[product.args[1]];
  return a.op == ScalarOp::Operand && b.op == ScalarOp::Operand && a.number + b.number == 1;
}

} // namespace ampc
