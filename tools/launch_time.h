// What the runtime needs for one more kernel that computes next to nothing: a chain of tiny products is compiled and
// executed as any model is.
#pragma once

#include "tools/failure.h"

namespace ampc::tools {

/// Seconds a kernel, on one core. Fails where there is no compiler or nothing can be executed.
Result<double> timeLaunch();

} // namespace ampc::tools
