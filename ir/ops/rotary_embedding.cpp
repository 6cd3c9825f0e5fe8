// Rotary position embedding: pairs of features are rotated by an angle that depends on the position.
#include "ir/ops/contributed.h"
#include "ir/ops/expansion.h"

using namespace mlir;

namespace ampc {

static ImportResults rotate(Expansion &e, Value x, Value cosines, Value sines, Value positions, double scale) {
  ImportContext &context = e.context;
  Expansion::Shape shape = e.shape(x);
  int64_t heads = context.integer("num_heads");
  bool flat = shape.size() == 3; // [b, s, (h d)], else [b, h, s, d]
  if (!flat && shape.size() != 4)
    e.invalid("rotary embedding of a tensor of rank " + llvm::Twine(shape.size()));
  else if (flat && heads < 1)
    heads = e.rank(cosines) > 0 ? shape[2] / std::max<int64_t>(1, 2 * e.shape(cosines).back()) : 0;
  if (!e.failed() && flat && (heads < 1 || shape[2] % heads != 0))
    e.invalid("num_heads does not divide the features");
  if (e.failed())
    return e.done({});
  Value value = flat ? e.reshape(x, {shape[0], shape[1], heads, shape[2] / heads}, "split") : x;
  Expansion::Shape split = e.shape(value);
  int64_t size = split[3], rotated = context.integer("rotary_embedding_dim"), sequence = flat ? split[1] : split[2];
  if (rotated == 0)
    rotated = size;
  if (rotated < 2 || rotated > size || rotated % 2)
    e.invalid("rotary_embedding_dim " + llvm::Twine(rotated) + " does not fit a head of " + llvm::Twine(size));
  int64_t half = rotated / 2;

  // Tables [positions, half], looked up per sample, or [b, s, half] already.
  auto table = [&](Value cache, const char *name) {
    if (positions)
      cache = e.build("gather", {cache, positions}, {e.attribute("axis", int64_t(0))}, llvm::StringRef(name));
    Expansion::Shape at = e.shape(cache);
    if (!e.failed() && (at.size() != 3 || at[1] != sequence || at[2] != half))
      e.invalid("the table of angles does not fit the input");
    if (e.failed())
      return Value();
    Expansion::Shape to = flat ? Expansion::Shape{at[0], sequence, 1, half} : Expansion::Shape{at[0], 1, sequence, half};
    return e.cast(e.reshape(cache, to, std::string(name) + "_table"), e.element(x));
  };
  Value c = table(cosines, "cosines"), s = table(sines, "sines");
  if (scale != 1)
    value = e.mul(value, scale, "scaled");

  Value turning = e.slice(value, 3, 0, rotated, 1, "turning"), first, second;
  bool interleaved = context.integer("interleaved");
  Expansion::Shape halves = split, pairs = {split[0], split[1], split[2], half, 1};
  halves[3] = half;
  if (interleaved) {
    Value paired = e.reshape(turning, {split[0], split[1], split[2], half, 2}, "pairs");
    first = e.reshape(e.slice(paired, 4, 0, 1, 1, "even"), halves, "first");
    second = e.reshape(e.slice(paired, 4, 1, 1, 1, "odd"), halves, "second");
  } else {
    first = e.slice(turning, 3, 0, half, 1, "first");
    second = e.slice(turning, 3, half, half, 1, "second");
  }
  Value real = e.sub(e.mul(c, first), e.mul(s, second), "real");
  Value imaginary = e.add(e.mul(s, first), e.mul(c, second), "imaginary");
  Value result;
  if (interleaved) {
    Expansion::Shape merged = split;
    merged[3] = rotated;
    result = e.concat({e.reshape(real, pairs), e.reshape(imaginary, pairs)}, 4, "interleaved");
    result = e.reshape(result, merged, "turned");
    if (rotated < size)
      result = e.concat({result, e.slice(value, 3, rotated, size - rotated, 1, "rest")}, 3, flat ? "joined" : "");
  } else {
    SmallVector<Value> parts = {real, imaginary};
    if (rotated < size)
      parts.push_back(e.slice(value, 3, rotated, size - rotated, 1, "rest"));
    result = e.concat(parts, 3, flat ? "joined" : "");
  }
  return e.done({e.reshape(result, shape, "")});
}

static ImportResults importRotaryEmbedding(ImportContext &context) {
  Expansion e(context);
  return rotate(e, e.operand(0), e.operand(1), e.operand(2), e.operand(3), 1);
}

/// com.microsoft: positions come second and always index the tables.
static ImportResults importContributed(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), positions = e.operand(1);
  if (e.rank(positions) != 2 || context.integer("is_packed_batching"))
    e.unsupported("positions that are not one per sample and token");
  return rotate(e, x, e.operand(2), e.operand(3), positions, context.real("scale", 1));
}

void addRotaryEmbeddingRows(OpTable &table) {
  const char *rows = "gather, slice, mul, sub, add, concat";
  table.addOnnx({"", "RotaryEmbedding", 23, 1 << 20, importRotaryEmbedding, rows});
  table.addOnnx({"com.microsoft", "RotaryEmbedding", 1, 1 << 20, contributed("TITT", importContributed), rows});
}

} // namespace ampc
