// The C interface over Session: checks arguments, turns errors into statuses, lets no exception out.
#include "runtime/execute/session.h"
#include "runtime/include/ampc/ampc.h"

#include <cstddef>
#include <cstring>
#include <new>

using ampc::plan::Error;
using ampc::plan::ErrorCode;
using ampc::plan::Status;

struct ampc_status {
  ampc_code code = AMPC_INTERNAL;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};

struct ampc_session {
  std::unique_ptr<ampc::Session> session;
};

struct ampc_request {
  ampc::Session *session = nullptr;
  std::shared_ptr<ampc::Request> request;
};

namespace {
/// Handed out when there is not even memory for a status; never freed.
ampc_status noMemory{AMPC_INFEASIBLE, "no memory", {}};

ampc_status *toStatus(Status error) {
  if (!error)
    return nullptr;
  return new ampc_status{ampc_code(error->code), std::move(error->message), std::move(error->fields)};
}

ampc_status *usage(const char *message) { return toStatus(Error{ErrorCode::Usage, message}); }

/// Runs `body`, which returns a Status; nothing it throws goes further.
template <typename Body> ampc_status *guarded(Body body) noexcept {
  try {
    try {
      return toStatus(body());
    } catch (const std::bad_alloc &) {
      return &noMemory;
    } catch (const std::exception &error) {
      return toStatus(Error{ErrorCode::Internal, error.what()});
    }
  } catch (...) {
    return &noMemory;
  }
}

void fillInfo(const ampc::plan::Tensor &tensor, bool isState, ampc_tensor_info *info) {
  int64_t elements = 1;
  for (int64_t size : tensor.shape)
    elements *= size;
  *info = {tensor.name.c_str(),
           ampc_type(tensor.type),
           uint32_t(tensor.shape.size()),
           tensor.shape.data(),
           uint64_t(ampc::sizeBytes(tensor.type, elements)),
           isState};
}

int32_t findTensor(const std::vector<ampc::plan::Tensor> &tensors, const char *name) {
  for (size_t i = 0; name && i < tensors.size(); ++i)
    if (tensors[i].name == name)
      return int32_t(i);
  return -1;
}

const ampc::plan::EntryPoint &entryOf(const ampc_session *session) { return session->session->plan().entry; }

bool isKnownType(ampc_type type) { return int(type) >= 1 && int(type) <= int(ampc::DataType::Bool); }

Status toView(const ampc_buffer &buffer, ampc::TensorView &view) {
  if (!buffer.data) {
    view = {};
    return {};
  }
  if (!isKnownType(buffer.type))
    return Error{ErrorCode::Usage, "a buffer has an unknown type"};
  view = {buffer.data, buffer.byte_count, ampc::DataType(buffer.type)};
  return {};
}

Status toViews(const ampc_buffer *buffers, uint32_t count, std::vector<ampc::TensorView> &views) {
  if (count && !buffers)
    return Error{ErrorCode::Usage, "buffers are missing"};
  views.resize(count);
  for (uint32_t i = 0; i < count; ++i)
    if (Status error = toView(buffers[i], views[i]))
      return error;
  return {};
}

Status toOptions(const ampc_session_options *given, ampc::SessionOptions &options,
                 ampc::plan::OpenOptions &openOptions) {
  if (!given)
    return {};
  // Callers compiled against an older header give a shorter struct; the rest is zero.
  ampc_session_options full = {};
  if (given->size < sizeof(uint32_t) || given->size > 4096)
    return Error{ErrorCode::Usage, "ampc_session_options.size is not set"};
  std::memcpy(&full, given, given->size < sizeof full ? given->size : sizeof full);
  for (uint32_t at = sizeof full; at < given->size; ++at)
    if (reinterpret_cast<const char *>(given)[at])
      return Error{ErrorCode::Unsupported, "ampc_session_options has fields that this runtime does not know"};
  if (!full.allocate != !full.deallocate)
    return Error{ErrorCode::Usage, "allocate and deallocate must be given together"};
  if (full.deadline_seconds < 0 || full.deadline_seconds != full.deadline_seconds)
    return Error{ErrorCode::Usage, "deadline_seconds must not be negative"};
  options.device = full.device ? full.device : "";
  options.memoryLimitBytes = full.memory_limit_bytes;
  options.deadlineSeconds = full.deadline_seconds;
  options.pinThreads = full.pin_threads != 0;
  options.collectTrace = full.collect_trace != 0;
  openOptions.weightsDirectory = full.weights_directory ? full.weights_directory : "";
  openOptions.verifyBlobs = full.skip_weight_verification == 0;
  openOptions.openWeights = options.device != "null";
  if (full.allocate) {
    options.allocator.allocate = [full](uint64_t size, uint64_t alignment, uint32_t rank) {
      return full.allocate(full.user, size, alignment, rank);
    };
    options.allocator.deallocate = [full](void *data, uint64_t size, uint32_t rank) {
      full.deallocate(full.user, data, size, rank);
    };
  }
  if (full.log)
    options.log = [full](ampc::LogLevel level, const std::string &message) {
      full.log(full.user, ampc_log_level(level), message.c_str());
    };
  return {};
}

template <typename OpenFile>
ampc_status *openSession(const ampc_session_options *given, ampc_session **result, OpenFile openFile) {
  return guarded([&]() -> Status {
    if (!result)
      return Error{ErrorCode::Usage, "no place for the session was given"};
    *result = nullptr;
    ampc::SessionOptions options;
    ampc::plan::OpenOptions openOptions;
    if (Status error = toOptions(given, options, openOptions))
      return error;
    std::unique_ptr<ampc::plan::PlanFile> file;
    if (Status error = openFile(openOptions, file))
      return error;
    auto session = std::make_unique<ampc_session>();
    if (Status error = ampc::Session::open(std::move(file), std::move(options), session->session))
      return error;
    *result = session.release();
    return {};
  });
}
} // namespace

