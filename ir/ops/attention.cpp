// Scaled dot-product attention, expanded into products, reductions and elementwise operators. Grouped queries keep one
// copy of keys and values: their heads broadcast against the groups of query heads in the product.
#include "ir/ops/expansion.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace ampc {

constexpr double minusInfinity = -std::numeric_limits<double>::infinity();

/// [b, s, (h d)] -> [b, h, s, d]; rank 4 stays.
static Value splitHeads(Expansion &e, Value x, int64_t heads, llvm::StringRef name) {
  Expansion::Shape shape = e.shape(x);
  if (shape.size() == 4)
    return x;
  if (shape.size() != 3 || heads < 1 || shape[2] % heads != 0) {
    e.invalid(name + " of rank " + llvm::Twine(shape.size()) + " cannot be split into " + llvm::Twine(heads) + " heads");
    return {};
  }
  Value split = e.reshape(x, {shape[0], shape[1], heads, shape[2] / heads}, (name + "_split").str());
  return e.transpose(split, {0, 2, 1, 3}, (name + "_heads").str());
}

namespace {
/// What restricts which keys a query sees.
struct Mask {
  Value allowed;           // bool, broadcasts against the scores; null: all
  Value bias;              // added to the scores; null: none
  bool mayHideAll = false; // some query may see no key at all
};
} // namespace

static void restrict(Expansion &e, Mask &mask, Value allowed) {
  mask.allowed = mask.allowed ? e.binary("and", mask.allowed, allowed, "allowed") : allowed;
}

/// `queries` x `keys` mask from attn_mask, is_causal, window sizes and nonpad_kv_seqlen.
static Mask buildMask(Expansion &e, int64_t queries, int64_t keys, int64_t past, DataType wide) {
  ImportContext &context = e.context;
  Mask mask;
  if (Value given = e.operand(3)) {
    Expansion::Shape shape = e.shape(given);
    bool isBool = e.element(given) == DataType::Bool;
    if (!shape.empty() && shape.back() != 1 && shape.back() < keys) {
      int64_t rank = e.rank(given), missing = keys - shape.back();
      given = isBool ? e.cast(e.pad(e.cast(given, DataType::U8), rank - 1, 0, missing), DataType::Bool)
                     : e.pad(given, rank - 1, 0, missing, minusInfinity);
    }
    mask.mayHideAll = true;
    if (isBool)
      restrict(e, mask, given);
    else
      mask.bias = e.cast(given, wide, "bias");
  }
  Value lengths = e.operand(6); // valid keys per sample of an external cache
  bool causal = context.integer("is_causal");
  int64_t left = context.integer("left_window_size", -1), right = context.integer("right_window_size", -1);
  if (left < -1 || right < -1)
    e.invalid("a window size below -1");
  if (!lengths && !causal && left < 0 && right < 0)
    return mask;

  auto iota = [&](const Expansion::Shape &shape, int64_t count, int64_t first, const char *name) {
    std::vector<double> numbers(count);
    for (int64_t k = 0; k < count; ++k)
      numbers[k] = double(first + k);
    return e.literal(DataType::I64, shape, numbers, name);
  };
  constexpr int64_t longest = 1 << 20;
  if (queries > longest || keys > longest)
    e.unsupported("a sequence of more than " + llvm::Twine(longest) + " positions");
  if (e.failed())
    return mask;
  // Position of a query among the keys: behind those that were cached before.
  Value key = iota({1, keys}, keys, 0, "key_position");
  Value query = iota({queries, 1}, queries, past, "query_position");
  Value perSample = lengths ? e.reshape(lengths, {e.type(lengths).numElements(), 1, 1, 1}, "lengths") : Value();
  if (lengths && past == 0)
    query = e.add(query, e.sub(perSample, double(queries)), "query_position");
  if (causal)
    restrict(e, mask, e.binary("less_equal", key, query, "causal"));
  if (left >= 0)
    restrict(e, mask, e.binary("greater_equal", key, e.sub(query, double(left)), "left_window"));
  if (right >= 0)
    restrict(e, mask, e.binary("less_equal", key, e.add(query, double(right)), "right_window"));
  if (lengths)
    restrict(e, mask, e.binary("less", key, perSample, "valid"));
  mask.mayHideAll |= bool(lengths) || left >= 0 || right >= 0;
  return mask;
}

/// A query that sees no key gets all zeros instead of 0 / 0.
static Value guardedSoftmax(Expansion &e, Value scores) {
  DataType type = e.element(scores);
  Expansion::Shape axes = {e.rank(scores) - 1};
  Value top = e.reduceMax(scores, axes);
  Value hidden = e.binary("equal", top, e.number(type, minusInfinity), "hidden");
  Value shifted = e.unary("exp", e.sub(scores, e.where(hidden, e.number(type, 0), top, "shift")));
  Value sum = e.reduceSum(shifted, axes);
  return e.div(shifted, e.where(hidden, e.number(type, 1), sum, "divisor"), "softmax");
}

