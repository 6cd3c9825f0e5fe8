// Builtin kernels on small examples.
#include "runtime/kernels/builtin_kernels.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ampc::test {
namespace {

plan::Kernel topK(std::vector<int64_t> shape, int64_t axis, int64_t k, bool largest) {
  plan::Kernel kernel;
  kernel.symbol = "topk";
  kernel.operands = {{DataType::F32, shape}};
  shape[size_t(axis)] = k;
  kernel.results = {{DataType::F32, shape}, {DataType::I64, shape}};
  kernel.integers = {{"axis", {axis}}, {"k", {k}}, {"largest", {largest}}};
  return kernel;
}

TEST(BuiltinKernels, TopK) {
  const BuiltinKernel *kernel = findBuiltinKernel("topk");
  ASSERT_TRUE(kernel);
  plan::Kernel parameters = topK({2, 4}, 1, 3, true);
  ASSERT_EQ(kernel->check(parameters), "");
  float x[8] = {1, 5, 5, 2, NAN, -1, 0, 7}, values[6];
  int64_t indices[6];
  void *buffers[] = {x, values, indices};
  kernel->run(parameters, buffers);
  EXPECT_EQ(values[0], 5);
  EXPECT_EQ(indices[0], 1);
  EXPECT_EQ(indices[1], 2);
  EXPECT_EQ(values[2], 2);
  EXPECT_TRUE(std::isnan(values[3]));
  EXPECT_EQ(indices[4], 3);
  parameters = topK({2, 4}, 0, 1, false);
  ASSERT_EQ(kernel->check(parameters), "");
  kernel->run(parameters, buffers);
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[1], -1);
  EXPECT_EQ(indices[1], 1);
  EXPECT_EQ(values[3], 2);
}

TEST(BuiltinKernels, TopKRefuses) {
  const BuiltinKernel *kernel = findBuiltinKernel("topk");
  auto bad = topK({2, 4}, 1, 3, true);
  bad.integers[1].second = {5};
  EXPECT_NE(kernel->check(bad), "");
  bad = topK({2, 4}, 1, 3, true);
  bad.integers[0].second = {2};
  EXPECT_NE(kernel->check(bad), "");
  bad = topK({2, 4}, 1, 3, true);
  bad.results[1].type = DataType::I32;
  EXPECT_NE(kernel->check(bad), "");
  EXPECT_FALSE(findBuiltinKernel("nothing"));
}

/// Every kernel refuses a description without operands instead of reading what is not there.
TEST(BuiltinKernels, AllRefuseNothing) {
  for (const BuiltinKernel &kernel : builtinKernels()) {
    plan::Kernel empty;
    empty.symbol = std::string(kernel.name);
    EXPECT_NE(kernel.check(empty), "") << kernel.name;
  }
}

} // namespace
} // namespace ampc::test
