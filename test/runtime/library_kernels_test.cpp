// oneDNN kernels against plain loops: layouts, transposes, batches, packing, post-ops, conversions; and the
// refusals.
#include "runtime/kernels/library_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace ampc::test {
namespace {

using plan::Kernel;

int64_t countOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

struct Values {
  explicit Values(const std::vector<int64_t> &shape, uint32_t seed = 1)
      : shape(shape), data(static_cast<size_t>(countOf(shape))) {
    std::mt19937 random(seed);
    for (float &value : data)
      value = float(int(random() % 2001) - 1000) / 1000;
  }
  std::vector<int64_t> shape;
  std::vector<float> data;
  plan::KernelOperand operand() const { return {DataType::F32, shape}; }
};

void run(const Kernel &kernel, std::vector<void *> buffers) {
  std::unique_ptr<LibraryKernel> prepared;
  auto error = createLibraryKernel(kernel, 1, prepared);
  ASSERT_FALSE(error) << error->message;
  std::vector<char> workspace(prepared->workspaceBytes() + 64);
  auto *aligned = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
  EXPECT_TRUE(prepared->run(buffers.data(), aligned));
}

void expectNear(const std::vector<float> &got, const std::vector<float> &expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 1e-4) << i;
}

struct Product {
  int64_t batch = 1, m = 5, n = 7, k = 9;
  bool transA = false, transB = false, broadcastB = false;
  Kernel kernel() const {
    Kernel result;
    result.kind = plan::KernelKind::Library;
    result.symbol = "onednn.matmul";
    result.operands = {
        {DataType::F32, transA ? std::vector<int64_t>{batch, k, m} : std::vector<int64_t>{batch, m, k}},
        {DataType::F32, transB ? std::vector<int64_t>{broadcastB ? 1 : batch, n, k}
                               : std::vector<int64_t>{broadcastB ? 1 : batch, k, n}}};
    result.results = {{DataType::F32, {batch, m, n}}};
    result.integers = {{"transA", {transA}}, {"transB", {transB}}};
    return result;
  }
  std::vector<float> expected(const Values &a, const Values &b) const {
    std::vector<float> c(static_cast<size_t>(batch * m * n));
    for (int64_t t = 0; t < batch; ++t)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t l = 0; l < k; ++l)
            sum += double(a.data[size_t(t * m * k + (transA ? l * m + i : i * k + l))]) *
                   b.data[size_t((broadcastB ? 0 : t) * k * n + (transB ? j * k + l : l * n + j))];
          c[size_t((t * m + i) * n + j)] = float(sum);
        }
    return c;
  }
};

uint64_t packedBytes(const Kernel &kernel) {
  LibraryKernelFacts facts;
  return libraryKernelFacts(kernel, 1, facts) ? 0 : facts.packedBytes;
}

