// Debug tool of the conformance tests: imports models and evaluates them operator by operator with the
// reference evaluation, against expected outputs. No planning, no code generation.
//
//   evaluate_model LIST     LIST has one case folder per line: model.onnx and manifest.txt, whose lines are
//                           input|output NAME TYPE FILE EXTENT...      (FILE: raw little-endian elements)
//                           tolerance RELATIVE ABSOLUTE
//                           A TYPE that is none of ampc's marks a model that must be refused.
//   evaluate_model --shardings LIST     also evaluates every operator with each of its loops split over 2 and
//   3 devices. evaluate_model --dump MODEL.onnx     prints the imported module.
//
// One line per case: "NAME pass|wrong|refused|failed", then bound inputs or the reason.
#include "ir/diagnostic.h"
#include "ir/onnx/import.h"
#include "ir/sharded_evaluation.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace ampc;

namespace {

struct Tensor {
  std::string name;
  HostTensor value;
};

struct Case {
  std::string folder;
  std::vector<Tensor> inputs, outputs;
  double relative = 1e-3, absolute = 1e-7;
  bool isRefusable = false; // has a tensor of a type that ampc does not have: must be refused
};

std::optional<DataType> typeNamed(std::string_view text) {
  for (int k = int(DataType::F64); k <= int(DataType::Bool); ++k)
    if (name(DataType(k)) == text)
      return DataType(k);
  return std::nullopt;
}

std::string readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<Case> readCase(const std::string &folder) {
  Case result{folder, {}, {}};
  std::ifstream manifest(folder + "/manifest.txt");
  if (!manifest)
    return std::nullopt;
  for (std::string line; std::getline(manifest, line);) {
    std::istringstream words(line);
    std::string kind, tensorName, typeName, file;
    words >> kind;
    if (kind == "tolerance") {
      words >> result.relative >> result.absolute;
      continue;
    }
    words >> tensorName >> typeName >> file;
    std::optional<DataType> type = typeNamed(typeName);
    if (!type) {
      result.isRefusable = true;
      continue;
    }
    std::vector<int64_t> shape;
    for (int64_t extent; words >> extent;)
      shape.push_back(extent);
    Tensor tensor{tensorName, HostTensor(TensorType{*type, shape})};
    std::string bytes = readBytes(folder + "/" + file);
    if (bytes.size() != tensor.value.bytes.size())
      return std::nullopt;
    std::copy(bytes.begin(), bytes.end(), tensor.value.bytes.begin());
    (kind == "input" ? result.inputs : result.outputs).push_back(std::move(tensor));
  }
  return result;
}

llvm::Expected<HostTensor> readWeight(const WeightReference &weight) {
  HostTensor result(weight.type);
  if (weight.file.empty()) {
    if (weight.bytes.size() != result.bytes.size())
      return makeError(ErrorCode::InvalidModel, "weight " + weight.name + " has the wrong size");
    result.bytes = weight.bytes;
    return result;
  }
  std::ifstream file(weight.file, std::ios::binary);
  file.seekg(std::streamoff(weight.fileOffset));
  if (!file.read(result.bytes.data(), std::streamsize(result.bytes.size())))
    return makeError(ErrorCode::FileSystem, "weight " + weight.name + " cannot be read");
  return result;
}

/// Largest difference allowed between two ways to compute the same, relative to the largest value.
bool isClose(const HostTensor &a, const HostTensor &b) {
  double largest = 0, relative = a.type.type == DataType::BF16  ? 2e-2
                                 : a.type.type == DataType::F16 ? 3e-3
                                                                : 1e-5;
  for (int64_t k = 0; k < b.type.numElements(); ++k)
    if (double value = std::abs(b.real(k)); std::isfinite(value))
      largest = std::max(largest, value);
  for (int64_t k = 0; k < a.type.numElements(); ++k) {
    double x = a.real(k), y = b.real(k);
    bool same = x == y || (std::isnan(x) && std::isnan(y));
    if (!same && (!isFloat(a.type.type) || !(std::abs(x - y) <= relative * largest)))
      return false;
  }
  return true;
}

/// Every loop that can be sharded, on 2 and 3 devices, against the whole.
llvm::Error checkShardings(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands,
                           const std::vector<HostTensor> &expected) {
  IterationRule rule = ruleOf(instance);
  for (int loop = 0; loop < int(rule.loops.size()); ++loop)
    for (int64_t devices : {2, 3}) {
      if (!rule.canShard(loop))
        continue;
      llvm::Expected<std::vector<HostTensor>> got = evaluateSharded(instance, operands, loop, devices);
      if (!got)
        return got.takeError();
      for (size_t k = 0; k < expected.size(); ++k)
        if (!isClose((*got)[k], expected[k]))
          return makeError(ErrorCode::Internal, "ampc." + instance.row->name + " differs with loop " +
                                                    rule.loops[size_t(loop)].name + " on " +
                                                    llvm::Twine(devices) + " devices");
    }
  return llvm::Error::success();
}

bool walksShardings = false;

/// Evaluates @main; results in the order of the outputs' indices.
llvm::Expected<std::vector<HostTensor>> evaluateModule(ImportedModel &model,
                                                       const std::vector<Tensor> &inputs) {
  llvm::DenseMap<mlir::Value, HostTensor> values;
  std::vector<HostTensor> outputs(model.outputs.size());
  auto main = model.module->lookupSymbol<mlir::func::FuncOp>("main");
  for (mlir::Operation &op : main.getBody().front()) {
    llvm::StringRef kind = op.getName().stripDialect();
    auto number = [&](llvm::StringRef attribute) {
      return op.getAttrOfType<mlir::IntegerAttr>(attribute).getInt();
    };
    if (op.hasTrait<mlir::OpTrait::IsTerminator>())
      break;
    if (kind == "input") {
      const std::string &wanted = model.inputs[size_t(number("index"))].name;
      for (const Tensor &input : inputs)
        if (input.name == wanted)
          values[op.getResult(0)] = input.value;
    } else if (kind == "parameter") {
      llvm::Expected<HostTensor> weight = readWeight(model.weights.weights[size_t(number("weight"))]);
      if (!weight)
        return weight.takeError();
      values[op.getResult(0)] = std::move(*weight);
    } else if (kind == "constant") {
      values[op.getResult(0)] = *constantValue(op.getResult(0));
    } else if (kind == "output") {
      outputs[size_t(number("index"))] = values[op.getOperand(0)];
    } else {
      std::vector<HostTensor> operands;
      for (mlir::Value operand : op.getOperands())
        operands.push_back(values[operand]);
      llvm::Expected<std::vector<HostTensor>> results = evaluate(instanceOf(&op), operands);
      if (!results)
        return withFacts(results.takeError(), {{"node", nameOf(&op).str()}});
      if (walksShardings)
        if (llvm::Error error = checkShardings(instanceOf(&op), operands, *results))
          return withFacts(std::move(error), {{"node", nameOf(&op).str()}});
      for (size_t k = 0; k < results->size(); ++k)
        values[op.getResult(unsigned(k))] = std::move((*results)[k]);
    }
  }
  return outputs;
}

/// Empty if equal within the case's tolerance.
std::string difference(const Case &test, const Tensor &expected, const HostTensor &got) {
  auto shapeText = [](const TensorType &type) {
    std::string text(name(type.type));
    for (int64_t extent : type.shape)
      text += " " + std::to_string(extent);
    return text;
  };
  if (got.type != expected.value.type)
    return expected.name + " is " + shapeText(got.type) + " instead of " + shapeText(expected.value.type);
  double largest = 0;
  for (int64_t k = 0; k < got.type.numElements() && isFloat(got.type.type); ++k)
    if (double value = std::abs(expected.value.real(k)); std::isfinite(value))
      largest = std::max(largest, value);
  // Where terms cancel, what is left is the rounding of the largest of them.
  double absolute = std::max(test.absolute, 1e-6 * largest);
  // Expected 16-bit floats were rounded after each of their own steps; ours are not the same.
  double relative = test.relative;
  if (got.type.type == DataType::BF16 || got.type.type == DataType::F16)
    relative = std::max(relative, got.type.type == DataType::BF16 ? 2e-2 : 3e-3);
  for (int64_t k = 0; k < got.type.numElements(); ++k) {
    bool equal;
    if (isFloat(got.type.type)) {
      double a = got.real(k), b = expected.value.real(k);
      equal =
          (std::isnan(a) && std::isnan(b)) || a == b || std::abs(a - b) <= absolute + relative * std::abs(b);
    } else {
      equal = got.integer(k) == expected.value.integer(k);
    }
    if (!equal)
      return expected.name + "[" + std::to_string(k) + "] is " + std::to_string(got.real(k)) +
             " instead of " + std::to_string(expected.value.real(k));
  }
  return "";
}

enum class Binding { None, SmallIntegers, SmallTensors };

struct Outcome {
  std::string status, detail;
  int code = 0;
};

Outcome runCase(const Case &test, Binding binding) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadDialects(context);
  ImportOptions options;
  std::string bound;
  for (const Tensor &input : test.inputs) {
    bool isSmall = input.value.type.numElements() <= 64;
    if (isSmall && (binding == Binding::SmallTensors ||
                    (binding == Binding::SmallIntegers && !isFloat(input.value.type.type)))) {
      options.values[input.name] = input.value;
      bound += " " + input.name;
    } else {
      options.shapes[input.name] = input.value.type.shape;
    }
  }
  Outcome outcome{"pass", bound.empty() ? "" : "bound" + bound};
  auto fail = [&](llvm::Error error) {
    llvm::handleAllErrors(
        std::move(error),
        [&](const Diagnostic &diagnostic) {
          outcome.code = int(diagnostic.code);
          outcome.status = exitCode(diagnostic.code) == 1 ? "failed" : "refused";
          outcome.detail = "AMPC-" + std::to_string(outcome.code) + " " + diagnostic.sentence;
          for (const auto &[key, value] : diagnostic.facts)
            outcome.detail += " [" + key + ": " + value + "]";
        },
        [&](const llvm::ErrorInfoBase &other) {
          outcome.status = "failed";
          outcome.detail = other.message();
        });
    return outcome;
  };
  llvm::Expected<ImportedModel> model = importOnnx(context, test.folder + "/model.onnx", options);
  if (!model)
    return fail(model.takeError());
  if (test.isRefusable)
    return {"wrong", "a model with a foreign element type was imported"};
  llvm::Expected<std::vector<HostTensor>> outputs = evaluateModule(*model, test.inputs);
  if (!outputs)
    return fail(outputs.takeError());
  if (outputs->size() != test.outputs.size())
    return {"wrong", "the number of outputs differs"};
  for (size_t k = 0; k < outputs->size(); ++k)
    if (std::string text = difference(test, test.outputs[k], (*outputs)[k]); !text.empty())
      return {"wrong", text};
  return outcome;
}

