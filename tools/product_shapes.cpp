// Shapes between single vectors and layers of a transformer, and the convolutions of small and large images.
#include "tools/product_shapes.h"

#include "cost_model/work.h"

namespace ampc::tools {

using Shape = std::vector<int64_t>;

static ProductShape product(int64_t m, int64_t n, int64_t k, int64_t batch = 1) {
  ProductShape shape;
  shape.first = {m, k}, shape.second = {k, n}, shape.result = {m, n};
  if (batch > 1)
    for (Shape *each : {&shape.first, &shape.second, &shape.result})
      each->insert(each->begin(), batch);
  return shape;
}

static ProductShape convolution(int64_t in, int64_t out, int64_t size, int64_t taps, int64_t stride, int64_t groups,
                                bool isChannelsLast) {
  ProductShape shape;
  shape.isConvolution = true;
  shape.isChannelsLast = isChannelsLast;
  shape.stride = stride, shape.groups = groups, shape.pad = taps / 2;
  const int64_t outSize = (size + 2 * shape.pad - taps) / stride + 1;
  shape.first = {1, in, size, size};
  shape.second = {out, in / groups, taps, taps};
  shape.result = {1, out, outSize, outSize};
  return shape;
}

std::vector<ProductShape> probedProducts() {
  std::vector<ProductShape> shapes;
  for (const auto &[m, n, k] :
       {std::array<int64_t, 3>{1, 4, 4}, {4, 4, 4}, {4, 16, 16}, {8, 32, 8}, {1, 64, 64}, {1, 1, 256}, {1, 256, 256},
        {1, 512, 512}, {1, 1024, 256}, {4, 96, 96}, {4, 320, 320}, {4, 1536, 384}, {4, 16, 1024}, {16, 16, 64},
        {16, 256, 64}, {16, 1024, 128}, {32, 4, 256}, {32, 64, 16}, {32, 256, 8}, {64, 64, 64}, {64, 256, 256},
        {64, 1000, 256}, {64, 2048, 64}, {128, 320, 320}, {128, 96, 768}})
    shapes.push_back(product(m, n, k));
  shapes.push_back(product(16, 16, 64, 4));
  shapes.push_back(product(64, 64, 32, 4));
  shapes.push_back(product(128, 64, 128, 4));
  shapes.push_back(product(1, 128, 64, 12));
  struct Layer {
    int64_t in, out, size, taps, stride, groups;
  };
  for (const Layer &layer :
       {Layer{3, 16, 64, 3, 2, 1}, {8, 8, 32, 3, 1, 1}, {16, 16, 16, 3, 1, 1}, {64, 64, 14, 3, 1, 1},
        {32, 32, 28, 3, 2, 1}, {4, 4, 4, 1, 1, 1}, {16, 64, 28, 1, 1, 1}, {64, 16, 28, 1, 1, 1}, {256, 64, 7, 1, 1, 1},
        {256, 64, 1, 1, 1, 1}, {8, 24, 16, 1, 1, 1}, {24, 8, 16, 1, 1, 1}, {16, 16, 28, 3, 1, 16},
        {24, 24, 16, 3, 1, 24}, {72, 72, 14, 5, 1, 72}, {64, 64, 28, 3, 2, 64}, {120, 120, 14, 3, 1, 120}})
    for (bool isLast : {false, true})
      if (layer.size > 1 || isLast) // one position in front of nothing: the lanes run elsewhere
        shapes.push_back(convolution(layer.in, layer.out, layer.size, layer.taps, layer.stride, layer.groups, isLast));
  return shapes;
}

bool isTimedByLibrary(const ProductShape &shape, bool isPacked) {
  if (shape.isConvolution)
    return isPacked && shape.isChannelsLast;
  return !isPacked || shape.second.size() == 2;
}

plan::Kernel libraryKernelOf(const ProductShape &shape, bool isPacked) {
  auto stored = [&](const Shape &logical) {
    return shape.isChannelsLast ? Shape{logical[0], logical[2], logical[3], logical[1]} : logical;
  };
  plan::Kernel kernel;
  kernel.kind = plan::KernelKind::Library;
  kernel.symbol = shape.isConvolution ? "onednn.convolution" : "onednn.matmul";
  kernel.operands = {{DataType::F32, stored(shape.first)}, {DataType::F32, shape.second}};
  kernel.results = {{DataType::F32, stored(shape.result)}};
  if (shape.isConvolution) {
    kernel.integers = {{"strides", {shape.stride, shape.stride}},
                       {"pads_begin", {shape.pad, shape.pad}},
                       {"pads_end", {shape.pad, shape.pad}},
                       {"groups", {shape.groups}}};
    kernel.strings = {{"layout", shape.isChannelsLast ? "nhwc" : "nchw"}};
  }
  if (isPacked)
    kernel.integers.push_back({"packed", {1}});
  return kernel;
}

plan::Kernel generatedKernelOf(const ProductShape &shape) {
  plan::Kernel kernel;
  kernel.operands = {{DataType::F32, shape.first}, {DataType::F32, shape.second}};
  kernel.results = {{DataType::F32, shape.result}};
  cost::describeProduct(kernel, shape.isConvolution, shape.isChannelsLast, shape.first, shape.second, shape.result);
  return kernel;
}

cost::Work workOf(const ProductShape &shape, const plan::Kernel &kernel) {
  const int64_t sum = shape.isConvolution ? numElements(shape.second) / shape.second[0] : shape.first.back();
  plan::Step step;
  step.flops = 2.0 * double(numElements(shape.result)) * double(sum);
  const uint64_t writtenBytes = uint64_t(sizeBytes(DataType::F32, numElements(shape.result)));
  step.bytes = double(writtenBytes);
  for (const Shape *operand : {&shape.first, &shape.second})
    step.bytes += double(sizeBytes(DataType::F32, numElements(*operand)));
  step.writes.push_back({plan::Space::Activation, 0, 0, writtenBytes});
  return cost::workOf(step, kernel);
}

} // namespace ampc::tools