static ImportResults importAttention(ImportContext &context) {
  Expansion e(context);
  bool flat = e.rank(e.operand(0)) == 3;
  DataType type = e.element(e.operand(0)), valueType = e.element(e.operand(2));
  Value q = splitHeads(e, e.operand(0), context.integer("q_num_heads"), "q");
  Value k = splitHeads(e, e.operand(1), context.integer("kv_num_heads"), "k");
  Value v = splitHeads(e, e.operand(2), context.integer("kv_num_heads"), "v");
  int64_t past = 0;
  if (e.operand(4) && e.operand(5)) {
    past = e.rank(e.operand(4)) == 4 ? e.shape(e.operand(4))[2] : 0;
    k = e.concat({e.operand(4), k}, 2, "present_key");
    v = e.concat({e.operand(5), v}, 2, "present_value");
  } else if (e.operand(4) || e.operand(5)) {
    e.invalid("past_key and past_value are used together");
  }
  Expansion::Shape qs = e.shape(q), ks = e.shape(k), vs = e.shape(v);
  if (!e.failed() && (ks.size() != 4 || vs.size() != 4 || ks[1] < 1 || qs[1] % ks[1] != 0 || ks[1] != vs[1] ||
                      ks[2] != vs[2] || qs[3] != ks[3]))
    e.invalid("query, key and value do not fit together");
  if (e.failed())
    return e.done({});
  int64_t batch = qs[0], heads = qs[1], queries = qs[2], groups = ks[1], keys = ks[2], repeats = heads / groups;
  bool grouped = repeats > 1;
  Expansion::Shape perHead = {batch, heads, queries, keys}, perGroup = {batch, groups, repeats, queries, keys};

  double scale = context.hasAttribute("scale") ? context.real("scale") : 1 / std::sqrt(double(qs[3]));
  Value scaled = e.mul(q, scale, "scaled"), keysT = e.swapLastTwo(k, "k_transposed"), values = v;
  if (grouped) {
    scaled = e.reshape(scaled, {batch, groups, repeats, queries, qs[3]}, "q_groups");
    keysT = e.reshape(keysT, {batch, groups, 1, ks[3], keys}, "k_groups");
    values = e.reshape(values, {batch, groups, 1, keys, vs[3]}, "v_groups");
  }
  Value scores = e.reshape(e.matmul(scaled, keysT, "qk"), perHead, "scores");
  Value exposed = scores; // qk_matmul_output, by its mode
  int64_t mode = context.integer("qk_matmul_output_mode");

  DataType wide = computeType(type);
  if (std::optional<DataType> precision = onnxDataType(context.integer("softmax_precision")))
    wide = *precision == DataType::F64 ? DataType::F64 : wide;
  scores = e.cast(scores, wide, "widen");
  if (double cap = context.real("softcap", 0); cap > 0)
    scores = e.mul(e.unary("tanh", e.div(scores, cap, "relative")), cap, "capped");
  if (mode == 1)
    exposed = scores;
  Mask mask = buildMask(e, queries, keys, past, wide);
  if (mask.bias)
    scores = e.add(scores, mask.bias, "biased");
  if (mask.allowed)
    scores = e.where(mask.allowed, scores, e.number(wide, minusInfinity), "masked");
  if (mode == 2)
    exposed = scores;
  Value probabilities = mask.mayHideAll ? guardedSoftmax(e, scores) : e.softmax(scores, {3}, "softmax");
  probabilities = e.cast(probabilities, valueType, "narrow");
  if (mode == 3)
    exposed = probabilities;
  bool last = !grouped && !flat;
  Value y = e.matmul(grouped ? e.reshape(probabilities, perGroup, "p_groups") : probabilities, values, last ? "" : "pv");
  y = e.reshape(y, {batch, heads, queries, vs[3]}, flat ? "y_heads" : "");
  if (flat)
    y = e.reshape(e.transpose(y, {0, 2, 1, 3}, "y_split"), {batch, queries, heads * vs[3]}, "");
  std::vector<Value> results = {y, k, v};
  if (context.numResults() > 3)
    results.push_back(e.cast(exposed, type, "qk_output"));
  results.resize(std::min<size_t>(results.size(), std::max<size_t>(1, context.numResults())));
  return e.done(results);
}

void addAttentionRows(OpTable &table) {
  table.addOnnx({"", "Attention", 23, 1 << 20, importAttention, "matmul, mul, add, where, reduce_max, exp, reduce_sum, div"});
}

} // namespace ampc
