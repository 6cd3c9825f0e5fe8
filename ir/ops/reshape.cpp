// The reshape operator and the ONNX operators that only rename dimensions. Its rule is the common refinement
// of both shapes: every dimension of either side becomes a product of the same loops wherever their
// boundaries nest.
#include "ir/ops/expansion.h"

#include <algorithm>

namespace ampc {

using Types = std::vector<TensorType>;
using Shape = std::vector<int64_t>;

// --- Rule
// --------------------------------------------------------------------------------------------------------

namespace {
/// A run of dimensions on both sides with the same number of elements; it cannot be cut further.
struct Group {
  size_t fromBegin, fromEnd, toBegin, toEnd;
};
} // namespace

static std::vector<Group> splitIntoGroups(const Shape &from, const Shape &to) {
  std::vector<Group> groups;
  size_t i = 0, o = 0;
  while (i < from.size() || o < to.size()) {
    Group group{i, i, o, o};
    int64_t left = 1, right = 1;
    do {
      if (i < from.size() && (left <= right || o == to.size()))
        left *= from[i++];
      else if (o < to.size())
        right *= to[o++];
      else
        break;
    } while (left != right);
    // Unit dimensions that follow belong to no boundary; they stay with the group that is open.
    for (; i < from.size() && from[i] == 1; ++i) {
    }
    for (; o < to.size() && to[o] == 1; ++o) {
    }
    group.fromEnd = i;
    group.toEnd = o;
    groups.push_back(group);
  }
  return groups;
}

// Numbers of elements inside each dimension boundary, from 1 to the group's product.
static void addBoundaries(const Shape &shape, size_t begin, size_t end, Shape &boundaries) {
  int64_t product = 1;
  for (size_t d = end; d-- > begin;)
    boundaries.push_back(product *= shape[d]);
}

// The dimensions of one side as products of the loops whose inner sizes are `inner` (decreasing, ending in
// 1).
static void addDims(const Shape &shape, size_t begin, size_t end, const Shape &inner, int firstLoop,
                    Access &access) {
  Shape outerOf(end - begin + 1, 1);
  for (size_t d = end; d-- > begin;)
    outerOf[d - begin] = outerOf[d - begin + 1] * shape[d];
  for (size_t d = begin; d < end; ++d) {
    DimAccess dim;
    int64_t low = outerOf[d - begin + 1], high = outerOf[d - begin];
    for (size_t l = 0; l < inner.size(); ++l)
      if (inner[l] >= low && inner[l] < high)
        dim.terms.push_back({firstLoop + int(l), inner[l] / low});
    access.dims.push_back(std::move(dim));
  }
}

static IterationRule reshapeRule(const OpInstance &op) {
  IterationRule rule;
  Access from, to;
  const Shape &in = op.in(0), &out = op.out();
  bool isEmpty = op.operands[0].numElements() == 0;
  std::vector<Group> groups =
      isEmpty ? std::vector<Group>{{0, in.size(), 0, out.size()}} : splitIntoGroups(in, out);
  for (const Group &group : groups) {
    Shape boundaries;
    addBoundaries(in, group.fromBegin, group.fromEnd, boundaries);
    addBoundaries(out, group.toBegin, group.toEnd, boundaries);
    boundaries.push_back(1);
    std::sort(boundaries.begin(), boundaries.end());
    boundaries.erase(std::unique(boundaries.begin(), boundaries.end()), boundaries.end());
    bool nests = !isEmpty;
    for (size_t b = 0; b + 1 < boundaries.size() && nests; ++b)
      nests = boundaries[b + 1] % boundaries[b] == 0;
    int firstLoop = int(rule.loops.size());
    auto addLoop = [&](int64_t extent, LoopKind kind) {
      rule.loops.push_back({"f" + std::to_string(rule.loops.size()), extent, kind});
    };
    if (nests) {
      Shape inner;
      for (size_t b = boundaries.size(); b-- > 1;) {
        addLoop(boundaries[b] / boundaries[b - 1], LoopKind::Parallel);
        inner.push_back(boundaries[b - 1]);
      }
      addDims(in, group.fromBegin, group.fromEnd, inner, firstLoop, from);
      addDims(out, group.toBegin, group.toEnd, inner, firstLoop, to);
      continue;
    }
    // Boundaries that cross: the body divides the element number.
    for (size_t d = group.toBegin; d < group.toEnd; ++d) {
      addLoop(out[d], LoopKind::Whole);
      to.dims.push_back(DimAccess::loop(int(rule.loops.size()) - 1));
    }
    for (size_t d = group.fromBegin; d < group.fromEnd; ++d)
      from.dims.push_back(DimAccess::wholeDim());
  }
  rule.operands.push_back(std::move(from));
  rule.results.push_back(std::move(to));
  return rule;
}

static Scalar reshapeBody(Body &x) {
  IterationRule rule = reshapeRule(x.instance);
  const Shape &in = x.instance.in(0), &out = x.instance.out();
  const Access &from = rule.operands[0];
  if (std::none_of(from.dims.begin(), from.dims.end(), [](const DimAccess &dim) { return dim.indirect; }))
    return x(0);
  std::vector<Scalar> indices;
  for (const Group &group : splitIntoGroups(in, out)) {
    auto valueOf = [&](const DimAccess &dim) {
      Scalar value = x.index(dim.offset);
      for (const LinearTerm &term : dim.terms)
        value = value + x.loop(term.loop) * double(term.coefficient);
      return value;
    };
    if (group.fromBegin == group.fromEnd)
      continue;
    if (!from.dims[group.fromBegin].indirect) {
      for (size_t d = group.fromBegin; d < group.fromEnd; ++d)
        indices.push_back(valueOf(from.dims[d]));
      continue;
    }
    Scalar element = x.index(0);
    for (size_t d = group.toBegin; d < group.toEnd; ++d)
      element = element * double(out[d]) + valueOf(rule.results[0].dims[d]);
    std::vector<Scalar> reversed;
    for (size_t d = group.fromEnd; d-- > group.fromBegin; element = element / double(in[d]))
      reversed.push_back(rem(element, double(in[d])));
    indices.insert(indices.end(), reversed.rbegin(), reversed.rend());
  }
  return x.load(0, indices);
}

static llvm::Expected<Types> inferReshape(const OpInstance &op) {
  Shape shape = op.integers("shape");
  if (std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 0; }) ||
      numElements(shape) != op.operands[0].numElements())
    return opError(llvm::Twine(op.operands[0].numElements()) + " elements cannot be reshaped to " +
                   llvm::Twine(numElements(shape)));
  return Types{{op.operands[0].type, shape}};
}

