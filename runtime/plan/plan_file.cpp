// Opening a plan: map, judge header and hashes, decode, check, find the weights.
#include "runtime/plan/plan_file.h"

#include "runtime/plan/file_format.h"
#include "runtime/plan/hash.h"
#include "runtime/plan/plan_checks.h"
#include "runtime/plan/plan_reader.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <set>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ampc::plan {

static_assert(std::endian::native == std::endian::little, "plan files are little-endian");

/// A read-only mapping of a whole file and its open descriptor.
struct PlanFile::Mapping {
  int descriptor = -1;
  void *address = nullptr;
  size_t sizeBytes = 0;
  ~Mapping() {
    if (address)
      munmap(address, sizeBytes);
    if (descriptor >= 0)
      close(descriptor);
  }
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte *>(address), sizeBytes}; }

  static Status open(const std::string &path, std::unique_ptr<Mapping> &result);
};

namespace {
Error fileError(const std::string &what, const std::string &path) {
  return {ErrorCode::FileSystem, what + " " + path + ": " + std::strerror(errno), {{"file", path}}};
}
Error damaged(const std::string &what, const std::string &path) {
  return {ErrorCode::Invalid, what, {{"file", path}}};
}

/// Hashes a range of a file through a small buffer, so that weights do not become resident; without a
/// descriptor the bytes themselves.
Status hashRange(int descriptor, const std::byte *address, uint64_t offsetBytes, uint64_t sizeBytes,
                 const std::string &path, uint64_t &hash) {
  if (descriptor < 0) {
    hash = hashBytes(address + offsetBytes, sizeBytes);
    return {};
  }
  Hasher hasher;
  std::vector<std::byte> piece(std::min<uint64_t>(sizeBytes, 1 << 20));
  while (sizeBytes) {
    ssize_t got =
        pread(descriptor, piece.data(), std::min<uint64_t>(piece.size(), sizeBytes), off_t(offsetBytes));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fileError("cannot read", path);
    if (got == 0)
      return damaged("the file became shorter while it was read", path);
    hasher.update(piece.data(), size_t(got));
    offsetBytes += uint64_t(got);
    sizeBytes -= uint64_t(got);
  }
  hash = hasher.digest();
  return {};
}

bool isBaseName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

const char *sectionName(uint32_t kind) {
  switch (SectionKind(kind)) {
  case SectionKind::Blobs: return "weights";
  case SectionKind::Kernels: return "kernels";
  case SectionKind::Model: return "model";
  case SectionKind::Metadata: return "metadata";
  }
  return "unknown";
}

/// Judges everything in the header but the sections' contents.
Status checkHeader(std::span<const std::byte> bytes, const std::string &path, FileHeader &header) {
  if (!hasPlanMagic(bytes))
    return damaged("this is no ampc plan (its first bytes are not AMPCPLAN)", path);
  if (bytes.size() < sizeof header)
    return damaged("the plan is cut off within its header", path);
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != fileVersion)
    return damaged("the plan has format version " + std::to_string(header.version) +
                       ", this runtime reads version " + std::to_string(fileVersion),
                   path);
  FileHeader unhashed = header;
  unhashed.headerHash = 0;
  if (hashBytes(&unhashed, sizeof unhashed) != header.headerHash)
    return damaged("the header of the plan is damaged (hash)", path);
  if (header.sectionCount != numSections)
    return damaged("the plan has " + std::to_string(header.sectionCount) + " sections instead of " +
                       std::to_string(numSections),
                   path);
  if (header.fileBytes != bytes.size())
    return damaged("the plan should have " + std::to_string(header.fileBytes) + " bytes and has " +
                       std::to_string(bytes.size()),
                   path);
  uint64_t end = sizeof header;
  for (uint32_t i = 0; i < numSections; ++i) {
    const SectionEntry &section = header.sections[i];
    if (section.kind != i + 1 || section.reserved || section.offsetBytes % sectionAlignmentBytes ||
        section.offsetBytes < end || section.offsetBytes > bytes.size() ||
        section.sizeBytes > bytes.size() - section.offsetBytes)
      return damaged("the section table of the plan is inconsistent", path);
    end = section.offsetBytes + section.sizeBytes;
  }
  if (header.sections[numSections - 1].sizeBytes > maxMetadataBytes)
    return damaged("the metadata of the plan are too large", path);
  return {};
}
} // namespace

