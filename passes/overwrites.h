// The checker of static memory: does every step still find what it reads? Independent of how places were chosen; values
// that are worked on in place have one place and two names. Plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ampc {

/// The values that a step reads, and those that it makes (or makes a part of), by number. All others that it makes it
/// writes while it still reads. Steps of one queue run in order; a step of another queue is done if it is waited for, or
/// known to be done by a step that is.
struct StepValues {
  std::vector<int> reads, writes;
  uint32_t queue = 0;
  std::vector<size_t> waits = {}; // earlier steps
  std::vector<std::pair<int, int>> inPlace = {}; // a value that is read, and one that may be made of it in its place
};

/// Bytes of one arena.
struct ValuePlace {
  uint64_t offsetBytes = 0, sizeBytes = 0;
  bool operator==(const ValuePlace &) const = default;
};

struct Overwrite {
  size_t step = 0; // reads `value`, of which a byte was never written, or has been written for another value, or is
                   // written by the step itself, or may be written at the same time by another queue; or writes it where
                   // another queue may still use what was there; the number of steps: the value was to stay until the end
  int value = -1;
};

/// The first read that finds something else. `places[v]` is empty for values that lie elsewhere and are not checked.
/// `kept` are values that must be whole when the last step has ended.
std::optional<Overwrite> findOverwrite(const std::vector<StepValues> &steps,
                                       const std::vector<std::optional<ValuePlace>> &places,
                                       const std::vector<int> &kept);

} // namespace ampc
