// Padding and cropping. Constant padding is an access that may leave the operand; the other modes compute
// which element is read.
#include "ir/ops/expansion.h"

#include <algorithm>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;

// Attribute `pads`: begin of every dimension, then end of every dimension; negative ones crop.
static llvm::Expected<Types> inferPad(const OpInstance &op) {
  Shape pads = op.integers("pads"), shape = op.in(0);
  size_t rank = shape.size();
  if (pads.size() != 2 * rank)
    return opError("there are " + llvm::Twine(pads.size()) + " pads for rank " + llvm::Twine(rank));
  for (size_t d = 0; d < rank; ++d) {
    constexpr int64_t largestPad = int64_t(1) << 40; // in bytes more than any tensor has
    auto isTooLarge = [](int64_t pad) { return pad > largestPad || pad < -largestPad; };
    if (isTooLarge(pads[d]) || isTooLarge(pads[rank + d]))
      return opError("a pad of dimension " + llvm::Twine(d) + " is larger than any tensor");
    bool needsSource = op.has("mode") && (pads[d] > 0 || pads[rank + d] > 0);
    if (needsSource && shape[d] == 0)
      return opError("an empty dimension has nothing to be padded with");
    shape[d] += pads[d] + pads[rank + d];
    if (shape[d] < 0)
      return opError("the pads crop more than dimension " + llvm::Twine(d) + " has");
  }
  return Types{{op.operands[0].type, shape}};
}

static bool isPadded(const Shape &pads, size_t d) { return pads[d] != 0 || pads[pads.size() / 2 + d] != 0; }

// Where reflection (once) and repetition of the edge read: near the position, so that it can be split. `extents` are those
// of the whole operand.
static std::optional<LoopReach> indexReach(const OpInstance &op, const Shape &pads, size_t d) {
  Shape extents = op.integers("extents");
  llvm::StringRef mode = op.string("mode");
  int64_t begin = pads[d], end = pads[pads.size() / 2 + d];
  int64_t before = std::max<int64_t>(begin, 0), after = std::max<int64_t>(end, 0);
  if (extents.empty() || extents[d] <= std::max(before, after) || (mode != "reflect" && mode != "edge"))
    return std::nullopt;
  int64_t bounce = mode == "reflect" ? 2 : 1;
  return LoopReach{int(d), 1, 1, -begin - bounce * after, -begin + bounce * before};
}

// An optional second operand is the padding value when it is not known at compile time.
static IterationRule padRule(const OpInstance &op) {
  IterationRule rule;
  Shape pads = op.integers("pads");
  bool computesIndex = op.has("mode");
  Access from, to;
  for (size_t d = 0; d < op.out().size(); ++d) {
    bool padded = isPadded(pads, d);
    std::optional<LoopReach> reach;
    if (padded && computesIndex)
      reach = indexReach(op, pads, d);
    rule.loops.push_back(
        {"d" + std::to_string(d), op.out()[d],
         !padded ? LoopKind::Parallel : computesIndex && !reach ? LoopKind::Whole : LoopKind::Window});
    to.dims.push_back(DimAccess::loop(int(d)));
    from.dims.push_back(padded && computesIndex ? DimAccess::wholeDim() : DimAccess::loop(int(d)));
    from.dims.back().reach = reach;
    if (padded && !computesIndex)
      from.dims.back().offset = -pads[d];
  }
  if (!computesIndex)
    from.outside = op.real("value", 0);
  rule.operands.push_back(std::move(from));
  if (op.operands.size() > 1)
    rule.operands.push_back({});
  rule.results.push_back(std::move(to));
  return rule;
}

static std::vector<std::pair<std::string, Shape>> localPad(const OpInstance &local, const LocalPart &part) {
  Shape pads = local.integers("pads");
  size_t rank = pads.size() / 2;
  for (size_t d = 0; d < rank; ++d) {
    pads[d] = pads[d] + part.operandOrigins[0][d] - part.resultOrigin[d];
    pads[rank + d] = local.out()[d] - local.in(0)[d] - pads[d];
  }
  return {{"pads", pads}};
}

static Scalar padBody(Body &x) {
  if (x.instance.operands.size() < 2)
    return x(0);
  Shape pads = x.instance.integers("pads");
  Scalar result = x(0);
  for (size_t d = 0; d < pads.size() / 2; ++d)
    if (isPadded(pads, d)) {
      Scalar index = x.loop(int(d)) - double(pads[d]);
      result = select(index >= 0.0 && index < double(x.instance.in(0)[d]), result, x(1));
    }
  return result;
}

// `begins` and `origins`: where the device's part of the result and of the operand begin.
static std::vector<std::pair<std::string, Shape>> localPadByIndex(const OpInstance &, const LocalPart &part) {
  return {{"begins", part.resultOrigin}, {"origins", part.operandOrigins[0]}};
}

