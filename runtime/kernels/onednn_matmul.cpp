// Matrix products: descriptions of the operands, and the packed form of the second one.
#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/onednn_objects.h"
#include "runtime/plan/plan_checks.h"

#include <algorithm>

namespace ampc {

namespace {
/// A stored matrix (or a batch of them) in the product's logical dimensions.
struct Matrix {
  std::vector<int64_t> dims, strides;
  DataType type = DataType::F32;
};

Matrix toMatrix(OneDnnBuilder &builder, const std::vector<int64_t> &shape, DataType type,
                const std::vector<int64_t> *strides, bool transposed) {
  Matrix matrix{shape, strides ? *strides : rowMajorStrides(shape), type};
  if (shape.size() < 2 || matrix.strides.size() != shape.size()) {
    builder.fail("an operand of a matrix product has an impossible rank or strides");
    return matrix;
  }
  if (transposed) {
    std::swap(matrix.dims.end()[-1], matrix.dims.end()[-2]);
    std::swap(matrix.strides.end()[-1], matrix.strides.end()[-2]);
  }
  return matrix;
}

/// Result dimensions of A B; batch dimensions broadcast.
std::vector<int64_t> resultDims(OneDnnBuilder &builder, const Matrix &a, const Matrix &b) {
  std::vector<int64_t> dims = a.dims;
  if (a.dims.size() != b.dims.size() || a.dims.size() < 2 || a.dims.back() != b.dims.end()[-2]) {
    builder.fail("the operands of a matrix product do not fit each other");
    return dims;
  }
  for (size_t d = 0; d + 2 < dims.size(); ++d) {
    if (a.dims[d] != b.dims[d] && a.dims[d] != 1 && b.dims[d] != 1)
      builder.fail("the batch dimensions of a matrix product do not fit each other");
    dims[d] = std::max(a.dims[d], b.dims[d]);
  }
  dims.back() = b.dims.back();
  return dims;
}

/// The form of B that the library prefers for plain row-major operands without post-ops: the same for the
/// packing kernel and the product, whatever else the product does. Null when packing does not pay or does not
/// fit.
struct PackedForm {
  OwnedDesc desc;
  uint64_t sizeBytes = 0; // at least that of the plain form
};
PackedForm packedForm(OneDnnBuilder &builder, const Matrix &a, const Matrix &b, DataType resultType,
                      uint64_t limitBytes) {
  PackedForm form;
  const std::vector<int64_t> c = resultDims(builder, a, b);
  OwnedDesc aDesc = builder.desc(a.dims, a.type, rowMajorStrides(a.dims));
  OwnedDesc bDesc = builder.anyDesc(b.dims, b.type);
  OwnedDesc cDesc = builder.desc(c, resultType, rowMajorStrides(c));
  OwnedAttributes attributes = builder.attributes(nullptr);
  OwnedPrimitiveDesc product =
      builder.matmul(aDesc.get(), bDesc.get(), nullptr, cDesc.get(), attributes.get());
  if (builder.error)
    return form;
  const_dnnl_memory_desc_t chosen =
      builder.library.primitive_desc_query_md(product.get(), dnnl_query_weights_md, 0);
  const uint64_t plainBytes = uint64_t(sizeBytes(b.type, plan::countElements(b.dims).value_or(0)));
  const uint64_t size = builder.library.memory_desc_get_size(chosen);
  form.sizeBytes = std::max(size, plainBytes);
  if (size <= limitBytes)
    form.desc = builder.clone(chosen);
  return form;
}
} // namespace

OneDnnKernelDraft draftMatmul(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  const size_t hasBias = integer(kernel, "bias", 0) != 0;
  const bool isPacked = integer(kernel, "packed", 0) != 0;
  if (kernel.operands.size() < 2 + hasBias || kernel.results.size() != 1) {
    builder.fail("a matrix product has too few operands");
    return draft;
  }
  const Matrix a = toMatrix(builder, kernel.operands[0].shape, kernel.operands[0].type,
                            findIntegers(kernel, "stridesA"), integer(kernel, "transA", 0) != 0);
  const Matrix b = toMatrix(builder, kernel.operands[1].shape, kernel.operands[1].type,
                            findIntegers(kernel, "stridesB"), integer(kernel, "transB", 0) != 0);
  if (builder.error)
    return draft;
  const std::vector<int64_t> dims = resultDims(builder, a, b);
  const DataType resultType = kernel.results[0].type;
  const auto *stridesC = findIntegers(kernel, "stridesC");
  if (kernel.results[0].shape != dims)
    builder.fail("the result of a matrix product has another shape than its operands give");
  OwnedDesc aDesc = builder.desc(a.dims, a.type, a.strides);
  OwnedDesc bDesc = builder.desc(b.dims, b.type, b.strides);
  OwnedDesc cDesc = builder.desc(dims, resultType, stridesC ? *stridesC : rowMajorStrides(dims));
  if (isPacked && !builder.error) {
    PackedForm form = packedForm(builder, a, b, resultType, packedLimit(kernel));
    draft.packedBytes = form.sizeBytes;
    if (form.desc)
      bDesc = std::move(form.desc);
    else // the packing kernel writes the plain logical order
      bDesc = builder.desc(b.dims, b.type, rowMajorStrides(b.dims));
  }
  // Operands of lower rank broadcast from the right.
  auto broadcast = [&](const plan::KernelOperand &operand) -> OwnedDesc {
    std::vector<int64_t> shape = operand.shape;
    if (shape.size() > dims.size()) {
      builder.fail("an operand of a post-op has a higher rank than the result");
      return {};
    }
    shape.insert(shape.begin(), dims.size() - shape.size(), 1);
    const auto *strides = stridesC && shape == dims ? stridesC : nullptr;
    return builder.desc(shape, operand.type, strides ? *strides : rowMajorStrides(shape));
  };
  OwnedDesc biasDesc = hasBias ? broadcast(kernel.operands[2]) : OwnedDesc();
  std::vector<OneDnnArgument> arguments = {{DNNL_ARG_SRC, aDesc.get(), 0, 0},
                                           {DNNL_ARG_WEIGHTS, bDesc.get(), 1, 0}};
  if (hasBias)
    arguments.push_back({DNNL_ARG_BIAS, biasDesc.get(), 2, 0});
  OneDnnPostOps postOps = makePostOps(builder, kernel, 2 + hasBias, broadcast, arguments);
  if (text(kernel, "post_ops").empty() && kernel.operands.size() != 2 + hasBias)
    builder.fail("a matrix product has operands that nothing takes");
  arguments.push_back({DNNL_ARG_DST, cDesc.get(), int(kernel.operands.size()), 0});
  OwnedAttributes attributes = builder.attributes(postOps.list.get());
  OwnedPrimitiveDesc product =
      builder.matmul(aDesc.get(), bDesc.get(), biasDesc.get(), cDesc.get(), attributes.get());
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  draft.kernel->add(builder, product, std::move(arguments));
  return draft;
}

OneDnnKernelDraft draftPackMatmul(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  const auto *shapeA = findIntegers(kernel, "shapeA");
  if (!shapeA || kernel.operands.size() != 1 || kernel.results.size() != 1) {
    builder.fail("a packing kernel lacks parameters");
    return draft;
  }
  const DataType type = kernel.operands[0].type;
  const auto *shapeB = findIntegers(kernel, "shapeB");
  DataType resultType = type;
  for (int t = 1; t <= int(DataType::Bool); ++t)
    if (name(DataType(t)) == text(kernel, "result_type"))
      resultType = DataType(t);
  const Matrix a = toMatrix(builder, *shapeA, type, nullptr, integer(kernel, "transA", 0) != 0);
  const Matrix b = toMatrix(builder, shapeB ? *shapeB : kernel.operands[0].shape, type,
                            findIntegers(kernel, "stridesB"), integer(kernel, "transB", 0) != 0);
  if (builder.error)
    return draft;
  PackedForm form = packedForm(builder, a, b, resultType, packedLimit(kernel));
  OwnedDesc plain = builder.desc(b.dims, b.type, b.strides);
  OwnedDesc target = form.desc ? std::move(form.desc) : builder.desc(b.dims, b.type, rowMajorStrides(b.dims));
  if (builder.error)
    return draft;
  draft.packedBytes = form.sizeBytes;
  OwnedPrimitiveDesc reorder = builder.reorder(plain.get(), target.get());
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  draft.kernel->add(builder, reorder,
                    {{DNNL_ARG_FROM, plain.get(), 0, 0}, {DNNL_ARG_TO, target.get(), 1, 0}});
  return draft;
}

} // namespace ampc
