// The k largest or smallest elements along one axis, with their positions.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc {

std::string checkTopK(const plan::Kernel &kernel);
void runTopK(const plan::Kernel &kernel, void *const *buffers);

} // namespace ampc
