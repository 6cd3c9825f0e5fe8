// Matrix products: one dialect operator `matmul` (NumPy semantics with broadcast batch dimensions); Gemm becomes
// products, scaling and addition.
#include "ir/ops/contributed.h"
#include "ir/ops/expansion.h"

using namespace mlir;

namespace ampc {

static llvm::Expected<std::vector<TensorType>> inferMatmul(const OpInstance &op) {
  const std::vector<int64_t> &a = op.in(0), &b = op.in(1);
  if (a.size() < 2 || b.size() < 2)
    return opError("matmul needs operands of rank 2 or more");
  if (a.back() != b[b.size() - 2])
    return opError("inner dimensions differ: " + llvm::Twine(a.back()) + " against " + llvm::Twine(b[b.size() - 2]));
  // Batch dimensions broadcast.
  size_t rank = std::max(a.size(), b.size());
  std::vector<int64_t> shape(rank);
  for (size_t d = 0; d + 2 < rank; ++d) {
    int64_t x = d + a.size() < rank ? 1 : a[d + a.size() - rank], y = d + b.size() < rank ? 1 : b[d + b.size() - rank];
    if (x != y && x != 1 && y != 1)
      return opError("batch dimensions cannot be broadcast: " + llvm::Twine(x) + " against " + llvm::Twine(y));
    shape[d] = x == 1 ? y : x;
  }
  shape[rank - 2] = a[a.size() - 2];
  shape[rank - 1] = b.back();
  return std::vector<TensorType>{{op.operands[0].type, shape}};
}

static IterationRule matmulRule(const OpInstance &op) {
  IterationRule rule;
  const std::vector<int64_t> &shape = op.out();
  size_t rank = shape.size();
  for (size_t d = 0; d + 2 < rank; ++d)
    rule.loops.push_back({"b" + std::to_string(d), shape[d], LoopKind::Parallel});
  int m = int(rank) - 2, n = m + 1, k = m + 2;
  rule.loops.push_back({"m", shape[rank - 2], LoopKind::Parallel});
  rule.loops.push_back({"n", shape[rank - 1], LoopKind::Parallel});
  rule.loops.push_back({"k", op.in(0).back(), LoopKind::Reduce});
  for (int operand = 0; operand < 2; ++operand) {
    const std::vector<int64_t> &s = op.in(operand);
    Access access;
    for (size_t d = 0; d + 2 < s.size(); ++d) {
      int loop = int(d + rank - s.size());
      access.dims.push_back(s[d] == 1 && shape[loop] != 1 ? DimAccess::zero() : DimAccess::loop(loop));
    }
    access.dims.push_back(DimAccess::loop(operand == 0 ? m : k));
    access.dims.push_back(DimAccess::loop(operand == 0 ? k : n));
    rule.operands.push_back(std::move(access));
  }
  Access result;
  for (int d = 0; d <= n; ++d)
    result.dims.push_back(DimAccess::loop(d));
  rule.results.push_back(std::move(result));
  rule.reduction = Reduction::Sum;
  rule.flopsPerPoint = 2;
  return rule;
}

// --- ONNX ------------------------------------------------------------------------------------------------------------

/// NumPy's product: a vector counts as a row on the left, as a column on the right, and that dimension vanishes.
static Value product(Expansion &e, Value a, Value b, llvm::StringRef suffix) {
  Expansion::Shape left = e.shape(a), right = e.shape(b);
  bool leftVector = left.size() == 1, rightVector = right.size() == 1;
  if (left.empty() || right.empty()) {
    e.invalid("a product needs operands of rank 1 or more");
    return {};
  }
  if (leftVector)
    a = e.reshape(a, {1, left[0]}, "row");
  if (rightVector)
    b = e.reshape(b, {right[0], 1}, "column");
  if (!leftVector && !rightVector)
    return e.matmul(a, b, suffix);
  Value result = e.matmul(a, b);
  Expansion::Shape shape = e.shape(result);
  if (e.failed())
    return {};
  if (rightVector)
    shape.pop_back();
  if (leftVector)
    shape.erase(shape.end() - (rightVector ? 1 : 2));
  return e.reshape(result, shape, suffix);
}

static ImportResults importMatMul(ImportContext &context) {
  Expansion e(context);
  return e.done({product(e, e.operand(0), e.operand(1), "")});
}

static ImportResults importGemm(ImportContext &context) {
  Expansion e(context);
  Value a = e.operand(0), b = e.operand(1), c = e.operand(2);
  if (e.rank(a) != 2 || e.rank(b) != 2)
    e.invalid("Gemm needs matrices");
  if (context.integer("transA"))
    a = e.swapLastTwo(a, "transpose_a");
  if (context.integer("transB"))
    b = e.swapLastTwo(b, "transpose_b");
  double alpha = context.real("alpha", 1), beta = context.real("beta", 1);
  bool plain = alpha == 1 && (!c || beta == 0);
  Value result = e.matmul(a, b, plain ? "" : "matmul");
  if (alpha != 1)
    result = e.mul(result, alpha, c && beta != 0 ? "scaled" : "");
  if (c && beta != 0) {
    if (beta != 1)
      c = e.mul(c, beta, "scaled_c");
    result = e.add(result, c, "");
  }
  return e.done({result});
}

/// A * B of com.microsoft with transposes of the last two or of the batch dimensions, and a factor.
static ImportResults importFusedMatMul(ImportContext &context) {
  Expansion e(context);
  Value operands[2] = {e.operand(0), e.operand(1)};
  const char *plain[] = {"transA", "transB"}, *batch[] = {"transBatchA", "transBatchB"};
  for (int k = 0; k < 2; ++k) {
    int64_t rank = e.rank(operands[k]);
    if (rank < 2)
      continue;
    if (context.integer(batch[k])) { // dimension 0 of [m, batch..., k] moves behind the batch
      Expansion::Shape permutation = axesFrom(1, rank - 1);
      permutation.push_back(0);
      permutation.push_back(rank - 1);
      operands[k] = e.transpose(operands[k], permutation, "batch_first");
    }
    if (context.integer(plain[k]))
      operands[k] = e.swapLastTwo(operands[k], k == 0 ? "transpose_a" : "transpose_b");
  }
  double alpha = context.real("alpha", 1);
  Value result = product(e, operands[0], operands[1], alpha == 1 ? "" : "matmul");
  return e.done({alpha == 1 ? result : e.mul(result, alpha, "")});
}

void addContractionRows(OpTable &table) {
  constexpr int any = 1 << 20;
  table.add({"matmul", OpClass::Contraction, 2, 2, inferMatmul, matmulRule, [](Body &x) { return x(0) * x(1); }, {}, false});
  table.addOnnx({"", "MatMul", 1, any, importMatMul, "matmul"});
  table.addOnnx({"", "Gemm", 1, any, importGemm, "transpose, matmul, mul, add"});
  table.addOnnx({"com.microsoft", "FusedMatMul", 1, any, contributed("TT", importFusedMatMul), "transpose, matmul, mul"});
  table.example("matmul", "(tensor<4x6x10xf32>, tensor<4x10x8xf32>)");
}

} // namespace ampc