TEST(LibraryKernels, Products) {
  for (int bits = 0; bits < 8; ++bits)
    for (int64_t batch : {1, 3}) {
      Product product{batch, 33, 20, 17, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
      Kernel kernel = product.kernel();
      Values a(kernel.operands[0].shape, 1), b(kernel.operands[1].shape, 2), c(kernel.results[0].shape);
      run(kernel, {a.data.data(), b.data.data(), c.data.data()});
      expectNear(c.data, product.expected(a, b));
    }
}

TEST(LibraryKernels, ProductWithBiasAndPostOps) {
  Product product{1, 16, 24, 32};
  Kernel kernel = product.kernel();
  Values a(kernel.operands[0].shape, 1), b(kernel.operands[1].shape, 2), c(kernel.results[0].shape);
  Values bias({24}, 3), full({1, 16, 24}, 4), scale({1}, 5);
  kernel.operands.insert(kernel.operands.end(), {bias.operand(), full.operand(), scale.operand()});
  kernel.integers.push_back({"bias", {1}});
  kernel.strings = {{"post_ops", "add,relu,mul,linear"}};
  kernel.reals = {{"post_ops", {0, 0, 0, 0, 0, 0, 2, 1}}};
  run(kernel,
      {a.data.data(), b.data.data(), bias.data.data(), full.data.data(), scale.data.data(), c.data.data()});
  auto expected = product.expected(a, b);
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = std::max(expected[i] + bias.data[i % 24] + full.data[i], 0.0f) * scale.data[0] * 2 + 1;
  expectNear(c.data, expected);
}

TEST(LibraryKernels, HeadsAsPermutedStrides) {
  // [batch, row, head, column] read as [batch, head, row, column] for A and C.
  const int64_t heads = 4, m = 6, n = 8, k = 10;
  Kernel kernel;
  kernel.symbol = "onednn.matmul";
  kernel.operands = {{DataType::F32, {2, heads, m, k}}, {DataType::F32, {2, heads, k, n}}};
  kernel.results = {{DataType::F32, {2, heads, m, n}}};
  kernel.integers = {{"stridesA", {m * heads * k, k, heads * k, 1}},
                     {"stridesC", {m * heads * n, n, heads * n, 1}}};
  Values a({2, m, heads, k}, 1), b({2, heads, k, n}, 2), c({2, m, heads, n});
  run(kernel, {a.data.data(), b.data.data(), c.data.data()});
  for (int64_t t = 0; t < 2; ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t l = 0; l < k; ++l)
            sum += double(a.data[size_t(((t * m + i) * heads + h) * k + l)]) *
                   b.data[size_t(((t * heads + h) * k + l) * n + j)];
          ASSERT_NEAR(c.data[size_t(((t * m + i) * heads + h) * n + j)], sum, 1e-4);
        }
}

TEST(LibraryKernels, PackedProducts) {
  for (bool transB : {false, true})
    for (int64_t m : {1, 64})
      for (bool tooSmall : {false, true}) {
        Product product{1, m, 100, 70, false, transB};
        Kernel kernel = product.kernel();
        Values a(kernel.operands[0].shape, 1), b(kernel.operands[1].shape, 2), c(kernel.results[0].shape);
        kernel.integers.push_back({"packed", {1}});
        const uint64_t plain = 100 * 70 * 4;
        uint64_t bytes = packedBytes(kernel);
        ASSERT_GE(bytes, plain);
        if (tooSmall) // as planned by a library whose packed form is smaller: both fall back
          bytes = plain;
        kernel.integers.push_back({"packed_bytes", {int64_t(bytes)}});
        Kernel pack;
        pack.symbol = "onednn.pack_matmul";
        pack.operands = {kernel.operands[1]};
        pack.results = {{DataType::U8, {int64_t(bytes)}}};
        pack.integers = {
            {"shapeA", kernel.operands[0].shape}, {"transB", {transB}}, {"packed_bytes", {int64_t(bytes)}}};
        EXPECT_EQ(packedBytes(pack) > 0, true);
        std::vector<float> packed(bytes / 4 + 16);
        run(pack, {b.data.data(), packed.data()});
        kernel.strings = {{"post_ops", "gelu_erf"}};
        run(kernel, {a.data.data(), packed.data(), c.data.data()});
        auto expected = product.expected(a, b);
        for (float &value : expected)
          value = 0.5f * value * (1 + std::erf(value / std::sqrt(2.0f)));
        expectNear(c.data, expected);
      }
}

