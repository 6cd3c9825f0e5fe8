// Streams the sections into an unnamed file, then gives it its name.
#include "codegen/plan_writer.h"

#include "codegen/plan_message.h"
#include "runtime/plan/file_format.h"
#include "runtime/plan/hash.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ampc::codegen {

using plan::Error;
using plan::ErrorCode;
using plan::Status;

namespace {
/// A file that vanishes unless `publish` succeeds, also when the process is killed (where the file system can
/// make unnamed files; elsewhere it has a name beginning with a dot until then).
class PendingFile {
public:
  explicit PendingFile(std::string path) : path(std::move(path)) {
    size_t slash = this->path.rfind('/');
    folder = slash == std::string::npos ? "." : this->path.substr(0, slash + 1);
    std::string base = slash == std::string::npos ? this->path : this->path.substr(slash + 1);
    temporary =
        (slash == std::string::npos ? "" : folder) + "." + base + "." + std::to_string(getpid()) + ".partial";
  }
  ~PendingFile() {
    if (descriptor >= 0)
      close(descriptor);
    if (isNamed)
      unlink(temporary.c_str());
  }

  Status open() {
    struct stat facts;
    if (!stat(path.c_str(), &facts) && !S_ISREG(facts.st_mode)) {
      errno = S_ISDIR(facts.st_mode) ? EISDIR : EEXIST;
      return fail("cannot replace");
    }
    descriptor = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor >= 0)
      return {};
    descriptor = ::open(temporary.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor < 0)
      return fail("cannot create");
    isNamed = true;
    return {};
  }

  Status write(const void *data, size_t sizeBytes, uint64_t offsetBytes) {
    auto *bytes = static_cast<const char *>(data);
    while (sizeBytes) {
      ssize_t done = pwrite(descriptor, bytes, sizeBytes, off_t(offsetBytes));
      if (done < 0 && errno == EINTR)
        continue;
      if (done < 0)
        return fail("cannot write");
      bytes += done;
      sizeBytes -= size_t(done);
      offsetBytes += uint64_t(done);
    }
    return {};
  }

  Status publish() {
    if (!isNamed) {
      std::string unnamed = "/proc/self/fd/" + std::to_string(descriptor);
      unlink(temporary.c_str());
      if (linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW))
        return fail("cannot name");
      isNamed = true;
    }
    if (close(std::exchange(descriptor, -1)))
      return fail("cannot write");
    if (rename(temporary.c_str(), path.c_str()))
      return fail("cannot name");
    isNamed = false;
    return {};
  }

private:
  Status fail(const char *what) const {
    return Error{ErrorCode::FileSystem,
                 std::string(what) + " " + path + ": " + std::strerror(errno),
                 {{"file", path}}};
  }
  std::string path, folder, temporary;
  int descriptor = -1;
  bool isNamed = false;
};

uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

/// Writes sections one after the other and keeps their table.
struct SectionWriter {
  PendingFile &file;
  plan::FileHeader header = {};
  uint64_t endBytes = sizeof(plan::FileHeader);
  plan::Hasher hasher = {};
  plan::SectionEntry *section = nullptr;

  void begin(plan::SectionKind kind) {
    section = &header.sections[uint32_t(kind) - 1];
    section->kind = uint32_t(kind);
    // The gap before a section is never written and reads as zeros.
    section->offsetBytes = endBytes = alignUp(endBytes, plan::sectionAlignmentBytes);
    hasher = plan::Hasher();
  }
  Status add(const void *data, size_t sizeBytes) {
    if (Status error = file.write(data, sizeBytes, endBytes))
      return error;
    hasher.update(data, sizeBytes);
    endBytes += sizeBytes;
    section->sizeBytes += sizeBytes;
    return {};
  }
  void end() { section->hash = hasher.digest(); }

  Status whole(plan::SectionKind kind, std::string_view bytes) {
    begin(kind);
    Status error = add(bytes.data(), bytes.size());
    end();
    return error;
  }
};

Status writeBlobs(SectionWriter &writer, const PlanContents &contents) {
  static constexpr char zeros[plan::blobAlignmentBytes] = {};
  writer.begin(plan::SectionKind::Blobs);
  for (uint32_t i = 0; i < contents.plan->blobs.size(); ++i) {
    plan::Blob &blob = contents.plan->blobs[i];
    if (!blob.externalFile.empty())
      continue;
    uint64_t padding =
        alignUp(writer.section->sizeBytes, plan::blobAlignmentBytes) - writer.section->sizeBytes;
    if (Status error = writer.add(zeros, padding))
      return error;
    blob.fileOffset = writer.section->sizeBytes;
    plan::Hasher hasher;
    uint64_t received = 0;
    Status sinkError;
    Status error = contents.blobs(i, [&](const void *data, size_t sizeBytes) {
      received += sizeBytes;
      if (received > blob.sizeBytes)
        return false;
      hasher.update(data, sizeBytes);
      sinkError = writer.add(data, sizeBytes);
      return !sinkError;
    });
    if (sinkError)
      return sinkError;
    if (error)
      return error;
    if (received != blob.sizeBytes)
      return Error{ErrorCode::Invalid,
                   "weight " + blob.name + " does not have as many bytes as its shape needs",
                   {{"tensor", blob.name}}};
    blob.hash = hasher.digest();
  }
  writer.end();
  return {};
}
} // namespace

std::string serializePlan(const plan::Plan &plan) { return encodePlan(plan); }

Status writePlan(const std::string &path, const PlanContents &contents) {
  PendingFile file(path);
  if (Status error = file.open())
    return error;
  SectionWriter writer{file};
  if (Status error = writeBlobs(writer, contents))
    return error;
  if (Status error = writer.whole(plan::SectionKind::Kernels, contents.kernels))
    return error;
  if (Status error = writer.whole(plan::SectionKind::Model, contents.model))
    return error;
  std::string metadata = encodePlan(*contents.plan);
  if (metadata.size() > plan::maxMetadataBytes)
    return Error{ErrorCode::Unsupported, "the plan's metadata would be larger than 1 GiB"};
  if (Status error = writer.whole(plan::SectionKind::Metadata, metadata))
    return error;
  plan::FileHeader &header = writer.header;
  std::memcpy(header.magic, plan::fileMagic, sizeof header.magic);
  header.version = plan::fileVersion;
  header.sectionCount = plan::numSections;
  header.fileBytes = writer.endBytes;
  header.headerHash = plan::hashBytes(&header, sizeof header);
  if (Status error = file.write(&header, sizeof header, 0))
    return error;
  return file.publish();
}

} // namespace ampc::codegen