bool hasPlanMagic(std::span<const std::byte> firstBytes) {
  return firstBytes.size() >= sizeof fileMagic &&
         !std::memcmp(firstBytes.data(), fileMagic, sizeof fileMagic);
}

Status PlanFile::Mapping::open(const std::string &path, std::unique_ptr<Mapping> &result) {
  auto mapping = std::make_unique<Mapping>();
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  mapping->descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (mapping->descriptor < 0)
    return fileError("cannot open", path);
  struct stat facts;
  if (fstat(mapping->descriptor, &facts))
    return fileError("cannot examine", path);
  if (!S_ISREG(facts.st_mode)) {
    errno = S_ISDIR(facts.st_mode) ? EISDIR : EINVAL;
    return fileError("cannot read", path);
  }
  mapping->sizeBytes = size_t(facts.st_size);
  if (mapping->sizeBytes) {
    void *address = mmap(nullptr, mapping->sizeBytes, PROT_READ, MAP_SHARED, mapping->descriptor, 0);
    if (address == MAP_FAILED)
      return fileError("cannot map", path);
    mapping->address = address;
  }
  result = std::move(mapping);
  return {};
}

PlanFile::~PlanFile() = default;

Status PlanFile::open(const std::string &path, const OpenOptions &options,
                      std::unique_ptr<PlanFile> &result) {
  std::unique_ptr<PlanFile> file(new PlanFile());
  std::unique_ptr<Mapping> mapping;
  if (Status error = Mapping::open(path, mapping))
    return error;
  auto bytes = mapping->bytes();
  int descriptor = mapping->descriptor;
  file->mappings.push_back(std::move(mapping));
  if (Status error = file->load(bytes, descriptor, path, options))
    return error;
  result = std::move(file);
  return {};
}

Status PlanFile::openMemory(std::span<const std::byte> bytes, const OpenOptions &options,
                            std::unique_ptr<PlanFile> &result) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % blobAlignmentBytes)
    return Error{ErrorCode::Usage, "a plan in memory must be aligned to 64 bytes"};
  std::unique_ptr<PlanFile> file(new PlanFile());
  if (Status error = file->load(bytes, -1, "(memory)", options))
    return error;
  result = std::move(file);
  return {};
}

Status PlanFile::load(std::span<const std::byte> bytes, int descriptor, const std::string &path,
                      const OpenOptions &options) {
  FileHeader header;
  if (Status error = checkHeader(bytes, path, header))
    return error;
  for (const SectionEntry &section : header.sections) {
    if (SectionKind(section.kind) == SectionKind::Blobs && !options.verifyBlobs)
      continue;
    uint64_t hash = 0;
    if (Status error =
            hashRange(descriptor, bytes.data(), section.offsetBytes, section.sizeBytes, path, hash))
      return error;
    if (hash != section.hash)
      return damaged(std::string("the ") + sectionName(section.kind) + " of the plan are damaged (hash)",
                     path);
  }
  auto section = [&](SectionKind kind) {
    const SectionEntry &entry = header.sections[uint32_t(kind) - 1];
    return bytes.subspan(entry.offsetBytes, entry.sizeBytes);
  };
  kernelBytes = section(SectionKind::Kernels);
  modelBytes = section(SectionKind::Model);
  auto metadata = section(SectionKind::Metadata);
  auto blobs = section(SectionKind::Blobs);
  Status error = readPlan({reinterpret_cast<const char *>(metadata.data()), metadata.size()}, contents);
  if (!error)
    error = checkPlan(contents, blobs.size());
  if (error) {
    error->fields.emplace_back("file", path);
    return error;
  }
  blobAddresses.assign(contents.blobs.size(), nullptr);
  bool needsExternal = false;
  for (size_t i = 0; i < contents.blobs.size(); ++i)
    if (contents.blobs[i].externalFile.empty())
      blobAddresses[i] = blobs.data() + contents.blobs[i].fileOffset;
    else
      needsExternal = true;
  if (!needsExternal || !options.openWeights)
    return {};
  return openExternal(options.weightsDirectory.empty() ? folderOf(path) : options.weightsDirectory);
}