struct Geometry {
  int64_t n = 2, c = 6, o = 8, groups = 1;
  std::vector<int64_t> size = {9, 11}, window = {3, 3}, strides = {2, 1}, dilations = {1, 2}, begin = {1, 0},
                       end = {1, 3};
  bool nhwc = false;
  std::vector<int64_t> outSize() const {
    std::vector<int64_t> result;
    for (size_t d = 0; d < size.size(); ++d)
      result.push_back((size[d] + begin[d] + end[d] - dilations[d] * (window[d] - 1) - 1) / strides[d] + 1);
    return result;
  }
  std::vector<int64_t> stored(int64_t channels, const std::vector<int64_t> &spatial) const {
    std::vector<int64_t> shape = {n};
    if (!nhwc)
      shape.push_back(channels);
    shape.insert(shape.end(), spatial.begin(), spatial.end());
    if (nhwc)
      shape.push_back(channels);
    return shape;
  }
  Kernel kernel() const {
    Kernel result;
    result.symbol = "onednn.convolution";
    result.operands = {{DataType::F32, stored(c, size)},
                       {DataType::F32, {o, c / groups, window[0], window[1]}}};
    result.results = {{DataType::F32, stored(o, outSize())}};
    result.strings = {{"layout", nhwc ? "nhwc" : "nchw"}};
    result.integers = {{"strides", strides},
                       {"dilations", dilations},
                       {"pads_begin", begin},
                       {"pads_end", end},
                       {"groups", {groups}}};
    return result;
  }
  size_t at(int64_t b, int64_t channel, int64_t y, int64_t x, int64_t channels,
            const std::vector<int64_t> &spatial) const {
    return size_t(nhwc ? ((b * spatial[0] + y) * spatial[1] + x) * channels + channel
                       : ((b * channels + channel) * spatial[0] + y) * spatial[1] + x);
  }
  std::vector<float> expected(const Values &x, const Values &w) const {
    auto out = outSize();
    std::vector<float> result(static_cast<size_t>(n * o * out[0] * out[1]));
    const int64_t perGroup = c / groups;
    for (int64_t b = 0; b < n; ++b)
      for (int64_t f = 0; f < o; ++f)
        for (int64_t oy = 0; oy < out[0]; ++oy)
          for (int64_t ox = 0; ox < out[1]; ++ox) {
            double sum = 0;
            for (int64_t ch = 0; ch < perGroup; ++ch)
              for (int64_t wy = 0; wy < window[0]; ++wy)
                for (int64_t wx = 0; wx < window[1]; ++wx) {
                  int64_t y = oy * strides[0] + wy * dilations[0] - begin[0],
                          z = ox * strides[1] + wx * dilations[1] - begin[1];
                  if (y < 0 || y >= size[0] || z < 0 || z >= size[1])
                    continue;
                  sum += double(x.data[at(b, f / (o / groups) * perGroup + ch, y, z, c, size)]) *
                         w.data[size_t(((f * perGroup + ch) * window[0] + wy) * window[1] + wx)];
                }
            result[at(b, f, oy, ox, o, out)] = float(sum);
          }
    return result;
  }
};

TEST(LibraryKernels, Convolutions) {
  for (bool nhwc : {false, true})
    for (int64_t groups : {1, 2, 6})
      for (int form = 0; form < 3; ++form) { // weights as they are, packed, packed in too little room
        Geometry geometry;
        geometry.nhwc = nhwc;
        geometry.groups = groups;
        geometry.o = groups == 6 ? 6 : 8;
        Kernel kernel = geometry.kernel();
        Values x(kernel.operands[0].shape, 1), w(kernel.operands[1].shape, 2), y(kernel.results[0].shape);
        Values bias({geometry.o}, 3), full(kernel.results[0].shape, 4);
        kernel.operands.insert(kernel.operands.end(), {bias.operand(), full.operand()});
        kernel.integers.push_back({"bias", {1}});
        kernel.strings.push_back({"post_ops", "add,relu"});
        std::vector<float> packed = w.data;
        if (form) {
          kernel.integers.push_back({"packed", {1}});
          uint64_t bytes = form == 1 ? packedBytes(kernel) : w.data.size() * 4;
          ASSERT_GE(bytes, w.data.size() * 4);
          kernel.integers.push_back({"packed_bytes", {int64_t(bytes)}});
          Kernel pack = kernel;
          pack.symbol = "onednn.pack_convolution";
          pack.operands = {kernel.operands[1]};
          pack.results = {{DataType::U8, {int64_t(bytes)}}};
          pack.integers.push_back({"shapeX", kernel.operands[0].shape});
          pack.integers.push_back({"shapeY", kernel.results[0].shape});
          packed.resize(bytes / 4 + 16);
          run(pack, {w.data.data(), packed.data()});
        }
        run(kernel, {x.data.data(), packed.data(), bias.data.data(), full.data.data(), y.data.data()});
        auto expected = geometry.expected(x, w);
        auto out = geometry.outSize();
        for (int64_t b = 0; b < geometry.n; ++b)
          for (int64_t f = 0; f < geometry.o; ++f)
            for (int64_t oy = 0; oy < out[0]; ++oy)
              for (int64_t ox = 0; ox < out[1]; ++ox) {
                size_t i = geometry.at(b, f, oy, ox, geometry.o, out);
                expected[i] = std::max(expected[i] + bias.data[size_t(f)] + full.data[i], 0.0f);
              }
        expectNear(y.data, expected);
      }
}

