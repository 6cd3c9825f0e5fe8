// The same products and convolutions by generated code and by the library on one core: the figures behind the prices of
// both (docs/performance.md). A bench, not a test: it asserts nothing.
//
//     executor_rates [products|layers|batched|convolutions]
#include "codegen/compile_kernels.h"
#include "runtime/kernels/library_kernels.h"

#include "llvm/Support/Error.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace ampc;

namespace {

using Shape = std::vector<int64_t>;

struct Buffers {
  std::vector<void *> addresses;
  void add(uint64_t sizeBytes) {
    const size_t rounded = (sizeBytes + 127) / 64 * 64;
    auto *values = static_cast<float *>(std::aligned_alloc(64, rounded));
    // Denormal or equal values would change the speed of some kernels.
    for (size_t i = 0; i < rounded / sizeof(float); ++i)
      values[i] = 0.01f * float(i % 97) - 0.5f;
    addresses.push_back(values);
  }
  Buffers() = default;
  Buffers(const Buffers &) = delete;
  ~Buffers() {
    for (void *address : addresses)
      std::free(address);
  }
};

/// Least seconds of a call: other work on the machine only makes it slower.
double leastSeconds(const std::function<void()> &call) {
  using Clock = std::chrono::steady_clock;
  auto timed = [&](int64_t calls) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls; ++i)
      call();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  timed(1);
  int64_t calls = 1;
  while (timed(calls) < 20e-6)
    calls *= 2;
  double best = 1e9, total = 0;
  for (int round = 0; round < 400 && (round < 10 || total < 0.03); ++round) {
    const double seconds = timed(calls);
    best = std::min(best, seconds / double(calls));
    total += seconds;
  }
  return best;
}

std::string tensor(const Shape &shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

uint64_t bytesOf(const Shape &shape) { return uint64_t(sizeBytes(DataType::F32, numElements(shape))); }

/// `op` applied to operands of these shapes, by generated code.
double generatedSeconds(const std::string &op, const std::string &attributes, const std::vector<Shape> &operands,
                        const Shape &result, const std::string &orders) {
  std::string arguments, names, types;
  for (size_t k = 0; k < operands.size(); ++k) {
    const std::string number = std::to_string(k), comma = k ? ", " : "";
    arguments += comma + "%a" + number + ": " + tensor(operands[k]);
    names += comma + "%a" + number;
    types += comma + tensor(operands[k]);
  }
  const std::string text = "module { func.func @kernel(" + arguments + ") -> (" + tensor(result) + ")" +
                           (orders.empty() ? "" : " attributes {orders = " + orders + "}") + " {\n%0 = ampc." + op +
                           " " + names + " {name = \"0\"" + attributes + "} : (" + types + ") -> " + tensor(result) +
                           "\nreturn %0 : " + tensor(result) + "\n} }";
  llvm::Expected<KernelLibrary> library = compileKernels(KernelRequest{"k", text}, {}, 1);
  if (!library) {
    std::fprintf(stderr, "%s\n", llvm::toString(library.takeError()).c_str());
    return -1;
  }
  const int file = memfd_create("kernels", 0);
  if (write(file, library->sharedObject.data(), library->sharedObject.size()) < 0)
    return -1;
  void *handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  auto *kernel = handle ? reinterpret_cast<KernelFunction *>(dlsym(handle, "k")) : nullptr;
  if (!kernel)
    return -1;
  Buffers buffers;
  for (const Shape &shape : operands)
    buffers.add(bytesOf(shape));
  buffers.add(bytesOf(result));
  buffers.add(library->kernels[0].workspaceBytes);
  const double seconds = leastSeconds([&] {
    kernel(buffers.addresses.data(), nullptr, buffers.addresses.back(), 0, library->kernels[0].rows);
  });
  dlclose(handle);
  close(file);
  return seconds;
}

double librarySeconds(plan::Kernel kernel, bool isPacked) {
  LibraryKernelFacts facts;
  std::unique_ptr<LibraryKernel> prepared;
  kernel.kind = plan::KernelKind::Library;
  if (isPacked)
    kernel.integers.push_back({"packed", {1}});
  plan::Status error = libraryKernelFacts(kernel, 1, facts);
  if (isPacked)
    kernel.integers.push_back({"packed_bytes", {int64_t(facts.packedBytes)}});
  if (error || facts.isReference || createLibraryKernel(kernel, 1, prepared))
    return -1;
  Buffers buffers;
  for (size_t k = 0; k < kernel.operands.size(); ++k)
    buffers.add(isPacked && k == 1 ? facts.packedBytes : bytesOf(kernel.operands[k].shape));
  buffers.add(bytesOf(kernel.results[0].shape));
  buffers.add(prepared->workspaceBytes());
  return leastSeconds([&] { prepared->run(buffers.addresses.data(), buffers.addresses.back()); });
}

void print(const std::string &what, double flops, double generated, double packed, double plain) {
  const double library = packed > 0 ? packed : plain;
  std::printf("| %-34s | %9.2f | %9.2f | %9.2f | %6.1f | %6.1f | %5.2f |\n", what.c_str(), 1e6 * generated,
              1e6 * packed, 1e6 * plain, 1e-9 * flops / generated, 1e-9 * flops / library, generated / library);
  std::fflush(stdout);
}

void product(const Shape &a, const Shape &b, Shape c) {
  plan::Kernel kernel;
  kernel.symbol = "onednn.matmul";
  kernel.operands = {{DataType::F32, a}, {DataType::F32, b}};
  kernel.results = {{DataType::F32, c}};
  const double flops = 2.0 * double(numElements(c)) * double(a.back());
  std::string name;
  for (const Shape *shape : {&a, &b}) {
    name += name.empty() ? "" : " by ";
    for (size_t d = 0; d < shape->size(); ++d)
      name += (d ? "x" : "") + std::to_string((*shape)[d]);
  }
  print(name, flops, generatedSeconds("matmul", "", {a, b}, c, ""), b.size() == 2 ? librarySeconds(kernel, true) : -1,
        librarySeconds(kernel, false));
}

struct Convolution {
  int64_t in, out, size, taps, stride, groups;
};

void convolution(const Convolution &c, bool isLast) {
  const int64_t pad = c.taps / 2, outSize = (c.size + 2 * pad - c.taps) / c.stride + 1;
  const Shape x = {1, c.in, c.size, c.size}, w = {c.out, c.in / c.groups, c.taps, c.taps},
              y = {1, c.out, outSize, outSize};
  auto stored = [&](const Shape &shape) {
    return isLast ? Shape{shape[0], shape[2], shape[3], shape[1]} : shape;
  };
  plan::Kernel kernel;
  kernel.symbol = "onednn.convolution";
  kernel.operands = {{DataType::F32, stored(x)}, {DataType::F32, w}};
  kernel.results = {{DataType::F32, stored(y)}};
  kernel.integers = {{"strides", {c.stride, c.stride}}, {"pads_begin", {pad, pad}}, {"pads_end", {pad, pad}},
                     {"groups", {c.groups}}};
  kernel.strings = {{"layout", isLast ? "nhwc" : "nchw"}};
  const std::string p = std::to_string(pad), s = std::to_string(c.stride),
                    attributes = ", pads = array<i64: " + p + ", " + p + ", " + p + ", " + p +
                                 ">, strides = array<i64: " + s + ", " + s + ">",
                    last = "array<i64: 0, 2, 3, 1>", weights = "array<i64: 2, 3, 1, 0>";
  const std::string name = std::to_string(c.taps) + "x" + std::to_string(c.taps) + " " + std::to_string(c.in) + "->" +
                           std::to_string(c.out) + " @" + std::to_string(c.size) + "/" + s +
                           (c.groups > 1 ? " groups " + std::to_string(c.groups) : "") + (isLast ? " last" : " front");
  const double flops = 2.0 * double(numElements(y)) * double(numElements(w) / c.out);
  print(name, flops,
        generatedSeconds("conv", attributes, {x, w}, y, isLast ? "[" + last + ", " + weights + ", " + last + "]" : ""),
        librarySeconds(kernel, true), librarySeconds(kernel, false));
}

} // namespace

