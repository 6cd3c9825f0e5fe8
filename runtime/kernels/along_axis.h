// Kernels that walk one axis in order: running sums and products, positions of the extreme element.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc {

std::string checkCumulate(const plan::Kernel &kernel);
void runCumulate(const plan::Kernel &kernel, void *const *buffers);
std::string checkArgExtreme(const plan::Kernel &kernel);
void runArgExtreme(const plan::Kernel &kernel, void *const *buffers);

} // namespace ampc
