// The list of error codes, which stands here and nowhere else; the leading digits are the exit code of the command
// line. Free of LLVM, so that the parts of the command line that only execute plans can use it.
#pragma once

namespace ampc {

enum class ErrorCode : int {
  Internal = 100,
  Usage = 200,
  UnboundDimension = 201,
  UnknownName = 202,
  InvalidModel = 300,
  InvalidPlan = 301,
  InvalidTensor = 302,
  InvalidCluster = 303,
  Unsupported = 400,
  UnsupportedOperator = 401,
  UnsupportedType = 402,
  DataDependent = 403,
  LimitExceeded = 404,
  Infeasible = 500,
  FileSystem = 600,
  Execution = 700,
  Difference = 800,
  NoPlanInTime = 900,
};

inline int exitCode(ErrorCode code) { return int(code) / 100; }

} // namespace ampc
