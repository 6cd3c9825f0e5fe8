// ConvTranspose as a plain convolution ("sub-pixel"): with stride s, output position s * q + r is a convolution of the
// input with every s-th tap of the kernel. All s phases are computed as channels of one stride-1 convolution, whose
// weights are rearranged ahead of time, and are then interleaved by reshape and transpose. No scatter, no zeros.
#include "ir/ops/window.h"

#include <algorithm>

using namespace mlir;

namespace ampc {

namespace {
/// One spatial dimension of the operator.
struct Dim {
  int64_t input, kernel, stride, dilation, padBegin, output;
  int64_t taps = 1;      // kernel positions per phase
  int64_t positions = 1; // q values that are computed
};
} // namespace

static std::vector<Dim> geometry(Expansion &e, const Expansion::Shape &x, const Expansion::Shape &w) {
  size_t dims = x.size() - 2;
  ImportContext &context = e.context;
  auto list = [&](const char *name, size_t count, int64_t otherwise, int64_t smallest) {
    std::vector<int64_t> values = context.integers(name);
    if (values.empty())
      values.assign(count, otherwise);
    if (values.size() != count)
      e.invalid(llvm::Twine(name) + " has " + llvm::Twine(values.size()) + " values, expected " + llvm::Twine(count));
    for (int64_t value : values)
      if (value < smallest || value > (int64_t(1) << 30))
        e.invalid(llvm::Twine(name) + " holds " + llvm::Twine(value) + ", which is out of range");
    values.resize(count, otherwise);
    return values;
  };
  std::vector<int64_t> strides = list("strides", dims, 1, 1), dilations = list("dilations", dims, 1, 1);
  std::vector<int64_t> pads = list("pads", 2 * dims, 0, 0), extra = list("output_padding", dims, 0, 0);
  std::vector<int64_t> stated = context.integers("output_shape");
  std::string automatic = context.string("auto_pad", "NOTSET");
  if (stated.size() == x.size()) // some exporters write batch and channels too
    stated.erase(stated.begin(), stated.begin() + 2);
  if (!stated.empty() && stated.size() != dims)
    e.invalid("output_shape has " + llvm::Twine(stated.size()) + " values");
  std::vector<Dim> result;
  for (size_t d = 0; d < dims && !e.failed(); ++d) {
    Dim dim{x[d + 2], w[d + 2], strides[d], dilations[d], pads[d], 0};
    int64_t full = (dim.input - 1) * dim.stride + (dim.kernel - 1) * dim.dilation + 1 + extra[d];
    bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
    if (!stated.empty() || same) {
      int64_t wanted = !stated.empty() ? stated[d] : dim.input * dim.stride;
      int64_t total = std::max<int64_t>(0, full - wanted);
      // A kernel shorter than the stride cannot fill input * stride: ONNX then leaves the rest off.
      dim.output = !stated.empty() ? wanted : full - total;
      dim.padBegin = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    } else {
      if (automatic == "VALID")
        dim.padBegin = 0;
      dim.output = full - dim.padBegin - (automatic == "VALID" ? 0 : pads[dims + d]);
    }
    if (dim.output < 1 || dim.input < 1)
      e.invalid("the result has no elements along dimension " + llvm::Twine(d + 2));
    result.push_back(dim);
  }
  return result;
}

/// Weights [.., k, ..] -> [.., (k - 1) * dilation + 1, ..] with zeros between the taps.
static Value spreadTaps(Expansion &e, Value w, int64_t axis, Dim &dim) {
  if (dim.dilation == 1)
    return w;
  Expansion::Shape shape = e.shape(w), split = shape;
  split.insert(split.begin() + axis + 1, 1);
  w = e.pad(e.reshape(w, split), axis + 1, 0, dim.dilation - 1);
  shape[axis] = dim.kernel * dim.dilation;
  w = e.reshape(w, shape);
  dim.kernel = (dim.kernel - 1) * dim.dilation + 1;
  dim.dilation = 1;
  return e.slice(w, axis, 0, dim.kernel);
}

static ImportResults importConvTranspose(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), w = e.operand(1), bias = e.operand(2);
  Expansion::Shape input = e.shape(x), weights = e.shape(w); // [n, (g ic), ...], [(g ic), oc, k...]
  int64_t groups = context.integer("group", 1);
  if (input.size() < 3 || input.size() != weights.size())
    e.invalid("ConvTranspose needs an input and weights of one rank, at least 3");
  else if (groups < 1 || input[1] != weights[0] || input[1] % groups != 0)
    e.invalid("group " + llvm::Twine(groups) + " and the weights do not fit " + llvm::Twine(input[1]) + " channels");
  std::vector<Dim> dims = e.failed() ? std::vector<Dim>() : geometry(e, input, weights);
  if (e.failed())
    return e.done({});
  int64_t count = int64_t(dims.size()), inChannels = input[1] / groups, outChannels = weights[1];

