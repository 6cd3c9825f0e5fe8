// Bytes above the room at every time point, kept under changes of whole intervals: a tree of maxima with
// additions that are never pushed down. Knows intervals and bytes only.
#pragma once

#include "model.h"

namespace ampc::search {

class MemoryProfile {
public:
  explicit MemoryProfile(const Model &model);

  /// Recomputes everything for `choice`.
  void reset(const Model &model, const Assignment &choice);

  /// Adds `bytes` at every time of [begin, end).
  void add(int begin, int end, int64_t bytes);

  /// Largest (bytes in use - room) over all times; <= 0 when everything fits. A negative number when there
  /// are no time points.
  int64_t worst() const { return leaves == 0 ? -1 : most[1]; }

  /// The time where it stands (the first of equals).
  int worstTime() const;

  /// Largest (bytes in use - room) over [begin, end).
  int64_t worstIn(int begin, int end) const;

private:
  int leaves = 0; ///< a power of two, or 0
  int times = 0;
  std::vector<int64_t> most;  ///< of the subtree, own addition included
  std::vector<int64_t> added; ///< to the whole subtree
  std::vector<int64_t> room;
};

} // namespace ampc::search
