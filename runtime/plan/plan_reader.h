// Decodes the metadata section of a plan file. Only the encoding and the enum values are judged here; whether
// the plan makes sense is the business of plan_checks.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"

#include <string_view>

namespace ampc::plan {

/// Invalid when the bytes are no Plan message or hold an enum value that this version does not know. `plan`
/// is then unspecified.
Status readPlan(std::string_view metadata, Plan &plan);

} // namespace ampc::plan
