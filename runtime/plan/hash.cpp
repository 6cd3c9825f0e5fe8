// XXH64 (seed 0), written from its published description.
#include "runtime/plan/hash.h"

#include <bit>
#include <cstring>

namespace ampc::plan {

namespace {
constexpr uint64_t prime1 = 0x9E3779B185EBCA87ull;
constexpr uint64_t prime2 = 0xC2B2AE3D27D4EB4Full;
constexpr uint64_t prime3 = 0x165667B19E3779F9ull;
constexpr uint64_t prime4 = 0x85EBCA77C2B2AE63ull;
constexpr uint64_t prime5 = 0x27D4EB2F165667C5ull;

template <typename T> T load(const unsigned char *data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

uint64_t mix(uint64_t lane, uint64_t word) { return std::rotl(lane + word * prime2, 31) * prime1; }
} // namespace

Hasher::Hasher() : lanes{prime1 + prime2, prime2, 0, 0 - prime1} {}

void Hasher::update(const void *data, size_t sizeBytes) {
  if (sizeBytes == 0)
    return;
  auto *bytes = static_cast<const unsigned char *>(data);
  totalBytes += sizeBytes;
  if (pendingBytes) {
    size_t taken = sizeof pending - pendingBytes < sizeBytes ? sizeof pending - pendingBytes : sizeBytes;
    std::memcpy(pending + pendingBytes, bytes, taken);
    pendingBytes += taken;
    bytes += taken;
    sizeBytes -= taken;
    if (pendingBytes < sizeof pending)
      return;
    for (int lane = 0; lane < 4; ++lane)
      lanes[lane] = mix(lanes[lane], load<uint64_t>(pending + 8 * lane));
    pendingBytes = 0;
  }
  uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
  for (; sizeBytes >= 32; bytes += 32, sizeBytes -= 32) {
    a = mix(a, load<uint64_t>(bytes));
    b = mix(b, load<uint64_t>(bytes + 8));
    c = mix(c, load<uint64_t>(bytes + 16));
    d = mix(d, load<uint64_t>(bytes + 24));
  }
  lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
  if (sizeBytes)
    std::memcpy(pending, bytes, sizeBytes);
  pendingBytes = sizeBytes;
}

uint64_t Hasher::digest() const {
  uint64_t hash = prime5;
  if (totalBytes >= 32) {
    hash =
        std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes)
      hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  }
  hash += totalBytes;
  const unsigned char *rest = pending, *end = pending + pendingBytes;
  for (; end - rest >= 8; rest += 8)
    hash = std::rotl(hash ^ mix(0, load<uint64_t>(rest)), 27) * prime1 + prime4;
  if (end - rest >= 4) {
    hash = std::rotl(hash ^ (uint64_t(load<uint32_t>(rest)) * prime1), 23) * prime2 + prime3;
    rest += 4;
  }
  for (; rest < end; ++rest)
    hash = std::rotl(hash ^ (*rest * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

uint64_t hashBytes(const void *data, size_t sizeBytes) {
  Hasher hasher;
  hasher.update(data, sizeBytes);
  return hasher.digest();
}

} // namespace ampc::plan
