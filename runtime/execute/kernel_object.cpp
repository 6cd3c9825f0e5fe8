// memfd + dlopen: no file on disk. The descriptor stays open while the object is loaded, because the loader
// knows objects by path and would take a later plan under the same descriptor number for this one.
#include "runtime/execute/kernel_object.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ampc {

using plan::Error;
using plan::ErrorCode;

namespace {
/// The loader maps what the program headers say and trusts them; a cut-off file would end in SIGBUS.
bool looksComplete(std::span<const std::byte> bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header)
    return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_type != ET_DYN || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > bytes.size() ||
      uint64_t(header.e_phnum) * sizeof(Elf64_Phdr) > bytes.size() - header.e_phoff)
    return false;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD &&
        (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset))
      return false;
  }
  return true;
}
} // namespace

plan::Status KernelObject::load(std::span<const std::byte> bytes, std::unique_ptr<KernelObject> &result) {
  if (!looksComplete(bytes))
    return Error{ErrorCode::Invalid, "the kernels of the plan are no shared object of this system"};
  std::unique_ptr<KernelObject> object(new KernelObject());
  object->descriptor = memfd_create("ampc-kernels", MFD_CLOEXEC);
  if (object->descriptor < 0)
    return Error{ErrorCode::Unsupported,
                 std::string("cannot make an anonymous file: ") + std::strerror(errno)};
  for (size_t written = 0; written < bytes.size();) {
    ssize_t done = write(object->descriptor, bytes.data() + written, bytes.size() - written);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return Error{ErrorCode::FileSystem,
                   std::string("cannot write an anonymous file: ") + std::strerror(errno)};
    written += size_t(done);
  }
  object->path = "/proc/self/fd/" + std::to_string(object->descriptor);
  object->handle = dlopen(object->path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object->handle) {
    const char *text = dlerror();
    return Error{ErrorCode::Unsupported,
                 std::string("cannot load the kernels of the plan: ") + (text ? text : "?")};
  }
  result = std::move(object);
  return {};
}

KernelObject::~KernelObject() {
  if (handle)
    dlclose(handle);
  if (descriptor >= 0)
    close(descriptor);
}

GeneratedKernel KernelObject::find(const std::string &symbol) const {
  void *address = dlsym(handle, symbol.c_str());
  // dlsym also looks into the libraries that the object needs; those are no kernels.
  Dl_info facts;
  if (!address || !dladdr(address, &facts) || !facts.dli_fname || path != facts.dli_fname)
    return nullptr;
  return reinterpret_cast<GeneratedKernel>(address);
}

} // namespace ampc
