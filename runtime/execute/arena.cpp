// Blocks come from mmap, or from the embedding program.
#include "runtime/execute/arena.h"

#include <sys/mman.h>

namespace ampc {

namespace {
constexpr uint64_t alignmentBytes = 64;
constexpr uint64_t hugePageBytes = 2 << 20;
} // namespace

plan::Error DeviceMemory::refusal(uint64_t sizeBytes, const char *what, const std::string &reason) const {
  return {plan::ErrorCode::Infeasible,
          "rank " + std::to_string(rank) + " cannot have " + std::to_string(sizeBytes) + " bytes of " + what +
              ": " + reason,
          {{"rank", std::to_string(rank)}}};
}

plan::Status DeviceMemory::count(uint64_t sizeBytes, const char *what) {
  if (limitBytes && (sizeBytes > limitBytes || total > limitBytes - sizeBytes))
    return refusal(sizeBytes, what,
                   "it holds " + std::to_string(total) + " bytes and its limit is " +
                       std::to_string(limitBytes));
  total += sizeBytes;
  return {};
}

plan::Status DeviceMemory::allocate(uint64_t sizeBytes, const char *what, std::byte *&block) {
  block = nullptr;
  if (sizeBytes == 0)
    return {};
  if (plan::Status error = count(sizeBytes, what))
    return error;
  void *data = nullptr;
  if (allocator.allocate) {
    data = allocator.allocate(sizeBytes, alignmentBytes, rank);
    if (!data || reinterpret_cast<uintptr_t>(data) % alignmentBytes)
      return refusal(sizeBytes, what, "the program's allocator gave none");
  } else {
    data =
        mmap(nullptr, sizeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
      return refusal(sizeBytes, what, "the system has no memory left");
    if (sizeBytes >= hugePageBytes)
      madvise(data, sizeBytes, MADV_HUGEPAGE);
  }
  blocks.push_back({data, sizeBytes});
  block = static_cast<std::byte *>(data);
  return {};
}

DeviceMemory::~DeviceMemory() {
  for (const Block &block : blocks)
    if (allocator.allocate)
      allocator.deallocate(block.data, block.sizeBytes, rank);
    else
      munmap(block.data, block.sizeBytes);
}

} // namespace ampc
