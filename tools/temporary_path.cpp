// Unpredictable names, so that nobody else can have put a link there.
#include "tools/temporary_path.h"

#include <cstdint>
#include <cstdlib>
#include <random>
#include <unistd.h>

namespace ampc::tools {

std::string temporaryPath(const std::string &extension) {
  const char *folder = std::getenv("TMPDIR");
  std::random_device device;
  uint64_t number = uint64_t(device()) << 32 | device();
  return std::string(folder && *folder ? folder : "/tmp") + "/ampc-" + std::to_string(::getpid()) + "-" +
         std::to_string(number) + "." + extension;
}

} // namespace ampc::tools
