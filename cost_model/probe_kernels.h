// The loops that the probe times. Every function runs for a given amount of work on the calling thread and
// returns how much it did; the caller measures the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ampc::cost {

/// Independent chains of multiply-adds with the widest vectors of `instructionSet`. Returns operations done.
double runF32MultiplyAdds(std::string_view instructionSet, uint64_t rounds);
double runF64MultiplyAdds(std::string_view instructionSet, uint64_t rounds);
/// AVX512_BF16 dot products; 0 where the instruction set has none. AMX is not measured.
double runBf16DotProducts(std::string_view instructionSet, uint64_t rounds);

/// Copies `count` floats `rounds` times in short blocks. Returns bytes read + written.
double runCopies(const float *source, float *target, size_t count, uint64_t rounds);

} // namespace ampc::cost
