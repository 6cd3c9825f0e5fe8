// Spelling of step kinds, used by dumps, reports, traces and error messages; workspaces of shared kernels.
#include "runtime/plan/plan.h"

#include <algorithm>

namespace ampc::plan {

std::string_view name(StepKind kind) {
  switch (kind) {
  case StepKind::Launch: return "launch";
  case StepKind::Copy: return "copy";
  case StepKind::AllReduce: return "all_reduce";
  case StepKind::AllGather: return "all_gather";
  case StepKind::ReduceScatter: return "reduce_scatter";
  case StepKind::AllToAll: return "all_to_all";
  case StepKind::Broadcast: return "broadcast";
  case StepKind::Exchange: return "exchange";
  case StepKind::Send: return "send";
  case StepKind::Wait: return "wait";
  }
  return "?";
}

uint32_t numSharers(const Kernel &kernel, uint32_t threadsPerDevice) {
  if (kernel.kind != KernelKind::Generated || kernel.rows < 2)
    return 1;
  return uint32_t(std::min<int64_t>(kernel.rows, threadsPerDevice));
}

uint64_t workspaceStrideBytes(const Kernel &kernel) {
  constexpr uint64_t alignment = 64;
  return (kernel.workspaceBytes + alignment - 1) / alignment * alignment;
}

std::optional<uint64_t> launchWorkspaceBytes(const Kernel &kernel, uint32_t threadsPerDevice) {
  constexpr uint64_t maxBytes = uint64_t(1) << 48;
  if (kernel.workspaceBytes > maxBytes)
    return std::nullopt;
  // The last thread's part need not end at a multiple.
  return workspaceStrideBytes(kernel) * (numSharers(kernel, threadsPerDevice) - 1) + kernel.workspaceBytes;
}

} // namespace ampc::plan
