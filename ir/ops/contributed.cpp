// The check in front of an import function.
#include "ir/ops/contributed.h"

#include <cctype>

using namespace mlir;

namespace ampc {

static llvm::Error checkOperands(ImportContext &context, llvm::StringRef letters) {
  std::optional<DataType> common;
  if (context.numOperands() > letters.size())
    return context.invalid("the operator has at most " + llvm::Twine(letters.size()) + " operands");
  for (size_t k = 0; k < letters.size(); ++k) {
    Value operand = k < context.numOperands() ? context.operand(k) : Value();
    if (!operand && !std::islower(letters[k]))
      return context.invalid("operand " + llvm::Twine(k) + " is required and absent");
    if (!operand)
      continue;
    DataType type = context.type(operand).type;
    bool wantsFloat = std::toupper(letters[k]) == 'T';
    bool fits = wantsFloat ? isFloat(type) && common.value_or(type) == type
                           : type == DataType::I64 || type == DataType::I32;
    if (!fits)
      return context.invalid("operand " + llvm::Twine(k) + " has type " + std::string(name(type)) +
                             ", which the operator does not take there");
    if (wantsFloat)
      common = type;
  }
  return llvm::Error::success();
}

ImportFn contributed(std::string operands, ImportFn import) {
  return [operands, import](ImportContext &context) -> llvm::Expected<SmallVector<Value>> {
    if (llvm::Error error = checkOperands(context, operands))
      return error;
    return import(context);
  };
}

} // namespace ampc