// --- ONNX
// ----------------------------------------------------------------------------------------------------------

// Like Expansion::reshape, but a shape that stays as it is yields the operand itself.
static ImportResults reshapeTo(Expansion &e, const Shape &shape) {
  return e.done({e.reshape(e.operand(0), shape, "")});
}

static ImportResults importReshape(ImportContext &context) {
  Expansion e(context);
  Shape from = e.shape(e.operand(0));
  Shape to = context.version() < 5 ? context.integers("shape") : e.knownIntegers(1, "the target shape");
  bool zeroIsLiteral = context.version() >= 14 && context.integer("allowzero", 0) != 0;
  int64_t known = 1, unknownDim = -1;
  for (size_t d = 0; d < to.size(); ++d) {
    if (to[d] == 0 && !zeroIsLiteral) {
      if (d >= from.size())
        return context.invalid("dimension " + llvm::Twine(d) + " is copied from an operand of rank " +
                               llvm::Twine(from.size()));
      to[d] = from[d];
    }
    if (to[d] < -1 || (to[d] == -1 && unknownDim >= 0))
      return context.invalid("the target shape has a negative dimension");
    if (to[d] == -1)
      unknownDim = int64_t(d);
    else if (__builtin_mul_overflow(known, to[d], &known))
      return context.invalid("the target shape is too large");
  }
  if (unknownDim >= 0) {
    int64_t count = numElements(from);
    if (known == 0 ? count != 0 : count % known != 0)
      return context.invalid(llvm::Twine(count) + " elements cannot be divided by " + llvm::Twine(known));
    to[unknownDim] = known == 0 ? 0 : count / known;
  }
  return reshapeTo(e, to);
}

// The axes of Squeeze and Unsqueeze: an attribute before version 13, operand 1 since; false if absent.
static bool axesOf(Expansion &e, int64_t rank, Shape &axes) {
  if (e.context.version() < 13) {
    if (!e.context.hasAttribute("axes"))
      return false;
    axes = e.context.integers("axes");
  } else {
    if (!e.operand(1))
      return false;
    axes = e.knownIntegers(1, "the axes");
  }
  for (int64_t &axis : axes)
    axis = e.axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    e.invalid("an axis is named twice");
  return true;
}