int main(int count, char **arguments) {
  const std::string only = count > 1 ? arguments[1] : "";
  std::printf("| what | generated us | library, packed us | library us | generated GFLOP/s | library GFLOP/s | "
              "generated / library |\n|---|---|---|---|---|---|---|\n");
  if (only.empty() || only == "products")
    for (int64_t m : {1, 2, 4, 8, 16, 64})
      for (int64_t n : {1, 4, 16, 64, 256, 1024})
        for (int64_t k : {4, 16, 64, 256, 1024})
          product({m, k}, {k, n}, {m, n});
  if (only.empty() || only == "layers")
    for (int64_t m : {1, 4, 32, 128})
      for (const auto &[n, k] : {std::array<int64_t, 2>{96, 96}, {320, 320}, {384, 384}, {512, 512}, {768, 256},
                                 {768, 768}, {1000, 512}, {1536, 384}, {384, 1536}})
        product({m, k}, {k, n}, {m, n});
  if (only.empty() || only == "batched")
    for (int64_t batch : {1, 4, 12})
      for (const auto &[m, n, k] : {std::array<int64_t, 3>{1, 16, 64}, {1, 64, 16}, {1, 128, 64}, {1, 64, 128},
                                   {8, 8, 32}, {8, 32, 8}, {16, 16, 64}, {16, 64, 16}, {64, 64, 64}, {128, 128, 64},
                                   {128, 64, 128}})
        product({batch, m, k}, {batch, k, n}, {batch, m, n});
  if (only.empty() || only == "convolutions")
    for (const Convolution &c :
         {Convolution{1, 8, 32, 3, 1, 1}, {3, 8, 32, 3, 1, 1}, {3, 16, 112, 3, 2, 1}, {8, 8, 32, 3, 1, 1},
          {16, 16, 16, 3, 1, 1}, {16, 16, 4, 3, 1, 1}, {64, 64, 4, 3, 1, 1}, {64, 64, 14, 3, 1, 1},
          {4, 4, 4, 1, 1, 1}, {16, 16, 8, 1, 1, 1}, {64, 64, 1, 1, 1, 1}, {256, 64, 1, 1, 1, 1}, {64, 256, 1, 1, 1, 1},
          {16, 64, 28, 1, 1, 1}, {64, 16, 28, 1, 1, 1}, {16, 16, 4, 3, 1, 16}, {16, 16, 28, 3, 1, 16},
          {64, 64, 28, 3, 1, 64}, {64, 64, 28, 3, 2, 64}, {64, 64, 14, 5, 1, 64}, {24, 24, 28, 1, 1, 3},
          {128, 128, 14, 3, 1, 32}, {384, 384, 3, 5, 1, 384}, {384, 384, 4, 5, 1, 384},
          {384, 384, 5, 5, 1, 384}, {384, 384, 6, 5, 1, 384}, {384, 384, 7, 5, 1, 384}, {384, 384, 2, 3, 1, 384},
          {384, 384, 3, 3, 1, 384}, {384, 384, 4, 3, 1, 384}, {64, 64, 2, 3, 1, 1}, {64, 64, 3, 5, 1, 1}})
      for (bool isLast : {false, true})
        convolution(c, isLast);
}
