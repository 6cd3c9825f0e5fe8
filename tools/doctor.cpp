// `ampc doctor`: what this machine offers and lacks, and what to do about it.
#include "cost_model/cluster.h"
#include "tools/compiler.h"
#include "tools/summary.h"
#include "tools/temporary_path.h"
#include "tools/verbs.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace ampc::tools {

namespace {

enum class Finding { Present, Missing, Unused };

struct Check {
  std::string what;
  Finding finding;
  std::string detail, remedy;
};

std::string word(Finding finding) {
  return finding == Finding::Present ? "ok" : finding == Finding::Missing ? "missing" : "unused";
}

bool canOpen(const std::string &library) {
  void *handle = ::dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle)
    ::dlclose(handle);
  return handle != nullptr;
}

std::string cacheFolder() {
  if (const char *folder = std::getenv("AMPC_CACHE"); folder && *folder)
    return folder;
  const char *home = std::getenv("HOME");
  return std::string(home ? home : "") + "/.cache/ampc";
}

Check checkFile(const std::string &what, const std::string &path, const std::string &remedy) {
  bool isThere = ::access(path.c_str(), R_OK) == 0;
  return {what, isThere ? Finding::Present : Finding::Missing, path, isThere ? "" : remedy};
}

Check checkCompiler() {
  auto compiler = loadCompiler();
  if (compiler)
    return {"compiler", Finding::Present, (*compiler)->versions(), ""};
  Failure failure = compiler.takeFailure();
  std::string why = failure.facts.empty() ? failure.sentence : failure.facts.back().second;
  return {"compiler", Finding::Missing, why, "run ./setup.sh: it installs LLVM and MLIR 22 and builds the compiler"};
}

Check checkOneDnn() {
  char program[4096];
  ssize_t length = ::readlink("/proc/self/exe", program, sizeof program - 1);
  std::string folder(program, size_t(length > 0 ? length : 0));
  folder = folder.substr(0, folder.rfind('/') + 1);
  const char *chosen = std::getenv("AMPC_ONEDNN");
  std::vector<std::string> places = {folder + "../lib/libdnnl.so.3", folder + "libdnnl.so.3", "libdnnl.so.3"};
  if (chosen && *chosen)
    places = {chosen};
  for (const std::string &place : places)
    if (canOpen(place))
      return {"oneDNN 3", Finding::Present, "products and convolutions on CPU devices", ""};
  return {"oneDNN 3", Finding::Missing, "plans that use it cannot be executed",
          "run ./setup.sh, or set AMPC_ONEDNN to the file libdnnl.so.3"};
}

Check checkTemporaryFolder() {
  std::string path = temporaryPath("txt");
  path = path.substr(0, path.rfind('/'));
  struct statvfs facts = {};
  if (::access(path.c_str(), W_OK) != 0 || ::statvfs(path.c_str(), &facts) != 0)
    return {"temporary files", Finding::Missing, path + " is not writable", "set TMPDIR to a folder that is"};
  double freeBytes = double(facts.f_bavail) * double(facts.f_frsize);
  return {"temporary files", Finding::Present, bytesText(freeBytes) + " free in " + path, ""};
}

Check checkLater(const std::string &what, const std::string &library, const std::string &purpose) {
  std::string state = canOpen(library) ? "installed" : "not installed";
  return {what, Finding::Unused, state + "; " + purpose + " belong to a later version of ampc", ""};
}

std::vector<Check> checkAll() {
  cost::HostCores host = cost::detectHostCores();
  std::string cores = std::to_string(host.cores) + (host.cores == 1 ? " core, " : " cores, ") + host.instructionSet +
                      ", " + bytesText(double(host.memoryBytes)) + " of memory";
  std::vector<Check> checks = {{"CPU devices", Finding::Present, cores, ""}};
  if (host.instructionSet == "sse2")
    checks.push_back({"vector unit", Finding::Missing, "this CPU has no AVX2: kernels will be slow", "use a newer CPU"});
  checks.push_back(checkCompiler());
  checks.push_back(checkOneDnn());
  checks.push_back(checkTemporaryFolder());
  checks.push_back(checkFile("Python (demo, tests)", cacheFolder() + "/venv/bin/python", "run ./setup.sh"));
  checks.push_back(checkFile("trained models (demo)", cacheFolder() + "/models", "run ./setup.sh"));
  checks.push_back(checkFile("DejaVu font (demo)", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                             "run ./setup.sh, or install the Debian package fonts-dejavu-core"));
  checks.push_back(checkLater("CUDA driver", "libcuda.so.1", "CUDA devices"));
  checks.push_back(checkLater("NCCL", "libnccl.so.2", "CUDA devices"));
  checks.push_back(checkLater("MPI", "libmpi.so.40", "several hosts"));
  return checks;
}

} // namespace

Status runDoctor(const Options &options) {
  std::vector<Check> checks = checkAll();
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Check &check : checks)
      list.push_back(
          {{"what", check.what}, {"state", word(check.finding)}, {"detail", check.detail}, {"remedy", check.remedy}});
    std::puts(dump(list).c_str());
    return std::nullopt;
  }
  size_t missing = 0;
  for (const Check &check : checks) {
    std::printf("  %-8s %-22s %s\n", word(check.finding).c_str(), check.what.c_str(), check.detail.c_str());
    if (!check.remedy.empty())
      std::printf("  %31s remedy: %s\n", "", check.remedy.c_str());
    missing += check.finding == Finding::Missing;
  }
  if (missing == 0)
    std::puts("\nEverything that this version uses is here.");
  else
    std::printf("\n%zu missing.\n", missing);
  return std::nullopt;
}

} // namespace ampc::tools
