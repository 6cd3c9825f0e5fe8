// ConvTranspose as plain convolutions ("sub-pixel"): with stride s, the output positions s * q + r are a convolution of
// the input with those taps that reach them. All s phases with equally many taps at the same place are computed as
// channels of one stride-1 convolution, whose weights are rearranged ahead of time; the phases are then interleaved by
// reshape and transpose. No scatter, and no zeros in place of taps: a zero would make NaN of what is not finite.
#include "ir/ops/window.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace ampc {

namespace {
/// Consecutive phases of one dimension that are computed together.
struct Run {
  int64_t count = 1;
  int64_t residue = 0; // tap * dilation modulo stride, of the first one
  int64_t taps = 0;    // per phase
  int64_t row = 0;     // (tap * dilation) / stride of the first tap
  int64_t carry = 0;   // strides between what is computed first and what is returned first
};

/// One spatial dimension of the operator.
struct Dim {
  int64_t input, kernel, stride, dilation, padBegin, output;
  int64_t cut = 0;       // positions that are computed in front of the first output
  int64_t positions = 1; // per phase
  std::vector<Run> runs;

  int64_t span() const { return (kernel - 1) * dilation + 1; }
  int64_t rows() const { return (span() + stride - 1) / stride; }
  /// From one tap of a phase to its next, in rows and in elements of the input.
  int64_t step() const { return dilation / std::gcd(dilation, stride); }
};
} // namespace

// Larger than any result, and far from overflow: extents of 2^40 may meet strides and dilations of 2^30.
constexpr double largestSpan = double(int64_t(1) << 60);

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
    Dim dim{x[d + 2], w[d + 2], strides[d], dilations[d], pads[d], 0, 0, 1, {}};
    if (std::max(double(dim.input) * double(dim.stride), double(dim.kernel) * double(dim.dilation)) > largestSpan)
      e.unsupported("dimension " + llvm::Twine(d + 2) + " of its full result is larger than any tensor");
    if (e.failed())
      break;
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
    if (dim.output < 1 || dim.input < 1 || dim.kernel < 1)
      e.invalid("the result has no elements along dimension " + llvm::Twine(d + 2));
    result.push_back(dim);
  }
  return result;
}

// More would compile for minutes; with dilation 1 there are at most 3 runs per dimension.
constexpr int64_t maxConvolutions = 256;
constexpr int64_t maxStride = 1 << 20;

/// Phases in the order of the outputs, after `cut` further ones.
static std::vector<Run> runsOf(const Dim &dim, int64_t cut) {
  // Taps `period` apart reach the same phase, so time does not grow with a kernel of which nothing but the shape is
  // stored.
  const int64_t period = dim.stride / std::gcd(dim.stride, dim.dilation);
  std::vector<int64_t> taps(dim.stride, 0), rows(dim.stride, 0);
  for (int64_t tap = 0; tap < std::min(dim.kernel, period); ++tap) {
    const int64_t residue = tap * dim.dilation % dim.stride;
    taps[residue] = (dim.kernel - 1 - tap) / period + 1;
    rows[residue] = tap * dim.dilation / dim.stride;
  }
  std::vector<Run> runs;
  for (int64_t phase = 0; phase < dim.stride; ++phase) {
    int64_t place = phase + dim.padBegin - cut, residue = place % dim.stride, carry = place / dim.stride;
    Run *last = runs.empty() ? nullptr : &runs.back();
    if (last && last->taps == taps[residue] && last->row == rows[residue] && last->carry == carry)
      ++last->count;
    else
      runs.push_back({1, residue, taps[residue], rows[residue], carry});
  }
  return runs;
}

/// Without a cut nothing is computed that is not returned; with one fewer convolutions may do.
static void choosePhases(Expansion &e, Dim &dim) {
  dim.stride = std::min(dim.stride, dim.padBegin + dim.output); // beyond it only the input's first element counts
  if (dim.stride > maxStride)
    return e.unsupported("a stride of " + llvm::Twine(dim.stride) + " is larger than " + llvm::Twine(maxStride));
  dim.runs = runsOf(dim, 0);
  if (std::vector<Run> aligned = runsOf(dim, dim.padBegin % dim.stride); aligned.size() < dim.runs.size()) {
    dim.runs = std::move(aligned);
    dim.cut = dim.padBegin % dim.stride;
  }
  dim.positions = (dim.cut + dim.output + dim.stride - 1) / dim.stride;
}

