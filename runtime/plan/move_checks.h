// Whether moves write every element of their target at most once. Plans have communications with thousands of moves
// that interleave element by element: neither pairs of moves nor elements are enumerated where structure says enough.
#pragma once

#include "runtime/plan/plan.h"

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace ampc::plan {

/// The elements that a move writes: `first` plus any sum of i * stride, 0 <= i < count, one per dimension. Strides are
/// positive and fall; each is larger than all that the dimensions behind it span.
struct TargetBox {
  struct Dim {
    int64_t stride, count;
    auto operator<=>(const Dim &) const = default;
  };
  int64_t first = 0;
  std::vector<Dim> dims; // none of count 1, none that continues the one behind it
  auto operator<=>(const TargetBox &) const = default;
  int64_t last() const;
};

/// Nothing when the move would write an element twice, or its strides do not nest as those of a part of a tensor do.
/// For moves that write something and whose range does not overflow (rangeOf).
std::optional<TargetBox> targetBox(const Move &move);

/// Decides about lists of moves; remembers those that were right: members and layers repeat each other's.
class SingleWrites {
public:
  /// A member that has an element written twice by the moves of a communication or copy; nothing when there is none.
  /// `mayCombine`: moves with equal offset, counts and target strides count as one (reduce_scatter). All targets lie
  /// between 0 and 2^60. Boxes whose strides have nothing in common may be refused without sharing an element.
  std::optional<uint32_t> memberWrittenTwice(std::span<const Move> moves, bool mayCombine);

private:
  std::set<std::vector<TargetBox>> judged;
};

} // namespace ampc::plan
