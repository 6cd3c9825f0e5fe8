// The memory of one device: a few large blocks and what it reads in place, counted against the device's limit.
#pragma once

#include "runtime/execute/device.h"

namespace ampc {

class DeviceMemory {
public:
  DeviceMemory(uint32_t rank, uint64_t limitBytes, ArenaAllocator allocator)
      : rank(rank), limitBytes(limitBytes), allocator(std::move(allocator)) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// A zeroed block, aligned to at least 64 bytes; null for size 0. `what` names it in the error. Infeasible
  /// when the limit would be passed or the system has no memory.
  plan::Status allocate(uint64_t sizeBytes, const char *what, std::byte *&block);
  /// Counts memory that is held elsewhere for this device against the limit.
  plan::Status count(uint64_t sizeBytes, const char *what);
  uint64_t allocatedBytes() const { return total; }

private:
  struct Block {
    void *data;
    uint64_t sizeBytes;
  };
  plan::Error refusal(uint64_t sizeBytes, const char *what, const std::string &reason) const;

  uint32_t rank;
  uint64_t limitBytes;
  ArenaAllocator allocator;
  std::vector<Block> blocks;
  uint64_t total = 0;
};

} // namespace ampc
