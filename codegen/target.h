// The machine that kernels are compiled for: processor name, features, vector width. No kernels here.
#pragma once

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>
#include <vector>

namespace ampc {

/// An empty `cpu` is the machine that compiles. `features`, unless empty, are what requiredFeatures may give for the
/// target: how code is made again for a processor that was described by name and features.
struct TargetOptions {
  std::string cpu;
  std::vector<std::string> features;
};

/// A resolved target. `features` is LLVM's "+a,-b" list, added to those of the processor.
struct TargetInfo {
  std::string cpu, features;
  unsigned vectorBits = 128;
  bool hasBf16Conversion = false;
};

llvm::Expected<TargetInfo> resolveTarget(const TargetOptions &options);
/// Each thread needs its own.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const TargetInfo &target);

/// Feature names, sorted, in LLVM's spelling ("avx2", "avx512f"): what the code for `target` requires of a
/// processor. Only those that a kernel can depend on; a loader compares them with those of its processor.
std::vector<std::string> requiredFeatures(const TargetInfo &target);

} // namespace ampc
