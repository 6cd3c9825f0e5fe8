// See memory_profile.h. Leaf i stands at leaves + i.
#include "memory_profile.h"

#include <algorithm>

namespace ampc::search {

namespace {
constexpr int64_t kNothing = -(int64_t(1) << 62);
}

MemoryProfile::MemoryProfile(const Model &model) : times(model.times), room(model.room) {
  if (times == 0)
    return;
  leaves = 1;
  while (leaves < times)
    leaves *= 2;
  most.assign(size_t(leaves) * 2, kNothing);
  added.assign(size_t(leaves) * 2, 0);
}

void MemoryProfile::reset(const Model &model, const Assignment &choice) {
  if (leaves == 0)
    return;
  std::vector<int64_t> change(size_t(times) + 1, 0);
  for (int u = 0; u < model.nodes; ++u) {
    if (!model.usesMemory(u))
      continue;
    int64_t bytes = model.memory[size_t(model.first[size_t(u)] + choice[size_t(u)])];
    change[size_t(model.begin[size_t(u)])] += bytes;
    change[size_t(model.end[size_t(u)])] -= bytes;
  }
  std::fill(added.begin(), added.end(), 0);
  int64_t used = 0;
  for (int t = 0; t < times; ++t) {
    used += change[size_t(t)];
    most[size_t(leaves + t)] = used - room[size_t(t)];
  }
  for (int i = leaves - 1; i >= 1; --i)
    most[size_t(i)] = std::max(most[size_t(2 * i)], most[size_t(2 * i + 1)]);
}

void MemoryProfile::add(int begin, int end, int64_t bytes) {
  if (begin >= end || bytes == 0)
    return;
  int l = begin + leaves, r = end + leaves - 1;
  int low = l, high = r;
  for (++r; l < r; l /= 2, r /= 2) {
    if (l & 1) {
      most[size_t(l)] += bytes;
      added[size_t(l)] += bytes;
      ++l;
    }
    if (r & 1) {
      --r;
      most[size_t(r)] += bytes;
      added[size_t(r)] += bytes;
    }
  }
  // Both border paths; they meet, and from there on one is enough.
  for (low /= 2, high /= 2; low >= 1; low /= 2, high /= 2) {
    most[size_t(low)] = std::max(most[size_t(2 * low)], most[size_t(2 * low + 1)]) + added[size_t(low)];
    if (high != low)
      most[size_t(high)] = std::max(most[size_t(2 * high)], most[size_t(2 * high + 1)]) + added[size_t(high)];
  }
}

int MemoryProfile::worstTime() const {
  int at = 1;
  while (at < leaves)
    at = most[size_t(2 * at)] >= most[size_t(2 * at + 1)] ? 2 * at : 2 * at + 1;
  return at - leaves;
}

int64_t MemoryProfile::worstIn(int begin, int end) const {
  int64_t left = kNothing, right = kNothing;
  int l = begin + leaves, r = end + leaves;
  int low = l, high = r - 1;
  // Maxima of the covered subtrees, to which the additions of their ancestors come on the way up.
  bool any = false;
  for (; low >= 1; low /= 2, high /= 2) {
    if (l < r) {
      if (l & 1)
        left = std::max(left, most[size_t(l++)]), any = true;
      if (r & 1)
        right = std::max(right, most[size_t(--r)]), any = true;
      l /= 2;
      r /= 2;
    }
    int upLow = low / 2, upHigh = high / 2;
    if (upLow >= 1 && left != kNothing)
      left += added[size_t(upLow)];
    if (upHigh >= 1 && right != kNothing)
      right += added[size_t(upHigh)];
  }
  return any ? std::max(left, right) : kNothing;
}

} // namespace ampc::search
