// Read access to the bytes of a model and to the external files beside it. Nothing is mapped: a file that
// shrinks while it is read gives an error, not a signal.
#pragma once

#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ampc {

/// The bytes of a regular file, or of a string in memory (a stripped model).
class ModelFile {
public:
  static llvm::Expected<ModelFile> open(const std::string &path);
  static ModelFile fromBytes(std::string_view bytes);
  ModelFile(ModelFile &&other) noexcept;
  ModelFile &operator=(ModelFile &&) = delete;
  ~ModelFile();

  uint64_t size() const { return sizeBytes; }
  const std::string &path() const { return filePath; }
  /// Copies [offset, offset + count) to `to`; false when the range ends beyond the file or reading fails.
  bool read(uint64_t offset, uint64_t count, char *to) const;

private:
  friend llvm::Expected<ModelFile> openBeside(const std::string &folder, const std::string &location);
  ModelFile() = default;
  static llvm::Expected<ModelFile> fromDescriptor(int descriptor, const std::string &path);

  int descriptor = -1;
  std::string_view memory;
  std::string filePath;
  uint64_t sizeBytes = 0;
};

/// The folder that external data is relative to.
std::string folderOf(const std::string &modelPath);

/// Opens `location` inside `folder`: the kernel refuses "..", absolute paths and every symbolic link on the
/// way. The error of a file that does not exist has code FileSystem, of a location that is not allowed
/// InvalidModel.
llvm::Expected<ModelFile> openBeside(const std::string &folder, const std::string &location);

} // namespace ampc