static ImportResults importSqueeze(ImportContext &context) {
  Expansion e(context);
  Shape from = e.shape(e.operand(0)), axes, to;
  bool named = axesOf(e, int64_t(from.size()), axes);
  for (size_t d = 0; d < from.size(); ++d) {
    bool drop = named ? std::binary_search(axes.begin(), axes.end(), int64_t(d)) : from[d] == 1;
    if (drop && from[d] != 1)
      e.invalid("dimension " + llvm::Twine(d) + " of extent " + llvm::Twine(from[d]) + " cannot be squeezed");
    if (!drop)
      to.push_back(from[d]);
  }
  return reshapeTo(e, to);
}

static ImportResults importUnsqueeze(ImportContext &context) {
  Expansion e(context);
  Shape to = e.shape(e.operand(0)), axes;
  size_t count =
      context.version() < 13 ? context.integers("axes").size() : e.knownIntegers(1, "the axes").size();
  axesOf(e, int64_t(to.size() + count), axes);
  if (!e.failed())
    for (int64_t axis : axes)
      to.insert(to.begin() + axis, 1);
  return reshapeTo(e, to);
}

static ImportResults importFlatten(ImportContext &context) {
  Expansion e(context);
  Shape from = e.shape(e.operand(0)), to = {1, 1};
  int64_t rank = int64_t(from.size()), axis = context.integer("axis", 1);
  if (axis < -rank || axis > rank)
    return context.invalid("axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(rank));
  axis = axis < 0 ? axis + rank : axis;
  for (int64_t d = 0; d < rank; ++d)
    to[d < axis ? 0 : 1] *= from[d];
  return reshapeTo(e, to);
}

static ImportResults importIdentity(ImportContext &context) {
  return llvm::SmallVector<mlir::Value>{context.operand(0)};
}

// [N, C, H, W] in blocks: DCR [N, b, b, C', H, W], CRD [N, C', b, b, H, W] -> [N, C', H, b, W, b].
static ImportResults importDepthToSpace(ImportContext &context) {
  Expansion e(context);
  Shape from = e.shape(e.operand(0));
  int64_t block = context.integer("blocksize");
  bool isCrd = context.string("mode", "DCR") == "CRD";
  if (from.size() != 4 || block <= 0 || from[1] % (block * block) != 0)
    return context.invalid("the block size does not divide the channels of a 4-dimensional tensor");
  int64_t n = from[0], c = from[1] / (block * block), h = from[2], w = from[3];
  Expansion::Value x = e.operand(0);
  x = e.reshape(x, isCrd ? Shape{n, c, block, block, h, w} : Shape{n, block, block, c, h, w}, "split");
  x = e.transpose(x, isCrd ? Shape{0, 1, 4, 2, 5, 3} : Shape{0, 3, 4, 1, 5, 2});
  return e.done({e.reshape(x, {n, c, h * block, w * block}, "")});
}

static ImportResults importSpaceToDepth(ImportContext &context) {
  Expansion e(context);
  Shape from = e.shape(e.operand(0));
  int64_t block = context.integer("blocksize");
  bool isCrd = context.string("mode", "DCR") == "CRD";
  if (from.size() != 4 || block <= 0 || from[2] % block != 0 || from[3] % block != 0)
    return context.invalid(
        "the block size does not divide the last two dimensions of a 4-dimensional tensor");
  int64_t n = from[0], c = from[1], h = from[2] / block, w = from[3] / block;
  Expansion::Value x = e.reshape(e.operand(0), {n, c, h, block, w, block}, "split");
  x = e.transpose(x, isCrd ? Shape{0, 1, 3, 5, 2, 4} : Shape{0, 3, 5, 1, 2, 4});
  return e.done({e.reshape(x, {n, c * block * block, h, w}, "")});
}

void addReshapeRows(OpTable &table) {
  table.add({"reshape", OpClass::Movement, 1, 1, inferReshape, reshapeRule, reshapeBody, {}, true});
  auto onnx = [&](const char *name, ImportFn import) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), "reshape"});
  };
  onnx("Reshape", importReshape);
  onnx("Squeeze", importSqueeze);
  onnx("Unsqueeze", importUnsqueeze);
  onnx("Flatten", importFlatten);
  table.addOnnx({"", "Identity", 1, 1 << 20, importIdentity, ""});
  table.addOnnx({"", "DepthToSpace", 1, 1 << 20, importDepthToSpace, "reshape transpose"});
  table.addOnnx({"", "SpaceToDepth", 1, 1 << 20, importSpaceToDepth, "reshape transpose"});
  table.example("reshape", "(tensor<4x6x8xf32>) {shape = array<i64: 4, 48>}");
}

} // namespace ampc
