// Fourier transforms as products with constant matrices, and the tables of audio front ends. Lengths are
// those of speech models (hundreds), where a product is as good as a fast transform.
#include "ir/ops/expansion.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ampc {

using Shape = std::vector<int64_t>;
using Value = Expansion::Value;

static constexpr int64_t maxMatrixElements = int64_t(1) << 24;

namespace {
struct Transform {
  int64_t length = 1; // of the full transform
  int64_t parts = 1;  // 1: real operand, 2: (real, imaginary)
  bool inverse = false, oneSided = false;

  int64_t half() const { return length / 2 + 1; }
  int64_t from() const { return inverse && oneSided ? half() : length; }
  int64_t to() const { return !inverse && oneSided ? half() : length; }
  int64_t resultParts() const { return inverse && oneSided ? 1 : 2; }

  /// [from * parts, to * resultParts]
  std::vector<double> matrix() const {
    std::vector<double> values(size_t(from() * parts * to() * resultParts()));
    int64_t columns = to() * resultParts();
    for (int64_t k = 0; k < from(); ++k)
      for (int64_t f = 0; f < to(); ++f) {
        // Reduced first: the angle of a large product would lose its digits.
        double angle = 2 * std::numbers::pi * double(k * f % length) / double(length) * (inverse ? 1 : -1);
        double scale = inverse ? 1 / double(length) : 1;
        // Of a one-sided spectrum, every bin but the first and the middle one stands for its mirror image
        // too.
        if (inverse && oneSided && k != 0 && 2 * k != length)
          scale *= 2;
        double cosine = scale * std::cos(angle), sine = scale * std::sin(angle);
        double *row = &values[size_t(k * parts * columns + f * resultParts())];
        row[0] = cosine;
        if (resultParts() == 2)
          row[1] = sine;
        if (parts == 2) {
          row[columns] = -sine;
          if (resultParts() == 2)
            row[columns + 1] = cosine;
        }
      }
    return values;
  }
};
} // namespace

// x [..., from, parts] -> [..., to, resultParts]
static Value transformLast(Expansion &e, Value x, const Transform &transform) {
  Shape shape = e.shape(x);
  int64_t rows = transform.from() * transform.parts, columns = transform.to() * transform.resultParts();
  if (rows * columns > maxMatrixElements) {
    e.unsupported("the transform is longer than 4096");
    return {};
  }
  Value matrix = e.literal(e.element(x), {rows, columns}, transform.matrix(), "fourier");
  int64_t batch = rows ? numElements(shape) / rows : 0;
  Value product = e.matmul(e.reshape(x, {batch, rows}, "rows"), matrix);
  shape[shape.size() - 2] = transform.to();
  shape.back() = transform.resultParts();
  return e.reshape(product, shape, "spectrum");
}

static ImportResults importDft(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t rank = e.rank(x), axis = context.integer("axis", 1);
  if (context.version() >= 20) {
    axis = -2;
    if (e.operand(2)) {
      Shape number = e.knownIntegers(2, "the axis");
      axis = number.empty() ? 0 : number[0];
    }
  }
  axis = e.axis(axis, rank);
  Shape length;
  if (e.operand(1))
    length = e.knownIntegers(1, "the length of the transform");
  if (e.failed())
    return e.done({});
  Shape shape = e.shape(x);
  if (rank < 2 || axis == rank - 1 || (shape.back() != 1 && shape.back() != 2))
    return context.invalid("the last dimension holds one or two parts of a number and is not transformed");
  Transform transform;
  transform.parts = shape.back();
  transform.inverse = context.integer("inverse", 0) != 0;
  transform.oneSided = context.integer("onesided", 0) != 0;
  int64_t extent = shape[size_t(axis)];
  transform.length = !length.empty()                           ? length[0]
                     : transform.inverse && transform.oneSided ? 2 * (extent - 1)
                                                               : extent;
  if (transform.length <= 0)
    return context.invalid("the length of the transform is not positive");
  // The transformed axis moves before the parts, and is cut or filled with zeros.
  Shape permutation = axesFrom(0, rank);
  std::swap(permutation[size_t(axis)], permutation[size_t(rank - 2)]);
  x = e.transpose(x, permutation, "axis_last");
  if (extent > transform.from())
    x = e.slice(x, rank - 2, 0, transform.from(), 1, "cut");
  else
    x = e.pad(x, rank - 2, 0, transform.from() - extent, 0, "fill");
  return e.done({e.transpose(transformLast(e, x, transform), permutation, "")});
}

