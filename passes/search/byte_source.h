// Reads a whole file, inflating it when it is gzip. Knows nothing of what the bytes mean.
#pragma once

#include "stop.h"

#include <cstddef>
#include <string>

namespace ampc::search {

struct ReadError {
  enum class Kind { None, FileSystem, Malformed, Stopped } kind = Kind::None;
  std::string message;
  explicit operator bool() const { return kind != Kind::None; }
};

/// Bytes of `path` into `bytes`; more than `limitBytes` after inflation is Malformed. Stopped when `stop` asked.
ReadError readBytes(const std::string &path, std::string &bytes, size_t limitBytes = size_t(4) << 30,
                    const Stop &stop = {});

} // namespace ampc::search
