// kernelized -> stepped: programs, buffers, rank tables. The result is the plan without machine code, and the kernels
// that codegen must make for it.
#pragma once

#include "codegen/compile_kernels.h"
#include "ir/weights.h"
#include "passes/passes.h"

namespace ampc {

struct ScheduledPlan {
  plan::Plan plan;
  std::vector<KernelRequest> requests;    // distinct generated kernels
  std::vector<uint32_t> requestKernels;   // plan.kernels index of each request
  std::vector<uint32_t> blobWeights;      // plan.blobs[k] = weights[blobWeights[k]]
};

struct ScheduleOptions {
  /// Values for other stages stay in their buffers until the request has ended, so that a stage need not wait for those
  /// that read them (Send); else it meets them (Exchange), and the buffers are free again.
  bool keepsSent = true;
  uint32_t threads = 1; // of a device
};

/// `weights` gains an entry for every literal of the module.
llvm::Expected<ScheduledPlan> schedule(mlir::ModuleOp module, WeightStore &weights, plan::EntryPoint entry,
                                       const ScheduleOptions &options = {});

} // namespace ampc
