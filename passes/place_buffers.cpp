// Greedy best-offset placement by decreasing size.
#include "passes/place_buffers.h"

#include <algorithm>
#include <map>
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

std::string placementFlaw(const std::vector<PlacedValue> &values, const std::vector<ValueUse> &steps) {
  struct Content {
    uint64_t end;
    int value;
  };
  std::map<uint64_t, Content> arena; // begin -> what lies there, disjoint
  auto overlap = [&](int a, int b) {
    return values[a].offset < values[b].offset + values[b].sizeBytes &&
           values[b].offset < values[a].offset + values[a].sizeBytes;
  };
  auto isSame = [&](int a, int b) {
    return values[a].offset == values[b].offset && values[a].sizeBytes == values[b].sizeBytes;
  };
  for (size_t k = 0; k < steps.size(); ++k) {
    for (int read : steps[k].reads) {
      auto at = arena.find(values[read].offset);
      if (values[read].sizeBytes && (at == arena.end() || at->second.value != read))
        return "step " + std::to_string(k) + " reads value " + std::to_string(read) + ", which is overwritten or not there";
      for (int write : steps[k].writes)
        if (overlap(read, write) && (read != steps[k].inPlace || !isSame(read, write)))
          return "step " + std::to_string(k) + " writes over value " + std::to_string(read) + ", which it reads";
    }
    for (size_t w = 0; w < steps[k].writes.size(); ++w) {
      const PlacedValue &place = values[steps[k].writes[w]];
      for (size_t other = 0; other < w; ++other)
        if (overlap(steps[k].writes[w], steps[k].writes[other]))
          return "step " + std::to_string(k) + " writes two values to one place";
      if (!place.sizeBytes)
        continue;
      auto at = arena.lower_bound(place.offset);
      if (at != arena.begin() && std::prev(at)->second.end > place.offset)
        --at;
      while (at != arena.end() && at->first < place.offset + place.sizeBytes)
        at = arena.erase(at);
      arena[place.offset] = {place.offset + place.sizeBytes, steps[k].writes[w]};
    }
  }
  return "";
}

} // namespace ampc
