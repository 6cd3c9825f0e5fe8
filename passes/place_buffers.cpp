// Greedy best-offset placement by decreasing size.
#include "passes/place_buffers.h"

#include <algorithm>
#include <numeric>

namespace ampc {

Placement placeBuffers(const std::vector<Lifetime> &buffers) {
  Placement placement;
  placement.offsets.assign(buffers.size(), 0);
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].sizeBytes > buffers[b].sizeBytes; });
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

} // namespace ampc
