// Sums columns of patches back into an image.
#pragma once

#include "runtime/plan/plan.h"

#include <string>

namespace ampc {

std::string checkCol2Im(const plan::Kernel &kernel);
void runCol2Im(const plan::Kernel &kernel, void *const *buffers);
/// The operand's bytes, unchanged, as another type of the same width.
std::string checkBitcast(const plan::Kernel &kernel);
void runBitcast(const plan::Kernel &kernel, void *const *buffers);

} // namespace ampc
