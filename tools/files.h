// Files as the command line reads and writes them: regular files only, and nothing under its final name before it is
// complete. An interrupt removes what was begun.
#pragma once

#include "tools/failure.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ampc::tools {

/// The whole content. FileSystem when it cannot be read or is no regular file.
Result<std::string> readFile(const std::string &path);
/// Up to `count` bytes from the beginning.
Result<std::string> readFileBeginning(const std::string &path, size_t count);
/// Creates or truncates `path` and writes the pieces.
Status writeFile(const std::string &path, std::initializer_list<std::string_view> pieces);
Status createFolder(const std::string &path);
/// Whether both are one existing regular file, whatever links lead there.
bool isSameFile(const std::string &path, const std::string &other);

/// A name beside the final one. The file is removed again unless `commit` gave it its final name.
class TemporaryFile {
public:
  explicit TemporaryFile(std::string finalPath);
  ~TemporaryFile();
  TemporaryFile(TemporaryFile &&other) noexcept;
  TemporaryFile(const TemporaryFile &) = delete;

  const std::string &path() const { return temporaryPath; }
  const std::string &finalPath() const { return targetPath; }
  Status commit();

private:
  std::string targetPath, temporaryPath;
  int slot = -1;
};

/// Writes text under its final name in one step.
Status writeFileAtomically(const std::string &path, std::string_view text);

} // namespace ampc::tools
