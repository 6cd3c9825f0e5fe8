// Operators whose results are copies of operand elements at places that the rule alone describes. The rules
// read extents from the result type, so that they hold for local shapes too; attributes named `shape` serve
// inference only.
#include "ir/ops/expansion.h"

#include "llvm/Support/MathExtras.h"

namespace ampc {

using Types = std::vector<TensorType>;

static llvm::Expected<Types> inferExpand(const OpInstance &op) {
  std::vector<int64_t> shape = op.integers("shape");
  const std::vector<int64_t> &from = op.in(0);
  if (from.size() > shape.size())
    return opError("a tensor of rank " + llvm::Twine(from.size()) + " cannot be expanded to rank " +
                   llvm::Twine(shape.size()));
  size_t skip = shape.size() - from.size();
  for (size_t d = 0; d < from.size(); ++d)
    if (from[d] != 1 && from[d] != shape[skip + d])
      return opError("extent " + llvm::Twine(from[d]) + " cannot be expanded to " +
                     llvm::Twine(shape[skip + d]));
  return Types{{op.operands[0].type, shape}};
}

// Loops d0, d1... over the result, whose access is the identity.
static IterationRule resultLoops(const OpInstance &op) {
  IterationRule rule;
  Access identity;
  for (size_t d = 0; d < op.out().size(); ++d) {
    rule.loops.push_back({"d" + std::to_string(d), op.out()[d], LoopKind::Parallel});
    identity.dims.push_back(DimAccess::loop(int(d)));
  }
  rule.results.push_back(std::move(identity));
  return rule;
}

static Scalar copyBody(Body &x) { return x(0); }

// --- transpose {perm}
// --------------------------------------------------------------------------------------------

static llvm::Expected<Types> inferTranspose(const OpInstance &op) {
  std::vector<int64_t> perm = op.integers("perm"), shape;
  std::vector<bool> seen(perm.size(), false);
  if (perm.size() != op.in(0).size())
    return opError("the permutation has " + llvm::Twine(perm.size()) + " entries for rank " +
                   llvm::Twine(op.in(0).size()));
  for (int64_t dim : perm) {
    if (dim < 0 || dim >= int64_t(perm.size()) || seen[dim])
      return opError("the permutation is not one");
    seen[dim] = true;
    shape.push_back(op.in(0)[dim]);
  }
  return Types{{op.operands[0].type, shape}};
}

static IterationRule transposeRule(const OpInstance &op) {
  IterationRule rule = resultLoops(op);
  Access access;
  std::vector<int64_t> perm = op.integers("perm");
  access.dims.resize(perm.size());
  for (size_t d = 0; d < perm.size(); ++d)
    access.dims[perm[d]] = DimAccess::loop(int(d));
  rule.operands.push_back(std::move(access));
  return rule;
}

// --- tile {repeats} and repeat {repeats}: every dimension (r d) or (d r)
// -------------------------------------------

static llvm::Expected<Types> inferRepeats(const OpInstance &op) {
  std::vector<int64_t> repeats = op.integers("repeats"), shape = op.in(0);
  if (repeats.size() != shape.size())
    return opError("there are " + llvm::Twine(repeats.size()) + " repeats for rank " +
                   llvm::Twine(shape.size()));
  for (size_t d = 0; d < shape.size(); ++d) {
    if (repeats[d] < 0)
      return opError("a number of repeats is negative");
    if (llvm::MulOverflow(shape[d], repeats[d], shape[d]))
      return opError("a number of repeats is larger than any tensor");
  }
  return Types{{op.operands[0].type, shape}};
}

static RuleFn repeatRule(bool repeatIsMajor) {
  return [repeatIsMajor](const OpInstance &op) {
    IterationRule rule;
    Access from, to;
    for (size_t d = 0; d < op.out().size(); ++d) {
      int64_t extent = op.in(0)[d], times = extent ? op.out()[d] / extent : 1;
      std::string number = std::to_string(d);
      if (times == 1 || extent == 1) {
        rule.loops.push_back({"d" + number, op.out()[d], LoopKind::Parallel});
        int loop = int(rule.loops.size()) - 1;
        from.dims.push_back(times == 1 ? DimAccess::loop(loop) : DimAccess::zero());
        to.dims.push_back(DimAccess::loop(loop));
        continue;
      }
      int major = int(rule.loops.size()), minor = major + 1;
      Loop repeat{"r" + number, times, LoopKind::Parallel}, dim{"d" + number, extent, LoopKind::Parallel};
      rule.loops.push_back(repeatIsMajor ? repeat : dim);
      rule.loops.push_back(repeatIsMajor ? dim : repeat);
      from.dims.push_back(DimAccess::loop(repeatIsMajor ? minor : major));
      to.dims.push_back({{{major, repeatIsMajor ? extent : times}, {minor, 1}}, 0, false});
    }
    rule.operands.push_back(std::move(from));
    rule.results.push_back(std::move(to));
    return rule;
  };
}

// --- slice {starts, steps, shape}: all per dimension
// ---------------------------------------------------------------

static IterationRule sliceRule(const OpInstance &op) {
  IterationRule rule = resultLoops(op);
  std::vector<int64_t> starts = op.integers("starts"), steps = op.integers("steps");
  Access access;
  for (size_t d = 0; d < op.out().size(); ++d) {
    if (starts[d] == 0 && steps[d] == 1 && op.in(0)[d] == op.out()[d]) {
      access.dims.push_back(DimAccess::loop(int(d)));
      continue;
    }
    rule.loops[d].kind = LoopKind::Window;
    access.dims.push_back({{{int(d), steps[d]}}, starts[d], false});
  }
  rule.operands.push_back(std::move(access));
  return rule;
}

// Starts are relative to what the device has of the operand.
static std::vector<std::pair<std::string, std::vector<int64_t>>> localSlice(const OpInstance &local,
                                                                            const LocalPart &part) {
  std::vector<int64_t> starts = local.integers("starts"), steps = local.integers("steps");
  for (size_t d = 0; d < starts.size(); ++d)
    starts[d] = local.out()[d] == 0 ? 0 : starts[d] + steps[d] * part.resultOrigin[d] - part.operandOrigins[0][d];
  return {{"starts", starts}};
}

static llvm::Expected<Types> inferSlice(const OpInstance &op) {
  std::vector<int64_t> starts = op.integers("starts"), steps = op.integers("steps"),
                       shape = op.integers("shape");
  const std::vector<int64_t> &from = op.in(0);
  if (starts.size() != from.size() || steps.size() != from.size() || shape.size() != from.size())
    return opError("a slice needs a start, a step and an extent per dimension");
  for (size_t d = 0; d < from.size(); ++d) {
    int64_t last = starts[d] + steps[d] * (shape[d] - 1);
    if (shape[d] < 0 ||
        (shape[d] > 0 && (starts[d] < 0 || starts[d] >= from[d] || last < 0 || last >= from[d])))
      return opError("the slice leaves dimension " + llvm::Twine(d) + " of extent " + llvm::Twine(from[d]));
  }
  return Types{{op.operands[0].type, shape}};
}

// --- concat {axis}
// -------------------------------------------------------------------------------------------------

static llvm::Expected<Types> inferConcat(const OpInstance &op) {
  int64_t axis = op.integer("axis");
  std::vector<int64_t> shape = op.in(0);
  if (axis < 0 || axis >= int64_t(shape.size()))
    return opError("axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(shape.size()));
  for (size_t k = 1; k < op.operands.size(); ++k) {
    if (op.in(k).size() != shape.size() || op.operands[k].type != op.operands[0].type)
      return opError("operands of a concatenation differ in rank or type");
    for (size_t d = 0; d < shape.size(); ++d)
      if (int64_t(d) != axis && op.in(k)[d] != shape[d])
        return opError("operands of a concatenation differ in dimension " + llvm::Twine(d));
    shape[axis] += op.in(k)[axis];
  }
  return Types{{op.operands[0].type, shape}};
}

// Operand k is read at loop - start of k: at each point exactly one operand is in range, the others read as
// 0. What a device has of the operands then is what its part of the result is made of, so starts stay sums of extents.
static IterationRule concatRule(const OpInstance &op) {
  IterationRule rule = resultLoops(op);
  int64_t axis = op.integer("axis"), start = 0;
  rule.loops[axis].kind = LoopKind::Window;
  for (const TensorType &operand : op.operands) {
    Access access = rule.results[0];
    access.dims[axis].offset = -start;
    access.outside = 0;
    start += operand.shape[axis];
    rule.operands.push_back(std::move(access));
  }
  return rule;
}

/// The element at `index` of operands [first, last), which start at `starts`. By halves: a compiled piece of the result
/// passes few decisions on the way to its operand, however many there are.
static Scalar concatElement(Body &x, Scalar index, llvm::ArrayRef<int64_t> starts, size_t first, size_t last) {
  if (last - first == 1)
    return x(int(first));
  size_t middle = first + (last - first) / 2;
  Scalar left = concatElement(x, index, starts, first, middle);
  Scalar right = concatElement(x, index, starts, middle, last);
  return select(index < double(starts[middle]), left, right);
}

static Scalar concatBody(Body &x) {
  int64_t axis = x.instance.integer("axis"), start = 0;
  std::vector<int64_t> starts;
  for (const TensorType &operand : x.instance.operands) {
    starts.push_back(start);
    start += operand.shape[axis];
  }
  return concatElement(x, x.loop(int(axis)), starts, 0, starts.size());
}

void addMovementRows(OpTable &table) {
  auto add = [&](const char *name, InferFn infer, RuleFn rule, LocalizeFn localize = {}) {
    table.add({name, OpClass::Movement, 1, 1, std::move(infer), std::move(rule), copyBody, {}, false,
               std::move(localize)});
  };
  add("transpose", inferTranspose, transposeRule);
  add("expand", inferExpand, [](const OpInstance &op) {
    IterationRule rule = elementwiseRule(op);
    rule.flopsPerPoint = 0;
    return rule;
  });
  add("tile", inferRepeats, repeatRule(true));
  add("repeat", inferRepeats, repeatRule(false));
  add("slice", inferSlice, sliceRule, localSlice);
  table.add({"concat", OpClass::Movement, 1, -1, inferConcat, concatRule, concatBody, {}, false});
  table.example("transpose", "(tensor<4x6x8xf32>) {perm = array<i64: 2, 0, 1>}");
  table.example("expand", "(tensor<4x1xf32>) {shape = array<i64: 4, 6>}");
  table.example("tile", "(tensor<4x6xf32>) {repeats = array<i64: 2, 1>}");
  table.example("repeat", "(tensor<4x6xf32>) {repeats = array<i64: 2, 1>}");
  table.example("slice",
                "(tensor<6x8xf32>) {starts = array<i64: 1, 0>, steps = array<i64: 1, 1>, shape = array<i64: 4, "
                "8>}");
  table.example("concat", "(tensor<4x6xf32>, tensor<8x6xf32>) {axis = 0 : i64}");
}

} // namespace ampc
