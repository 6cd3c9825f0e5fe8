// Runs passes over a module of MLIR text, for the lit tests: ampc-opt [--ampc-PASS ...] [--ampc-verify=STAGE] FILE.
// Not meant for users; decisions come from the attributes that `annotate` would have written.
#include "ir/dialect.h"
#include "passes/passes.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <string>
#include <vector>

using namespace ampc;

namespace {

using Pass = llvm::Error (*)(mlir::ModuleOp);

const std::map<std::string, Pass> &passes() {
  static const std::map<std::string, Pass> table = {
      {"--ampc-normalize", normalize},      {"--ampc-insert-reshards", insertReshards},
      {"--ampc-split-stages", splitStages}, {"--ampc-partition", partition},
      {"--ampc-fuse", fuse},                {"--ampc-choose-kernels", chooseKernels}};
  return table;
}

int refuse(llvm::Error error) {
  llvm::logAllUnhandledErrors(std::move(error), llvm::errs());
  return 1;
}

} // namespace

int main(int argumentCount, char **arguments) {
  std::vector<std::string> steps;
  std::string file = "-";
  for (int i = 1; i < argumentCount; ++i) {
    std::string argument = arguments[i];
    bool isStep = argument.rfind("--", 0) == 0;
    if (isStep && !passes().count(argument) && argument.rfind("--ampc-verify=", 0) != 0) {
      llvm::errs() << "ampc-opt: unknown pass " << argument << "\n";
      return 2;
    }
    if (isStep)
      steps.push_back(argument);
    else
      file = argument;
  }
  mlir::MLIRContext context;
  loadDialects(context);
  context.disableMultithreading();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceFile<mlir::ModuleOp>(file, &context);
  if (!module)
    return 1;
  for (const std::string &step : steps) {
    auto pass = passes().find(step);
    llvm::Error error = pass != passes().end()
                            ? pass->second(*module)
                            : verifyStage(*module, llvm::StringRef(step).substr(sizeof "--ampc-verify=" - 1));
    if (error)
      return refuse(std::move(error));
  }
  module->print(llvm::outs());
  return 0;
}
