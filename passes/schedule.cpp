// Turns the functions of the rank classes into programs of one plan.
#include "passes/schedule.h"

#include "passes/class_scheduler.h"

using namespace mlir;

namespace ampc {

/// `isKept`: the stages whose steps keep their order; gains one, and there is no plan, if its classes have no common
/// one.
static llvm::Expected<std::optional<ScheduledPlan>> schedule(ModuleOp module, WeightStore &weights,
                                                             const plan::EntryPoint &entry,
                                                             const ScheduleOptions &options,
                                                             std::vector<bool> &isKept) {
  ScheduledPlan out;
  out.plan.entry = entry;
  std::vector<Grid> grids = gridsOf(module);
  for (size_t stage = 0; stage < grids.size(); ++stage)
    out.plan.stages.push_back({grids[stage], uint32_t(firstRankOf(grids, int(stage)))});
  out.plan.ranks.resize(size_t(firstRankOf(grids, int(grids.size()))));
  isKept.resize(grids.size());
  std::map<std::string, uint32_t> kernels, communications;
  std::map<uint32_t, uint32_t> blobs;
  std::vector<std::vector<std::string>> communicationOrders(grids.size());
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    const size_t stage = size_t(stageOf(function)), program = out.plan.programs.size(); // the forward one comes first
    const bool isReordered = options.stepSeconds && program < options.stepSeconds->size() && !isKept[stage];
    llvm::Expected<bool> isDone =
        ClassScheduler(function, out, weights, grids, kernels, communications, blobs, options)
            .run(isReordered ? &(*options.stepSeconds)[program] : nullptr, communicationOrders[stage]);
    if (!isDone)
      return isDone.takeError();
    if (!*isDone) {
      isKept[stage] = true;
      return std::nullopt;
    }
  }
  for (auto [request, kernel] : llvm::zip(out.requests, out.requestKernels))
    request.inPlace = out.plan.kernels[kernel].inPlace;
  return std::optional<ScheduledPlan>(std::move(out));
}

llvm::Expected<ScheduledPlan> schedule(ModuleOp module, WeightStore &weights, plan::EntryPoint entry,
                                       const ScheduleOptions &options) {
  const size_t numWeights = weights.weights.size();
  for (std::vector<bool> isKept;;) {
    weights.weights.resize(numWeights);
    llvm::Expected<std::optional<ScheduledPlan>> scheduled = schedule(module, weights, entry, options, isKept);
    if (!scheduled)
      return scheduled.takeError();
    if (*scheduled)
      return std::move(**scheduled);
  }
}

} // namespace ampc
