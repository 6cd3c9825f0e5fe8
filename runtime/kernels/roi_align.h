// Bilinear pooling of regions of interest.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc {

std::string checkRoiAlign(const plan::Kernel &kernel);
void runRoiAlign(const plan::Kernel &kernel, void *const *buffers);

} // namespace ampc
