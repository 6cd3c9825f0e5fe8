// What a verb of the command line returns when it cannot do its work, and the one place that prints it. Free of LLVM:
// the compiler's Diagnostics are translated at the border of the compiler module.
#pragma once

#include "ir/error_code.h"
#include "runtime/plan/error.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ampc::tools {

using Facts = std::vector<std::pair<std::string, std::string>>;

struct Failure {
  ErrorCode code = ErrorCode::Internal;
  std::string sentence; // without a full stop
  Facts facts = {};     // "tensor" -> "x"
  std::string remedy = {};
};

/// Empty: it went well.
using Status = std::optional<Failure>;

/// A value or the reason why there is none.
template <class T> class Result {
public:
  Result(T value) : content(std::move(value)) {}
  Result(Failure failure) : content(std::move(failure)) {}
  explicit operator bool() const { return std::holds_alternative<T>(content); }
  T &operator*() { return *std::get_if<T>(&content); }
  T *operator->() { return std::get_if<T>(&content); }
  /// Call only when there is no value.
  Failure takeFailure() { return std::move(*std::get_if<Failure>(&content)); }

private:
  std::variant<T, Failure> content;
};

/// An error of the plan reader or the runtime, with `facts` in front of its own.
Failure failureOf(const plan::Error &error, Facts facts = {});

/// "ampc: error AMPC-NNN: sentence", the facts, the remedy: on standard error. Returns the exit code.
int print(const Failure &failure);

/// The entry of `candidates` that `text` most likely meant, empty if none is close.
std::string closest(const std::string &text, const std::vector<std::string> &candidates);

} // namespace ampc::tools
