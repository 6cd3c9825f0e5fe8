// Adds up arenas, workspaces and mapped bytes of a plan.
#include "cost_model/memory.h"

#include "runtime/plan/mapped_weights.h"

#include <algorithm>
#include <map>

namespace ampc::cost {
namespace {

/// Union of half-open byte ranges per blob.
class ByteRanges {
public:
  void add(uint32_t blob, uint64_t begin, uint64_t end) {
    if (begin < end)
      ranges[blob].push_back({begin, end});
  }
  void add(const ByteRanges &other) {
    for (const auto &[blob, list] : other.ranges)
      ranges[blob].insert(ranges[blob].end(), list.begin(), list.end());
  }
  /// Total size; merges what overlaps.
  uint64_t merge() {
    uint64_t total = 0;
    for (auto &[blob, list] : ranges) {
      std::sort(list.begin(), list.end());
      std::vector<std::pair<uint64_t, uint64_t>> merged;
      for (const auto &range : list)
        if (!merged.empty() && range.first <= merged.back().second)
          merged.back().second = std::max(merged.back().second, range.second);
        else
          merged.push_back(range);
      for (const auto &range : merged)
        total += range.second - range.first;
      list = std::move(merged);
    }
    return total;
  }

private:
  std::map<uint32_t, std::vector<std::pair<uint64_t, uint64_t>>> ranges;
};

template <typename Visit> void visitSteps(const plan::Plan &plan, const plan::RankTable &rank, Visit visit) {
  for (uint32_t index : {rank.initProgram, rank.forwardProgram})
    if (index < plan.programs.size()) {
      for (const plan::Step &step : plan.programs[index].steps)
        visit(step);
      if (rank.initProgram == rank.forwardProgram)
        break;
    }
}

} // namespace

MemoryReport memoryOf(const plan::Plan &plan) {
  MemoryReport report;
  ByteRanges allMapped;
  const std::vector<uint64_t> shares = plan::mappedWeightShares(plan);
  for (const plan::RankTable &rank : plan.ranks) {
    RankMemory memory;
    memory.activationBytes = rank.activationBytes;
    memory.persistentBytes = rank.persistentBytes;
    memory.stateBytes = rank.stateBytes;
    ByteRanges mapped;
    visitSteps(plan, rank, [&](const plan::Step &step) {
      memory.workspaceBytes = std::max(memory.workspaceBytes, step.workspace.sizeBytes);
      for (const plan::Buffer &buffer : step.reads)
        if (buffer.space == plan::Space::Blob && buffer.index < rank.blobs.size()) {
          const plan::BlobView &view = rank.blobs[buffer.index];
          const uint64_t begin = view.offsetBytes + buffer.offsetBytes;
          mapped.add(view.blob, begin, begin + buffer.sizeBytes);
        }
    });
    memory.mappedBytes = mapped.merge();
    memory.mappedShareBytes = shares[report.ranks.size()];
    allMapped.add(mapped);
    memory.totalBytes = std::max(rank.peakBytes, memory.activationBytes + memory.persistentBytes + memory.stateBytes);
    report.peakBytes = std::max(report.peakBytes, memory.totalBytes);
    report.ranks.push_back(memory);
  }
  report.mappedBytes = allMapped.merge();
  return report;
}

} // namespace ampc::cost
