// Storage operators: where values enter, rest and leave. Their rule is the identity; every reader gets them in the
// sharding it needs (docs/decisions/0004).
#include "ir/op_table.h"

namespace ampc {

void addStorageRows(OpTable &table) {
  InferFn none = [](const OpInstance &) -> llvm::Expected<std::vector<TensorType>> {
    return opError("a storage operator's type is given, not inferred");
  };
  RuleFn identity = [](const OpInstance &instance) {
    // `output` has an operand and no result; the others the reverse.
    OpInstance view = instance;
    view.results = instance.results.empty() ? instance.operands : instance.results;
    IterationRule rule = elementwiseRule(view);
    rule.results.resize(instance.results.size());
    rule.flopsPerPoint = 0;
    return rule;
  };
  // input {index}, parameter {weight}, constant {value}, output {index}
  for (const char *name : {"input", "parameter", "constant"})
    table.add({name, OpClass::Storage, 0, 0, none, identity, {}, {}, false});
  table.add({"output", OpClass::Storage, 1, 1, none, identity, {}, {}, false});
}

} // namespace ampc
