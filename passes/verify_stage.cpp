// The verifier at every border: a table of what is allowed after each stage.
#include "ir/diagnostic.h"
#include "passes/attributes.h"
#include "passes/passes.h"

#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ampc {

namespace {
struct Border {
  const char *stage;
  bool oneFunction;  // only @main
  bool decided;      // every op has a sharding
  bool kernelsOnly;  // computing ops stand inside ampc.kernel
};
} // namespace

static constexpr Border borders[] = {
    {"imported", true, false, false}, {"normal", true, false, false},       {"annotated", true, false, false},
    {"staged", false, true, false},   {"partitioned", false, true, false}, {"kernelized", false, false, true},
};

static llvm::Error broken(StringRef stage, Operation *op, const llvm::Twine &what) {
  return makeError(ErrorCode::Internal, "the module after stage '" + stage + "' is not well formed: " + what,
                   {{"op", op->getName().getStringRef().str()}, {"name", nameOf(op).str()}},
                   "this is a fault of ampc; please report it with the model");
}

static llvm::Error checkFunction(const Border &border, func::FuncOp function) {
  llvm::StringSet<> names;
  for (Operation &op : function.getBody().front().without_terminator()) {
    const OpRow *row = OpTable::get().find(&op);
    StringRef name = op.getName().stripDialect();
    bool structural = name == "reshard" || name == "transfer" || name == "kernel";
    if (!row && !structural)
      return broken(border.stage, &op, "an operation outside the op table");
    if (nameOf(&op).empty() || !names.insert(nameOf(&op)).second)
      return broken(border.stage, &op, "a missing or repeated name");
    if (!row && border.oneFunction)
      return broken(border.stage, &op, "a structural operation before stages are split");
    if (border.decided && op.getNumResults() > 0 && !op.hasAttr("shardings"))
      return broken(border.stage, &op, "no sharding");
    if (border.kernelsOnly && row && row->opClass != OpClass::Storage && !row->isView)
      return broken(border.stage, &op, "a computing operation outside a kernel");
    if (!border.kernelsOnly && name == "kernel")
      return broken(border.stage, &op, "a kernel before kernels are formed");
  }
  return llvm::Error::success();
}

llvm::Error verifyStage(ModuleOp module, StringRef stage) {
  for (const Border &border : borders) {
    if (stage != border.stage)
      continue;
    if (failed(verify(module)))
      return broken(stage, module, "the IR verifier refused it");
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      if (border.oneFunction != (function.getName() == "main"))
        return broken(stage, function, "an unexpected function");
      if (llvm::Error error = checkFunction(border, function))
        return error;
    }
    return llvm::Error::success();
  }
  return broken(stage, module, "an unknown stage");
}

} // namespace ampc
