// Asks the rows for typical instances, and ONNX for types and functions.
#include "ir/onnx/coverage.h"

#include "ir/onnx/graph_importer.h"

#include "mlir/AsmParser/AsmParser.h"

#include <onnx/defs/schema.h>

#include <map>

namespace ampc {

static std::vector<DataType> typesOf(const onnx::OpSchema *schema) {
  std::vector<DataType> types;
  for (int t = int(DataType::F64); t <= int(DataType::Bool); ++t) {
    DataType type = DataType(t);
    if (!schema) { // a runtime's own operator: see contributed()
      if (isFloat(type))
        types.push_back(type);
      continue;
    }
    const auto &formals = schema->inputs().empty() ? schema->outputs() : schema->inputs();
    std::string spelled = "tensor(" + llvm::StringRef(onnxTypeName(toOnnxType(type))).lower() + ")";
    if (!formals.empty() && llvm::any_of(formals[0].GetTypes(), [&](onnx::DataType allowed) { return *allowed == spelled; }))
      types.push_back(type);
  }
  return types;
}

/// The row's example, or operands of plain shapes without attributes where that is an instance of the class.
static std::optional<OpInstance> exampleOf(const OpRow &row, mlir::MLIRContext &context) {
  OpInstance instance;
  instance.row = &row;
  llvm::StringRef text = row.example;
  if (text.empty()) {
    if (row.opClass != OpClass::Elementwise)
      return std::nullopt;
    instance.operands.assign(size_t(std::max(row.minOperands, 1)), {DataType::F32, {6, 10}});
    return instance;
  }
  auto [types, attributes] = text.drop_front().split(')');
  for (llvm::StringRef rest = types; !rest.empty();) {
    size_t used = 0;
    mlir::Type type = mlir::parseType(rest, &context, &used);
    std::optional<TensorType> operand = type ? fromMlir(type) : std::nullopt;
    if (!operand)
      return std::nullopt;
    instance.operands.push_back(*operand);
    rest = rest.drop_front(used).ltrim(", ");
  }
  if (!attributes.trim().empty())
    instance.attributes =
        mlir::dyn_cast_or_null<mlir::DictionaryAttr>(mlir::parseAttribute(attributes.trim(), &context));
  return instance;
}

/// Loops that can be split; in parentheses those that leave partial results.
static std::string loopsOf(const OpRow &row, mlir::MLIRContext &context) {
  std::optional<OpInstance> example = exampleOf(row, context);
  if (!example)
    return "";
  OpInstance &instance = *example;
  llvm::Expected<std::vector<TensorType>> results = inferResults(instance);
  if (!results) {
    llvm::consumeError(results.takeError());
    return "";
  }
  instance.results = *results;
  IterationRule rule = ruleOf(instance);
  std::string text;
  bool areAll = true;
  for (size_t l = 0; l < rule.loops.size(); ++l) {
    const Loop &loop = rule.loops[l];
    bool isPartial = loop.kind == LoopKind::Reduce;
    areAll &= rule.canShard(int(l)) && !isPartial;
    if (rule.canShard(int(l)))
      text += (text.empty() ? "" : " ") + (isPartial ? "(" + loop.name + ")" : loop.name);
  }
  return areAll ? "all" : text;
}

/// Of an operator that becomes several rows: the one that does the work, if there is a product among them.
static const OpRow *mainRow(llvm::StringRef lowersTo) {
  const OpTable &table = OpTable::get();
  if (const OpRow *only = table.find(lowersTo))
    return only;
  llvm::SmallVector<llvm::StringRef> names;
  lowersTo.split(names, ',');
  for (llvm::StringRef name : names)
    if (const OpRow *row = table.find(name.trim());
        row && (row->opClass == OpClass::Contraction || row->opClass == OpClass::Convolution))
      return row;
  return nullptr;
}

std::vector<OperatorCoverage> operatorCoverage() {
  std::vector<OperatorCoverage> all;
  const OpTable &table = OpTable::get();
  mlir::MLIRContext context;
  std::map<std::string, OperatorCoverage> inlined;
  for (const OnnxRow &row : table.onnxRows()) {
    const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(row.name, row.lastVersion, row.domain);
    const OpRow *main = mainRow(row.lowersTo);
    all.push_back({row.domain, row.name, row.firstVersion, row.lastVersion, typesOf(schema), table.find(row.lowersTo) ? "row" : "expanded", row.lowersTo, main ? loopsOf(*main, context) : ""});
  }
  for (const onnx::OpSchema &schema : onnx::OpSchemaRegistry::get_all_schemas()) {
    int version = schema.since_version();
    bool hasBody = schema.HasFunction() || schema.HasContextDependentFunction();
    if (!schema.domain().empty() || schema.Deprecated() || !hasBody || table.findOnnx("", schema.Name(), version))
      continue;
    inlined[schema.Name()] = {"", schema.Name(), version, 1 << 20, typesOf(&schema), "inlined", "", ""};
  }
  for (auto &[name, coverage] : inlined)
    all.push_back(std::move(coverage));
  return all;
}

} // namespace ampc
