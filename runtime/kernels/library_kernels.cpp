// The table of library kernels: name -> who builds it.
#include "runtime/kernels/library_kernels.h"

#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/onednn_objects.h"

#include <string_view>

namespace ampc {

namespace {
struct Entry {
  std::string_view name;
  OneDnnKernelDraft (*draft)(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
};
constexpr Entry table[] = {
    {"onednn.matmul", draftMatmul},           {"onednn.pack_matmul", draftPackMatmul},
    {"onednn.convolution", draftConvolution}, {"onednn.pack_convolution", draftPackConvolution},
    {"onednn.recurrence", draftRecurrence},   {"onednn.pack_recurrence", draftPackRecurrence},
    {"onednn.reorder", draftReorder},
};

plan::Status draftKernel(const plan::Kernel &kernel, uint32_t threads, OneDnnKernelDraft &draft) {
  plan::Status error;
  const OneDnn *library = openOneDnn(error);
  if (!library)
    return error;
  for (const Entry &entry : table)
    if (entry.name == kernel.symbol) {
      OneDnnThreads scope(*library, threads); // scratch memory depends on it
      OneDnnBuilder builder(*library);
      if (!builder.error)
        draft = entry.draft(builder, kernel, threads);
      if (builder.error)
        builder.error->fields.emplace_back("kernel", kernel.symbol);
      return builder.error;
    }
  return plan::Error{plan::ErrorCode::Unsupported, "this runtime has no library kernel " + kernel.symbol};
}
} // namespace

plan::Status libraryKernelFacts(const plan::Kernel &kernel, uint32_t threads, LibraryKernelFacts &facts) {
  OneDnnKernelDraft draft;
  if (plan::Status error = draftKernel(kernel, threads, draft))
    return error;
  facts.packedBytes = draft.packedBytes;
  facts.workspaceBytes = draft.kernel->workspaceBytes();
  facts.implementation = draft.kernel->implementation();
  // "ref:any", "simple:any" for reorders.
  facts.isReference = facts.implementation.find("ref") != std::string::npos;
  return {};
}

/// What a kernel that packs weights writes is as large as those who read it believe; the library does not look.
static plan::Status checkPackedSize(const plan::Kernel &kernel) {
  const bool isPacking = kernel.symbol.starts_with("onednn.pack_");
  if (!isPacking && integer(kernel, "packed", 0) == 0)
    return {};
  const int64_t size = integer(kernel, "packed_bytes", -1);
  const bool isWritten = !isPacking || (kernel.results.size() == 1 && kernel.results[0].type == DataType::U8 &&
                                        kernel.results[0].shape == std::vector{size});
  if (size < 1 || !isWritten)
    return plan::Error{plan::ErrorCode::Invalid, "packed weights have no size, or another one than their buffer",
                       {{"kernel", kernel.symbol}}};
  return {};
}

plan::Status createLibraryKernel(const plan::Kernel &kernel, uint32_t threads,
                                 std::unique_ptr<LibraryKernel> &result) {
  if (plan::Status error = checkPackedSize(kernel))
    return error;
  OneDnnKernelDraft draft;
  if (plan::Status error = draftKernel(kernel, threads, draft))
    return error;
  result = std::move(draft.kernel);
  return {};
}

} // namespace ampc
