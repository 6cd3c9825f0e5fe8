// What went wrong, as plain data: shared by plan writer, loader, executor and the C interface. The classes
// are the exit codes of the command line; wording for users with remedies is the business of the tools.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampc::plan {

/// Values are those of the exit codes of `ampc` and of ampc_code in ampc.h.
enum class ErrorCode : int {
  Internal = 1,
  Usage = 2,
  Invalid = 3,     // damaged or inconsistent plan, wrong tensor
  Unsupported = 4, // device kind, CPU feature, library
  Infeasible = 5,  // memory limit
  FileSystem = 6,
  Execution = 7, // rank, communicator, device, deadline
  Cancelled = 130,
};

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;                                          // one sentence
  std::vector<std::pair<std::string, std::string>> fields = {}; // "rank", "step", "op", "nodes", "file"...
};

/// Empty: it went well.
using Status = std::optional<Error>;

} // namespace ampc::plan
