// Runs passes over MLIR text, for the lit tests: ampc-opt [--ampc-PASS ...] [--ampc-verify=STAGE] FILE. A file may hold
// several modules, separated by lines `// -----`; each is handled by itself. --ampc-schedule, at the end, prints the
// step list instead of the module; --ampc-schedule=PRESET the one for devices of a cluster preset, with its steps in
// the order that overlaps most. Not meant for users; decisions come from the attributes that `annotate` would have
// written.
#include "cost_model/simulate.h"
#include "ir/dialect.h"
#include "passes/passes.h"
#include "passes/schedule.h"
#include "passes/step_list.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/ToolUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <string>
#include <vector>

using namespace ampc;

namespace {

using Pass = llvm::Error (*)(mlir::ModuleOp);

llvm::Error chooseLayoutsOnPreset(mlir::ModuleOp module) {
  cost::ClusterError error;
  return chooseLayouts(module, cost::presetCluster("cpux1", error)->devices[0]);
}

/// A device of which nothing is known about generated products: the library has what it can do.
llvm::Error chooseKernelsOfOneThread(mlir::ModuleOp module) {
  cost::ClusterError error;
  return chooseKernels(module, cost::presetCluster("h100x1", error)->devices[0], 1);
}

llvm::Error chooseKernelsOnPreset(mlir::ModuleOp module) {
  cost::ClusterError error;
  return chooseKernels(module, cost::presetCluster("cpux1", error)->devices[0], 1);
}

const std::map<std::string, Pass> &passes() {
  static const std::map<std::string, Pass> table = {
      {"--ampc-normalize", normalize},      {"--ampc-insert-reshards", insertReshards},
      {"--ampc-split-stages", splitStages}, {"--ampc-partition", partition},
      {"--ampc-fuse", fuse},                {"--ampc-choose-kernels", chooseKernelsOfOneThread},
      {"--ampc-choose-kernels-by-price", chooseKernelsOnPreset},
      {"--ampc-choose-layouts", chooseLayoutsOnPreset}};
  return table;
}

constexpr llvm::StringLiteral verifyPrefix = "--ampc-verify=";
constexpr llvm::StringLiteral scheduleStep = "--ampc-schedule";
constexpr llvm::StringLiteral schedulePrefix = "--ampc-schedule=";

bool isSchedule(llvm::StringRef step) { return step == scheduleStep || step.starts_with(schedulePrefix); }

/// The step list of a kernelized module. Weights are made up: nothing reads them.
llvm::Error printSchedule(mlir::ModuleOp module, llvm::StringRef preset, llvm::raw_ostream &os) {
  WeightStore weights;
  module.walk([&](mlir::Operation *op) {
    if (auto weight = op->getAttrOfType<mlir::IntegerAttr>("weight")) {
      weights.weights.resize(std::max(weights.weights.size(), size_t(weight.getInt()) + 1));
      weights.weights[size_t(weight.getInt())].type = typeOf(op->getResult(0));
    }
  });
  llvm::Expected<ScheduledPlan> scheduled = schedule(module, weights, {});
  if (scheduled && !preset.empty()) {
    cost::ClusterError error;
    std::optional<cost::Cluster> cluster = cost::presetCluster(preset, error);
    if (!cluster)
      return llvm::createStringError(error.message);
    const std::vector<std::vector<double>> seconds = cost::predictSteps(scheduled->plan, *cluster);
    const uint32_t queues = cluster->devices[0].queues;
    scheduled = schedule(module, weights, {}, {.queues = queues, .stepSeconds = queues > 1 ? &seconds : nullptr});
  }
  if (!scheduled)
    return scheduled.takeError();
  os << stepListText(scheduled->plan);
  return llvm::Error::success();
}

llvm::Error runStep(mlir::ModuleOp module, llvm::StringRef step) {
  if (step.consume_front(verifyPrefix))
    return verifyStage(module, step);
  return passes().at(step.str())(module);
}

/// One module: parsed, taken through the steps, printed.
llvm::LogicalResult process(std::unique_ptr<llvm::MemoryBuffer> text, const std::vector<std::string> &steps,
                            llvm::raw_ostream &os) {
  mlir::MLIRContext context;
  loadDialects(context);
  context.disableMultithreading();
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(text), llvm::SMLoc());
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return llvm::failure();
  const bool isScheduled = !steps.empty() && isSchedule(steps.back());
  for (const std::string &step : steps) {
    llvm::StringRef preset(step);
    preset.consume_front(schedulePrefix);
    llvm::Error error = isSchedule(step)
                            ? printSchedule(*module, step == scheduleStep ? llvm::StringRef() : preset, os)
                            : runStep(*module, step);
    if (error) {
      llvm::logAllUnhandledErrors(std::move(error), llvm::errs());
      return llvm::failure();
    }
  }
  if (!isScheduled)
    module->print(os);
  return llvm::success();
}

} // namespace

int main(int argumentCount, char **arguments) {
  std::vector<std::string> steps;
  std::string file = "-";
  for (int i = 1; i < argumentCount; ++i) {
    std::string argument = arguments[i];
    bool isStep = argument.rfind("--", 0) == 0;
    if (isStep && !passes().count(argument) && !isSchedule(argument) && argument.rfind(verifyPrefix.str(), 0) != 0) {
      llvm::errs() << "ampc-opt: unknown pass " << argument << "\n";
      return 2;
    }
    if (isStep)
      steps.push_back(argument);
    else
      file = argument;
  }
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> text = mlir::openInputFile(file, &message);
  if (!text) {
    llvm::errs() << "ampc-opt: " << message << "\n";
    return 2;
  }
  auto processOne = [&](std::unique_ptr<llvm::MemoryBuffer> chunk, llvm::raw_ostream &os) {
    return process(std::move(chunk), steps, os);
  };
  mlir::NoSourceChunkBufferHandler handler = processOne;
  return llvm::failed(mlir::splitAndProcessBuffer(std::move(text), handler, llvm::outs()));
}
