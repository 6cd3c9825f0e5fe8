// x86: CPUID, and what the operating system saves on a context switch (a CPU feature whose registers are not
// saved is as good as missing).
#include "runtime/execute/cpu_features.h"

#include <cstdint>
#include <string_view>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ampc {

#if defined(__x86_64__)
namespace {
enum Register : uint8_t { Eax, Ebx, Ecx, Edx };
/// What the system must save for the feature to be usable: bits of XCR0.
constexpr uint64_t none = 0, avxState = 0x6, avx512State = 0xe6, amxState = 0x60000;

struct Feature {
  std::string_view name;
  uint32_t leaf, subleaf;
  Register where;
  uint8_t bit;
  uint64_t state;
};

constexpr uint32_t extended = 0x80000001;
constexpr Feature features[] = {
    // basics
    {"cmov", 1, 0, Edx, 15, none},
    {"cx8", 1, 0, Edx, 8, none},
    {"fxsr", 1, 0, Edx, 24, none},
    {"mmx", 1, 0, Edx, 23, none},
    {"sse", 1, 0, Edx, 25, none},
    {"sse2", 1, 0, Edx, 26, none},
    {"x87", 1, 0, Edx, 0, none},
    {"64bit", extended, 0, Edx, 29, none},
    {"64bit-mode", extended, 0, Edx, 29, none},
    {"sse3", 1, 0, Ecx, 0, none},
    {"pclmul", 1, 0, Ecx, 1, none},
    {"ssse3", 1, 0, Ecx, 9, none},
    {"fma", 1, 0, Ecx, 12, avxState},
    {"cx16", 1, 0, Ecx, 13, none},
    {"sse4.1", 1, 0, Ecx, 19, none},
    {"sse4.2", 1, 0, Ecx, 20, none},
    {"crc32", 1, 0, Ecx, 20, none},
    {"movbe", 1, 0, Ecx, 22, none},
    {"popcnt", 1, 0, Ecx, 23, none},
    {"aes", 1, 0, Ecx, 25, none},
    {"xsave", 1, 0, Ecx, 27, none},
    {"avx", 1, 0, Ecx, 28, avxState},
    {"f16c", 1, 0, Ecx, 29, avxState},
    {"rdrnd", 1, 0, Ecx, 30, none},
    {"sahf", extended, 0, Ecx, 0, none},
    {"lzcnt", extended, 0, Ecx, 5, none},
    {"sse4a", extended, 0, Ecx, 6, none},
    {"prfchw", extended, 0, Ecx, 8, none},
    {"xop", extended, 0, Ecx, 11, avxState},
    {"lwp", extended, 0, Ecx, 15, none},
    {"fma4", extended, 0, Ecx, 16, avxState},
    {"tbm", extended, 0, Ecx, 21, none},
    {"mwaitx", extended, 0, Ecx, 29, none},
    // leaf 7
    {"fsgsbase", 7, 0, Ebx, 0, none},
    {"sgx", 7, 0, Ebx, 2, none},
    {"bmi", 7, 0, Ebx, 3, none},
    {"avx2", 7, 0, Ebx, 5, avxState},
    {"bmi2", 7, 0, Ebx, 8, none},
    {"invpcid", 7, 0, Ebx, 10, none},
    {"rtm", 7, 0, Ebx, 11, none},
    {"avx512f", 7, 0, Ebx, 16, avx512State},
    {"evex512", 7, 0, Ebx, 16, avx512State},
    {"avx512dq", 7, 0, Ebx, 17, avx512State},
    {"rdseed", 7, 0, Ebx, 18, none},
    {"adx", 7, 0, Ebx, 19, none},
    {"avx512ifma", 7, 0, Ebx, 21, avx512State},
    {"clflushopt", 7, 0, Ebx, 23, none},
    {"clwb", 7, 0, Ebx, 24, none},
    {"avx512cd", 7, 0, Ebx, 28, avx512State},
    {"sha", 7, 0, Ebx, 29, none},
    {"avx512bw", 7, 0, Ebx, 30, avx512State},
    {"avx512vl", 7, 0, Ebx, 31, avx512State},
    {"avx512vbmi", 7, 0, Ecx, 1, avx512State},
    {"pku", 7, 0, Ecx, 4, none},
    {"waitpkg", 7, 0, Ecx, 5, none},
    {"avx512vbmi2", 7, 0, Ecx, 6, avx512State},
    {"shstk", 7, 0, Ecx, 7, none},
    {"gfni", 7, 0, Ecx, 8, none},
    {"vaes", 7, 0, Ecx, 9, avxState},
    {"vpclmulqdq", 7, 0, Ecx, 10, avxState},
    {"avx512vnni", 7, 0, Ecx, 11, avx512State},
    {"avx512bitalg", 7, 0, Ecx, 12, avx512State},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, avx512State},
    {"rdpid", 7, 0, Ecx, 22, none},
    {"kl", 7, 0, Ecx, 23, none},
    {"cldemote", 7, 0, Ecx, 25, none},
    {"movdiri", 7, 0, Ecx, 27, none},
    {"movdir64b", 7, 0, Ecx, 28, none},
    {"enqcmd", 7, 0, Ecx, 29, none},
    {"uintr", 7, 0, Edx, 5, none},
    {"avx512vp2intersect", 7, 0, Edx, 8, avx512State},
    {"serialize", 7, 0, Edx, 14, none},
    {"tsxldtrk", 7, 0, Edx, 16, none},
    {"pconfig", 7, 0, Edx, 18, none},
    {"amx-bf16", 7, 0, Edx, 22, amxState},
    {"avx512fp16", 7, 0, Edx, 23, avx512State},
    {"amx-tile", 7, 0, Edx, 24, amxState},
    {"amx-int8", 7, 0, Edx, 25, amxState},
    {"sha512", 7, 1, Eax, 0, avxState},
    {"sm3", 7, 1, Eax, 1, avxState},
    {"sm4", 7, 1, Eax, 2, avxState},
    {"raoint", 7, 1, Eax, 3, none},
    {"avxvnni", 7, 1, Eax, 4, avxState},
    {"avx512bf16", 7, 1, Eax, 5, avx512State},
    {"cmpccxadd", 7, 1, Eax, 7, none},
    {"amx-fp16", 7, 1, Eax, 21, amxState},
    {"hreset", 7, 1, Eax, 22, none},
    {"avxifma", 7, 1, Eax, 23, avxState},
    {"avxvnniint8", 7, 1, Edx, 4, avxState},
    {"avxneconvert", 7, 1, Edx, 5, avxState},
    {"amx-complex", 7, 1, Edx, 8, amxState},
    {"avxvnniint16", 7, 1, Edx, 10, avxState},
    {"prefetchi", 7, 1, Edx, 14, none},
    {"xsaveopt", 0xd, 1, Eax, 0, none},
    {"xsavec", 0xd, 1, Eax, 1, none},
    {"xsaves", 0xd, 1, Eax, 3, none},
    {"ptwrite", 0x14, 0, Ebx, 4, none},
    {"clzero", 0x80000008, 0, Ebx, 0, none},
    {"rdpru", 0x80000008, 0, Ebx, 4, none},
    {"wbnoinvd", 0x80000008, 0, Ebx, 9, none},
};

uint64_t savedState() {
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 27 & 1))
    return 0;
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

/// Linux gives out the AMX registers only on demand, per process.
bool requestTileRegisters() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

bool hasFeature(const Feature &feature, uint64_t saved) {
  uint32_t registers[4] = {};
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[Eax], &registers[Ebx], &registers[Ecx],
                         &registers[Edx]))
    return false;
  if (!(registers[feature.where] >> feature.bit & 1) || (saved & feature.state) != feature.state)
    return false;
  return feature.state != amxState || requestTileRegisters();
}
} // namespace

std::string missingCpuFeatures(const std::vector<std::string> &required) {
  std::string missing;
  const uint64_t saved = savedState();
  for (std::string_view name : required) {
    if (name.starts_with('+'))
      name.remove_prefix(1);
    bool found = name.empty();
    for (const Feature &feature : features)
      found = found || (feature.name == name && hasFeature(feature, saved));
    if (!found)
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  return missing;
}
#else
std::string missingCpuFeatures(const std::vector<std::string> &required) {
  std::string missing;
  for (const std::string &name : required)
    missing += (missing.empty() ? "" : ", ") + name;
  return missing;
}
#endif

} // namespace ampc
