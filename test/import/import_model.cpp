// Imports one ONNX file and prints a line about the result, or the error; exit codes are ampc's. The corpus
// tests run it on broken models, people on real ones.
//   import_model MODEL [--shape NAME=1x2] [--dim NAME=3] [--value NAME=4] [--state IN=OUT] [--dump] [--again]
#include "ir/diagnostic.h"
#include "ir/onnx/import.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace ampc;

static bool parseOption(llvm::StringRef option, llvm::StringRef text, ImportOptions &options) {
  auto [name, value] = text.split('=');
  if (option == "--shape") {
    std::vector<int64_t> &shape = options.shapes[name.str()];
    llvm::SmallVector<llvm::StringRef> parts;
    value.split(parts, 'x', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef part : parts)
      if (part.getAsInteger(10, shape.emplace_back()))
        return false;
    return true;
  }
  if (option == "--dim")
    return !value.getAsInteger(10, options.dims[name.str()]);
  if (option == "--value")
    options.valueTexts[name.str()] = value.str();
  else if (option == "--state")
    options.states.emplace_back(name.str(), value.str());
  else
    return false;
  return true;
}

static std::string text(const ModelTensor &tensor) {
  std::string shape;
  for (int64_t extent : tensor.type.shape)
    shape += (shape.empty() ? "" : "x") + std::to_string(extent);
  return tensor.name + ":" + std::string(name(tensor.type.type)) + "[" + shape + "]";
}

static std::string dump(const ImportedModel &imported) {
  std::string module;
  llvm::raw_string_ostream stream(module);
  imported.module.get()->print(stream);
  return module;
}

static int fail(llvm::Error error) {
  int code = 1;
  llvm::handleAllErrors(std::move(error), [&](const Diagnostic &diagnostic) {
    diagnostic.log(llvm::errs());
    code = exitCode(diagnostic.code);
  });
  return code;
}

int main(int argc, char **argv) {
  ImportOptions options;
  bool isDumped = false, isRepeated = false;
  for (int k = 2; k < argc; ++k) {
    llvm::StringRef option = argv[k];
    if (option == "--dump")
      isDumped = true;
    else if (option == "--again")
      isRepeated = true;
    else if (k + 1 == argc || !parseOption(option, argv[++k], options))
      return 2;
  }
  if (argc < 2)
    return 2;
  mlir::MLIRContext context;
  auto begin = std::chrono::steady_clock::now();
  llvm::Expected<ImportedModel> imported = importOnnx(context, argv[1], options);
  double milliseconds =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  if (!imported)
    return fail(imported.takeError());
  if (isDumped)
    llvm::outs() << dump(*imported);
  if (isRepeated) {
    llvm::Expected<ImportedModel> again = importStripped(context, imported->strippedModel, options);
    if (!again)
      return fail(again.takeError());
    if (dump(*again) != dump(*imported) || again->strippedModel != imported->strippedModel) {
      llvm::errs() << "the stripped model is imported differently\n";
      return 1;
    }
  }
  uint64_t weightBytes = 0;
  for (const WeightReference &weight : imported->weights.weights)
    weightBytes += weight.sizeBytes;
  int64_t numOps = 0;
  imported->module->walk([&](mlir::Operation *) { ++numOps; });
  llvm::outs() << "ops " << numOps - 3 << " weights " << imported->weights.weights.size() << " ("
               << weightBytes << " bytes) stripped " << imported->strippedModel.size() << " in "
               << int64_t(milliseconds) << " ms";
  for (const ModelTensor &tensor : imported->inputs)
    llvm::outs() << " in " << text(tensor);
  for (const ModelTensor &tensor : imported->outputs)
    llvm::outs() << " out " << text(tensor);
  llvm::outs() << "\n";
}
