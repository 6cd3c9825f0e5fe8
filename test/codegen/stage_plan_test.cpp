// What no result of a kernel shows but its time: how loops are cut into regions, which addresses are touched.
#include "codegen/stage_plan.h"
#include "ir/dialect.h"
#include "test/codegen/kernel_case.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <chrono>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace ampc;
using namespace ampc::codegen;
using namespace ampc::test;

static std::string concatenation(int operands) {
  std::string arguments, names, types;
  for (int k = 0; k < operands; ++k) {
    std::string comma = k ? ", " : "", name = "%a" + std::to_string(k);
    arguments += comma + name + ": tensor<1x1x3x20xf32>";
    names += comma + name;
    types += comma + "tensor<1x1x3x20xf32>";
  }
  std::string result = "tensor<" + std::to_string(operands) + "x1x3x20xf32>";
  return kernelText(arguments, result, "%r = ampc.concat " + names + " {name = \"r\", axis = 0 : i64} : (" + types +
                                           ") -> " + result + "\nreturn %r : " + result);
}

// The hidden states of a recurrent cell: a choice among all operands at every point costs a masked load of each.
TEST(StagePlan, EveryPieceOfAConcatenationHasALoop) {
  for (int operands : {3, 33, 50, 300, 700}) {
    mlir::MLIRContext context;
    loadDialects(context);
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::parseSourceString<mlir::ModuleOp>(concatenation(operands), &context);
    ASSERT_TRUE(module);
    llvm::Expected<KernelGraph> graph = readKernel(module->lookupSymbol<mlir::func::FuncOp>("kernel"));
    ASSERT_TRUE(bool(graph));
    Schedule schedule = makeSchedule(*graph);
    ASSERT_EQ(schedule.groups.size(), 1u);
    std::vector<GroupPlan> plans = planGroup(*graph, schedule, schedule.groups[0], 512);
    EXPECT_EQ(plans.size(), size_t(operands));
    for (const GroupPlan &plan : plans) {
      size_t loads = 0;
      for (const PointNode &node : plan.stages[0].program.nodes)
        loads += node.kind == PointNode::Kind::Load;
      EXPECT_EQ(loads, 1u);
    }
    checkKernel(concatenation(operands));
  }
}

// A masked load outside mapped memory faults and is taken back, which takes a microsecond: the rows above an image that
// begins where the memory begins.
TEST(Emit, WindowsBeyondTheImageTouchNothingOutside) {
  std::string image = "tensor<1x64x3x3xf32>", weights = "tensor<64x1x5x5xf32>", last = "array<i64: 0, 2, 3, 1>";
  std::string text = kernelText("%a: " + image + ", %b: " + weights, image,
                                "%r = ampc.conv %a, %b {name = \"r\", pads = array<i64: 2, 2, 2, 2>} : (" + image +
                                    ", " + weights + ") -> " + image + "\nreturn %r : " + image,
                                "[" + last + ", array<i64: 1, 2, 3, 0>, " + last + "]");
  checkKernel(text);
  llvm::Expected<KernelLibrary> library = compileKernels(KernelRequest{"k", text}, {}, 1);
  ASSERT_TRUE(bool(library));
  LoadedLibrary loaded(library->sharedObject);
  KernelFunction *kernel = loaded.find("k");
  ASSERT_TRUE(kernel) << loaded.error;
  const size_t page = size_t(sysconf(_SC_PAGESIZE)), margin = 8 * page;
  void *mapped = mmap(nullptr, 2 * margin, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  std::memset(mapped, 0, 2 * margin);
  char *begin = static_cast<char *>(mapped) + margin;
  alignas(64) static float filter[64 * 25], result[64 * 9];
  std::vector<char> workspace(library->kernels[0].workspaceBytes + 64);
  auto leastSeconds = [&] {
    double best = 1;
    for (int run = 0; run < 200; ++run) {
      void *buffers[] = {begin, filter, result};
      auto start = std::chrono::steady_clock::now();
      kernel(buffers, nullptr, workspace.data(), 0, library->kernels[0].rows);
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
  };
  double inside = leastSeconds();
  ASSERT_EQ(mprotect(mapped, margin, PROT_NONE), 0);
  double atBegin = leastSeconds();
  munmap(mapped, 2 * margin);
  // It was a hundred times as much.
  EXPECT_LT(atBegin, 5 * inside + 2e-6);
}
