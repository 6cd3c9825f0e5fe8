// Changes of stored order and type.
#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/onednn_objects.h"

namespace ampc {

OneDnnKernelDraft draftReorder(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  if (kernel.operands.size() != 1 || kernel.results.size() != 1) {
    builder.fail("a reorder has one operand and one result");
    return draft;
  }
  const std::vector<int64_t> &dims = kernel.operands[0].shape;
  const auto *stridesX = findIntegers(kernel, "stridesX"), *stridesY = findIntegers(kernel, "stridesY");
  OwnedDesc from = builder.desc(dims, kernel.operands[0].type, stridesX ? *stridesX : rowMajorStrides(dims));
  OwnedDesc to = builder.desc(dims, kernel.results[0].type, stridesY ? *stridesY : rowMajorStrides(dims));
  if (builder.error)
    return draft;
  OwnedPrimitiveDesc reorder = builder.reorder(from.get(), to.get());
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  draft.kernel->add(builder, reorder, {{DNNL_ARG_FROM, from.get(), 0, 0}, {DNNL_ARG_TO, to.get(), 1, 0}});
  return draft;
}

} // namespace ampc
