// See cost_scale.h.
#include "cost_scale.h"
#include "model.h"

#include <algorithm>

namespace ampc::search {

namespace {

/// What the sum of everything finite must stay below. Branch and bound adds three terms of up to four times the sum
/// and must still tell them from forbidden ones.
constexpr Total kLargestSum = kInfinity / 64;

struct Range {
  Cost least = 0, largest = 0;
};

/// Least finite entry, and the largest one that is at most `excess` above it.
Range rangeOf(const std::vector<Cost> &costs, Cost excess) {
  Cost least = kForbidden;
  for (Cost c : costs)
    least = std::min(least, c);
  if (least >= kForbidden)
    return {};
  Cost largest = least;
  for (Cost c : costs)
    if (c < kForbidden && c - least <= excess)
      largest = std::max(largest, c);
  return {least, largest};
}

/// Calls `add` with the range of every node and of every edge's matrix.
template <typename Add> void forEachRange(const Problem &problem, Cost excess, Add add) {
  for (const Node &node : problem.nodes)
    add(rangeOf(node.costs, excess));
  std::vector<Range> ofMatrix;
  for (const std::vector<Cost> &matrix : problem.matrices)
    ofMatrix.push_back(rangeOf(matrix, excess));
  for (const Edge &edge : problem.edges)
    add(ofMatrix[edge.matrix]);
}

} // namespace

std::vector<int64_t> CostScale::apply(const std::vector<Cost> &costs) const {
  Cost least = isRelative ? rangeOf(costs, 0).least : 0;
  std::vector<int64_t> result;
  result.reserve(costs.size());
  for (Cost c : costs)
    result.push_back(c >= kForbidden || c - least > largest ? kInfinity : (c - least) >> shift);
  return result;
}

CostScale scaleFor(const Problem &problem, std::optional<Total> knownCost) {
  CostScale scale;
  Total sum = 0;
  forEachRange(problem, scale.largest, [&](const Range &range) {
    sum += range.largest;
    scale.base += range.least;
  });
  if (sum < kLargestSum) {
    scale.base = 0;
    return scale;
  }
  scale.isRelative = true;
  // Whatever an assignment takes elsewhere costs at least the sum of what is least there.
  if (knownCost)
    scale.largest = Cost(std::clamp<Total>(*knownCost - scale.base, 0, scale.largest));
  sum = 0;
  forEachRange(problem, scale.largest, [&](const Range &range) { sum += range.largest - range.least; });
  while ((sum >> scale.shift) >= kLargestSum)
    ++scale.shift;
  return scale;
}

} // namespace ampc::search
