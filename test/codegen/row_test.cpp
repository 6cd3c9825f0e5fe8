// Walks the op table: every row that has a body is compiled alone, in small instances of every element type
// that it takes, and compared with the reference evaluation.
#include "ir/dialect.h"
#include "test/codegen/kernel_case.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"

#include <set>

using namespace ampc;
using namespace ampc::test;

namespace {

constexpr DataType allTypes[] = {DataType::F64, DataType::F32, DataType::F16, DataType::BF16, DataType::I8,
                                 DataType::I16, DataType::I32, DataType::I64, DataType::U8,   DataType::U16,
                                 DataType::U32, DataType::U64, DataType::Bool};

/// An instance to try: `T` in the operand types stands for each element type.
struct Instance {
  const char *row;
  const char *attributes;
  std::vector<const char *> operands; // "3x5xT", "4xi64"
  InputSpec inputs = {};
  bool floatsOnly = false;
};

std::string replaceType(const std::string &shape, mlir::MLIRContext &context, DataType type) {
  std::string spelled, text = shape;
  llvm::raw_string_ostream(spelled) << toMlir(&context, type);
  if (!text.empty() && text.back() == 'T')
    text.replace(text.size() - 1, 1, spelled);
  return "tensor<" + text + ">";
}

/// Text of a kernel with this one operator; empty if the row does not take the types.
std::string instanceText(const Instance &instance, DataType type) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadDialects(context);
  OpInstance op;
  op.row = OpTable::get().find(instance.row);
  if (!op.row) {
    ADD_FAILURE() << "no row " << instance.row;
    return "";
  }
  std::string attributes =
      "{name = \"n\"" + std::string(*instance.attributes ? ", " : "") + instance.attributes + "}";
  op.attributes = mlir::dyn_cast_or_null<mlir::DictionaryAttr>(mlir::parseAttribute(attributes, &context));
  std::string arguments, names, types;
  for (size_t k = 0; k < instance.operands.size(); ++k) {
    std::string text = replaceType(instance.operands[k], context, type);
    op.operands.push_back(*fromMlir(mlir::parseType(text, &context)));
    const char *comma = k ? ", " : "";
    arguments += comma + ("%a" + std::to_string(k)) + ": " + text;
    names += comma + ("%a" + std::to_string(k));
    types += comma + text;
  }
  llvm::Expected<std::vector<TensorType>> results = inferResults(op);
  if (!results) {
    llvm::consumeError(results.takeError());
    return "";
  }
  std::string result;
  llvm::raw_string_ostream(result) << toMlir(&context, (*results)[0]);
  return kernelText(arguments, result,
                    "%r = ampc." + std::string(instance.row) + " " + names + " " + attributes + " : (" +
                        types + ") -> " + result + "\nreturn %r : " + result);
}

/// Some operations exist for floats only; the reference evaluation says so.
bool isDefined(const std::string &text) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return false;
  llvm::Expected<std::vector<HostTensor>> results = evaluateKernel(*module, randomInputs(*module, {}));
  if (results)
    return true;
  llvm::consumeError(results.takeError());
  return false;
}

void checkInstance(const Instance &instance, DataType type) {
  if (instance.floatsOnly && !isFloat(type))
    return;
  std::string text = instanceText(instance, type);
  if (!text.empty() && isDefined(text))
    checkKernel(text, instance.inputs);
}

