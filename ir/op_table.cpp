// The table itself, and what rows and instances derive directly: attributes, inference, rules, bodies.
#include "ir/op_table.h"
#include "ir/diagnostic.h"
#include "ir/dialect.h"

using namespace mlir;

namespace ampc {

llvm::Error opError(const llvm::Twine &sentence) { return makeError(ErrorCode::InvalidModel, sentence); }

// --- OpInstance --------------------------------------------------------------------------------------------------

int64_t OpInstance::integer(StringRef name, int64_t otherwise) const {
  auto attribute = attributes ? attributes.getAs<IntegerAttr>(name) : nullptr;
  return attribute ? attribute.getInt() : otherwise;
}

double OpInstance::real(StringRef name, double otherwise) const {
  auto attribute = attributes ? attributes.getAs<FloatAttr>(name) : nullptr;
  return attribute ? attribute.getValueAsDouble() : otherwise;
}

std::vector<int64_t> OpInstance::integers(StringRef name) const {
  auto attribute = attributes ? attributes.getAs<DenseI64ArrayAttr>(name) : nullptr;
  return attribute ? attribute.asArrayRef().vec() : std::vector<int64_t>();
}

StringRef OpInstance::string(StringRef name, StringRef otherwise) const {
  auto attribute = attributes ? attributes.getAs<StringAttr>(name) : nullptr;
  return attribute ? attribute.getValue() : otherwise;
}

// --- Body --------------------------------------------------------------------------------------------------------

DataType computeType(DataType type) {
  return type == DataType::F16 || type == DataType::BF16 ? DataType::F32 : type;
}

Scalar Body::operator()(int k) {
  return builder.operand(k, computeType(instance.operands[k].type));
}

Scalar Body::load(int k, const std::vector<Scalar> &indices) {
  return builder.load(k, computeType(instance.operands[k].type), indices);
}

// --- Table -------------------------------------------------------------------------------------------------------

StringAttr OpRow::opName(MLIRContext *context) const { return StringAttr::get(context, "ampc." + name); }

const OpTable &OpTable::get() {
  static const OpTable table = [] {
    OpTable t;
    addStorageRows(t);
    addElementwiseRows(t);
    addElementwiseFormRows(t);
    addActivationRows(t);
    addReductionRows(t);
    addSoftmaxRows(t);
    addContractionRows(t);
    addEinsumRows(t);
    addConvolutionRows(t);
    addConvolutionTransposeRows(t);
    addPoolingRows(t);
    addNormalizationRows(t);
    addBatchNormalizationRows(t);
    addQuantizationRows(t);
    addMovementRows(t);
    addReshapeRows(t);
    addMovementFormRows(t);
    addPadRows(t);
    addIndexingRows(t);
    addIndexingFormRows(t);
    addResizeRows(t);
    addGridSampleRows(t);
    addSignalRows(t);
    addSuppressionRows(t);
    addAttentionRows(t);
    addRotaryEmbeddingRows(t);
    addRecurrenceRow(t);
    addRecurrentRows(t);
    addPositionRows(t);
    addSequenceRows(t);
    addScatterRows(t);
    addRegionRows(t);
    return t;
  }();
  return table;
}

OpRow &OpTable::add(OpRow row) {
  opRows.push_back(std::move(row));
  byName[opRows.back().name] = &opRows.back();
  return opRows.back();
}

void OpTable::example(llvm::StringRef name, const char *text) {
  auto row = llvm::find_if(opRows, [&](const OpRow &row) { return row.name == name; });
  assert(row != opRows.end() && "an example of a row that does not exist");
  row->example = text;
}

void OpTable::addOnnx(OnnxRow row) { importRows.push_back(std::move(row)); }

const OpRow *OpTable::find(StringRef name) const { return byName.lookup(name); }

const OpRow *OpTable::find(Operation *op) const {
  StringRef name = op->getName().getStringRef();
  return name.consume_front("ampc.") ? byName.lookup(name) : nullptr;
}

const OnnxRow *OpTable::findOnnx(StringRef domain, StringRef name, int version) const {
  if (domain == "ai.onnx")
    domain = "";
  for (const OnnxRow &row : importRows)
    if (row.name == name && row.domain == domain && row.firstVersion <= version && version <= row.lastVersion)
      return &row;
  return nullptr;
}

// --- Deriving ----------------------------------------------------------------------------------------------------

OpInstance instanceOf(Operation *op) {
  OpInstance instance;
  instance.row = OpTable::get().find(op);
  instance.attributes = op->getAttrDictionary();
  for (Value operand : op->getOperands())
    instance.operands.push_back(typeOf(operand));
  for (Value result : op->getResults())
    instance.results.push_back(typeOf(result));
  return instance;
}

llvm::Expected<std::vector<TensorType>> inferResults(OpInstance instance) {
  instance.results.clear();
  int count = int(instance.operands.size());
  if (count < instance.row->minOperands || (instance.row->maxOperands >= 0 && count > instance.row->maxOperands))
    return opError("ampc." + instance.row->name + " has " + llvm::Twine(count) + " operands");
  return instance.row->infer(instance);
}

// A dimension such as 2 o + r with r < 2 looks like a product of loops but is a window when the operand is longer.
static void markCutLoops(IterationRule &rule, const Access &access, const std::vector<int64_t> &shape) {
  for (size_t d = 0; d < access.dims.size() && d < shape.size(); ++d)
    if (!access.dims[d].indirect && !rule.isProduct(access.dims[d], shape[d]))
      for (const LinearTerm &term : access.dims[d].terms)
        rule.loops[term.loop].isCut = true;
}

IterationRule ruleOf(const OpInstance &instance) {
  IterationRule rule = instance.row->rule(instance);
  for (size_t k = 0; k < rule.operands.size() && k < instance.operands.size(); ++k)
    markCutLoops(rule, rule.operands[k], instance.in(k));
  for (size_t k = 0; k < rule.results.size() && k < instance.results.size(); ++k)
    markCutLoops(rule, rule.results[k], instance.out(k));
  return rule;
}

ScalarProgram bodyOf(const OpInstance &instance) {
  ScalarBuilder builder;
  Body body(instance, builder);
  Scalar result = instance.row->body(body);
  // A reduction accumulates in the type of its body; everything else is converted here.
  if (instance.row->opClass != OpClass::Reduction && instance.row->opClass != OpClass::Contraction)
    result = cast(result, computeType(instance.results[0].type));
  builder.program.result = result.id();
  return std::move(builder.program);
}

// --- Building rows -----------------------------------------------------------------------------------------------

IterationRule elementwiseRule(const OpInstance &instance) {
  IterationRule rule;
  const std::vector<int64_t> &shape = instance.out();
  Access identity;
  for (size_t d = 0; d < shape.size(); ++d) {
    rule.loops.push_back({"d" + std::to_string(d), shape[d], LoopKind::Parallel});
    identity.dims.push_back(DimAccess::loop(int(d)));
  }
  for (const TensorType &operand : instance.operands) {
    Access access;
    size_t skip = shape.size() - operand.shape.size();
    for (size_t d = 0; d < operand.shape.size(); ++d)
      access.dims.push_back(operand.shape[d] == 1 && shape[skip + d] != 1 ? DimAccess::zero()
                                                                          : DimAccess::loop(int(skip + d)));
    rule.operands.push_back(std::move(access));
  }
  rule.results.assign(instance.results.size(), identity);
  rule.flopsPerPoint = 1;
  return rule;
}

InferFn broadcastInfer(std::optional<DataType> resultType) {
  return [resultType](const OpInstance &instance) -> llvm::Expected<std::vector<TensorType>> {
    std::vector<int64_t> shape;
    for (const TensorType &operand : instance.operands) {
      if (operand.shape.size() > shape.size())
        shape.insert(shape.begin(), operand.shape.size() - shape.size(), 1);
      size_t skip = shape.size() - operand.shape.size();
      for (size_t d = 0; d < operand.shape.size(); ++d) {
        int64_t &extent = shape[skip + d];
        if (extent == 1)
          extent = operand.shape[d];
        else if (operand.shape[d] != 1 && operand.shape[d] != extent)
          return opError("operand shapes cannot be broadcast: dimension " + llvm::Twine(extent) + " against " +
                         llvm::Twine(operand.shape[d]));
      }
    }
    return std::vector<TensorType>{{resultType.value_or(instance.operands[0].type), shape}};
  };
}

ImportFn importAs(std::string row) {
  return [row](ImportContext &context) -> llvm::Expected<SmallVector<Value>> {
    SmallVector<Value> operands;
    for (size_t k = 0; k < context.numOperands(); ++k)
      operands.push_back(context.operand(k));
    return context.build(row, operands);
  };
}

void addElementwise(OpTable &table, const char *name, int operands, std::vector<const char *> onnxNames, BodyFn body,
                    std::optional<DataType> resultType, double flopsPerPoint) {
  OpRow row;
  row.name = name;
  row.opClass = OpClass::Elementwise;
  row.minOperands = row.maxOperands = operands;
  row.infer = broadcastInfer(resultType);
  row.rule = [flopsPerPoint](const OpInstance &instance) {
    IterationRule rule = elementwiseRule(instance);
    rule.flopsPerPoint = flopsPerPoint;
    return rule;
  };
  row.body = std::move(body);
  table.add(std::move(row));
  for (const char *onnxName : onnxNames)
    table.addOnnx({"", onnxName, 1, 1 << 20, importAs(name), name});
}

llvm::Expected<int64_t> normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return opError("axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(rank));
  return axis < 0 ? axis + rank : axis;
}

std::optional<DataType> fromOnnxType(int64_t number) {
  switch (number) {
  case 1: return DataType::F32;
  case 2: return DataType::U8;
  case 3: return DataType::I8;
  case 4: return DataType::U16;
  case 5: return DataType::I16;
  case 6: return DataType::I32;
  case 7: return DataType::I64;
  case 9: return DataType::Bool;
  case 10: return DataType::F16;
  case 11: return DataType::F64;
  case 12: return DataType::U32;
  case 13: return DataType::U64;
  case 16: return DataType::BF16;
  default: return std::nullopt;
  }
}

} // namespace ampc
