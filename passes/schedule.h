// kernelized -> stepped: programs, buffers, rank tables. The result is the plan without machine code, and the kernels
// that codegen must make for it.
#pragma once

#include "codegen/compile_kernels.h"
#include "ir/weights.h"
#include "passes/passes.h"

namespace ampc {

/// A kernel worked in place: the result of the operator `by` has the bytes of that of the operator `value`.
struct TakenOver {
  std::string value, by;
};

struct ScheduledPlan {
  plan::Plan plan;
  std::vector<TakenOver> takenOver;
  std::vector<KernelRequest> requests;    // distinct generated kernels
  std::vector<uint32_t> requestKernels;   // plan.kernels index of each request
  std::vector<uint32_t> blobWeights;      // plan.blobs[k] = weights[blobWeights[k]]
};

struct ScheduleOptions {
  /// Values for other stages stay in their buffers until the request has ended, so that a stage need not wait for those
  /// that read them (Send); else it meets them (Exchange), and the buffers are free again.
  bool keepsSent = true;
  uint32_t threads = 1; // of a device
  uint32_t queues = 1;  // of a device: with 2, communication has its own
  /// What the steps of every program take in the plan that is made without this, to spend memory on overlap: forward
  /// steps are reordered so that communication runs beside computation, and what it touches keeps its place meanwhile.
  const std::vector<std::vector<double>> *stepSeconds = nullptr;
};

/// `weights` gains an entry for every literal of the module.
llvm::Expected<ScheduledPlan> schedule(mlir::ModuleOp module, WeightStore &weights, plan::EntryPoint entry,
                                       const ScheduleOptions &options = {});

} // namespace ampc
