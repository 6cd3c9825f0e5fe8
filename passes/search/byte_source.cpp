// Whole-file reading through zlib, which passes plain files through unchanged.
#include "byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <zlib.h>

namespace ampc::search {

ReadError readBytes(const std::string &path, std::string &bytes, size_t limitBytes, const Stop &stop) {
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file)
    return {ReadError::Kind::FileSystem,
            "cannot open '" + path + "': " + (errno ? std::strerror(errno) : "out of memory")};
  gzbuffer(file, 1 << 20);
  bytes.clear();
  size_t used = 0;
  for (;;) {
    if (bytes.size() - used < (size_t(1) << 20))
      bytes.resize(std::min(limitBytes + 1, std::max<size_t>(size_t(8) << 20, bytes.size() * 2)));
    unsigned room = unsigned(std::min<size_t>(bytes.size() - used, size_t(1) << 24));
    int got = gzread(file, bytes.data() + used, room);
    if (got < 0) {
      int code = 0;
      std::string text = gzerror(file, &code);
      if (code == Z_ERRNO)
        text = std::strerror(errno);
      gzclose(file);
      return {code == Z_ERRNO ? ReadError::Kind::FileSystem : ReadError::Kind::Malformed,
              "cannot read '" + path + "' after " + std::to_string(used) + " bytes: " + text};
    }
    if (got == 0)
      break;
    if (stop && stop()) {
      gzclose(file);
      return {ReadError::Kind::Stopped, "stopped while reading '" + path + "'"};
    }
    used += size_t(got);
    if (used > limitBytes) {
      gzclose(file);
      return {ReadError::Kind::Malformed,
              "'" + path + "' is larger than " + std::to_string(limitBytes) + " bytes"};
    }
  }
  // A gzip stream cut short is reported by gzclose only.
  if (gzclose(file) == Z_BUF_ERROR)
    return {ReadError::Kind::Malformed, "'" + path + "' ends inside a compressed block"};
  bytes.resize(used);
  return {};
}

} // namespace ampc::search