int dump(const std::string &path) {
  mlir::MLIRContext context;
  loadDialects(context);
  llvm::Expected<ImportedModel> model = importOnnx(context, path, {});
  if (!model) {
    llvm::errs() << model.takeError() << "\n";
    return 1;
  }
  model->module->print(llvm::outs());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--dump")
    return dump(argv[2]);
  walksShardings = argc == 3 && std::string_view(argv[1]) == "--shardings";
  if (argc != 2 && !walksShardings) {
    std::cerr << "usage: evaluate_model [--shardings] LIST | evaluate_model --dump MODEL.onnx\n";
    return 2;
  }
  std::ifstream list(argv[argc - 1]);
  for (std::string folder; std::getline(list, folder);) {
    // Written first, so that a crash can be told from a missing case.
    std::cout << folder.substr(folder.rfind('/') + 1) << " " << std::flush;
    std::optional<Case> test = readCase(folder);
    Outcome outcome{"failed", "the case folder cannot be read"};
    if (test)
      for (Binding binding : {Binding::None, Binding::SmallIntegers, Binding::SmallTensors}) {
        outcome = runCase(*test, binding);
        // A refusal may be for want of a value that decides a shape.
        if (outcome.status != "refused")
          break;
      }
    std::cout << outcome.status << " " << outcome.detail << std::endl;
  }
  return 0;
}