Status PlanFile::openExternal(const std::string &folder) {
  std::map<std::string, const Mapping *> opened;
  for (size_t i = 0; i < contents.blobs.size(); ++i) {
    const Blob &blob = contents.blobs[i];
    if (blob.externalFile.empty())
      continue;
    if (!isBaseName(blob.externalFile))
      return Error{ErrorCode::Invalid,
                   "external weights must lie directly in the weights folder",
                   {{"file", blob.externalFile}, {"tensor", blob.name}}};
    std::string path = folder + "/" + blob.externalFile;
    const Mapping *&mapping = opened[blob.externalFile];
    if (!mapping) {
      std::unique_ptr<Mapping> fresh;
      if (Status error = Mapping::open(path, fresh))
        return error;
      mapping = fresh.get();
      mappings.push_back(std::move(fresh));
    }
    if (blob.fileOffset > mapping->sizeBytes || blob.sizeBytes > mapping->sizeBytes - blob.fileOffset)
      return Error{
          ErrorCode::Invalid, "the weight file is too short", {{"file", path}, {"tensor", blob.name}}};
    uint64_t hash = 0;
    if (Status error = hashRange(mapping->descriptor, nullptr, blob.fileOffset, blob.sizeBytes, path, hash))
      return error;
    if (hash != blob.hash)
      return Error{ErrorCode::Invalid,
                   "the weight file is not the one that the plan was made from (hash)",
                   {{"file", path}, {"tensor", blob.name}}};
    const std::byte *address = mapping->bytes().data() + blob.fileOffset;
    // Nobody asks for more than whole elements: ranks read slices that begin at any of them.
    if (blob.sizeBytes && reinterpret_cast<uintptr_t>(address) % (bitWidth(blob.type) / 8)) {
      size_t rounded = (blob.sizeBytes + blobAlignmentBytes) / blobAlignmentBytes * blobAlignmentBytes;
      auto *copy = static_cast<std::byte *>(std::aligned_alloc(blobAlignmentBytes, rounded));
      if (!copy)
        return Error{
            ErrorCode::Infeasible, "no memory for an unaligned external weight", {{"tensor", blob.name}}};
      copies.try_emplace(uint32_t(i), copy, std::free);
      std::memcpy(copy, address, blob.sizeBytes);
      release(address, blob.sizeBytes);
      address = copy;
    }
    blobAddresses[i] = address;
  }
  return {};
}

uint64_t PlanFile::copiedBytes() const {
  uint64_t total = 0;
  for (const auto &[blob, copy] : copies)
    total += contents.blobs[blob].sizeBytes;
  return total;
}

void PlanFile::dropInitWeights() {
  std::set<uint32_t> kept;
  for (const RankTable &rank : contents.ranks)
    for (const Step &step : contents.programs[rank.forwardProgram].steps)
      for (const Buffer &read : step.reads)
        if (read.space == Space::Blob)
          kept.insert(rank.blobs[read.index].blob);
  std::erase_if(copies, [&](const auto &entry) {
    if (kept.contains(entry.first))
      return false;
    blobAddresses[entry.first] = nullptr;
    return true;
  });
}

void PlanFile::release(const std::byte *begin, uint64_t sizeBytes) const {
  const auto pageBytes = uintptr_t(sysconf(_SC_PAGESIZE));
  for (const auto &mapping : mappings) {
    auto bytes = mapping->bytes();
    if (begin < bytes.data() || begin >= bytes.data() + bytes.size())
      continue;
    auto first = (reinterpret_cast<uintptr_t>(begin) + pageBytes - 1) / pageBytes * pageBytes;
    auto last = (reinterpret_cast<uintptr_t>(begin) + sizeBytes) / pageBytes * pageBytes;
    if (last > first)
      madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
  }
}

} // namespace ampc::plan
