// A small deterministic generator (splitmix64): the same numbers on every platform and compiler.
#pragma once

#include <cstdint>

namespace ampc::search {

class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t z = (state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, bound), bound >= 1.
  int below(int bound) { return int(((next() >> 32) * uint64_t(bound)) >> 32); }
  /// Uniform in [0, 1).
  double real() { return double(next() >> 11) * 0x1p-53; }

private:
  uint64_t state;
};

} // namespace ampc::search
