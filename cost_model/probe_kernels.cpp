// Peak-rate loops, one per instruction set. The target attribute selects it per function, so that the library
// itself runs on every x86-64 machine; other architectures get the portable loop and a low estimate.
#include "cost_model/probe_kernels.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ampc::cost {
namespace {

// Written once per run, so that the compiler cannot drop the arithmetic.
volatile double sink;

double runPortable(uint64_t rounds) {
  double a = 1, b = 2, c = 3, d = 4;
  for (uint64_t round = 0; round < rounds; ++round) {
    a = a * 0.999 + 0.001;
    b = b * 0.999 + 0.001;
    c = c * 0.999 + 0.001;
    d = d * 0.999 + 0.001;
  }
  sink = a + b + c + d;
  return double(rounds) * 8;
}

#if defined(__x86_64__)
// Twelve independent chains cover the latency of 4-5 cycles on two units and fit into 16 registers with
// operands. A lambda does not inherit the target of its function, hence macros for what differs between
// vector types.
#define AMPC_MULTIPLY_ADD_LOOP(FUNCTION, TARGET, LANES, SET, FMA, ADD, FIRST)                                \
  __attribute__((target(TARGET))) double FUNCTION(uint64_t rounds) {                                         \
    const auto scale = SET(0.999f), shift = SET(0.001f);                                                     \
    auto sum0 = SET(1.0f), sum1 = SET(2.0f), sum2 = SET(3.0f), sum3 = SET(4.0f), sum4 = SET(5.0f),           \
         sum5 = SET(6.0f), sum6 = SET(7.0f), sum7 = SET(8.0f), sum8 = SET(9.0f), sum9 = SET(10.0f),          \
         sum10 = SET(11.0f), sum11 = SET(12.0f);                                                             \
    for (uint64_t round = 0; round < rounds; ++round) {                                                      \
      sum0 = FMA(sum0, scale, shift), sum1 = FMA(sum1, scale, shift), sum2 = FMA(sum2, scale, shift);        \
      sum3 = FMA(sum3, scale, shift), sum4 = FMA(sum4, scale, shift), sum5 = FMA(sum5, scale, shift);        \
      sum6 = FMA(sum6, scale, shift), sum7 = FMA(sum7, scale, shift), sum8 = FMA(sum8, scale, shift);        \
      sum9 = FMA(sum9, scale, shift), sum10 = FMA(sum10, scale, shift), sum11 = FMA(sum11, scale, shift);    \
    }                                                                                                        \
    sum0 = ADD(ADD(ADD(sum0, sum1), ADD(sum2, sum3)), ADD(ADD(sum4, sum5), ADD(sum6, sum7)));                \
    sum0 = ADD(sum0, ADD(ADD(sum8, sum9), ADD(sum10, sum11)));                                               \
    sink = double(FIRST(sum0));                                                                              \
    return double(rounds) * 12 * 2 * LANES;                                                                  \
  }

AMPC_MULTIPLY_ADD_LOOP(f32Avx512, "avx512f", 16, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps,
                       _mm512_cvtss_f32)
AMPC_MULTIPLY_ADD_LOOP(f64Avx512, "avx512f", 8, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_add_pd,
                       _mm512_cvtsd_f64)
AMPC_MULTIPLY_ADD_LOOP(f32Avx2, "avx2,fma", 8, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps,
                       _mm256_cvtss_f32)
AMPC_MULTIPLY_ADD_LOOP(f64Avx2, "avx2,fma", 4, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_add_pd,
                       _mm256_cvtsd_f64)

/// AVX512_BF16: every instruction multiplies and adds 32 pairs.
__attribute__((target("avx512f,avx512bf16"))) double bf16Avx512(uint64_t rounds) {
  const __m512bh pairs = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.001f), _mm512_set1_ps(0.002f));
  __m512 sum0 = _mm512_setzero_ps(), sum1 = sum0, sum2 = sum0, sum3 = sum0, sum4 = sum0, sum5 = sum0,
         sum6 = sum0, sum7 = sum0, sum8 = sum0, sum9 = sum0, sum10 = sum0, sum11 = sum0;
  for (uint64_t round = 0; round < rounds; ++round) {
    sum0 = _mm512_dpbf16_ps(sum0, pairs, pairs), sum1 = _mm512_dpbf16_ps(sum1, pairs, pairs);
    sum2 = _mm512_dpbf16_ps(sum2, pairs, pairs), sum3 = _mm512_dpbf16_ps(sum3, pairs, pairs);
    sum4 = _mm512_dpbf16_ps(sum4, pairs, pairs), sum5 = _mm512_dpbf16_ps(sum5, pairs, pairs);
    sum6 = _mm512_dpbf16_ps(sum6, pairs, pairs), sum7 = _mm512_dpbf16_ps(sum7, pairs, pairs);
    sum8 = _mm512_dpbf16_ps(sum8, pairs, pairs), sum9 = _mm512_dpbf16_ps(sum9, pairs, pairs);
    sum10 = _mm512_dpbf16_ps(sum10, pairs, pairs), sum11 = _mm512_dpbf16_ps(sum11, pairs, pairs);
  }
  __m512 total = _mm512_setzero_ps();
  for (__m512 sum : {sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7, sum8, sum9, sum10, sum11})
    total = _mm512_add_ps(total, sum);
  sink = double(_mm512_cvtss_f32(total));
  return double(rounds) * 12 * 2 * 32;
}
#endif

bool isAvx512(std::string_view set) { return set == "avx512" || set == "avx512_bf16" || set == "amx"; }

} // namespace

double runF32MultiplyAdds(std::string_view instructionSet, uint64_t rounds) {
#if defined(__x86_64__)
  if (isAvx512(instructionSet))
    return f32Avx512(rounds);
  if (instructionSet == "avx2")
    return f32Avx2(rounds);
#endif
  return runPortable(rounds);
}

double runF64MultiplyAdds(std::string_view instructionSet, uint64_t rounds) {
#if defined(__x86_64__)
  if (isAvx512(instructionSet))
    return f64Avx512(rounds);
  if (instructionSet == "avx2")
    return f64Avx2(rounds);
#endif
  return runPortable(rounds);
}

double runBf16DotProducts(std::string_view instructionSet, uint64_t rounds) {
#if defined(__x86_64__)
  if (instructionSet == "avx512_bf16")
    return bf16Avx512(rounds);
#endif
  (void)instructionSet;
  (void)rounds;
  return 0;
}

double runCopies(const float *source, float *target, size_t count, uint64_t rounds) {
  constexpr size_t block = 256;
  for (uint64_t round = 0; round < rounds; ++round) {
    // Short blocks keep memcpy to plain vector stores: kernels do not use non-temporal ones either.
    for (size_t i = 0; i < count; i += block)
      std::memcpy(target + i, source + i, std::min(block, count - i) * sizeof(float));
#if defined(__GNUC__)
    __asm__ volatile("" : : "r"(target) : "memory");
#endif
  }
  return double(rounds) * double(count) * 2 * sizeof(float);
}

} // namespace ampc::cost
