// A C++17 wrapper of ampc.h: owners instead of handles, exceptions instead of statuses. Header only;
// contracts are those of ampc.h.
#ifndef AMPC_AMPC_HPP
#define AMPC_AMPC_HPP

#include <ampc/ampc.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ampc {

/// What a status says.
class RuntimeError : public std::runtime_error {
public:
  explicit RuntimeError(const ampc_status *status)
      : std::runtime_error(ampc_status_message(status)), errorCode(ampc_status_code(status)) {
    const char *name = nullptr, *value = nullptr;
    for (size_t i = 0; ampc_status_field_at(status, i, &name, &value); ++i)
      facts.emplace_back(name, value);
  }
  ampc_code code() const { return errorCode; }
  /// "rank", "step", "op", "nodes", "file"...; empty where there is none.
  std::string field(const std::string &name) const {
    for (const auto &fact : facts)
      if (fact.first == name)
        return fact.second;
    return {};
  }

private:
  ampc_code errorCode;
  std::vector<std::pair<std::string, std::string>> facts;
};

/// Throws RuntimeError unless the status is NULL; frees it.
inline void check(ampc_status *status) {
  if (!status)
    return;
  std::unique_ptr<ampc_status, decltype(&ampc_status_free)> owned(status, &ampc_status_free);
  throw RuntimeError(status);
}

template <typename T> struct TypeOf;
template <> struct TypeOf<double> { static constexpr ampc_type value = AMPC_F64; };
template <> struct TypeOf<float> { static constexpr ampc_type value = AMPC_F32; };
template <> struct TypeOf<int8_t> { static constexpr ampc_type value = AMPC_I8; };
template <> struct TypeOf<int16_t> { static constexpr ampc_type value = AMPC_I16; };
template <> struct TypeOf<int32_t> { static constexpr ampc_type value = AMPC_I32; };
template <> struct TypeOf<int64_t> { static constexpr ampc_type value = AMPC_I64; };
template <> struct TypeOf<uint8_t> { static constexpr ampc_type value = AMPC_U8; };
template <> struct TypeOf<uint16_t> { static constexpr ampc_type value = AMPC_U16; };
template <> struct TypeOf<uint32_t> { static constexpr ampc_type value = AMPC_U32; };
template <> struct TypeOf<uint64_t> { static constexpr ampc_type value = AMPC_U64; };

/// A view of memory that the caller keeps.
inline ampc_buffer buffer(void *data, uint64_t byteCount, ampc_type type) { return {data, byteCount, type}; }
template <typename T> ampc_buffer buffer(std::vector<T> &values) {
  return {values.data(), values.size() * sizeof(T), TypeOf<T>::value};
}
/// Inputs are only read.
template <typename T> ampc_buffer buffer(const std::vector<T> &values) {
  return {const_cast<T *>(values.data()), values.size() * sizeof(T), TypeOf<T>::value};
}
/// The state kept by the session, or an output that nobody wants.
inline ampc_buffer noBuffer() { return {nullptr, 0, AMPC_F32}; }

/// Memory for one whole tensor, aligned so that the session need not copy it.
class Tensor {
public:
  explicit Tensor(const ampc_tensor_info &info) : info(info) {
    memory.reset(std::aligned_alloc(64, (info.byte_count / 64 + 1) * 64));
    if (!memory)
      throw std::bad_alloc();
  }
  void *data() { return memory.get(); }
  template <typename T> T *as() { return static_cast<T *>(memory.get()); }
  uint64_t elementCount() const {
    uint64_t count = 1;
    for (uint32_t d = 0; d < info.dimension_count; ++d)
      count *= uint64_t(info.shape[d]);
    return count;
  }
  ampc_buffer buffer() { return {memory.get(), info.byte_count, info.type}; }

private:
  struct Free {
    void operator()(void *data) const { std::free(data); }
  };
  ampc_tensor_info info;
  std::unique_ptr<void, Free> memory;
};

class Request {
public:
  explicit Request(ampc_request *handle) : handle(handle, &ampc_request_free) {}
  /// Waits for the end; throws when the request failed or was cancelled.
  void wait() { check(ampc_request_wait(handle.get(), -1, nullptr)); }
  /// False: the time ran out first.
  bool waitFor(double seconds) {
    int done = 0;
    check(ampc_request_wait(handle.get(), seconds < 0 ? 0 : seconds, &done));
    return done != 0;
  }
  void cancel() { ampc_request_cancel(handle.get()); }

private:
  std::unique_ptr<ampc_request, decltype(&ampc_request_free)> handle;
};

class Session {
public:
  explicit Session(const std::string &planPath, const ampc_session_options *options = nullptr) {
    ampc_session *raw = nullptr;
    check(ampc_session_open(planPath.c_str(), options, &raw));
    handle.reset(raw);
  }

  std::vector<ampc_tensor_info> inputs() const { return list(&ampc_session_input); }
  std::vector<ampc_tensor_info> outputs() const { return list(&ampc_session_output); }
  std::vector<ampc_tensor_info> states() const { return list(&ampc_session_state); }
  uint32_t rankCount() const { return ampc_session_rank_count(handle.get()); }
  uint32_t slotCount() const { return ampc_session_slot_count(handle.get()); }

  /// Executes once; buffers in the order of inputs() and outputs().
  void run(const std::vector<ampc_buffer> &inputs, const std::vector<ampc_buffer> &outputs) {
    check(ampc_session_run(handle.get(), inputs.data(), uint32_t(inputs.size()), outputs.data(),
                           uint32_t(outputs.size())));
  }
  Request submit(const std::vector<ampc_buffer> &inputs, const std::vector<ampc_buffer> &outputs) {
    ampc_request *raw = nullptr;
    check(ampc_session_submit(handle.get(), inputs.data(), uint32_t(inputs.size()), outputs.data(),
                              uint32_t(outputs.size()), &raw));
    return Request(raw);
  }

  void getState(const std::string &name, const ampc_buffer &target) {
    check(ampc_session_get_state(handle.get(), name.c_str(), &target));
  }
  void setState(const std::string &name, const ampc_buffer &source) {
    check(ampc_session_set_state(handle.get(), name.c_str(), &source));
  }
  void zeroStates() { check(ampc_session_zero_states(handle.get())); }

  /// Chrome trace JSON; needs collect_trace.
  std::string takeTrace() {
    char *text = nullptr;
    check(ampc_session_take_trace(handle.get(), &text));
    std::unique_ptr<char, decltype(&ampc_text_free)> owned(text, &ampc_text_free);
    return text;
  }
  ampc_session *get() const { return handle.get(); }

private:
  std::vector<ampc_tensor_info> list(int (*query)(const ampc_session *, uint32_t, ampc_tensor_info *)) const {
    std::vector<ampc_tensor_info> tensors;
    ampc_tensor_info info;
    while (query(handle.get(), uint32_t(tensors.size()), &info))
      tensors.push_back(info);
    return tensors;
  }
  std::unique_ptr<ampc_session, decltype(&ampc_session_close)> handle{nullptr, &ampc_session_close};
};

} // namespace ampc

#endif
