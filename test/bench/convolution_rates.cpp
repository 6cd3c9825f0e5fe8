// What the library's convolutions reach on one core by layout and post-ops: the figures behind the choice of layouts
// and epilogues (docs/performance.md). Times are processor time, so that other work on the machine disturbs little. A
// bench, not a test: it asserts nothing.
#include "runtime/kernels/library_kernels.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace ampc;
using Shape = std::vector<int64_t>;

struct Case {
  const char *what;
  int64_t batch, in, out, size, taps, stride, groups;
};

constexpr Case cases[] = {
    {"stem", 4, 3, 64, 224, 7, 2, 1},         {"1x1 wide", 4, 64, 256, 56, 1, 1, 1},
    {"1x1 narrow", 4, 256, 64, 56, 1, 1, 1},  {"3x3", 4, 64, 64, 56, 3, 1, 1},
    {"3x3 strided", 4, 128, 128, 56, 3, 2, 1}, {"3x3 small", 4, 512, 512, 7, 3, 1, 1},
    {"depthwise", 1, 72, 72, 28, 3, 1, 72},   {"depthwise 5x5", 1, 120, 120, 12, 5, 1, 120},
    {"4 groups", 1, 112, 112, 28, 3, 1, 4},   {"32 groups of 4", 4, 128, 128, 56, 3, 1, 32},
};

double processorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

Shape activation(const std::string &layout, int64_t batch, int64_t channels, int64_t size) {
  return layout == "nhwc" ? Shape{batch, size, size, channels} : Shape{batch, channels, size, size};
}

plan::Kernel kernelOf(const Case &c, const std::string &layout, const std::string &postOps) {
  plan::Kernel kernel;
  kernel.kind = plan::KernelKind::Library;
  kernel.symbol = "onednn.convolution";
  const int64_t pad = c.taps / 2, outSize = (c.size + 2 * pad - c.taps) / c.stride + 1;
  kernel.operands = {{DataType::F32, activation(layout, c.batch, c.in, c.size)},
                     {DataType::F32, {c.out, c.in / c.groups, c.taps, c.taps}},
                     {DataType::F32, {c.out}}};
  kernel.results = {{DataType::F32, activation(layout, c.batch, c.out, outSize)}};
  if (postOps.starts_with("add"))
    kernel.operands.push_back(kernel.results[0]);
  if (postOps.starts_with("mul")) // per image and channel
    kernel.operands.push_back({DataType::F32, activation(layout, c.batch, c.out, 1)});
  kernel.integers = {{"strides", {c.stride, c.stride}}, {"pads_begin", {pad, pad}}, {"pads_end", {pad, pad}},
                     {"groups", {c.groups}}, {"bias", {1}}, {"packed", {1}}};
  kernel.strings = {{"layout", layout}};
  if (!postOps.empty())
    kernel.strings.push_back({"post_ops", postOps});
  return kernel;
}

struct Buffer {
  std::unique_ptr<void, decltype(&std::free)> bytes{nullptr, &std::free};
  explicit Buffer(uint64_t sizeBytes) {
    const size_t rounded = (sizeBytes + 127) / 64 * 64;
    bytes.reset(std::aligned_alloc(64, rounded));
    // Denormal or equal values would change the speed of some kernels.
    for (size_t i = 0; i < rounded / sizeof(float); ++i)
      static_cast<float *>(bytes.get())[i] = 0.01f * float(i % 97) - 0.5f;
  }
};

uint64_t bytesOf(const plan::KernelOperand &operand) { return uint64_t(sizeBytes(operand.type, numElements(operand.shape))); }

void measure(const Case &c, const std::string &layout, const std::string &postOps) {
  plan::Kernel kernel = kernelOf(c, layout, postOps);
  LibraryKernelFacts facts;
  std::unique_ptr<LibraryKernel> prepared;
  plan::Status error = libraryKernelFacts(kernel, 1, facts);
  kernel.integers.push_back({"packed_bytes", {int64_t(facts.packedBytes)}});
  if (!error)
    error = createLibraryKernel(kernel, 1, prepared);
  std::printf("| %-14s | %s | %-9s | ", c.what, layout.c_str(), postOps.c_str());
  if (error || facts.isReference) { // minutes, some of them
    std::printf("%s |\n", error ? error->message.c_str() : "reference implementation");
    return;
  }
  std::vector<Buffer> buffers;
  for (size_t k = 0; k < kernel.operands.size(); ++k)
    buffers.emplace_back(k == 1 ? facts.packedBytes : bytesOf(kernel.operands[k]));
  buffers.emplace_back(bytesOf(kernel.results[0]));
  std::vector<void *> addresses;
  for (Buffer &buffer : buffers)
    addresses.push_back(buffer.bytes.get());
  Buffer workspace(prepared->workspaceBytes());
  prepared->run(addresses.data(), workspace.bytes.get());
  const double begin = processorSeconds();
  double seconds = 0;
  int64_t runs = 0;
  for (; seconds < 0.25; seconds = processorSeconds() - begin, ++runs)
    prepared->run(addresses.data(), workspace.bytes.get());
  seconds /= double(runs);
  const double flops = 2.0 * double(numElements(kernel.results[0].shape)) * double(c.in / c.groups * c.taps * c.taps);
  std::printf("%9.1f | %6.1f | %s |\n", 1e6 * seconds, 1e-9 * flops / seconds, facts.implementation.c_str());
  std::fflush(stdout);
}

} // namespace

int main() {
  std::printf("| convolution | layout | post-ops | us | GFLOP/s | implementation |\n|---|---|---|---|---|---|\n");
  for (const Case &c : cases)
    for (const char *layout : {"nchw", "nhwc"})
      for (const char *postOps : {"", "relu", "add,relu", "sum,relu", "mul"})
        measure(c, layout, postOps);
}
