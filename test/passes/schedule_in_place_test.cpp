// Products in the step list: one that adds an operand of its result's size works in that operand's buffer, if nothing
// reads it afterwards; all reserve the scratch memory of the library.
#include "passes/attributes.h"
#include "passes/schedule.h"
#include "runtime/kernels/library_kernels.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace ampc;

namespace {

/// exp(x) = e; y = x * w + e; the module's end decides who else reads e, and what the product multiplies.
std::string moduleText(const std::string &factor, const std::string &end) {
  std::string decided = "shapes = [array<i64: 64, 64>], shardings = [\"[* | *]\"], stage = 0 : i64";
  std::string t = "tensor<64x64xf32>";
  return "func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {\n"
         "%x = ampc.input {at_load = false, index = 0 : i64, name = \"x\", " + decided + "} : () -> " + t + "\n"
         "%w = ampc.parameter {at_load = true, name = \"w\", weight = 0 : i64, " + decided + "} : () -> " + t + "\n"
         "%e = ampc.kernel %x {at_load = false, executor = \"generated\", name = \"e\", nodes = [\"e\"]} {\n"
         "^bb0(%a: " + t + "):\n%r = ampc.exp %a {name = \"e\"} : (" + t + ") -> " + t + "\n"
         "ampc.yield %r : (" + t + ") -> ()\n} : (" + t + ") -> " + t + "\n"
         "%y = ampc.kernel " + factor + ", %w, %e {at_load = false, executor = \"library:onednn.matmul\", name = \"y\", "
         "nodes = [\"y\"]} {\n^bb0(%a: " + t + ", %b: " + t + ", %c: " + t + "):\n"
         "%r = ampc.matmul %a, %b {name = \"m\"} : (" + t + ", " + t + ") -> " + t + "\n"
         "%s = ampc.add %r, %c {name = \"s\"} : (" + t + ", " + t + ") -> " + t + "\n"
         "ampc.yield %s : (" + t + ") -> ()\n} : (" + t + ", " + t + ", " + t + ") -> " + t + "\n"
         "ampc.output %y {index = 0 : i64, name = \"p\", " + decided + "} : (" + t + ") -> ()\n" +
         (end.empty() ? "" : "ampc.output " + end + " {index = 1 : i64, name = \"q\", " + decided + "} : (" + t + ") -> ()\n") +
         "return\n}";
}

/// The product's step and kernel in the forward program.
struct Product {
  std::vector<TakenOver> takenOver;
  plan::Step step;
  plan::Kernel kernel;
  plan::Buffer addend;
};

Product productOf(const std::string &text, uint32_t threads = 1) {
  mlir::MLIRContext context;
  loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  Product product;
  if (!module) {
    ADD_FAILURE() << text;
    return product;
  }
  setGrids(*module, {Grid{{}}});
  WeightStore weights;
  WeightReference reference;
  reference.name = "w";
  reference.type = {DataType::F32, {64, 64}};
  reference.sizeBytes = 64 * 64 * 4;
  weights.weights.push_back(reference);
  llvm::Expected<ScheduledPlan> scheduled = schedule(*module, weights, {}, {.threads = threads});
  if (!scheduled) {
    ADD_FAILURE() << llvm::toString(scheduled.takeError());
    return product;
  }
  const plan::Plan &plan = scheduled->plan;
  product.takenOver = scheduled->takenOver;
  for (const plan::Step &step : plan.programs[plan.ranks[0].forwardProgram].steps) {
    if (step.name == "e")
      product.addend = step.writes[0];
    if (step.name != "y")
      continue;
    product.step = step;
    product.kernel = plan.kernels[step.kernel];
  }
  return product;
}

std::string postOps(const plan::Kernel &kernel) {
  for (const auto &[name, text] : kernel.strings)
    if (name == "post_ops")
      return text;
  return "";
}

TEST(InPlaceSum, TakesTheBufferOfADeadAddend) {
  Product product = productOf(moduleText("%x", ""));
  EXPECT_EQ(postOps(product.kernel), "sum");
  EXPECT_EQ(product.kernel.operands.size(), 2u);
  EXPECT_EQ(product.step.reads.size(), 2u);
  EXPECT_EQ(product.step.writes[0], product.addend);
  ASSERT_EQ(product.takenOver.size(), 1u);
  EXPECT_EQ(product.takenOver[0].value, "e");
  EXPECT_EQ(product.takenOver[0].by, "s");
}

TEST(InPlaceSum, LeavesAnAddendThatIsReadLater) {
  Product product = productOf(moduleText("%x", "%e"));
  EXPECT_EQ(postOps(product.kernel), "add");
  EXPECT_EQ(product.step.reads.size(), 3u);
  EXPECT_TRUE(product.takenOver.empty());
  EXPECT_NE(product.step.writes[0], product.addend);
}

TEST(InPlaceSum, LeavesAnAddendThatIsMultipliedToo) {
  Product product = productOf(moduleText("%e", ""));
  EXPECT_EQ(postOps(product.kernel), "add");
  EXPECT_NE(product.step.writes[0], product.addend);
}

TEST(LibraryKernels, ReserveScratchMemoryForAllThreadsOfADevice) {
  uint64_t fewer = 0;
  for (uint32_t threads : {1, 4}) {
    plan::Kernel kernel = productOf(moduleText("%x", ""), threads).kernel;
    std::unique_ptr<LibraryKernel> prepared;
    ASSERT_FALSE(createLibraryKernel(kernel, threads, prepared));
    EXPECT_EQ(kernel.workspaceBytes, prepared->workspaceBytes());
    EXPECT_GT(kernel.workspaceBytes, fewer);
    fewer = kernel.workspaceBytes;
  }
}

} // namespace
