// Decides who executes each kernel: "generated", "builtin:NAME" (code of the runtime) or "library:NAME". Where both the
// library and generated code can, the cheaper one does. The runtime's own code only does what neither can: a recurrence
// is the library's whenever it can do it, and prices are not compared. They stay as attributes, for dumps. Says of
// generated kernels which results may be written over an operand.
#include "codegen/compile_kernels.h"
#include "passes/attributes.h"
#include "passes/executor_prices.h"
#include "passes/kernel_text.h"
#include "passes/passes.h"

#include <map>

using namespace mlir;

namespace ampc {

/// Could a result have the bytes of an operand at all? What is computed at load stays.
static bool hasEqualSizes(Operation *kernel) {
  auto atLoad = kernel->getAttrOfType<BoolAttr>("at_load");
  return !(atLoad && atLoad.getValue()) && llvm::any_of(kernel->getResults(), [&](Value result) {
    return llvm::any_of(kernel->getOperands(),
                        [&](Value operand) { return typeOf(operand).sizeBytes() == typeOf(result).sizeBytes(); });
  });
}

llvm::Error chooseKernels(ModuleOp module, const cost::Device &device, uint32_t threads) {
  Builder builder(module.getContext());
  std::map<std::string, std::vector<plan::InPlacePair>> inPlace; // by text: layers repeat each other
  llvm::Error error = llvm::Error::success();
  module.walk([&](Operation *kernel) {
    if (kernel->getName().getStringRef() != "ampc.kernel")
      return WalkResult::advance();
    Operation &first = kernel->getRegion(0).front().front();
    const OpRow *row = OpTable::get().find(&first);
    const bool isBuiltin = row->opClass == OpClass::Builtin;
    std::string executor = isBuiltin ? "builtin:" + row->builtin : "generated";
    if (std::optional<LibraryCall> call = libraryCallOf(kernel, threads)) {
      if (isBuiltin || !isGeneratedFaster(kernel, *call, device))
        executor = "library:" + call->kernel.symbol;
      kernel->setAttr("library", builder.getStringAttr(call->kernel.symbol));
      kernel->setAttr("library_seconds", builder.getF64FloatAttr(librarySeconds(kernel, *call, device)));
      if (!isBuiltin)
        kernel->setAttr("generated_seconds", builder.getF64FloatAttr(generatedSeconds(kernel, device)));
    }
    kernel->setAttr("executor", builder.getStringAttr(executor));
    if (executor != "generated" || !hasEqualSizes(kernel))
      return WalkResult::advance();
    std::string text = kernelText(kernel);
    auto known = inPlace.find(text);
    if (known == inPlace.end()) {
      llvm::Expected<std::vector<plan::InPlacePair>> pairs = inPlacePairsOf(text, *module.getContext());
      if (!pairs) {
        error = llvm::joinErrors(std::move(error), pairs.takeError());
        return WalkResult::interrupt();
      }
      known = inPlace.emplace(std::move(text), std::move(*pairs)).first;
    }
    setInPlace(kernel, known->second);
    return WalkResult::advance();
  });
  return error;
}

} // namespace ampc
