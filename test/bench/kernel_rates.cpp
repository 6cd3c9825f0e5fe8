// Measures single-thread oneDNN kernels and compares them with what the cost model predicts: for the generic
// preset and for this machine's probe. A bench for people who change the preset, not a test: it asserts
// nothing.
#include "cost_model/compute.h"
#include "cost_model/probe.h"

#include <dnnl.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

namespace {

using namespace ampc;
using namespace ampc::cost;
using dnnl::memory;

double bestSeconds(const std::function<void()> &run) {
  using Clock = std::chrono::steady_clock;
  run();
  double best = 1e9, total = 0;
  for (int i = 0; i < 2000 && (i < 5 || total < 0.15); ++i) {
    const auto start = Clock::now();
    run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

struct Bench {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  Device preset, probed;
  double logRatios = 0;
  int cases = 0;

  void report(const std::string &name, const Work &work, double seconds) {
    const double byPreset = computeSeconds(work, preset), byProbe = computeSeconds(work, probed);
    std::printf("%-34s %9.1f us %7.1f GFLOP/s | preset %9.1f us (%4.2f) | probe %9.1f us (%4.2f)\n",
                name.c_str(), seconds * 1e6, work.flops / seconds / 1e9, byPreset * 1e6, byPreset / seconds,
                byProbe * 1e6, byProbe / seconds);
  }

  void product(int64_t m, int64_t n, int64_t k, memory::data_type type) {
    const auto any = memory::format_tag::any;
    const auto plain = memory::format_tag::ab;
    const memory::desc a({m, k}, type, plain), b({k, n}, type, any), c({m, n}, type, plain);
    const dnnl::matmul::primitive_desc description(engine, a, b, c);
    memory left(a, engine), right(description.weights_desc(), engine), result(c, engine);
    fill(left);
    fill(right);
    dnnl::matmul primitive(description);
    const double seconds = bestSeconds([&] {
      primitive.execute(stream, {{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, result}});
      stream.wait();
    });
    Work work;
    work.kind = WorkKind::Contraction;
    work.type = type == memory::data_type::bf16 ? DataType::BF16 : DataType::F32;
    const double bytes = type == memory::data_type::bf16 ? 2 : 4;
    work.m = double(m), work.n = double(n), work.k = double(k);
    work.flops = 2 * work.m * work.n * work.k;
    work.bytesRead = bytes * (work.m * work.k + work.k * work.n);
    work.bytesWritten = bytes * work.m * work.n;
    report(std::string("product ") + (bytes == 2 ? "bf16 " : "f32 ") + std::to_string(m) + "x" +
               std::to_string(n) + "x" + std::to_string(k),
           work, seconds);
  }

  void convolution(int64_t batch, int64_t in, int64_t out, int64_t size, int64_t taps, int64_t stride,
                   bool depthwise) {
    const auto f32 = memory::data_type::f32;
    const int64_t pad = taps / 2, outSize = (size + 2 * pad - taps) / stride + 1;
    const memory::desc source({batch, in, size, size}, f32, memory::format_tag::nhwc);
    const memory::desc target({batch, out, outSize, outSize}, f32, memory::format_tag::nhwc);
    const memory::dims weightDims =
        depthwise ? memory::dims{in, 1, 1, taps, taps} : memory::dims{out, in, taps, taps};
    const memory::desc weights(weightDims, f32, memory::format_tag::any);
    const dnnl::convolution_forward::primitive_desc description(
        engine, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, weights,
        target, {stride, stride}, {pad, pad}, {pad, pad});
    memory from(source, engine), with(description.weights_desc(), engine), to(target, engine);
    fill(from);
    fill(with);
    dnnl::convolution_forward primitive(description);
    const double seconds = bestSeconds([&] {
      primitive.execute(stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, with}, {DNNL_ARG_DST, to}});
      stream.wait();
    });
    Work work;
    work.kind = WorkKind::Convolution;
    work.m = double(batch * outSize * outSize), work.n = double(out);
    work.k = double((depthwise ? 1 : in) * taps * taps);
    work.flops = 2 * work.m * work.n * work.k;
    work.bytesRead = 4.0 * double(batch * in * size * size) + 4 * work.n * work.k;
    work.bytesWritten = 4 * work.m * work.n;
    report((depthwise ? "depthwise " : "convolution ") + std::to_string(taps) + "x" + std::to_string(taps) +
               " " + std::to_string(in) + "->" + std::to_string(out) + " @" + std::to_string(size) + " /" +
               std::to_string(stride),
           work, seconds);
  }

  void reluAdd(int64_t elements) {
    std::vector<float> a(static_cast<size_t>(elements), 1.0f), b = a, c = a;
    const double seconds = bestSeconds([&] {
      float *__restrict result = c.data();
      const float *left = a.data(), *right = b.data();
#pragma GCC ivdep
      for (int64_t i = 0; i < elements; ++i)
        result[i] = std::max(0.0f, left[i] + right[i]);
      __asm__ volatile("" : : "r"(result) : "memory");
    });
    Work work;
    work.flops = 2.0 * double(elements);
    work.bytesRead = 8.0 * double(elements), work.bytesWritten = 4.0 * double(elements);
    report("relu + add " + std::to_string(elements), work, seconds);
  }

  /// Denormal or equal values would change the speed of some kernels.
  static void fill(memory &target) {
    const size_t bytes = target.get_desc().get_size();
    const bool half = target.get_desc().get_data_type() == memory::data_type::bf16;
    for (size_t i = 0; i < bytes / (half ? 2 : 4); ++i) {
      const float value = 0.01f * float(i % 97) - 0.5f;
      if (half)
        static_cast<uint16_t *>(target.get_data_handle())[i] =
            uint16_t(__builtin_bit_cast(uint32_t, value) >> 16);
      else
        static_cast<float *>(target.get_data_handle())[i] = value;
    }
  }
};

} // namespace

int main() {
  Bench bench;
  ClusterError error;
  bench.preset = presetCluster("cpux1", error)->devices[0];
  ProbeOptions options;
  options.devices = 1;
  options.threadsPerDevice = 1;
  bench.probed = probe(options).devices[0];
  for (auto type : {memory::data_type::f32, memory::data_type::bf16}) {
    for (int64_t m : {1, 4, 16, 64, 128, 512})
      bench.product(m, 768, 768, type);
    bench.product(512, 3072, 768, type);
    bench.product(512, 768, 3072, type);
    bench.product(1, 4096, 4096, type);
    for (int64_t size : {16, 32, 64, 256, 1024})
      bench.product(size, size, size, type);
    bench.product(256, 256, 8, type);
    bench.product(256, 8, 256, type);
  }
  bench.convolution(4, 3, 64, 224, 7, 2, false);
  bench.convolution(4, 64, 256, 56, 1, 1, false);
  bench.convolution(4, 64, 64, 56, 3, 1, false);
  bench.convolution(4, 256, 256, 14, 3, 1, false);
  bench.convolution(1, 64, 64, 14, 3, 1, false);
  bench.convolution(1, 512, 512, 7, 3, 1, false);
  bench.convolution(4, 72, 72, 56, 3, 1, true);
  bench.convolution(4, 96, 96, 56, 7, 1, true);
  for (int64_t elements : {1000, 10000, 100000, 1000000, 10000000})
    bench.reluAdd(elements);
}