const Instance instances[] = {
    {"reduce_sum", "axes = array<i64: 1>, keepdims = 1 : i64", {"3x17x5xT"}},
    {"reduce_max", "axes = array<i64: 2>, keepdims = 0 : i64", {"3x4x37xT"}},
    {"reduce_min", "axes = array<i64: 0, 2>, keepdims = 0 : i64", {"5x4x7xT"}},
    {"reduce_prod", "axes = array<i64: 0, 1>, keepdims = 0 : i64", {"2x3xT"}},
    {"reduce_sum", "axes = array<i64: 1>, keepdims = 0 : i64", {"3x0xT"}},
    {"matmul", "", {"2x5x9xT", "9x18xT"}},
    {"conv",
     "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, pads = array<i64: 1, 2, 0, 2>",
     {"2x4x9x8xT", "6x2x3x3xT"}},
    {"conv", "pads = array<i64: 1, 1, 1, 1>", {"1x6x20x21xT", "6x1x3x3xT"}},
    {"max_pool",
     "kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>",
     {"2x3x23x40xT"}},
    {"sum_pool", "kernel = array<i64: 2>, strides = array<i64: 2>", {"2x3x35xT"}},
    {"max_pool_index",
     "kernel = array<i64: 2>, strides = array<i64: 2>",
     {"2x3x8xT", "2x3x4xT", "8xi64", "2x3xi64"}},
    {"transpose", "perm = array<i64: 2, 0, 1>", {"3x5x19xT"}},
    {"transpose", "perm = array<i64: 1, 0>", {"40x33xT"}},
    {"expand", "shape = array<i64: 4, 3, 21>", {"3x1xT"}},
    {"tile", "repeats = array<i64: 2, 3>", {"3x7xT"}},
    {"repeat", "repeats = array<i64: 2, 3>", {"3x7xT"}},
    {"slice", "starts = array<i64: 1, 30>, steps = array<i64: 2, -3>, shape = array<i64: 2, 9>", {"5x33xT"}},
    {"slice", "starts = array<i64: 0, 39>, steps = array<i64: 1, -1>, shape = array<i64: 2, 37>", {"2x40xT"}},
    {"concat", "axis = 1 : i64", {"3x5xT", "3x30xT", "3x1xT"}},
    {"concat", "axis = 0 : i64", {"3x5xT", "2x5xT"}},
    {"pad", "pads = array<i64: 1, -2, 0, 5>, value = 2.0 : f64", {"5x20xT"}},
    {"pad_by_index", "pads = array<i64: 0, 3, 2, 2>, mode = \"reflect\"", {"5x20xT"}},
    {"pad_by_index", "pads = array<i64: 0, 3, 2, 2>, mode = \"edge\"", {"5x20xT"}},
    {"pad_by_index", "pads = array<i64: 0, 3, 2, 2>, mode = \"wrap\"", {"5x20xT"}},
    {"reshape", "shape = array<i64: 10, 21>", {"6x35xT"}},
    {"reshape", "shape = array<i64: 2, 5, 3, 4>", {"10x12xT"}},
    {"gather", "axis = 1 : i64", {"3x5x9xT", "4xi64"}},
    {"gather", "axis = 0 : i64", {"5x40xT", "2x3xi32"}},
    {"gather_elements", "axis = 1 : i64", {"3x5xT", "3x4xi64"}},
    {"gather_nd", "batch_dims = 0 : i64", {"5x5x6xT", "4x2xi64"}},
    {"one_hot", "axis = 1 : i64, depth = 5 : i64", {"4xi64", "2xT"}},
    {"trilu", "upper = 1 : i64", {"3x9x11xT", "i64"}},
    {"reverse_sequence", "time_axis = 0 : i64, batch_axis = 1 : i64", {"6x3x4xT", "3xi64"}},
    {"window_update", "axis = 1 : i64", {"3x8x4xT", "3x2x4xT", "3xi64"}},
    {"interpolate", "axis = 1 : i64", {"2x5x9xT", "7x2xi64", "7x2xf32"}, {}, true},
    {"grid_sample",
     "mode = \"linear\", padding = \"zeros\", align_corners = 0 : i64",
     {"2x3x7x6xT", "2x4x5x2xT"},
     {-1, 1, 5, 1},
     true},
    {"where", "", {"3x1xi1", "3x19xT", "19xT"}},
};

// Where a function is defined, or where it is not too steep for the comparison.
InputSpec inputsFor(const std::string &row) {
  if (row == "asin" || row == "acos" || row == "atanh")
    return {-0.95, 0.95, 5, 1};
  if (row == "acosh")
    return {1.1, 50, 5, 1};
  if (row == "log" || row == "sqrt" || row == "rsqrt" || row == "pow" || row == "reciprocal")
    return {0.05, 5, 5, 1};
  if (row == "tan")
    return {-1.4, 1.4, 5, 1};
  return {-9, 9, 7, 1};
}

} // namespace

TEST(Row, Elementwise) {
  for (const OpRow &row : OpTable::get().rows()) {
    if (row.opClass != OpClass::Elementwise || !row.body || row.name == "where" || row.name == "cast")
      continue;
    std::vector<const char *> operands(size_t(row.minOperands), "3x37xT");
    if (row.minOperands > 1)
      operands.back() = "37xT";
    bool isShift = row.name.starts_with("shift"); // of integers; a boolean has nothing to shift
    for (DataType type : allTypes)
      if (!isShift || type != DataType::Bool)
        checkInstance({row.name.c_str(), "", operands, inputsFor(row.name)}, type);
  }
}

TEST(Row, Cast) {
  for (DataType to : allTypes) {
    std::string attributes = "to = \"" + std::string(name(to)) + "\"";
    for (DataType from : allTypes)
      checkInstance({"cast", attributes.c_str(), {"5x19xT"}, {-300, 300, 40000, 1}}, from);
  }
}

TEST(Row, Instances) {
  for (const Instance &instance : instances)
    for (DataType type : allTypes)
      checkInstance(instance, type);
}

TEST(Row, EveryRowWithBodyIsVisited) {
  std::set<std::string> visited = {"cast"};
  for (const Instance &instance : instances)
    visited.insert(instance.row);
  for (const OpRow &row : OpTable::get().rows())
    if (row.body && row.opClass != OpClass::Elementwise) {
      EXPECT_TRUE(visited.count(row.name)) << row.name << " needs an instance";
    }
}

TEST(Row, OlderProcessor) {
  TargetOptions options{"x86-64-v3", {}};
  for (const char *row : {"add", "exp", "sin", "tanh", "less"})
    for (DataType type : {DataType::F32, DataType::F64, DataType::BF16, DataType::F16, DataType::I64}) {
      std::vector<const char *> operands(size_t(OpTable::get().find(row)->minOperands), "3x37xT");
      std::string text = instanceText({row, "", operands}, type);
      if (!text.empty() && isDefined(text))
        checkKernel(text, {}, 1e-5, options);
    }
}
