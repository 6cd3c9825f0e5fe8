// Host detection and target machines, through LLVM's x86 tables.
#include "codegen/target.h"
#include "ir/diagnostic.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <algorithm>
#include <mutex>

using namespace llvm;

namespace ampc {

static constexpr const char *tripleName = "x86_64-unknown-linux-gnu";

// Instruction sets that LLVM picks from for arithmetic, shuffles and addresses, and that a processor may
// lack. Others (AES, AMX, transactions...) are reached through intrinsics only, which no kernel has. The
// loader knows all of them.
static constexpr const char *relevantFeatures[] = {
    "sse3",        "ssse3",      "sse4.1",       "sse4.2",       "sse4a",        "avx",
    "avx2",        "fma",        "fma4",         "xop",          "f16c",         "bmi",
    "bmi2",        "tbm",        "popcnt",       "lzcnt",        "movbe",        "gfni",
    "avxvnni",     "avxifma",    "avxneconvert", "avx512f",      "avx512dq",     "avx512bw",
    "avx512vl",    "avx512cd",   "avx512bf16",   "avx512vbmi",   "avx512vnni",   "avx512fp16",
    "avx512vbmi2", "avx512ifma", "avxvnniint8",  "avxvnniint16", "avx512bitalg", "avx512vpopcntdq"};

// What LLVM calls a host that it does not know; its features are known even so.
static constexpr const char *unknownHost = "generic";

// Left out of all code: the loader cannot tell whether a processor has them.
static constexpr const char *avoidedFeatures = "-avx10.2,-egpr,-push2pop2,-ppx,-ndd,-ccmp,-nf,-cf,-zu";

static Expected<const Target *> lookupTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::string message;
  const Target *target = TargetRegistry::lookupTarget(Triple(tripleName), message);
  if (!target)
    return makeError(ErrorCode::Internal, message);
  return target;
}

static std::string hostCpuName() { return sys::getHostCPUName().str(); }

// Names that --target-cpu accepts.
static std::vector<std::string> targetCpuNames() {
  SmallVector<StringRef> names;
  X86::fillValidCPUArchList(names, /*Only64Bit=*/true);
  std::vector<std::string> result;
  for (StringRef name : names)
    result.push_back(name.str());
  std::sort(result.begin(), result.end());
  return result;
}

static Expected<std::unique_ptr<MCSubtargetInfo>> subtarget(StringRef cpu, StringRef features) {
  Expected<const Target *> target = lookupTarget();
  if (!target)
    return target.takeError();
  return std::unique_ptr<MCSubtargetInfo>(
      (*target)->createMCSubtargetInfo(Triple(tripleName), cpu, features));
}

Expected<TargetInfo> resolveTarget(const TargetOptions &options) {
  TargetInfo info;
  info.cpu = options.cpu;
  if (options.cpu.empty() || options.cpu == "native") {
    info.cpu = hostCpuName();
    // A virtual machine may hide features that its processor's name promises: name each of them.
    std::vector<std::string> list;
    for (const auto &feature : sys::getHostCPUFeatures())
      list.push_back((feature.second ? "+" : "-") + feature.first().str());
    std::sort(list.begin(), list.end());
    info.features = join(list, ",") + ",";
  } else if (std::vector<std::string> names = targetCpuNames();
             info.cpu != unknownHost && !is_contained(names, info.cpu)) {
    return makeError(
        ErrorCode::Usage, "unknown processor '" + info.cpu + "'", {},
        "use one of x86-64-v3, x86-64-v4 or a processor name as `clang --print-supported-cpus` lists");
  }
  if (!options.features.empty())
    for (const char *name : relevantFeatures)
      info.features += (is_contained(options.features, name) ? "+" : "-") + std::string(name) + ",";
  info.features += avoidedFeatures;
  Expected<std::unique_ptr<MCSubtargetInfo>> features = subtarget(info.cpu, info.features);
  if (!features)
    return features.takeError();
  auto has = [&](const char *name) { return (*features)->checkFeatures(std::string("+") + name); };
  if (!has("avx2") || !has("fma") || !has("f16c"))
    return makeError(ErrorCode::Unsupported, "processor '" + info.cpu + "' lacks AVX2, FMA or F16C", {},
                     "generated kernels need x86-64-v3 or newer");
  bool hasWide = has("avx512f") && has("avx512dq") && has("avx512bw") && has("avx512vl");
  info.vectorBits = hasWide ? 512 : 256;
  info.hasBf16Conversion = hasWide && has("avx512bf16");
  return info;
}

std::vector<std::string> requiredFeatures(const TargetInfo &target) {
  std::vector<std::string> result;
  Expected<std::unique_ptr<MCSubtargetInfo>> features = subtarget(target.cpu, target.features);
  if (!features) {
    consumeError(features.takeError());
    return result;
  }
  for (const char *name : relevantFeatures)
    if ((*features)->checkFeatures(std::string("+") + name))
      result.push_back(name);
  std::sort(result.begin(), result.end());
  return result;
}

Expected<std::unique_ptr<TargetMachine>> createTargetMachine(const TargetInfo &info) {
  Expected<const Target *> target = lookupTarget();
  if (!target)
    return target.takeError();
  llvm::TargetOptions options;
  std::unique_ptr<TargetMachine> machine(
      (*target)->createTargetMachine(Triple(tripleName), info.cpu, info.features, options, Reloc::PIC_,
                                     std::nullopt, CodeGenOptLevel::Default));
  if (!machine)
    return makeError(ErrorCode::Internal, "LLVM has no target machine for " + info.cpu);
  return machine;
}

} // namespace ampc
