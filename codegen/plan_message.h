// plan.h -> plan.proto. Apart from plan_writer so that only one file sees the generated code.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc::codegen {

/// The deterministic encoding of the metadata section.
std::string encodePlan(const plan::Plan &plan);

} // namespace ampc::codegen
