// Strided copies and fills, prepared once and executed often: dimensions ordered and merged so that the inner
// loop is as long and as contiguous as the move allows.
#pragma once

#include "runtime/plan/plan.h"

#include <span>
#include <vector>

namespace ampc {

/// A move in bytes. Dimensions outermost first; what is contiguous on both sides is `runBytes`.
struct PreparedMove {
  int64_t sourceOffset = 0, targetOffset = 0;
  int64_t runBytes = 0;            // 0: nothing to do
  std::vector<plan::MoveDim> dims; // strides in bytes
};

PreparedMove prepareMove(const plan::Move &move, unsigned elementBytes);

void copyMove(const PreparedMove &move, const void *source, void *target);

/// Writes the element `bits` (its low elementBytes bytes) to the targets of the move.
void fillMove(const PreparedMove &move, void *target, uint64_t bits, unsigned elementBytes);

} // namespace ampc
