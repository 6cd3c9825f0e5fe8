// Opens and reads model files; external data by openat2, or component by component where the kernel has no
// openat2.
#include "ir/onnx/model_file.h"
#include "ir/diagnostic.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ampc {

ModelFile::ModelFile(ModelFile &&other) noexcept
    : descriptor(other.descriptor), memory(other.memory), filePath(std::move(other.filePath)),
      sizeBytes(other.sizeBytes) {
  other.descriptor = -1;
}

ModelFile::~ModelFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

llvm::Expected<ModelFile> ModelFile::fromDescriptor(int descriptor, const std::string &path) {
  ModelFile file;
  file.descriptor = descriptor;
  file.filePath = path;
  struct stat status;
  if (fstat(descriptor, &status) != 0)
    return makeError(ErrorCode::FileSystem, "cannot read " + path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return makeError(ErrorCode::FileSystem, path + " is not a regular file");
  file.sizeBytes = uint64_t(status.st_size);
  return file;
}

llvm::Expected<ModelFile> ModelFile::open(const std::string &path) {
  // O_NONBLOCK: a FIFO must not make us wait for a writer; it is refused as not regular.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return makeError(ErrorCode::FileSystem, "cannot open " + path + ": " + std::strerror(errno));
  return fromDescriptor(descriptor, path);
}

ModelFile ModelFile::fromBytes(std::string_view bytes) {
  ModelFile file;
  file.memory = bytes;
  file.sizeBytes = bytes.size();
  return file;
}

bool ModelFile::read(uint64_t offset, uint64_t count, char *to) const {
  if (offset > sizeBytes || count > sizeBytes - offset)
    return false;
  if (descriptor < 0) {
    if (count)
      std::memcpy(to, memory.data() + offset, count);
    return true;
  }
  while (count) {
    ssize_t got = pread(descriptor, to, size_t(std::min<uint64_t>(count, 1u << 30)), off_t(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    offset += uint64_t(got), count -= uint64_t(got), to += got;
  }
  return true;
}

std::string folderOf(const std::string &modelPath) {
  size_t slash = modelPath.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : modelPath.substr(0, slash);
}

// Kernels before 5.6 and some sandboxes: every component is opened without following links.
static int openByComponents(int folder, const std::string &location, int flags) {
  int current = dup(folder);
  size_t begin = 0;
  while (current >= 0) {
    size_t slash = location.find('/', begin);
    bool isLast = slash == std::string::npos;
    std::string part = location.substr(begin, isLast ? slash : slash - begin);
    int next = -1;
    if (part.empty() || part == "..")
      errno = EXDEV;
    else
      next = openat(current, part.c_str(),
                    isLast ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    ::close(current);
    errno = error;
    if (isLast)
      return next;
    current = next;
    begin = slash + 1;
  }
  return -1;
}

static int openContained(int folder, const std::string &location) {
  int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  open_how how{};
  how.flags = uint64_t(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int descriptor = int(syscall(SYS_openat2, folder, location.c_str(), &how, sizeof how));
  if (descriptor < 0 && (errno == ENOSYS || errno == EPERM))
    return openByComponents(folder, location, flags);
  return descriptor;
}

llvm::Expected<ModelFile> openBeside(const std::string &folder, const std::string &location) {
  if (location.empty() || location.find('\0') != std::string::npos)
    return makeError(ErrorCode::InvalidModel, "the location of external data is empty or holds a NUL byte");
  int directory = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return makeError(ErrorCode::FileSystem, "cannot open folder " + folder + ": " + std::strerror(errno));
  int descriptor = openContained(directory, location);
  int error = errno;
  ::close(directory);
  if (descriptor >= 0) {
    llvm::Expected<ModelFile> file = ModelFile::fromDescriptor(descriptor, folder + "/" + location);
    if (file)
      return file;
    return makeError(ErrorCode::InvalidModel,
                     "external data `" + location + "`: " + sentenceOf(file.takeError()));
  }
  if (error == ENOENT || error == EACCES || error == ENOTDIR)
    return makeError(ErrorCode::FileSystem, "cannot open external data `" + location +
                                                "` beside the model: " + std::strerror(error));
  return makeError(ErrorCode::InvalidModel, "external data `" + location +
                                                "` is outside the model's folder or behind a symbolic link");
}

} // namespace ampc
