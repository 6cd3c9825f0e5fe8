// Static memory planning: offsets in one arena for buffers with known lifetimes. Plain structs.
#pragma once

#include <cstdint>
#include <string>
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

/// Largest buffers first, each at the lowest offset that no buffer with an overlapping lifetime occupies.
Placement placeBuffers(const std::vector<Lifetime> &buffers);

/// A value at its place: bytes of the arena that its writer fills and its readers expect.
struct PlacedValue {
  uint64_t offset = 0, sizeBytes = 0;
};
/// What a step does to values, by number. `inPlace`: the value among `reads` whose place the result may take; -1: none.
struct ValueUse {
  std::vector<int> reads, writes;
  int inPlace = -1;
};

/// Proves that every reader comes before the next writer: walks the steps in order and looks whether each value that is
/// read is still whole at its place, and whether a step writes over what it reads. Empty: all is well; else what is wrong.
std::string placementFlaw(const std::vector<PlacedValue> &values, const std::vector<ValueUse> &steps);

} // namespace ampc