// The result buffer holds the addend before.
TEST(LibraryKernels, ConvolutionsAddInPlace) {
  for (int64_t groups : {1, 6}) {
    Geometry geometry;
    geometry.nhwc = true;
    geometry.groups = groups;
    geometry.o = 6;
    Kernel kernel = geometry.kernel();
    Values x(kernel.operands[0].shape, 1), w(kernel.operands[1].shape, 2), y(kernel.results[0].shape, 3);
    auto expected = geometry.expected(x, w);
    for (size_t i = 0; i < expected.size(); ++i)
      expected[i] = std::max(expected[i] + y.data[i], 0.0f);
    kernel.strings.push_back({"post_ops", "sum,relu"});
    run(kernel, {x.data.data(), w.data.data(), y.data.data()});
    expectNear(y.data, expected);
  }
}

TEST(LibraryKernels, ReorderToChannelsLast) {
  Kernel kernel;
  kernel.symbol = "onednn.reorder";
  kernel.operands = {{DataType::F32, {2, 3, 4, 5}}};
  kernel.results = {{DataType::F32, {2, 3, 4, 5}}};
  kernel.integers = {{"stridesY", {60, 1, 15, 3}}};
  Values x({2, 3, 4, 5}), y({2, 4, 5, 3});
  run(kernel, {x.data.data(), y.data.data()});
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t p = 0; p < 20; ++p)
        EXPECT_EQ(y.data[size_t((b * 20 + p) * 3 + c)], x.data[size_t((b * 3 + c) * 20 + p)]);
}

TEST(LibraryKernels, Facts) {
  Geometry geometry;
  geometry.nhwc = true;
  geometry.c = geometry.o = 64;
  geometry.dilations = {1, 1};
  LibraryKernelFacts facts;
  auto error = libraryKernelFacts(geometry.kernel(), 1, facts);
  ASSERT_FALSE(error) << error->message;
  EXPECT_FALSE(facts.isReference) << facts.implementation;
  EXPECT_FALSE(facts.implementation.empty());
}

TEST(LibraryKernels, Refusals) {
  const std::vector<std::function<void(Kernel &)>> faults = {
      [](Kernel &k) { k.symbol = "onednn.magic"; },
      [](Kernel &k) { k.operands.pop_back(); },
      [](Kernel &k) { k.operands.push_back(k.operands[0]); },
      [](Kernel &k) { k.operands[0].shape = {9}; },
      [](Kernel &k) {
        k.operands[0].shape = {1, 5, 8};
      },
      [](Kernel &k) {
        k.results[0].shape = {1, 5, 6};
      },
      [](Kernel &k) {
        k.operands[0].shape = {1, 0, 9};
        k.results[0].shape = {1, 0, 7};
      },
      [](Kernel &k) { k.operands[0].type = DataType::I64; },
      [](Kernel &k) {
        k.strings = {{"post_ops", "frobnicate"}};
      },
      [](Kernel &k) {
        k.strings = {{"post_ops", "add"}};
      },
      [](Kernel &k) {
        k.integers.push_back({"stridesA", {1}});
      },
      // A row apart, and all rows the same.
      [](Kernel &k) {
        k.integers.push_back({"stridesA", {2 * 5 * 9, 2 * 9, 1}});
      },
      [](Kernel &k) {
        k.integers.push_back({"stridesA", {5 * 9, 0, 1}});
      },
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    Kernel kernel = Product().kernel();
    faults[i](kernel);
    std::unique_ptr<LibraryKernel> prepared;
    auto error = createLibraryKernel(kernel, 1, prepared);
    ASSERT_TRUE(error) << i;
    EXPECT_EQ(error->code, plan::ErrorCode::Unsupported);
    EXPECT_EQ(packedBytes(kernel), 0u);
  }
}

} // namespace
} // namespace ampc::test
