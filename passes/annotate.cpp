// normal -> annotated.
#include "passes/attributes.h"
#include "passes/passes.h"

using namespace mlir;

namespace ampc {

llvm::Error annotate(ModuleOp module, const GraphView &view, const Decision &decision) {
  setGrids(module, decision.grids);
  for (size_t k = 0; k < view.operations.size(); ++k) {
    setStage(view.operations[k], decision.ops[k].stage);
    setLoopAxes(view.operations[k], decision.ops[k].loopAxes);
  }
  return llvm::Error::success();
}

} // namespace ampc