  // Weights: [(g ic), oc, (taps s)...] -> [(g oc s...), ic, taps reversed...].
  Expansion::Shape split = {groups, inChannels, outChannels};
  for (int64_t d = 0; d < count; ++d) {
    Dim &dim = dims[d];
    w = spreadTaps(e, w, d + 2, dim);
    dim.taps = (dim.kernel + dim.stride - 1) / dim.stride;
    dim.positions = std::max(dim.input, (dim.padBegin + dim.output + dim.stride - 1) / dim.stride);
    w = e.pad(w, d + 2, 0, dim.taps * dim.stride - dim.kernel);
    if (dim.taps > 1 && dim.stride == 1)
      w = e.slice(w, d + 2, dim.taps - 1, dim.taps, -1, "reversed");
    split.push_back(dim.taps);
    split.push_back(dim.stride);
  }
  w = e.reshape(w, split, "phases");
  for (int64_t d = 0; d < count; ++d)
    if (dims[d].taps > 1 && dims[d].stride > 1)
      w = e.slice(w, 3 + 2 * d, dims[d].taps - 1, dims[d].taps, -1, "reversed");
  Expansion::Shape permutation = {0, 2}, merged = {groups * outChannels, inChannels};
  for (int64_t d = 0; d < count; ++d) {
    permutation.push_back(4 + 2 * d);
    merged[0] *= dims[d].stride;
  }
  permutation.push_back(1);
  for (int64_t d = 0; d < count; ++d) {
    permutation.push_back(3 + 2 * d);
    merged.push_back(dims[d].taps);
  }
  w = e.reshape(e.transpose(w, permutation, "weights"), merged, "weight_matrix");

  Window window;
  Expansion::Shape phases = {input[0], groups * outChannels};
  for (const Dim &dim : dims) {
    window.kernel.push_back(dim.taps);
    window.strides.push_back(1);
    window.dilations.push_back(1);
    window.padsBegin.push_back(dim.taps - 1);
    window.padsEnd.push_back(dim.positions - dim.input);
    window.output.push_back(dim.positions);
    phases.push_back(dim.stride);
  }
  Value y = e.build("conv", {x, w}, windowAttributes(e, window), "conv");

  // [n, (c s...), q...] -> [n, c, (q s)...], then cut to the padded range.
  Expansion::Shape order = {0, 1}, interleaved = {input[0], groups * outChannels};
  for (int64_t d = 0; d < count; ++d) {
    order.push_back(2 + count + d);
    order.push_back(2 + d);
    interleaved.push_back(dims[d].positions * dims[d].stride);
    phases.push_back(dims[d].positions);
  }
  bool interleave = std::any_of(dims.begin(), dims.end(), [](const Dim &dim) { return dim.stride > 1; });
  if (interleave)
    y = e.reshape(e.transpose(e.reshape(y, phases, "split"), order, "interleave"), interleaved, "merged");
  for (int64_t d = 0; d < count; ++d)
    y = e.slice(y, d + 2, dims[d].padBegin, dims[d].output, 1, "cut");
  return e.done({bias ? addChannelBias(e, y, bias, "") : y});
}

void addConvolutionTransposeRows(OpTable &table) {
  table.addOnnx({"", "ConvTranspose", 1, 1 << 20, importConvTranspose, "conv, reshape, transpose, slice, add"});
}

} // namespace ampc
