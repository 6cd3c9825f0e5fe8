// Writes or combines updates at indexed places of a copy of the data.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc {

std::string checkScatterElements(const plan::Kernel &kernel);
void runScatterElements(const plan::Kernel &kernel, void *const *buffers);
std::string checkScatterNd(const plan::Kernel &kernel);
void runScatterNd(const plan::Kernel &kernel, void *const *buffers);

} // namespace ampc
