// Elementwise operators that scale or shift one operand by the other: what can be moved into the weights and the bias
// of a product before them.
#pragma once

#include "ir/op_table.h"

namespace ampc {

enum class AffineStep : uint8_t { Multiply, Divide, Add, Subtract };

/// What `instance` does with its operand `chained`: multiplies it, divides it, adds to it or subtracts from it the other
/// operand; nothing if it is no such operator, or not in one floating-point type throughout.
std::optional<AffineStep> affineStepOf(const OpInstance &instance, size_t chained);

/// True for a sum of products of operands 0 and 1: scaling either operand scales the result.
bool isBilinear(const OpInstance &instance);

} // namespace ampc