/// Weights [.., k, ..] -> [.., rows * stride, ..], tap t at t * dilation.
static Value spreadTaps(Expansion &e, Value w, int64_t axis, const Dim &dim) {
  if (dim.dilation > 1) {
    Expansion::Shape shape = e.shape(w), split = shape;
    split.insert(split.begin() + axis + 1, 1);
    w = e.pad(e.reshape(w, split), axis + 1, 0, dim.dilation - 1);
    shape[axis] = dim.kernel * dim.dilation;
    w = e.slice(e.reshape(w, shape), axis, 0, dim.span());
  }
  return e.pad(w, axis, 0, dim.rows() * dim.stride - dim.span());
}

namespace {
/// The convolutions behind one node.
class Phases {
public:
  Phases(Expansion &e, const std::vector<Dim> &dims, Value x, Value w, int64_t groups);
  /// [n, (g oc), phases..., positions...].
  Value build();

private:
  /// Phases of every channel, as any shape from [n, (channels phases), positions...] on.
  struct Part {
    Value value;
    int64_t phases;
  };

  Expansion &e;
  const std::vector<Dim> &dims;
  Value x, weights;                // weights: [g, oc, stride..., ic, rows...]
  int64_t batch, channels;         // channels: (g oc)
  std::vector<const Run *> chosen; // one per dimension before the one that is looked at

  std::vector<Part> partsFrom(size_t d);
  Part convolution();
  Part join(llvm::ArrayRef<Part> parts, int64_t outer);
};
} // namespace

Phases::Phases(Expansion &e, const std::vector<Dim> &dims, Value x, Value w, int64_t groups)
    : e(e), dims(dims), x(x), batch(e.shape(x)[0]), channels(groups * e.shape(w)[1]) {
  int64_t count = int64_t(dims.size());
  Expansion::Shape split = {groups, e.shape(w)[0] / groups, e.shape(w)[1]}, permutation = {0, 2};
  for (int64_t d = 0; d < count; ++d) {
    w = spreadTaps(e, w, d + 2, dims[d]);
    split.push_back(dims[d].rows());
    split.push_back(dims[d].stride);
    permutation.push_back(4 + 2 * d);
  }
  permutation.push_back(1);
  for (int64_t d = 0; d < count; ++d)
    permutation.push_back(3 + 2 * d);
  weights = e.transpose(e.reshape(w, split, "phases"), permutation, "weights");
}

/// Parts of which each has some of the phases below every one of `outer`.
Phases::Part Phases::join(llvm::ArrayRef<Part> parts, int64_t outer) {
  if (parts.size() == 1)
    return parts.front();
  Part joined = {{}, 0};
  std::vector<Value> values;
  for (const Part &part : parts) {
    Expansion::Shape shape = {batch, channels * outer, part.phases / outer};
    for (const Dim &dim : dims)
      shape.push_back(dim.positions);
    values.push_back(e.reshape(part.value, shape, "part"));
    joined.phases += part.phases;
  }
  joined.value = e.concat(values, 2, "joined");
  return joined;
}

