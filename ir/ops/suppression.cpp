// NonMaxSuppression on boxes and scores known at compile time: how many boxes stay is a matter of their
// values, so at run time the operator has no static shape.
#include "ir/ops/expansion.h"

#include <algorithm>

namespace ampc {

using Shape = std::vector<int64_t>;

namespace {
struct Box {
  double y1, x1, y2, x2;

  double area() const { return (y2 - y1) * (x2 - x1); }
  double overlap(const Box &other) const {
    double height = std::min(y2, other.y2) - std::max(y1, other.y1);
    double width = std::min(x2, other.x2) - std::max(x1, other.x1);
    double both = height > 0 && width > 0 ? height * width : 0;
    double either = area() + other.area() - both;
    return either > 0 ? both / either : 0;
  }
};

// Corners in any order, or centre and size.
Box boxAt(const HostTensor &boxes, int64_t first, bool isCentred) {
  double a = boxes.real(first), b = boxes.real(first + 1), c = boxes.real(first + 2),
         d = boxes.real(first + 3);
  if (isCentred)
    return {b - d / 2, a - c / 2, b + d / 2, a + c / 2};
  return {std::min(a, c), std::min(b, d), std::max(a, c), std::max(b, d)};
}
} // namespace

static ImportResults importNonMaxSuppression(ImportContext &context) {
  Expansion e(context);
  std::optional<HostTensor> boxes = context.constant(0), scores = context.constant(1);
  if (!boxes || !scores)
    return context.unsupported("the number of boxes that stay depends on values known only at run time");
  double numbers[3] = {0, 0, 0}; // boxes per class, overlap, score
  bool hasScoreThreshold = bool(e.operand(4));
  for (size_t k = 0; k < 3; ++k)
    if (e.operand(k + 2)) {
      std::optional<HostTensor> value = context.constant(k + 2);
      if (!value || value->type.numElements() != 1)
        return context.unsupported("the limits must be numbers known at compile time");
      numbers[k] = value->real(0);
    }
  const Shape &b = boxes->type.shape, &s = scores->type.shape;
  if (b.size() != 3 || s.size() != 3 || b[2] != 4 || b[0] != s[0] || b[1] != s[2])
    return context.invalid("boxes and scores do not fit together");
  bool isCentred = context.integer("center_point_box", 0) != 0;
  std::vector<int64_t> selected;
  for (int64_t batch = 0; batch < s[0]; ++batch)
    for (int64_t cls = 0; cls < s[1]; ++cls) {
      auto score = [&](int64_t box) { return scores->real((batch * s[1] + cls) * s[2] + box); };
      auto boxOf = [&](int64_t box) { return boxAt(*boxes, (batch * b[1] + box) * 4, isCentred); };
      std::vector<int64_t> order, kept;
      for (int64_t box = 0; box < s[2]; ++box)
        if (!hasScoreThreshold || score(box) > numbers[2])
          order.push_back(box);
      std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) { return score(x) > score(y); });
      for (int64_t box : order) {
        if (double(kept.size()) >= numbers[0])
          break;
        bool overlaps = std::any_of(kept.begin(), kept.end(), [&](int64_t other) {
          return boxOf(box).overlap(boxOf(other)) > numbers[1];
        });
        if (overlaps)
          continue;
        kept.push_back(box);
        selected.insert(selected.end(), {batch, cls, box});
      }
    }
  HostTensor result(TensorType{DataType::I64, {int64_t(selected.size()) / 3, 3}});
  for (size_t k = 0; k < selected.size(); ++k)
    result.setInteger(int64_t(k), selected[k]);
  return e.done({context.literal(result, "")});
}

void addSuppressionRows(OpTable &table) {
  table.addOnnx({"", "NonMaxSuppression", 1, 1 << 20, importNonMaxSuppression, "constant"});
}

} // namespace ampc
