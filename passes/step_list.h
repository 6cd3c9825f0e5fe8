// The step list of a plan as text, for dumps and tests: what every class of ranks executes, and where its values lie.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc {

std::string stepListText(const plan::Plan &plan);

} // namespace ampc
