// An opened plan, ready to execute: the C interface of the runtime with the command line's tensors and failures.
#pragma once

#include "runtime/include/ampc/ampc.h"
#include "runtime/plan/plan_file.h"
#include "tools/failure.h"
#include "tools/tensor.h"

#include <memory>

namespace ampc::tools {

struct SessionOptions {
  std::string weightsFolder;
  bool collectTrace = false;
};

class Session {
public:
  static Result<Session> open(const std::string &planPath, const SessionOptions &options);

  uint32_t slots() const { return ampc_session_slot_count(handle.get()); }
  /// Memory for every output of `entry`.
  static Result<std::vector<Tensor>> allocateOutputs(const plan::EntryPoint &entry);
  /// Sets the states for which `inputs` has a value, and takes the values out of it: a request that came with one would
  /// start from it again, whatever the request before has left.
  Status takeStates(const plan::EntryPoint &entry, std::vector<Tensor> &inputs);
  /// Executes once. An interrupt cancels the request. Inputs without bytes are states.
  Status run(const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs);
  /// Keeps all slots busy until `count` requests are done; all read `inputs`, outputs are dropped.
  Status runMany(const std::vector<Tensor> &inputs, const plan::EntryPoint &entry, int64_t count);
  /// The measured timeline since the last call.
  Result<std::string> takeTrace();

private:
  struct Close {
    void operator()(ampc_session *session) const { ampc_session_close(session); }
  };
  std::unique_ptr<ampc_session, Close> handle;
};

/// A plan's metadata, its stored model and weights, without executing anything.
Result<std::unique_ptr<plan::PlanFile>> openPlan(const std::string &path, const plan::OpenOptions &options);

} // namespace ampc::tools
