// Convolutions: stored layouts in the library's logical dimensions, and the packed form of the weights.
#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/onednn_objects.h"
#include "runtime/plan/plan_checks.h"

#include <algorithm>

namespace ampc {

namespace {
/// All that describes a convolution but bias and post-ops.
struct Convolution {
  bool isNhwc = false;
  int64_t groups = 1;
  DataType type = DataType::F32, resultType = DataType::F32;
  std::vector<int64_t> x, w, y; // stored shapes; w: [out, in / groups, spatial...]
  std::vector<int64_t> strides, dilations, padsBegin, padsEnd; // dilations 0 = dense, as oneDNN has it
};

/// A stored activation as (batch, channels, spatial...).
OwnedDesc activation(OneDnnBuilder &builder, const Convolution &convolution,
                     const std::vector<int64_t> &stored, DataType type) {
  std::vector<int64_t> dims = stored, strides = rowMajorStrides(stored);
  if (convolution.isNhwc && dims.size() > 2) {
    std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
    std::rotate(strides.begin() + 1, strides.end() - 1, strides.end());
  }
  return builder.desc(dims, type, strides);
}

std::vector<int64_t> weightDims(const Convolution &convolution) {
  std::vector<int64_t> dims = convolution.w;
  if (convolution.groups > 1) {
    dims[0] /= convolution.groups;
    dims.insert(dims.begin(), convolution.groups);
  }
  return dims;
}

Convolution readConvolution(OneDnnBuilder &builder, const plan::Kernel &kernel, std::vector<int64_t> x,
                            std::vector<int64_t> w, std::vector<int64_t> y) {
  Convolution result;
  const std::string_view layout = text(kernel, "layout");
  result.isNhwc = layout == "nhwc";
  if (layout != "nchw" && layout != "nhwc")
    builder.fail("the layout of a convolution is neither nchw nor nhwc");
  result.groups = integer(kernel, "groups", 1);
  result.x = std::move(x), result.w = std::move(w), result.y = std::move(y);
  const size_t rank = result.x.size();
  if (rank < 3 || rank > 5 || result.w.size() != rank || result.y.size() != rank) {
    builder.fail("a convolution has an impossible rank");
    return result;
  }
  if (result.groups < 1 || result.w[0] % result.groups)
    builder.fail("a convolution has an impossible number of groups");
  auto perDimension = [&](const char *name, int64_t otherwise) {
    const auto *values = findIntegers(kernel, name);
    std::vector<int64_t> numbers = values ? *values : std::vector<int64_t>(rank - 2, otherwise);
    if (numbers.size() != rank - 2)
      builder.fail(std::string("a convolution needs one value per dimension for ") + name);
    return numbers;
  };
  result.strides = perDimension("strides", 1);
  result.dilations = perDimension("dilations", 1);
  for (int64_t &dilation : result.dilations)
    --dilation;
  result.padsBegin = perDimension("pads_begin", 0);
  result.padsEnd = perDimension("pads_end", 0);
  return result;
}

OwnedPrimitiveDesc describe(OneDnnBuilder &builder, const Convolution &convolution,
                            dnnl_memory_desc_t weights, dnnl_memory_desc_t bias,
                            dnnl_primitive_attr_t attributes) {
  OwnedDesc x = activation(builder, convolution, convolution.x, convolution.type);
  OwnedDesc y = activation(builder, convolution, convolution.y, convolution.resultType);
  dnnl_primitive_desc_t raw = nullptr;
  if (builder.error ||
      !builder.ok(builder.library.convolution_forward_primitive_desc_create(
                      &raw, builder.engine->get(), dnnl_forward_inference, dnnl_convolution_direct, x.get(),
                      weights, bias, y.get(), convolution.strides.data(), convolution.dilations.data(),
                      convolution.padsBegin.data(), convolution.padsEnd.data(), attributes),
                  "this convolution"))
    return {};
  return {builder.library, raw};
}

/// The form of the weights that the library prefers for the convolution without bias and post-ops: the same
/// for the packing kernel and the convolution.
OwnedDesc preferredWeights(OneDnnBuilder &builder, const Convolution &convolution) {
  if (builder.error)
    return {};
  OwnedDesc any = builder.anyDesc(weightDims(convolution), convolution.type);
  OwnedAttributes attributes = builder.attributes(nullptr);
  OwnedPrimitiveDesc desc = describe(builder, convolution, any.get(), nullptr, attributes.get());
  if (builder.error)
    return {};
  return builder.clone(builder.library.primitive_desc_query_md(desc.get(), dnnl_query_weights_md, 0));
}

OwnedDesc plainWeights(OneDnnBuilder &builder, const Convolution &convolution) {
  if (builder.error)
    return {};
  const std::vector<int64_t> dims = weightDims(convolution);
  return builder.desc(dims, convolution.type, rowMajorStrides(dims));
}
} // namespace

OneDnnKernelDraft draftConvolution(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  const size_t hasBias = integer(kernel, "bias", 0) != 0;
  const bool isPacked = integer(kernel, "packed", 0) != 0;
  if (kernel.operands.size() < 2 + hasBias || kernel.results.size() != 1) {
    builder.fail("a convolution has too few operands");
    return draft;
  }
  Convolution convolution = readConvolution(builder, kernel, kernel.operands[0].shape,
                                            kernel.operands[1].shape, kernel.results[0].shape);
  convolution.type = kernel.operands[0].type;
  convolution.resultType = kernel.results[0].type;
  OwnedDesc plain = plainWeights(builder, convolution);
  OwnedDesc preferred = preferredWeights(builder, convolution);
  if (builder.error)
    return draft;
  const uint64_t plainBytes = builder.library.memory_desc_get_size(plain.get());
  const uint64_t preferredBytes = builder.library.memory_desc_get_size(preferred.get());
  draft.packedBytes = std::max(plainBytes, preferredBytes);
  // Too large for the planned buffer (another library version): the packing kernel then kept the plain form.
  const bool isPreferred = isPacked && preferredBytes <= packedLimit(kernel);
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  OneDnnArgument weights = {DNNL_ARG_WEIGHTS, preferred.get(), 1, 0};
  if (!isPreferred && !builder.library.memory_desc_equal(plain.get(), preferred.get())) {
    // Weights that change from call to call are brought into the preferred form first.
    weights = {DNNL_ARG_WEIGHTS, preferred.get(), -1, draft.kernel->reserve(preferredBytes)};
    OwnedPrimitiveDesc reorder = builder.reorder(plain.get(), preferred.get());
    draft.kernel->add(
        builder, reorder,
        {{DNNL_ARG_FROM, plain.get(), 1, 0}, {DNNL_ARG_TO, preferred.get(), -1, weights.offset}});
  }
  OwnedDesc x = activation(builder, convolution, convolution.x, convolution.type);
  OwnedDesc y = activation(builder, convolution, convolution.y, convolution.resultType);
  OwnedDesc bias = hasBias ? builder.desc({convolution.w[0]}, kernel.operands[2].type, {1}) : OwnedDesc();
  if (hasBias && plan::countElements(kernel.operands[2].shape) != convolution.w[0])
    builder.fail("the bias of a convolution has not one element per channel");
  std::vector<OneDnnArgument> arguments = {{DNNL_ARG_SRC, x.get(), 0, 0}, weights};
  if (hasBias)
    arguments.push_back({DNNL_ARG_BIAS, bias.get(), 2, 0});
  auto toDesc = [&](const plan::KernelOperand &operand) -> OwnedDesc {
    std::vector<int64_t> shape = operand.shape;
    if (shape.size() > convolution.y.size()) {
      builder.fail("an operand of a post-op has a higher rank than the result");
      return {};
    }
    shape.insert(shape.begin(), convolution.y.size() - shape.size(), 1);
    return activation(builder, convolution, shape, operand.type);
  };
  OneDnnPostOps postOps = makePostOps(builder, kernel, 2 + hasBias, toDesc, arguments);
  if (text(kernel, "post_ops").empty() && kernel.operands.size() != 2 + hasBias)
    builder.fail("a convolution has operands that nothing takes");
  arguments.push_back({DNNL_ARG_DST, y.get(), int(kernel.operands.size()), 0});
  OwnedAttributes attributes = builder.attributes(postOps.list.get());
  OwnedPrimitiveDesc desc = describe(builder, convolution, preferred.get(), bias.get(), attributes.get());
  draft.kernel->add(builder, desc, std::move(arguments));
  return draft;
}

OneDnnKernelDraft draftPackConvolution(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  const auto *x = findIntegers(kernel, "shapeX"), *y = findIntegers(kernel, "shapeY");
  const auto *w = findIntegers(kernel, "shapeW");
  if (!x || !y || kernel.operands.size() != 1 || kernel.results.size() != 1) {
    builder.fail("a packing kernel lacks parameters");
    return draft;
  }
  Convolution convolution = readConvolution(builder, kernel, *x, w ? *w : kernel.operands[0].shape, *y);
  convolution.type = convolution.resultType = kernel.operands[0].type;
  for (int t = 1; t <= int(DataType::Bool); ++t)
    if (name(DataType(t)) == text(kernel, "result_type"))
      convolution.resultType = DataType(t);
  OwnedDesc plain = plainWeights(builder, convolution);
  OwnedDesc preferred = preferredWeights(builder, convolution);
  if (builder.error)
    return draft;
  const uint64_t plainBytes = builder.library.memory_desc_get_size(plain.get());
  const uint64_t preferredBytes = builder.library.memory_desc_get_size(preferred.get());
  draft.packedBytes = std::max(plainBytes, preferredBytes);
  const bool isPreferred = preferredBytes <= packedLimit(kernel);
  const OwnedDesc &target = isPreferred ? preferred : plain;
  OwnedPrimitiveDesc reorder = builder.reorder(plain.get(), target.get());
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  draft.kernel->add(builder, reorder,
                    {{DNNL_ARG_FROM, plain.get(), 0, 0}, {DNNL_ARG_TO, target.get(), 1, 0}});
  return draft;
}

} // namespace ampc
