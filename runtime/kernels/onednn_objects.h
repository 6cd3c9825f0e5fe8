// Owners of oneDNN's handles, and the kernel object that all our oneDNN kernels are made of.
#pragma once

#include "runtime/kernels/library_kernels.h"
#include "runtime/kernels/onednn_table.h"

#include <functional>
#include <utility>
#include <vector>

namespace ampc {

/// Owns a handle of the library; `Destroy` is the table's member that frees it.
template <typename Handle, auto Destroy> class Owned {
public:
  Owned() = default;
  Owned(const OneDnn &library, Handle handle) : library(&library), handle(handle) {}
  Owned(Owned &&other) noexcept : library(other.library), handle(std::exchange(other.handle, nullptr)) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(library, other.library);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Owned() {
    if (handle)
      (library->*Destroy)(handle);
  }
  Handle get() const { return handle; }
  explicit operator bool() const { return handle != nullptr; }

private:
  const OneDnn *library = nullptr;
  Handle handle = nullptr;
};

using OwnedEngine = Owned<dnnl_engine_t, &OneDnn::engine_destroy>;
using OwnedStream = Owned<dnnl_stream_t, &OneDnn::stream_destroy>;
using OwnedDesc = Owned<dnnl_memory_desc_t, &OneDnn::memory_desc_destroy>;
using OwnedMemory = Owned<dnnl_memory_t, &OneDnn::memory_destroy>;
using OwnedAttributes = Owned<dnnl_primitive_attr_t, &OneDnn::primitive_attr_destroy>;
using OwnedPostOps = Owned<dnnl_post_ops_t, &OneDnn::post_ops_destroy>;
using OwnedPrimitiveDesc = Owned<dnnl_primitive_desc_t, &OneDnn::primitive_desc_destroy>;
using OwnedPrimitive = Owned<dnnl_primitive_t, &OneDnn::primitive_destroy>;

/// The library's word for one of our types; undefined when it has none.
dnnl_data_type_t oneDnnType(DataType type);

std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape);

/// Makes descriptors; a failure is remembered and everything made later is null.
class OneDnnBuilder {
public:
  explicit OneDnnBuilder(const OneDnn &library);

  const OneDnn &library;
  /// Shared with the kernels made here: the library compares engines by address.
  std::shared_ptr<OwnedEngine> engine;
  plan::Status error;

  void fail(std::string message);
  /// Turns a status of the library into our error; true when it was success.
  bool ok(dnnl_status_t status, const char *what);

  OwnedDesc desc(const std::vector<int64_t> &dims, DataType type, const std::vector<int64_t> &strides);
  /// The library chooses the format.
  OwnedDesc anyDesc(const std::vector<int64_t> &dims, DataType type);
  OwnedDesc clone(const_dnnl_memory_desc_t desc);
  /// User scratchpad, and the given post-ops (may be null).
  OwnedAttributes attributes(dnnl_post_ops_t postOps);
  OwnedPrimitiveDesc matmul(dnnl_memory_desc_t a, dnnl_memory_desc_t b, dnnl_memory_desc_t bias,
                            dnnl_memory_desc_t c, dnnl_primitive_attr_t attributes);
  OwnedPrimitiveDesc reorder(const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to);
};

/// Where an argument of a primitive comes from: a buffer of the kernel, or a place in the workspace.
struct OneDnnArgument {
  int argument = 0;
  const_dnnl_memory_desc_t desc = nullptr; // only while adding
  int buffer = -1;                         // -1: in the workspace
  uint64_t offset = 0;                     // bytes, in the buffer or the workspace
};

/// One or several primitives executed one after the other; each with a user scratchpad.
class OneDnnKernel final : public LibraryKernel {
public:
  OneDnnKernel(OneDnnBuilder &builder, uint32_t threads);
  uint64_t workspaceBytes() const override { return workspaceEnd; }
  std::string implementation() const override { return name; }
  bool run(void *const *buffers, void *workspace) override;

  /// Room in the workspace.
  uint64_t reserve(uint64_t sizeBytes);
  void add(OneDnnBuilder &builder, const OwnedPrimitiveDesc &desc, std::vector<OneDnnArgument> arguments);

private:
  struct Binding {
    OwnedMemory memory;
    int buffer;
    uint64_t offset;
  };
  struct Call {
    OwnedPrimitive primitive;
    std::vector<Binding> bindings;
    std::vector<dnnl_exec_arg_t> arguments;
  };
  const OneDnn &library;
  std::shared_ptr<OwnedEngine> engine;
  OwnedStream stream;
  uint32_t threads;
  std::vector<Call> calls;
  uint64_t workspaceEnd = 0;
  std::string name;
};

/// What is known about a kernel once its primitive is described.
struct OneDnnKernelDraft {
  std::unique_ptr<OneDnnKernel> kernel;
  uint64_t packedBytes = 0;
};

// One per kernel name; the error is in builder.error.
OneDnnKernelDraft draftMatmul(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
OneDnnKernelDraft draftPackMatmul(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
OneDnnKernelDraft draftConvolution(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
OneDnnKernelDraft draftPackConvolution(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
OneDnnKernelDraft draftRecurrence(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
OneDnnKernelDraft draftPackRecurrence(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);
OneDnnKernelDraft draftReorder(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads);

/// The post-ops of a kernel. `firstOperand`: the kernel operand that the first binary entry takes. `toDesc`
/// makes the descriptor of such an operand in the primitive's logical dimensions. Arguments are appended to
/// `arguments`.
struct OneDnnPostOps {
  OwnedPostOps list;
  std::vector<OwnedDesc> descs;
};
OneDnnPostOps makePostOps(OneDnnBuilder &builder, const plan::Kernel &kernel, size_t firstOperand,
                          const std::function<OwnedDesc(const plan::KernelOperand &)> &toDesc,
                          std::vector<OneDnnArgument> &arguments);

} // namespace ampc