/// The convolution of the chosen runs, or zeros where no tap reaches.
Phases::Part Phases::convolution() {
  size_t count = dims.size();
  Expansion::Shape all = e.shape(weights), starts(all.size(), 0), steps(all.size(), 1), taken = all;
  Expansion::Shape matrix = {channels, all[2 + count]}, result = {batch, channels};
  Value read = x;
  Window window;
  int64_t phases = 1;
  bool reached = true;
  for (size_t d = 0; d < count; ++d) {
    const Run &run = *chosen[d];
    const Dim &dim = dims[d];
    starts[2 + d] = run.residue;
    taken[2 + d] = run.count;
    starts[3 + count + d] = run.row + std::max<int64_t>(0, run.taps - 1) * dim.step();
    steps[3 + count + d] = run.taps > 1 ? -dim.step() : 1;
    taken[3 + count + d] = run.taps;
    phases *= run.count;
    matrix.push_back(run.taps);
    result.push_back(dim.positions);
    int64_t begin = starts[3 + count + d] - run.carry, end = dim.positions + run.carry - run.row - dim.input;
    int64_t skipped = std::max<int64_t>(0, -begin), elements = dim.input - skipped - std::max<int64_t>(0, -end);
    reached &= run.taps > 0 && elements > 0;
    if (reached)
      read = e.slice(read, int64_t(d) + 2, skipped, elements, 1, "read");
    window.kernel.push_back(run.taps);
    window.strides.push_back(1);
    window.dilations.push_back(run.taps > 1 ? dim.step() : 1);
    window.padsBegin.push_back(std::max<int64_t>(0, begin));
    window.padsEnd.push_back(std::max<int64_t>(0, end));
    window.output.push_back(dim.positions);
  }
  matrix[0] = result[1] = channels * phases;
  if (!reached)
    return {e.zeros(e.element(x), result), phases};
  Value w = weights;
  if (taken != all || std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; }))
    w = e.build("slice", {w}, {e.attribute("starts", starts), e.attribute("steps", steps), e.attribute("shape", taken)},
                "taps");
  Value y = e.build("conv", {read, e.reshape(w, matrix, "weight_matrix")}, windowAttributes(e, window), "conv");
  return {y, phases};
}

/// All phases below the chosen ones, in order; several parts, for the caller to join, where those are single phases.
std::vector<Phases::Part> Phases::partsFrom(size_t d) {
  if (d == dims.size())
    return {convolution()};
  int64_t outer = 1;
  for (const Run *run : chosen)
    outer *= run->count;
  std::vector<Part> parts;
  for (const Run &run : dims[d].runs) {
    chosen.push_back(&run);
    for (const Part &part : partsFrom(d + 1))
      parts.push_back(part);
    chosen.pop_back();
  }
  if (outer == 1)
    return parts;
  return {join(parts, outer)};
}

Value Phases::build() {
  Value y = join(partsFrom(0), 1).value;
  Expansion::Shape split = {batch, channels};
  for (const Dim &dim : dims)
    split.push_back(dim.stride);
  for (const Dim &dim : dims)
    split.push_back(dim.positions);
  return e.reshape(y, split, "split");
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
  int64_t convolutions = 1;
  for (Dim &dim : dims) {
    if (!e.failed())
      choosePhases(e, dim);
    convolutions = std::min(convolutions * std::max<int64_t>(1, int64_t(dim.runs.size())), maxConvolutions + 1);
  }
  if (!e.failed() && convolutions > maxConvolutions)
    e.unsupported("strides and dilations lead to more than " + llvm::Twine(maxConvolutions) + " convolutions");
  if (e.failed())
    return e.done({});
  Value y = Phases(e, dims, x, w, groups).build();

  // [n, c, s..., q...] -> [n, c, (q s)...], then cut to what is returned.
  int64_t count = int64_t(dims.size());
  Expansion::Shape order = {0, 1}, interleaved = {input[0], groups * weights[1]}, returned = interleaved,
                   starts = {0, 0};
  bool interleave = false, cuts = false;
  for (int64_t d = 0; d < count; ++d) {
    order.push_back(2 + count + d);
    order.push_back(2 + d);
    interleaved.push_back(dims[d].positions * dims[d].stride);
    interleave |= dims[d].stride > 1;
    starts.push_back(dims[d].cut);
    returned.push_back(dims[d].output);
    cuts |= returned.back() != interleaved.back();
  }
  if (interleave)
    y = e.transpose(y, order, "interleave");
  y = e.reshape(y, interleaved, "merged");
  if (cuts)
    y = e.build("slice", {y},
                {e.attribute("starts", starts), e.attribute("steps", Expansion::Shape(starts.size(), 1)),
                 e.attribute("shape", returned)},
                bias ? "cut" : "");
  return e.done({bias ? addChannelBias(e, y, bias, "") : y});
}

void addConvolutionTransposeRows(OpTable &table) {
  table.addOnnx({"", "ConvTranspose", 1, 1 << 20, importConvTranspose, "conv, concat, reshape, transpose, slice, add"});
}

} // namespace ampc