extern "C" {

const char *ampc_version(void) { return AMPC_VERSION_TEXT; }

ampc_code ampc_status_code(const ampc_status *status) { return status ? status->code : AMPC_OK; }
const char *ampc_status_message(const ampc_status *status) { return status ? status->message.c_str() : "ok"; }
const char *ampc_status_field(const ampc_status *status, const char *name) {
  if (status && name)
    for (const auto &[key, value] : status->fields)
      if (key == name)
        return value.c_str();
  return nullptr;
}
int ampc_status_field_at(const ampc_status *status, size_t index, const char **name, const char **value) {
  if (!status || index >= status->fields.size())
    return 0;
  if (name)
    *name = status->fields[index].first.c_str();
  if (value)
    *value = status->fields[index].second.c_str();
  return 1;
}
void ampc_status_free(ampc_status *status) {
  if (status != &noMemory)
    delete status;
}

ampc_status *ampc_session_open(const char *plan_path, const ampc_session_options *options,
                               ampc_session **session) {
  return openSession(options, session, [&](const auto &openOptions, auto &file) -> Status {
    if (!plan_path)
      return Error{ErrorCode::Usage, "no plan was given"};
    return ampc::plan::PlanFile::open(plan_path, openOptions, file);
  });
}

ampc_status *ampc_session_open_memory(const void *plan_bytes, uint64_t byte_count,
                                      const ampc_session_options *options, ampc_session **session) {
  return openSession(options, session, [&](const auto &openOptions, auto &file) -> Status {
    if (!plan_bytes)
      return Error{ErrorCode::Usage, "no plan was given"};
    return ampc::plan::PlanFile::openMemory({static_cast<const std::byte *>(plan_bytes), byte_count},
                                            openOptions, file);
  });
}

void ampc_session_close(ampc_session *session) { delete session; }

uint32_t ampc_session_input_count(const ampc_session *session) {
  return uint32_t(entryOf(session).inputs.size());
}
uint32_t ampc_session_output_count(const ampc_session *session) {
  return uint32_t(entryOf(session).outputs.size());
}

int ampc_session_input(const ampc_session *session, uint32_t index, ampc_tensor_info *info) {
  const auto &entry = entryOf(session);
  if (index >= entry.inputs.size())
    return 0;
  bool isState = false;
  for (const auto &state : entry.states)
    isState |= state.inputIndex == index;
  fillInfo(entry.inputs[index], isState, info);
  return 1;
}

int ampc_session_output(const ampc_session *session, uint32_t index, ampc_tensor_info *info) {
  const auto &entry = entryOf(session);
  if (index >= entry.outputs.size())
    return 0;
  bool isState = false;
  for (const auto &state : entry.states)
    isState |= state.outputIndex == index;
  fillInfo(entry.outputs[index], isState, info);
  return 1;
}

int32_t ampc_session_find_input(const ampc_session *session, const char *name) {
  return findTensor(entryOf(session).inputs, name);
}
int32_t ampc_session_find_output(const ampc_session *session, const char *name) {
  return findTensor(entryOf(session).outputs, name);
}

int ampc_session_bound_value(const ampc_session *session, uint32_t index, const char **name,
                             const char **value) {
  const auto &values = entryOf(session).boundValues;
  if (index >= values.size())
    return 0;
  if (name)
    *name = values[index].first.c_str();
  if (value)
    *value = values[index].second.c_str();
  return 1;
}

uint32_t ampc_session_rank_count(const ampc_session *session) {
  return uint32_t(session->session->plan().ranks.size());
}
uint32_t ampc_session_slot_count(const ampc_session *session) { return session->session->slots(); }

ampc_status *ampc_session_rank_statistics(const ampc_session *session, uint32_t rank,
                                          ampc_rank_statistics *statistics) {
  return guarded([&]() -> Status {
    if (!session || !statistics || statistics->size < sizeof(uint32_t))
      return Error{ErrorCode::Usage, "session or statistics (with its size) are missing"};
    if (rank >= session->session->plan().ranks.size())
      return Error{ErrorCode::Usage, "the plan has no rank " + std::to_string(rank)};
    auto facts = session->session->statistics(rank);
    ampc_rank_statistics full = {statistics->size, facts.allocatedBytes, facts.limitBytes, facts.steps,
                                 facts.busySeconds};
    std::memcpy(statistics, &full, statistics->size < sizeof full ? statistics->size : sizeof full);
    return {};
  });
}

ampc_status *ampc_session_submit(ampc_session *session, const ampc_buffer *inputs, uint32_t input_count,
                                 const ampc_buffer *outputs, uint32_t output_count, ampc_request **request) {
  return guarded([&]() -> Status {
    if (!session || !request)
      return Error{ErrorCode::Usage, "session or request is missing"};
    *request = nullptr;
    std::vector<ampc::TensorView> inputViews, outputViews;
    if (Status error = toViews(inputs, input_count, inputViews))
      return error;
    if (Status error = toViews(outputs, output_count, outputViews))
      return error;
    auto handle = std::make_unique<ampc_request>();
    handle->session = session->session.get();
    if (Status error =
            session->session->submit(std::move(inputViews), std::move(outputViews), handle->request))
      return error;
    *request = handle.release();
    return {};
  });
}

ampc_status *ampc_request_wait(ampc_request *request, double timeout_seconds, int *done) {
  if (!request)
    return usage("request is missing");
  return guarded([&]() -> Status {
    bool isDone = request->session->wait(*request->request, timeout_seconds);
    if (done)
      *done = isDone;
    return isDone ? request->request->error : Status();
  });
}

void ampc_request_cancel(ampc_request *request) {
  if (request)
    request->session->cancel(*request->request);
}

void ampc_request_free(ampc_request *request) {
  if (!request)
    return;
  if (!request->request->isDone) {
    request->session->cancel(*request->request);
    request->session->wait(*request->request, -1);
  }
  delete request;
}

ampc_status *ampc_session_run(ampc_session *session, const ampc_buffer *inputs, uint32_t input_count,
                              const ampc_buffer *outputs, uint32_t output_count) {
  ampc_request *request = nullptr;
  if (ampc_status *status =
          ampc_session_submit(session, inputs, input_count, outputs, output_count, &request))
    return status;
  ampc_status *status = ampc_request_wait(request, -1, nullptr);
  ampc_request_free(request);
  return status;
}

uint32_t ampc_session_state_count(const ampc_session *session) {
  return uint32_t(entryOf(session).states.size());
}

int ampc_session_state(const ampc_session *session, uint32_t index, ampc_tensor_info *info) {
  const auto &entry = entryOf(session);
  if (index >= entry.states.size())
    return 0;
  fillInfo(entry.inputs[entry.states[index].inputIndex], true, info);
  return 1;
}

ampc_status *ampc_session_get_state(ampc_session *session, const char *name, const ampc_buffer *target) {
  return guarded([&]() -> Status {
    ampc::TensorView view;
    if (!session || !name || !target)
      return Error{ErrorCode::Usage, "session, name or buffer is missing"};
    if (Status error = toView(*target, view))
      return error;
    return session->session->getState(name, view);
  });
}

ampc_status *ampc_session_set_state(ampc_session *session, const char *name, const ampc_buffer *source) {
  return guarded([&]() -> Status {
    ampc::TensorView view;
    if (!session || !name || !source)
      return Error{ErrorCode::Usage, "session, name or buffer is missing"};
    if (Status error = toView(*source, view))
      return error;
    return session->session->setState(name, view);
  });
}

ampc_status *ampc_session_zero_states(ampc_session *session) {
  return guarded([&]() -> Status {
    if (!session)
      return Error{ErrorCode::Usage, "session is missing"};
    return session->session->zeroStates();
  });
}

ampc_status *ampc_session_take_trace(ampc_session *session, char **json) {
  return guarded([&]() -> Status {
    if (!session || !json)
      return Error{ErrorCode::Usage, "session or a place for the text is missing"};
    *json = nullptr;
    std::string text;
    if (Status error = session->session->takeTrace(text))
      return error;
    *json = new char[text.size() + 1];
    std::memcpy(*json, text.c_str(), text.size() + 1);
    return {};
  });
}

void ampc_text_free(char *text) { delete[] text; }

} // extern "C"
