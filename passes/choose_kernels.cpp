// Decides who executes each kernel: "generated", "builtin:NAME" (code of the runtime) or "library:NAME". Where both the
// library and generated code can, the cheaper one does; both prices stay as attributes, for dumps.
#include "passes/executor_prices.h"
#include "passes/passes.h"

using namespace mlir;

namespace ampc {

llvm::Error chooseKernels(ModuleOp module, const cost::Device &device, uint32_t threads) {
  Builder builder(module.getContext());
  module.walk([&](Operation *kernel) {
    if (kernel->getName().getStringRef() != "ampc.kernel")
      return;
    Operation &first = kernel->getRegion(0).front().front();
    const OpRow *row = OpTable::get().find(&first);
    std::string executor = "generated";
    if (row->opClass == OpClass::Builtin) {
      executor = "builtin:" + row->builtin;
    } else if (std::optional<LibraryCall> call = libraryCallOf(kernel, threads)) {
      if (!isGeneratedFaster(kernel, *call, device))
        executor = "library:" + call->kernel.symbol;
      kernel->setAttr("library", builder.getStringAttr(call->kernel.symbol));
      kernel->setAttr("library_seconds", builder.getF64FloatAttr(libraryProductSeconds(kernel, *call, device)));
      kernel->setAttr("generated_seconds", builder.getF64FloatAttr(generatedProductSeconds(kernel, device)));
    }
    kernel->setAttr("executor", builder.getStringAttr(executor));
  });
  return llvm::Error::success();
}

} // namespace ampc
