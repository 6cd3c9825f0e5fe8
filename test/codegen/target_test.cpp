// What a plan says about the processor that its code needs.
#include "codegen/target.h"
#include "runtime/execute/cpu_features.h"

#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"

namespace ampc::test {
namespace {

std::vector<std::string> featuresOf(const TargetOptions &options) {
  llvm::Expected<TargetInfo> target = resolveTarget(options);
  EXPECT_TRUE(bool(target)) << llvm::toString(target.takeError());
  return target ? requiredFeatures(*target) : std::vector<std::string>();
}

TEST(Target, ThisMachineHasWhatItsCodeRequires) {
  std::vector<std::string> features = featuresOf({});
  EXPECT_TRUE(llvm::is_contained(features, "avx2"));
  EXPECT_EQ(missingCpuFeatures(features), "");
}

TEST(Target, NamedProcessorsRequireTheirOwnFeatures) {
  std::vector<std::string> old = featuresOf({"x86-64-v3", {}}), wide = featuresOf({"x86-64-v4", {}});
  EXPECT_TRUE(llvm::is_contained(old, "fma"));
  for (const std::string &feature : old)
    EXPECT_NE(feature.substr(0, 6), "avx512");
  EXPECT_TRUE(llvm::is_contained(wide, "avx512f"));
  EXPECT_TRUE(std::includes(wide.begin(), wide.end(), old.begin(), old.end()));
}

TEST(Target, FeaturesDescribeTheSameTargetAgain) {
  for (const char *cpu : {"x86-64-v3", "x86-64-v4", "haswell", "sapphirerapids", "znver4", "diamondrapids"}) {
    std::vector<std::string> features = featuresOf({cpu, {}});
    EXPECT_EQ(featuresOf({cpu, features}), features) << cpu;
  }
  // A virtual machine that hides half of what its processor has.
  std::vector<std::string> hidden = featuresOf({"x86-64-v3", {}});
  EXPECT_EQ(featuresOf({"sapphirerapids", hidden}), hidden);
  EXPECT_EQ(featuresOf({"generic", hidden}), hidden); // a host that LLVM does not know
}

} // namespace
} // namespace ampc::test
