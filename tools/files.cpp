// Reading and writing of whole files; temporary files are registered with the interrupt handler.
#include "tools/files.h"
#include "tools/interrupt.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ampc::tools {

static Failure systemFailure(const std::string &what, const std::string &path, int error) {
  Failure failure{ErrorCode::FileSystem, what + ": " + std::strerror(error), {{"file", path}}, ""};
  if (error == ENOENT)
    failure.remedy = "check the path";
  if (error == ENOSPC)
    failure.remedy = "free some space, or write to another file system";
  return failure;
}

namespace {
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
};
} // namespace

static Result<std::string> readUpTo(const std::string &path, size_t limit) {
  // Not blocking: a pipe without a writer would wait for ever, and is refused just below.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0)
    return systemFailure("cannot open the file", path, errno);
  struct stat facts = {};
  if (::fstat(file.number, &facts) != 0)
    return systemFailure("cannot read the file", path, errno);
  if (!S_ISREG(facts.st_mode))
    return Failure{ErrorCode::FileSystem, "this is not a regular file", {{"file", path}}, "give the path of a file"};
  std::string content;
  size_t wanted = std::min<size_t>(limit, size_t(facts.st_size));
  try {
    content.resize(wanted);
  } catch (const std::bad_alloc &) {
    return systemFailure("cannot read the file", path, ENOMEM);
  }
  size_t done = 0;
  while (done < wanted) {
    ssize_t count = ::read(file.number, content.data() + done, wanted - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemFailure("cannot read the file", path, errno);
    if (count == 0)
      break;
    done += size_t(count);
  }
  content.resize(done);
  return content;
}

Result<std::string> readFile(const std::string &path) { return readUpTo(path, SIZE_MAX); }
Result<std::string> readFileBeginning(const std::string &path, size_t count) { return readUpTo(path, count); }

Status writeFile(const std::string &path, std::initializer_list<std::string_view> pieces) {
  Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (file.number < 0)
    return systemFailure("cannot create the file", path, errno);
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      ssize_t count = ::write(file.number, piece.data(), piece.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return systemFailure("cannot write the file", path, errno);
      piece.remove_prefix(size_t(count));
    }
  }
  int number = file.number;
  file.number = -1;
  if (::close(number) != 0)
    return systemFailure("cannot write the file", path, errno);
  return std::nullopt;
}

Status createFolder(const std::string &path) {
  for (size_t slash = 1; slash <= path.size(); ++slash) {
    if (slash < path.size() && path[slash] != '/')
      continue;
    std::string prefix = path.substr(0, slash);
    if (::mkdir(prefix.c_str(), 0777) == 0)
      continue;
    int error = errno;
    struct stat facts = {};
    if (::stat(prefix.c_str(), &facts) != 0)
      return systemFailure("cannot create the folder", path, error);
    if (!S_ISDIR(facts.st_mode))
      return systemFailure("cannot create the folder", path, ENOTDIR);
  }
  return std::nullopt;
}

bool isSameFile(const std::string &path, const std::string &other) {
  struct stat first = {}, second = {};
  return ::stat(path.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 && S_ISREG(first.st_mode) &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

TemporaryFile::TemporaryFile(std::string finalPath) : targetPath(std::move(finalPath)) {
  temporaryPath = targetPath + ".partial-" + std::to_string(::getpid());
  slot = registerForRemoval(temporaryPath);
}

TemporaryFile::TemporaryFile(TemporaryFile &&other) noexcept
    : targetPath(std::move(other.targetPath)), temporaryPath(std::move(other.temporaryPath)), slot(other.slot) {
  other.temporaryPath.clear();
  other.slot = -1;
}

TemporaryFile::~TemporaryFile() {
  if (temporaryPath.empty())
    return;
  ::unlink(temporaryPath.c_str());
  unregisterRemoval(slot);
}

Status TemporaryFile::commit() {
  struct stat facts = {};
  if (::stat(targetPath.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode))
    return Failure{ErrorCode::FileSystem, "there is already something that is not a regular file",
                   {{"file", targetPath}}, "choose another name"};
  if (::rename(temporaryPath.c_str(), targetPath.c_str()) != 0)
    return systemFailure("cannot create the file", targetPath, errno);
  unregisterRemoval(slot);
  temporaryPath.clear();
  return std::nullopt;
}

Status writeFileAtomically(const std::string &path, std::string_view text) {
  TemporaryFile file(path);
  if (Status failure = writeFile(file.path(), {text})) {
    failure->facts = {{"file", path}};
    return failure;
  }
  return file.commit();
}

} // namespace ampc::tools