static Scalar padByIndexBody(Body &x) {
  Shape pads = x.instance.integers("pads"), extents = x.instance.integers("extents");
  Shape begins = x.instance.integers("begins"), origins = x.instance.integers("origins");
  llvm::StringRef mode = x.instance.string("mode");
  std::vector<Scalar> indices;
  for (size_t d = 0; d < pads.size() / 2; ++d) {
    Scalar index = x.loop(int(d));
    if (isPadded(pads, d)) {
      double extent = double(extents.empty() ? x.instance.in(0)[d] : extents[d]);
      index = index - double(pads[d] - (begins.empty() ? 0 : begins[d]));
      // Non-negative remainders, since the index may be negative.
      auto wrapAt = [](Scalar value, double period) { return rem(rem(value, period) + period, period); };
      if (mode == "edge") {
        index = min(max(index, 0.0), extent - 1);
      } else if (mode == "wrap") {
        index = wrapAt(index, extent);
      } else if (extent == 1) {
        index = x.index(0);
      } else {
        Scalar phase = wrapAt(index, 2 * extent - 2);
        index = min(phase, 2 * extent - 2 - phase);
      }
      if (!origins.empty())
        index = index - double(origins[d]);
    }
    indices.push_back(index);
  }
  return x.load(0, indices);
}

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

static ImportResults importPad(ImportContext &context) {
  Expansion e(context);
  Expansion::Value x = e.operand(0), value;
  int64_t rank = e.rank(x);
  Shape given, pads(size_t(2 * rank), 0), axes = axesFrom(0, rank);
  double number = 0;
  if (context.version() < 11) {
    given = context.integers(context.version() < 2 ? "paddings" : "pads");
    number = context.real("value", 0);
  } else {
    given = e.knownIntegers(1, "the pads");
    if (e.operand(2) && !e.knownSplat(2))
      value = e.operand(2);
    number = e.knownSplat(2).value_or(0);
    if (e.operand(3)) {
      axes = e.knownIntegers(3, "the padded axes");
      for (int64_t &axis : axes)
        axis = e.axis(axis, rank);
    }
  }
  if (!e.failed() && given.size() != 2 * axes.size())
    e.invalid("there are " + llvm::Twine(given.size()) + " pads for " + llvm::Twine(axes.size()) + " axes");
  if (!e.failed())
    for (size_t k = 0; k < axes.size(); ++k) {
      pads[size_t(axes[k])] = given[k];
      pads[size_t(axes[k] + rank)] = given[k + axes.size()];
    }
  if (!e.failed() && std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; }))
    return e.done({x});
  std::string mode = context.string("mode", "constant");
  if (mode == "constant") {
    if (!value)
      return e.done({e.build("pad", {x}, {e.attribute("pads", pads), e.attribute("value", number)}, "")});
    value = e.reshape(value, {}, "value");
    return e.done({e.build("pad", {x, value}, {e.attribute("pads", pads)}, "")});
  }
  if (mode != "reflect" && mode != "edge" && mode != "wrap")
    return context.invalid("there is no padding mode '" + mode + "'");
  return e.done({e.build("pad_by_index", {x},
                         {e.attribute("pads", pads), e.attribute("mode", llvm::StringRef(mode)),
                          e.attribute("extents", e.shape(x))}, "")});
}

// Crops or pads each axis to a target extent, half on either side; the odd element goes to the end when
// padding and the odd cropped one to the end too.
static ImportResults importCenterCropPad(ImportContext &context) {
  Expansion e(context);
  Expansion::Value x = e.operand(0);
  int64_t rank = e.rank(x);
  Shape target = e.knownIntegers(1, "the target shape"), pads(size_t(2 * rank), 0);
  Shape axes = context.hasAttribute("axes") ? context.integers("axes") : axesFrom(0, rank),
        extents = e.shape(x);
  if (!e.failed() && axes.size() != target.size())
    e.invalid("there are " + llvm::Twine(target.size()) + " target extents for " + llvm::Twine(axes.size()) +
              " axes");
  for (size_t k = 0; k < axes.size() && !e.failed(); ++k) {
    int64_t axis = e.axis(axes[k], rank), difference = target[k] - extents[axis];
    int64_t begin = difference >= 0 ? difference / 2 : -(-difference / 2);
    pads[size_t(axis)] = begin;
    pads[size_t(axis + rank)] = difference - begin;
  }
  if (!e.failed() && std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; }))
    return e.done({x});
  return e.done({e.build("pad", {x}, {e.attribute("pads", pads), e.attribute("value", 0.0)}, "")});
}

void addPadRows(OpTable &table) {
  table.add({"pad", OpClass::Movement, 1, 2, inferPad, padRule, padBody, {}, false, localPad});
  table.add({"pad_by_index", OpClass::Movement, 1, 1, inferPad, padRule, padByIndexBody, {}, false, localPadByIndex});
  table.addOnnx({"", "Pad", 1, 1 << 20, importPad, "pad pad_by_index"});
  table.addOnnx({"", "CenterCropPad", 1, 1 << 20, importCenterCropPad, "pad"});
  table.example("pad", "(tensor<4x6xf32>) {pads = array<i64: 1, 0, 1, 0>}");
  table.example("pad_by_index", "(tensor<4x6xf32>) {pads = array<i64: 1, 0, 1, 0>, mode = \"edge\"}");
}

} // namespace ampc
