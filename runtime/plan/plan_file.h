// An opened plan file: mapped, its header and hashes verified, its metadata decoded and checked. Nothing is
// executed here.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"

#include <map>
#include <memory>
#include <span>
#include <string>

namespace ampc::plan {

struct OpenOptions {
  bool verifyBlobs = true;      // hash the embedded weights
  bool openWeights = true;      // false: external weight files are not looked for (report, simulation)
  std::string weightsDirectory; // of external weights; empty: the folder of the plan file
};

class PlanFile {
public:
  /// Invalid: no plan, damaged, of another version, or inconsistent. FileSystem: cannot be read.
  static Status open(const std::string &path, const OpenOptions &options, std::unique_ptr<PlanFile> &result);
  /// `bytes` outlive the result and are aligned to blobAlignmentBytes.
  static Status openMemory(std::span<const std::byte> bytes, const OpenOptions &options,
                           std::unique_ptr<PlanFile> &result);
  ~PlanFile();
  PlanFile(const PlanFile &) = delete;
  PlanFile &operator=(const PlanFile &) = delete;

  const Plan &plan() const { return contents; }
  std::span<const std::byte> kernels() const { return kernelBytes; }
  std::span<const std::byte> model() const { return modelBytes; }
  /// The bytes of a blob, embedded or external, at a multiple of its element's size.
  const std::byte *blob(uint32_t index) const { return blobAddresses[index]; }
  /// Memory taken for copies of external blobs that do not lie at a multiple of their element's size in their file.
  uint64_t copiedBytes() const;

  /// When all ranks have been prepared: frees the copies that no forward program reads. They cannot be had again.
  void dropInitWeights();
  /// Lets the system drop the pages of this range of a file; they are read again when touched.
  void release(const std::byte *begin, uint64_t sizeBytes) const;

private:
  PlanFile() = default;
  struct Mapping;
  Status load(std::span<const std::byte> bytes, int descriptor, const std::string &path,
              const OpenOptions &options);
  Status openExternal(const std::string &folder);

  Plan contents;
  std::span<const std::byte> kernelBytes, modelBytes;
  std::vector<const std::byte *> blobAddresses;
  std::vector<std::unique_ptr<Mapping>> mappings;
  std::map<uint32_t, std::unique_ptr<std::byte[], void (*)(void *)>> copies; // by blob
};

/// True when the first bytes are those of a plan file: tells plans from models.
bool hasPlanMagic(std::span<const std::byte> firstBytes);

} // namespace ampc::plan
