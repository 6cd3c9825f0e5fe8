// Greedy best-offset placement by decreasing size, and by decreasing lifetime where that needs less.
#include "passes/place_buffers.h"

#include <algorithm>
#include <numeric>

namespace ampc {

/// Each buffer of `order` at the lowest offset that no earlier one with an overlapping lifetime occupies.
static Placement placeInOrder(const std::vector<Lifetime> &buffers, const std::vector<size_t> &order) {
  Placement placement;
  placement.offsets.assign(buffers.size(), 0);
  std::vector<size_t> byOffset; // placed buffers, increasing offset
  for (size_t index : order) {
    const Lifetime &buffer = buffers[index];
    uint64_t size = (buffer.sizeBytes + 63) / 64 * 64, offset = 0;
    if (size == 0)
      continue;
    for (size_t other : byOffset) {
      const Lifetime &placed = buffers[other];
      if (placed.end < buffer.begin || buffer.end < placed.begin)
        continue;
      if (placement.offsets[other] >= offset + size)
        break;
      offset = std::max(offset, placement.offsets[other] + (placed.sizeBytes + 63) / 64 * 64);
    }
    placement.offsets[index] = offset;
    placement.arenaBytes = std::max(placement.arenaBytes, offset + size);
    byOffset.insert(std::upper_bound(byOffset.begin(), byOffset.end(), index,
                                     [&](size_t a, size_t b) {
                                       return placement.offsets[a] < placement.offsets[b];
                                     }),
                    index);
  }
  return placement;
}

Placement placeBuffers(const std::vector<Lifetime> &buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].sizeBytes > buffers[b].sizeBytes; });
  Placement bySize = placeInOrder(buffers, order);
  // Values that are worked on in place live long: between short ones they would leave gaps.
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return buffers[a].end - buffers[a].begin > buffers[b].end - buffers[b].begin;
  });
  Placement byLifetime = placeInOrder(buffers, order);
  return byLifetime.arenaBytes < bySize.arenaBytes ? byLifetime : bySize;
}

} // namespace ampc
