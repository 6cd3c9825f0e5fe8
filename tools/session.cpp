// Wraps the runtime's C interface.
#include "tools/session.h"
#include "tools/interrupt.h"

#include <deque>

namespace ampc::tools {

namespace {

Status failureOf(ampc_status *status) {
  if (!status)
    return std::nullopt;
  plan::Error error{plan::ErrorCode(ampc_status_code(status)), ampc_status_message(status)};
  const char *name = nullptr, *value = nullptr;
  for (size_t i = 0; ampc_status_field_at(status, i, &name, &value); ++i)
    error.fields.emplace_back(name, value);
  ampc_status_free(status);
  return tools::failureOf(error);
}

struct FreeRequest {
  void operator()(ampc_request *request) const { ampc_request_free(request); }
};
using Request = std::unique_ptr<ampc_request, FreeRequest>;

std::vector<ampc_buffer> buffersOf(const std::vector<Tensor> &tensors) {
  std::vector<ampc_buffer> buffers;
  for (const Tensor &tensor : tensors) {
    uint64_t size = uint64_t(sizeBytes(tensor.type, tensor.elements()));
    buffers.push_back({const_cast<char *>(tensor.bytes.data()), size, ampc_type(tensor.type)});
  }
  return buffers;
}

/// Polls, because a signal handler may not call into the runtime.
Status wait(ampc_request *request) {
  int done = 0;
  while (!done) {
    if (Status failure = failureOf(ampc_request_wait(request, 0.1, &done)))
      return failure;
    if (!done && wasInterrupted())
      ampc_request_cancel(request);
  }
  if (wasInterrupted()) // between two short executions, nothing was there to cancel
    return Failure{ErrorCode::Execution, "interrupted", {}, ""};
  return std::nullopt;
}

} // namespace

Result<std::unique_ptr<plan::PlanFile>> openPlan(const std::string &path, const plan::OpenOptions &options) {
  std::unique_ptr<plan::PlanFile> file;
  if (plan::Status error = plan::PlanFile::open(path, options, file))
    return tools::failureOf(*error, {{"plan", path}});
  return file;
}

Result<Session> Session::open(const std::string &planPath, const SessionOptions &options) {
  ampc_session_options raw = AMPC_SESSION_OPTIONS_INIT;
  raw.pin_threads = 1; // two devices that meet often drift onto one core otherwise, and take turns there
  raw.weights_directory = options.weightsFolder.empty() ? nullptr : options.weightsFolder.c_str();
  raw.collect_trace = options.collectTrace;
  ampc_session *opened = nullptr;
  if (Status failure = failureOf(ampc_session_open(planPath.c_str(), &raw, &opened))) {
    for (const auto &[name, value] : failure->facts)
      if (name == "file" && value != planPath) // the plan names weights, and nothing else, in other files
        failure->remedy = "name the folder of the files with the plan's weights: --weights-dir FOLDER" +
                          std::string(failure->remedy.empty() ? "" : "; or ") + failure->remedy;
    failure->facts.insert(failure->facts.begin(), {"plan", planPath});
    return *failure;
  }
  Session session;
  session.handle.reset(opened);
  return session;
}

Result<std::vector<Tensor>> Session::allocateOutputs(const plan::EntryPoint &entry) {
  std::vector<Tensor> outputs;
  for (const plan::Tensor &output : entry.outputs) {
    auto tensor = allocateTensor(output.type, output.shape);
    if (!tensor)
      return Failure{ErrorCode::Execution, "there is not enough memory for the output",
                     {{"tensor", output.name}, {"shape", typeText(output.type, output.shape)}}, ""};
    outputs.push_back(std::move(*tensor));
  }
  return outputs;
}

Status Session::takeStates(const plan::EntryPoint &entry, std::vector<Tensor> &inputs) {
  for (const plan::StateTensor &state : entry.states) {
    Tensor &value = inputs[state.inputIndex];
    if (value.bytes.size() == 0)
      continue;
    ampc_buffer buffer{value.bytes.data(), value.bytes.size(), ampc_type(value.type)};
    if (Status failure = failureOf(ampc_session_set_state(handle.get(), state.input.c_str(), &buffer)))
      return failure;
    value.bytes = AlignedBytes();
  }
  return std::nullopt;
}

Status Session::run(const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs) {
  InterruptListener listener;
  std::vector<ampc_buffer> in = buffersOf(inputs), out = buffersOf(outputs);
  ampc_request *raw = nullptr;
  if (Status failure = failureOf(ampc_session_submit(handle.get(), in.data(), uint32_t(in.size()), out.data(),
                                                     uint32_t(out.size()), &raw)))
    return failure;
  Request request(raw);
  return wait(request.get());
}

Status Session::runMany(const std::vector<Tensor> &inputs, const plan::EntryPoint &entry, int64_t count) {
  InterruptListener listener;
  std::vector<ampc_buffer> in = buffersOf(inputs);
  std::deque<std::vector<Tensor>> results; // one set per request that may be in flight
  for (uint32_t slot = 0; slot < slots() + 1; ++slot) {
    auto outputs = allocateOutputs(entry);
    if (!outputs)
      return outputs.takeFailure();
    results.push_back(std::move(*outputs));
  }
  std::deque<Request> running;
  for (int64_t k = 0; k < count || !running.empty(); ++k) {
    if (k >= count || running.size() == results.size()) {
      if (Status failure = wait(running.front().get()))
        return failure;
      running.pop_front();
    }
    if (k >= count)
      continue;
    std::vector<ampc_buffer> out = buffersOf(results[size_t(k) % results.size()]);
    ampc_request *raw = nullptr;
    if (Status failure = failureOf(ampc_session_submit(handle.get(), in.data(), uint32_t(in.size()), out.data(),
                                                       uint32_t(out.size()), &raw)))
      return failure;
    running.emplace_back(raw);
  }
  return std::nullopt;
}

Result<std::string> Session::takeTrace() {
  char *text = nullptr;
  if (Status failure = failureOf(ampc_session_take_trace(handle.get(), &text)))
    return *failure;
  std::string trace = text ? text : "";
  ampc_text_free(text);
  return trace;
}

} // namespace ampc::tools
