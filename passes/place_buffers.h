// Static memory planning: offsets in one arena for buffers with known lifetimes. Plain structs.
#pragma once

#include <cstdint>
#include <vector>

namespace ampc {

/// A buffer is live in steps [begin, end] (inclusive: a step's operands must not overlap its results).
struct Lifetime {
  int64_t begin = 0, end = 0;
  uint64_t sizeBytes = 0;
};

struct Placement {
  std::vector<uint64_t> offsets; // multiples of 64
  uint64_t arenaBytes = 0;
};

/// Largest buffers first, or those that live longest where that takes less, each at the lowest offset that no buffer
/// with an overlapping lifetime occupies.
Placement placeBuffers(const std::vector<Lifetime> &buffers);

} // namespace ampc