static ImportResults importStft(ImportContext &context) {
  Expansion e(context);
  Value x = e.operand(0), window = e.operand(2);
  Shape step = e.knownIntegers(1, "the frame step"), length;
  if (e.operand(3))
    length = e.knownIntegers(3, "the frame length");
  if (e.failed())
    return e.done({});
  Shape shape = e.shape(x);
  if (shape.size() == 2)
    x = e.reshape(x, {shape[0], shape[1], 1}, "parts"), shape.push_back(1);
  if (shape.size() != 3 || step.size() != 1 || step[0] <= 0 || (shape[2] != 1 && shape[2] != 2))
    return context.invalid("the signal is [batch, length, parts] and the frame step is positive");
  int64_t frame = !length.empty() ? length[0] : window ? e.shape(window)[0] : shape[1];
  if (frame <= 0 || frame > shape[1] || (window && e.shape(window) != Shape{frame}))
    return context.invalid("frame length, window and signal do not fit together");
  int64_t frames = 1 + (shape[1] - frame) / step[0];
  HostTensor places(TensorType{DataType::I64, {frames, frame}});
  for (int64_t f = 0; f < frames; ++f)
    for (int64_t k = 0; k < frame; ++k)
      places.setInteger(f * frame + k, f * step[0] + k);
  x = e.build("gather", {x, context.literal(places, "places")}, {e.attribute("axis", int64_t(1))}, "frames");
  if (window)
    x = e.mul(x, e.reshape(window, {frame, 1}, "window"), "windowed");
  Transform transform;
  transform.length = frame;
  transform.parts = shape[2];
  transform.oneSided = context.integer("onesided", 1) != 0;
  return e.done({transformLast(e, x, transform)});
}

// Triangles that overlap by half, equally wide on the mel scale.
static ImportResults importMelWeightMatrix(ImportContext &context) {
  Expansion e(context);
  double values[5];
  for (size_t k = 0; k < 5; ++k) {
    std::optional<HostTensor> value = context.constant(k);
    if (!value || value->type.numElements() != 1)
      return context.unsupported("the operands must be numbers known at compile time");
    values[k] = value->real(0);
  }
  int64_t mels = int64_t(values[0]), bins = int64_t(values[1]) / 2 + 1;
  std::optional<DataType> type = fromOnnxType(context.integer("output_datatype", 1));
  if (!type)
    return context.unsupported("element type " + llvm::Twine(context.integer("output_datatype")) +
                               " is not supported");
  if (mels < 0 || bins <= 0 || values[2] <= 0 || mels > maxMatrixElements / bins)
    return context.invalid("the sizes of the matrix are out of range");
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double low = toMel(values[3]), step = (toMel(values[4]) - low) / double(mels + 2);
  std::vector<int64_t> edges;
  for (int64_t k = 0; k < mels + 2; ++k) {
    double hertz = 700 * (std::pow(10.0, (low + double(k) * step) / 2595) - 1);
    edges.push_back(int64_t(std::floor((values[1] + 1) * hertz / values[2])));
    if (edges.back() < 0 || edges.back() >= bins)
      return context.invalid("an edge frequency lies outside the spectrum");
  }
  HostTensor result(TensorType{*type, {bins, mels}});
  for (int64_t m = 0; m < mels; ++m) {
    int64_t left = edges[size_t(m)], centre = edges[size_t(m) + 1], right = edges[size_t(m) + 2];
    result.setReal(centre * mels + m, 1);
    for (int64_t j = left; j < centre; ++j)
      result.setReal(j * mels + m, double(j - left) / double(centre - left));
    for (int64_t j = centre; j < right; ++j)
      result.setReal(j * mels + m, double(right - j) / double(right - centre));
  }
  return e.done({context.literal(result, "")});
}

void addSignalRows(OpTable &table) {
  auto add = [&](const char *name, ImportFn import, const char *lowersTo) {
    table.addOnnx({"", name, 1, 1 << 20, std::move(import), lowersTo});
  };
  add("DFT", importDft, "matmul");
  add("STFT", importStft, "gather matmul");
  add("MelWeightMatrix", importMelWeightMatrix, "constant");
}

} // namespace ampc
