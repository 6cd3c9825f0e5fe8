// Emission of dialect operations with partial evaluation: what is known at compile time is computed at
// compile time.
#include "ir/onnx/graph_importer.h"

using namespace mlir;

namespace ampc {

const HostTensor *GraphImporter::known(Value value) const {
  if (auto entry = constants.find(value); entry != constants.end())
    return &entry->second;
  if (const TensorRecord *record = parameterRecords.lookup(value); record && record->value)
    return &*record->value;
  return nullptr;
}

// The operation gets its literal at the end, if it is still needed: attributes live as long as the context.
Value GraphImporter::constant(HostTensor value, const std::string &name) {
  Value result = createOp(builder, "constant", uniqueName(name), {}, {}, value.type)->getResult(0);
  constants[result] = std::move(value);
  return result;
}

std::optional<HostTensor> GraphImporter::attributeTensor(const onnx::TensorProto &tensor) const {
  if (const TensorRecord *record = records.find(tensor))
    return record->value;
  llvm::Expected<HostTensor> value = TensorRecords::decode(tensor);
  if (value)
    return std::move(*value);
  llvm::consumeError(value.takeError());
  return std::nullopt;
}

std::optional<int64_t> GraphImporter::knownInteger(const Bound *bound) const {
  const HostTensor *value = bound && bound->tensor ? known(bound->tensor) : nullptr;
  if (!value || value->type.numElements() != 1)
    return std::nullopt;
  return value->integer(0);
}

llvm::Expected<std::optional<std::vector<HostTensor>>>
GraphImporter::evaluateKnown(const OpInstance &instance, ArrayRef<Value> operands) {
  using Nothing = std::optional<std::vector<HostTensor>>;
  if (operands.empty() || instance.row->opClass == OpClass::Storage)
    return Nothing();
  int64_t elements = 0, points = 0;
  for (const TensorType &type : instance.results)
    elements += std::min(type.numElements(), limits::foldedElements + 1);
  if (elements > limits::foldedElements || !llvm::all_of(operands, [&](Value value) { return known(value); }))
    return Nothing();
  for (const TensorType &type : instance.operands)
    points += type.numElements();
  IterationRule rule = ruleOf(instance);
  if (instance.row->body)
    points = std::max(points, rule.numPoints());
  else if (instance.row->opClass == OpClass::Builtin) // a point of a recurrence is two products
    points = std::max(points, int64_t(std::min(double(rule.numPoints()) * rule.flopsPerPoint, 1e18)));
  if (points > limits::foldedPoints)
    return Nothing();
  foldedPoints += points + 16;
  if (foldedPoints > limits::totalFoldedPoints)
    return makeError(ErrorCode::LimitExceeded, "evaluating the model's constant part takes too long");
  std::vector<HostTensor> values;
  for (Value value : operands)
    values.push_back(*known(value));
  llvm::Expected<std::vector<HostTensor>> results = evaluate(instance, values);
  if (!results) { // left to the runtime
    llvm::consumeError(results.takeError());
    return Nothing();
  }
  return std::move(*results);
}

llvm::Expected<SmallVector<Value>> GraphImporter::emit(StringRef row, ArrayRef<Value> operands,
                                                       ArrayRef<NamedAttribute> attributes,
                                                       const std::string &name) {
  if (llvm::Error error = countNode())
    return error;
  OpInstance instance;
  instance.row = OpTable::get().find(row);
  if (!instance.row)
    return makeError(ErrorCode::Internal, "the importer builds ampc." + row + ", which has no row");
  for (Value operand : operands) {
    if (!operand)
      return makeError(ErrorCode::InvalidModel, "an operand that the operator needs is absent");
    instance.operands.push_back(typeOf(operand));
  }
  instance.attributes = DictionaryAttr::get(builder.getContext(), attributes);
  llvm::Expected<std::vector<TensorType>> results = inferResults(instance);
  if (!results)
    return results.takeError();
  for (const TensorType &type : *results)
    if (llvm::Error error = checkTensorSize(type, "a result of `" + name + "`"))
      return error;
  instance.results = *results;
  auto folded = evaluateKnown(instance, operands);
  if (!folded)
    return folded.takeError();
  SmallVector<Value> values;
  if (*folded) {
    for (HostTensor &value : **folded)
      values.push_back(constant(std::move(value), name));
    return values;
  }
  Operation *op = createOp(builder, row, uniqueName(name), operands, attributes, *results);
  values.append(op->result_begin(), op->result_end());
  return values;
}

llvm::Error GraphImporter::dataDependent(const llvm::Twine &sentence, Value value) {
  std::vector<std::string> inputs;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second)
      continue;
    if (op->getName().getStringRef() == "ampc.input")
      inputs.push_back(nameOf(op).str());
    pending.append(op->operand_begin(), op->operand_end());
  }
  std::sort(inputs.begin(), inputs.end());
  Operation *op = value.getDefiningOp();
  Facts facts = {{"value", op ? nameOf(op).str() : "?"}};
  std::string remedy;
  for (const std::string &input : inputs) {
    facts.push_back({"input", input}); // `ampc run` binds those that it has small values of
    remedy += (remedy.empty() ? "bind what it is computed from: --value " : " or --value ") + input + "=...";
  }
  if (inputs.empty())
    remedy = "export the model so that this value is a small constant";
  return makeError(ErrorCode::DataDependent, sentence, facts, remedy);
}

// Dead operations go and with them their weights; constants that live get their literals.
void GraphImporter::removeDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    StringRef name = op.getName().getStringRef();
    bool isKept = name == "ampc.input" || name == "ampc.output" || name == "func.return";
    if (!isKept && op.use_empty()) {
      op.erase();
      continue;
    }
    if (name != "ampc.constant")
      continue;
    builder.setInsertionPoint(&op);
    op.getResult(0).replaceAllUsesWith(
        createConstant(builder, nameOf(&op), constants.find(op.getResult(0))->second)->getResult(0));
    op.erase();
  }
  constants.clear();

  WeightStore live;
  for (Operation &op : block) {
    if (op.getName().getStringRef() != "ampc.parameter")
      continue;
    WeightReference &weight = weights.weights[size_t(op.getAttrOfType<IntegerAttr>("weight").getInt())];
    op.setAttr("weight", builder.getI64IntegerAttr(int64_t(live.weights.size())));
    live.weights.push_back(std::move(weight));
  }
  weights = std::move(live);
}

} // namespace ampc
