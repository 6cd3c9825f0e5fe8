// libFuzzer target for models: any bytes are imported as an ONNX file. What the importer accepts must pass the verifier
// of its stage, and be imported alike from the stripped form that plans store.
#include "ir/diagnostic.h"
#include "ir/onnx/import.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

using namespace ampc;

static std::string textOf(const ImportedModel &imported) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  imported.module.get()->print(stream);
  return text;
}

/// The message of a refusal; an internal error is a finding.
static void accept(llvm::Error error) {
  llvm::handleAllErrors(std::move(error), [](const Diagnostic &diagnostic) {
    if (diagnostic.code != ErrorCode::Internal)
      return;
    diagnostic.log(llvm::errs());
    std::abort();
  });
}

static void importAs(const std::string &path, bool isBound) {
  // Types and attributes of a context are never freed.
  static int uses = 0;
  static std::unique_ptr<mlir::MLIRContext> context;
  if (uses++ % 500 == 0)
    context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
  ImportOptions options;
  options.weightsOptional = true;
  options.maxNodes = 2000; // a unit takes milliseconds; what is worse than linear in the nodes is still a timeout
  if (isBound)
    options.dims = {{"N", 2}, {"batch", 2}};
  llvm::Expected<ImportedModel> imported = importOnnx(*context, path, options);
  if (!imported)
    return accept(imported.takeError());
  llvm::Expected<ImportedModel> again = importStripped(*context, imported->strippedModel, options);
  if (!again)
    return accept(again.takeError());
  if (textOf(*again) != textOf(*imported) || again->strippedModel != imported->strippedModel)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int descriptor = memfd_create("model", MFD_CLOEXEC);
  if (descriptor < 0 || write(descriptor, data, size) != ssize_t(size))
    std::abort();
  importAs("/proc/self/fd/" + std::to_string(descriptor), size % 2);
  close(descriptor);
  return 0;
}
