// Spelling of step kinds: used by dumps, reports, traces and error messages.
#include "runtime/plan/plan.h"

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

} // namespace ampc::plan
