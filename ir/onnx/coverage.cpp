// Asks the rows for typical instances, and ONNX for types and functions.
#include "ir/onnx/coverage.h"

#include "ir/onnx/graph_importer.h"

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

/// Loops of an instance without attributes on operands of plain shapes, for the classes whose rules need no more.
static std::string loopsOf(const OpRow &row) {
  using Shapes = std::vector<std::vector<int64_t>>;
  Shapes shapes;
  if (row.opClass == OpClass::Elementwise)
    shapes = Shapes(size_t(std::max(row.minOperands, 1)), {6, 10});
  else if (row.opClass == OpClass::Contraction)
    shapes = {{4, 6, 10}, {4, 10, 8}};
  else if (row.opClass == OpClass::Convolution)
    shapes = {{4, 6, 10, 10}, {8, 6, 3, 3}};
  else
    return "";
  OpInstance instance;
  instance.row = &row;
  for (const std::vector<int64_t> &shape : shapes)
    instance.operands.push_back({DataType::F32, shape});
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

std::vector<OperatorCoverage> operatorCoverage() {
  std::vector<OperatorCoverage> all;
  const OpTable &table = OpTable::get();
  std::map<std::string, OperatorCoverage> inlined;
  for (const OnnxRow &row : table.onnxRows()) {
    const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(row.name, row.lastVersion, row.domain);
    const OpRow *one = table.find(row.lowersTo);
    all.push_back({row.domain, row.name, row.firstVersion, row.lastVersion, typesOf(schema), one ? "row" : "expanded",
                   row.lowersTo, one ? loopsOf(*one) : ""});
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
