// Streams weights from memory or from a stretch of a file.
#include "tools/weight_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace ampc::tools {

static plan::Error fileError(const std::string &message, const std::string &file) {
  return {plan::ErrorCode::FileSystem, message + ": " + std::strerror(errno), {{"file", file}}};
}

plan::Status streamWeight(const WeightReference &weight, const codegen::BlobSink &sink) {
  if (weight.file.empty()) {
    if (weight.bytes.size() != weight.sizeBytes)
      return plan::Error{plan::ErrorCode::Invalid, "the bytes of a weight are missing", {{"tensor", weight.name}}};
    sink(weight.bytes.data(), weight.bytes.size());
    return std::nullopt;
  }
  int file = ::open(weight.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fileError("cannot open the file with the weights", weight.file);
  std::vector<char> piece(1 << 20);
  plan::Status error;
  for (uint64_t done = 0; done < weight.sizeBytes && !error;) {
    size_t wanted = size_t(std::min<uint64_t>(piece.size(), weight.sizeBytes - done));
    ssize_t count = ::pread(file, piece.data(), wanted, off_t(weight.fileOffset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      error = fileError("cannot read the weights", weight.file);
    else if (count == 0)
      error =
          plan::Error{plan::ErrorCode::FileSystem, "the file with the weights is too short", {{"file", weight.file}}};
    else if (!sink(piece.data(), size_t(count)))
      break;
    else
      done += uint64_t(count);
  }
  ::close(file);
  return error;
}

} // namespace ampc::tools
