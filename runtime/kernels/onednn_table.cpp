// Finding and opening oneDNN.
#include "runtime/kernels/onednn_table.h"

#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace ampc {

namespace {
constexpr const char *fileName = "libdnnl.so.3";

struct Opened {
  OneDnn functions;
  plan::Status error;
  bool isOpen = false;
};

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

/// Where to look: the folder of the shared library that holds this code, that of the program, their
/// neighbours "lib".
std::vector<std::string> nearbyFolders() {
  std::vector<std::string> folders;
  auto add = [&](const std::string &folder) {
    if (!folder.empty())
      folders.insert(folders.end(), {folder, folder + "../lib/"});
  };
  Dl_info facts;
  static const char anchor = 0;
  if (dladdr(&anchor, &facts) && facts.dli_fname)
    add(folderOf(facts.dli_fname));
  char program[4096];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  if (length > 0 && size_t(length) < sizeof program)
    add(folderOf(std::string(program, size_t(length))));
  return folders;
}

Opened open() {
  Opened result;
  std::string tried;
  void *handle = nullptr;
  auto attempt = [&](const std::string &path) {
    if (handle || path.empty())
      return;
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      tried += (tried.empty() ? "" : ", ") + path;
  };
  const char *chosen = std::getenv("AMPC_ONEDNN");
  if (chosen && *chosen) {
    attempt(chosen); // the user's choice is not replaced by another one
  } else {
    for (const std::string &folder : nearbyFolders())
      attempt(folder + fileName);
    attempt(fileName);
  }
  if (!handle) {
    result.error = plan::Error{plan::ErrorCode::Unsupported,
                               "oneDNN 3 was not found (tried: " + tried + "); set AMPC_ONEDNN to its file"};
    return result;
  }
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    if (!function && !result.error)
      result.error =
          plan::Error{plan::ErrorCode::Unsupported, std::string("the oneDNN library lacks ") + name};
  };
#define AMPC_FIND(name) find(result.functions.name, "dnnl_" #name);
  AMPC_ONEDNN_FUNCTIONS(AMPC_FIND)
#undef AMPC_FIND
  find(result.functions.setThreads, "omp_set_num_threads");
  find(result.functions.maxThreads, "omp_get_max_threads");
  if (!result.error && result.functions.version()->major != DNNL_VERSION_MAJOR)
    result.error = plan::Error{plan::ErrorCode::Unsupported, "the oneDNN library is not version 3"};
  result.isOpen = !result.error;
  return result;
}
} // namespace

const OneDnn *openOneDnn(plan::Status &error) {
  static const Opened opened = open();
  error = opened.error;
  return opened.isOpen ? &opened.functions : nullptr;
}

} // namespace ampc
