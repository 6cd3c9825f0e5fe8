// The generated kernels of a plan as a loaded shared object.
#pragma once

#include "runtime/plan/error.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace ampc {

using GeneratedKernel = void (*)(void *const *buffers, const int64_t *indexArgs, void *workspace,
                                 int64_t rowBegin, int64_t rowEnd);

class KernelObject {
public:
  /// Puts the bytes into an anonymous file and opens it. Unsupported: the system refuses to execute it.
  static plan::Status load(std::span<const std::byte> bytes, std::unique_ptr<KernelObject> &result);
  ~KernelObject();
  KernelObject(const KernelObject &) = delete;
  KernelObject &operator=(const KernelObject &) = delete;

  /// Null when the object itself has no such symbol.
  GeneratedKernel find(const std::string &symbol) const;

private:
  KernelObject() = default;
  int descriptor = -1;
  void *handle = nullptr;
  std::string path;
};

} // namespace ampc
