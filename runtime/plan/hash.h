// The 64-bit hash of plan sections and weights: the published XXH64 function with seed 0, in one piece or
// streamed. It finds damage; it is no protection against malice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ampc::plan {

class Hasher {
public:
  Hasher();
  void update(const void *data, size_t sizeBytes);
  uint64_t digest() const;

private:
  uint64_t lanes[4];
  uint64_t totalBytes = 0;
  unsigned char pending[32];
  size_t pendingBytes = 0;
};

uint64_t hashBytes(const void *data, size_t sizeBytes);

} // namespace ampc::plan
