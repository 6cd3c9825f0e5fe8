// Decides who executes each kernel: "generated", "builtin:NAME" (code of the runtime) or "library:NAME".
#include "passes/library_kernel.h"
#include "passes/passes.h"

using namespace mlir;

namespace ampc {

llvm::Error chooseKernels(ModuleOp module, uint32_t threads) {
  Builder builder(module.getContext());
  module.walk([&](Operation *kernel) {
    if (kernel->getName().getStringRef() != "ampc.kernel")
      return;
    Operation &first = kernel->getRegion(0).front().front();
    const OpRow *row = OpTable::get().find(&first);
    std::string executor = "generated";
    if (row->opClass == OpClass::Builtin)
      executor = "builtin:" + row->builtin;
    else if (std::optional<LibraryCall> call = libraryCallOf(kernel, threads))
      executor = "library:" + call->kernel.symbol;
    kernel->setAttr("executor", builder.getStringAttr(executor));
  });
  return llvm::Error::success();
}

} // namespace ampc
