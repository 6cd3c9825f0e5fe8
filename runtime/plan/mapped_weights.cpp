// Ranges of the weights that ranks read, and how many ranks read each piece of them.
#include "runtime/plan/mapped_weights.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace ampc::plan {

namespace {
struct Range {
  uint32_t blob;
  uint64_t begin, end;
  auto operator<=>(const Range &) const = default;
};

/// Disjoint, sorted ranges that forward steps of the rank read.
std::vector<Range> rangesOf(const Plan &plan, const RankTable &rank) {
  std::vector<Range> ranges, merged;
  if (rank.forwardProgram >= plan.programs.size())
    return merged;
  for (const Step &step : plan.programs[rank.forwardProgram].steps)
    for (const Buffer &read : step.reads)
      if (read.space == Space::Blob && read.sizeBytes) {
        const BlobView &view = rank.blobs[read.index];
        const uint64_t begin = view.offsetBytes + read.offsetBytes;
        ranges.push_back({view.blob, begin, begin + read.sizeBytes});
      }
  std::sort(ranges.begin(), ranges.end());
  for (const Range &range : ranges)
    if (!merged.empty() && merged.back().blob == range.blob && range.begin <= merged.back().end)
      merged.back().end = std::max(merged.back().end, range.end);
    else
      merged.push_back(range);
  return merged;
}
} // namespace

std::vector<uint64_t> mappedWeightShares(const Plan &plan) {
  // Ranks that share a program and the places of their weights read the same: thousands of ranks, few kinds.
  using Key = std::pair<uint32_t, std::vector<std::pair<uint32_t, uint64_t>>>;
  std::map<Key, size_t> known;
  std::vector<std::vector<Range>> kinds;
  std::vector<int64_t> ranksOfKind;
  std::vector<size_t> kindOf;
  for (const RankTable &rank : plan.ranks) {
    Key key{rank.forwardProgram, {}};
    for (const BlobView &view : rank.blobs)
      key.second.emplace_back(view.blob, view.offsetBytes);
    auto [entry, isNew] = known.try_emplace(std::move(key), kinds.size());
    if (isNew) {
      kinds.push_back(rangesOf(plan, rank));
      ranksOfKind.push_back(0);
    }
    kindOf.push_back(entry->second);
    ++ranksOfKind[entry->second];
  }
  // Readers of every piece, from the borders of the ranges.
  std::map<std::pair<uint32_t, uint64_t>, int64_t> readers;
  for (size_t kind = 0; kind < kinds.size(); ++kind)
    for (const Range &range : kinds[kind]) {
      readers[{range.blob, range.begin}] += ranksOfKind[kind];
      readers[{range.blob, range.end}] -= ranksOfKind[kind];
    }
  int64_t open = 0;
  for (auto &[border, count] : readers)
    count = open += count;
  std::vector<uint64_t> shares(kinds.size(), 0);
  for (size_t kind = 0; kind < kinds.size(); ++kind)
    for (const Range &range : kinds[kind])
      for (auto piece = readers.find({range.blob, range.begin}); piece->first.second < range.end;) {
        const auto next = std::next(piece);
        const uint64_t size = next->first.second - piece->first.second;
        shares[kind] += (size + uint64_t(piece->second) - 1) / uint64_t(piece->second);
        piece = next;
      }
  std::vector<uint64_t> result;
  for (size_t kind : kindOf)
    result.push_back(shares[kind]);
  return result;
}

} // namespace ampc::plan
