// Boxes of strided elements: sorted and swept by their ranges; where ranges overlap, the outermost dimension is taken
// off while it is common to all, and what is left is compared pair by pair.
#include "runtime/plan/move_checks.h"

#include "runtime/plan/plan_checks.h"

#include <algorithm>
#include <map>

namespace ampc::plan {

namespace {
/// Steps of the search for a common element of two boxes; boxes of one tensor need a few per dimension.
constexpr int maxSearchSteps = 1 << 14;

/// One unknown of "difference = sum of stride * value": lowest <= value <= highest.
struct Term {
  int64_t stride, lowest, highest;
};

/// Is there a solution? `terms` by falling stride; yes as well when it cannot be told within the steps.
bool isSolvable(std::span<const Term> terms, int64_t difference, int &stepsLeft) {
  if (terms.empty())
    return difference == 0;
  if (--stepsLeft < 0)
    return true;
  const Term &outer = terms[0];
  int64_t lowestRest = 0, highestRest = 0; // no more than the boxes span
  for (const Term &term : terms.subspan(1)) {
    lowestRest += term.stride * term.lowest;
    highestRest += term.stride * term.highest;
  }
  // Values with difference - stride * value between the two.
  auto floorDivide = [](int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); };
  const int64_t from = std::max(outer.lowest, -floorDivide(highestRest - difference, outer.stride));
  const int64_t to = std::min(outer.highest, floorDivide(difference - lowestRest, outer.stride));
  for (int64_t value = from; value <= to; ++value)
    if (isSolvable(terms.subspan(1), difference - outer.stride * value, stepsLeft) || stepsLeft < 0)
      return true;
  return false;
}

bool shareAnElement(const TargetBox &a, const TargetBox &b) {
  // a.first + sum a = b.first + sum b; dimensions of one stride become one unknown.
  std::map<int64_t, Term, std::greater<>> byStride;
  for (const TargetBox::Dim &dim : a.dims)
    byStride.try_emplace(dim.stride, Term{dim.stride, 0, 0}).first->second.highest += dim.count - 1;
  for (const TargetBox::Dim &dim : b.dims)
    byStride.try_emplace(dim.stride, Term{dim.stride, 0, 0}).first->second.lowest -= dim.count - 1;
  std::vector<Term> terms;
  for (const auto &[stride, term] : byStride)
    terms.push_back(term);
  int stepsLeft = maxSearchSteps;
  return isSolvable(terms, b.first - a.first, stepsLeft);
}

bool areDisjointSorted(std::span<const TargetBox> boxes);

/// Boxes each of which overlaps the range of an earlier one.
bool isClusterDisjoint(std::span<const TargetBox> boxes) {
  if (boxes.size() < 2)
    return true;
  bool haveCommonDim = !boxes[0].dims.empty();
  for (const TargetBox &box : boxes)
    haveCommonDim = haveCommonDim && !box.dims.empty() && box.dims[0] == boxes[0].dims[0];
  if (haveCommonDim) {
    // Interleaved parts, as columns of a matrix. Within one period of the dimension they meet only with equal indices.
    const int64_t period = boxes[0].dims[0].stride;
    int64_t last = 0;
    for (const TargetBox &box : boxes)
      last = std::max(last, box.last() - period * (box.dims[0].count - 1));
    if (last - boxes[0].first < period) {
      std::vector<TargetBox> inner(boxes.begin(), boxes.end());
      for (TargetBox &box : inner)
        box.dims.erase(box.dims.begin());
      return areDisjointSorted(inner); // by `first` still
    }
  }
  std::vector<int64_t> lasts;
  for (const TargetBox &box : boxes)
    lasts.push_back(box.last());
  for (size_t i = 0; i < boxes.size(); ++i)
    for (size_t j = i + 1; j < boxes.size() && boxes[j].first <= lasts[i]; ++j)
      if (shareAnElement(boxes[i], boxes[j]))
        return false;
  return true;
}

bool areDisjointSorted(std::span<const TargetBox> boxes) {
  for (size_t begin = 0; begin < boxes.size();) {
    int64_t last = boxes[begin].last();
    size_t end = begin + 1;
    for (; end < boxes.size() && boxes[end].first <= last; ++end)
      last = std::max(last, boxes[end].last());
    if (!isClusterDisjoint(boxes.subspan(begin, end - begin)))
      return false;
    begin = end;
  }
  return true;
}
} // namespace

int64_t TargetBox::last() const {
  int64_t result = first;
  for (const Dim &dim : dims)
    result += dim.stride * (dim.count - 1);
  return result;
}

std::optional<TargetBox> targetBox(const Move &move) {
  TargetBox box{move.targetOffset, {}};
  for (const MoveDim &dim : move.dims) {
    if (dim.count == 1)
      continue;
    if (dim.targetStride < 0) // backwards: the same elements
      box.first += dim.targetStride * (dim.count - 1);
    box.dims.push_back({dim.targetStride < 0 ? -dim.targetStride : dim.targetStride, dim.count});
  }
  std::sort(box.dims.begin(), box.dims.end(), std::greater<>());
  int64_t span = 0; // of the dimensions behind
  for (size_t d = box.dims.size(); d-- > 0;) {
    if (box.dims[d].stride <= span)
      return std::nullopt;
    span += box.dims[d].stride * (box.dims[d].count - 1);
    if (d + 1 < box.dims.size() && box.dims[d].stride == box.dims[d + 1].stride * box.dims[d + 1].count) {
      box.dims[d] = {box.dims[d + 1].stride, box.dims[d].count * box.dims[d + 1].count};
      box.dims.erase(box.dims.begin() + ptrdiff_t(d) + 1);
    }
  }
  return box;
}

std::optional<uint32_t> SingleWrites::memberWrittenTwice(std::span<const Move> moves, bool mayCombine) {
  std::map<uint32_t, std::vector<TargetBox>> boxesOf;
  std::set<std::vector<int64_t>> combined;
  for (const Move &move : moves) {
    if (rangeOf(move).isEmpty)
      continue;
    if (mayCombine) {
      std::vector<int64_t> key = {int64_t(move.targetMember), move.targetOffset};
      for (const MoveDim &dim : move.dims)
        key.insert(key.end(), {dim.count, dim.targetStride});
      if (!combined.insert(std::move(key)).second)
        continue;
    }
    std::optional<TargetBox> box = targetBox(move);
    if (!box)
      return move.targetMember;
    boxesOf[move.targetMember].push_back(std::move(*box));
  }
  for (auto &[member, boxes] : boxesOf) {
    std::sort(boxes.begin(), boxes.end());
    if (boxes.size() < 2 || judged.contains(boxes))
      continue;
    if (!areDisjointSorted(boxes))
      return member;
    judged.insert(std::move(boxes));
  }
  return std::nullopt;
}

} // namespace ampc::plan
