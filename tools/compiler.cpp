// Opens the compiler's library.
#include "tools/compiler.h"

#include <dlfcn.h>
#include <unistd.h>

namespace ampc::tools {

static std::string programFolder() {
  std::string path(4096, '\0');
  ssize_t count = ::readlink("/proc/self/exe", path.data(), path.size());
  if (count <= 0)
    return ".";
  path.resize(size_t(count));
  return path.substr(0, path.rfind('/'));
}

Result<const CompilerModule *> loadCompiler() {
  static const CompilerModule *module = nullptr;
  if (module)
    return module;
  std::string path = programFolder() + "/../lib/libampc_compiler.so";
  void *library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = ::dlerror();
    return Failure{ErrorCode::FileSystem, "the compiler's library cannot be opened",
                   {{"file", path}, {"reason", why ? why : "unknown"}},
                   "run setup.sh again; plans that exist already can still be executed"};
  }
  auto entry = reinterpret_cast<const CompilerModule *(*)()>(::dlsym(library, "ampcCompilerModule"));
  if (!entry)
    return Failure{ErrorCode::Internal, "the compiler's library has no entry point", {{"file", path}}, ""};
  module = entry();
  return module;
}

} // namespace ampc::tools
