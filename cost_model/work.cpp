// Reads the work of a step off its kernel and buffers.
#include "cost_model/work.h"

#include <algorithm>
#include <cmath>

namespace ampc::cost {
namespace {

double elementsIn(const std::vector<int64_t> &shape) {
  double elements = 1;
  for (int64_t extent : shape)
    elements *= double(std::max<int64_t>(extent, 0));
  return elements;
}

bool contains(const std::string &text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Vector code does not use the multiply-add rates of narrow types: halves are widened, small integers too.
DataType arithmeticType(DataType type) {
  if (type == DataType::F64 || type == DataType::I64 || type == DataType::U64)
    return type;
  return isFloat(type) ? DataType::F32 : DataType::I32;
}

// What describeProduct and describeReads write and workOf reads.
constexpr const char *workName = "work", *extentsName = "extents", *borderName = "border", *readName = "read";

const std::string *textOf(const plan::Kernel &kernel, std::string_view name) {
  for (const auto &[key, text] : kernel.strings)
    if (key == name)
      return &text;
  return nullptr;
}

const std::vector<int64_t> *integersOf(const plan::Kernel &kernel, std::string_view name) {
  for (const auto &[key, list] : kernel.integers)
    if (key == name)
      return &list;
  return nullptr;
}

void setProductShape(Work &work, const plan::Kernel &kernel) {
  if (const std::vector<int64_t> *extents = integersOf(kernel, extentsName); extents && extents->size() == 3) {
    work.m = double((*extents)[0]);
    work.n = double((*extents)[1]);
    work.k = double((*extents)[2]);
    return;
  }
  if (kernel.results.empty() || kernel.operands.size() < 2)
    return;
  const std::vector<int64_t> &result = kernel.results[0].shape, &second = kernel.operands[1].shape;
  const double elements = elementsIn(result);
  if (result.empty() || elements <= 0 || work.flops <= 0)
    return;
  work.k = work.flops / (2 * elements);
  double batch = 1;
  if (work.kind == WorkKind::Convolution || work.kind == WorkKind::GeneratedConvolution) {
    // Weights lead with the output channels whatever the layout of the activations.
    work.n = second.empty() ? 0 : double(second[0]);
  } else {
    work.n = double(result.back());
    for (size_t i = 0; i + 2 < second.size(); ++i)
      batch *= double(std::max<int64_t>(second[i], 1));
    // A generated convolution: its weights have further dimensions too, but no matrix for each of them.
    if (second.empty() || (double(second.back()) != work.n && double(second.back()) != work.k))
      batch = 1;
  }
  work.m = work.n > 0 ? std::max(1.0, elements / work.n / batch) : 0;
}

} // namespace

double elementsOf(const plan::Move &move) {
  double elements = 1;
  for (const plan::MoveDim &dim : move.dims)
    elements *= double(std::max<int64_t>(dim.count, 0));
  return elements;
}

WorkKind workKindOf(const plan::Kernel &kernel, double flops) {
  if (flops <= 0)
    return WorkKind::Movement;
  if (kernel.kind == plan::KernelKind::Library) {
    if (contains(kernel.symbol, "conv"))
      return WorkKind::Convolution;
    for (std::string_view product : {"matmul", "gemm", "inner_product", "recurrence"})
      if (contains(kernel.symbol, product))
        return WorkKind::Contraction;
  }
  if (const std::string *work = textOf(kernel, workName); work && kernel.kind == plan::KernelKind::Generated)
    for (WorkKind kind : {WorkKind::GeneratedContraction, WorkKind::GeneratedConvolution})
      if (*work == name(kind))
        return kind;
  double largest = 1, result = 0;
  const std::vector<int64_t> *read = integersOf(kernel, readName);
  for (size_t k = 0; k < kernel.operands.size(); ++k)
    largest = std::max(largest, read && k < read->size() ? double((*read)[k]) : elementsIn(kernel.operands[k].shape));
  for (const plan::KernelOperand &operand : kernel.results)
    result = std::max(result, elementsIn(operand.shape));
  return generatedKind(flops, kernel.operands.size(), std::max(largest, result), result);
}

WorkKind generatedKind(double flops, size_t operands, double largest, double result) {
  if (flops <= 0)
    return WorkKind::Movement;
  // Products reuse every element many times; no chain of elementwise operations that is worth fusing comes
  // near.
  constexpr double productReuse = 64;
  if (operands >= 2 && flops >= productReuse * largest)
    return WorkKind::GeneratedContraction;
  return 2 * result < largest ? WorkKind::Reduction : WorkKind::Elementwise;
}

namespace {

/// Part of the results of a convolution whose window reaches beyond the image. Strides are those that the shapes imply.
double borderShare(const std::vector<int64_t> &image, const std::vector<int64_t> &weights,
                   const std::vector<int64_t> &result) {
  double inside = 1;
  for (size_t d = 2; d < std::min({image.size(), weights.size(), result.size()}); ++d) {
    if (result[d] <= 0)
      return 0;
    const double stride = std::max(1.0, std::round(double(image[d]) / double(result[d])));
    const double padded = double(result[d] - 1) * stride + double(weights[d] - image[d]);
    const double atBorder = std::ceil(std::max(padded, 0.0) / stride);
    inside *= std::max(0.0, double(result[d]) - atBorder) / double(result[d]);
  }
  return 1 - inside;
}

} // namespace

void describeProduct(plan::Kernel &kernel, bool isConvolution, bool isChannelsLast, const std::vector<int64_t> &first,
                     const std::vector<int64_t> &second, const std::vector<int64_t> &result) {
  const WorkKind kind = isConvolution ? WorkKind::GeneratedConvolution : WorkKind::GeneratedContraction;
  kernel.strings.push_back({workName, std::string(name(kind))});
  if (first.empty() || second.size() < 2 || result.empty() || elementsIn(result) <= 0)
    return;
  int64_t m = 1, n = 1, k = 1;
  if (isConvolution && result.size() > 2) {
    const int64_t groups = std::max<int64_t>(second[1] > 0 ? first[1] / second[1] : 1, 1);
    bool isPointwise = true; // one tap: the spatial dimensions are one
    for (size_t d = 2; d < second.size(); ++d)
      isPointwise &= second[d] == 1 && first[d] == result[d];
    if (isChannelsLast)
      n = second[1] == 1 ? second[0] : std::max<int64_t>(second[0] / groups, 1);
    else
      for (size_t d = isPointwise ? 2 : result.size() - 1; d < result.size(); ++d)
        n *= result[d];
    k = int64_t(elementsIn(second)) / std::max<int64_t>(second[0], 1);
    if (double border = borderShare(first, second, result); border > 0)
      kernel.reals.push_back({borderName, {border}});
    m = std::max<int64_t>(int64_t(elementsIn(result)) / n, 1);
  } else {
    n = second.back();
    k = second[second.size() - 2];
    for (size_t d = 0; d + 1 < result.size(); ++d)
      m *= result[d];
    if (second.size() > 2) // a matrix for every matrix
      m = std::max<int64_t>(result.size() > 1 ? result[result.size() - 2] : 1, 1);
    if (n == 1)            // the lanes run along the sum
      std::swap(n, k);
  }
  kernel.integers.push_back({extentsName, {m, n, k}});
}

/// Of a recurrence: a product of the state in each time step, each of which reads the weights again. `work` has the bytes
/// of a pass over operands and results.
static void setRounds(Work &work, const plan::Kernel &kernel) {
  const std::string *cell = textOf(kernel, "cell");
  if (!cell || kernel.results.empty() || kernel.results[0].shape.size() != 3)
    return;
  const std::vector<int64_t> &result = kernel.results[0].shape; // [steps, batch, hidden]
  const bool isLstm = *cell == "lstm", isGru = *cell == "gru", isLbrGru = *cell == "lbr_gru";
  const double gates = isLstm ? 4 : isGru || isLbrGru ? 3 : 1, hidden = double(result[2]);
  work.rounds = double(result[0]);
  work.m = double(result[1]);
  work.n = gates * hidden;
  work.k = hidden;
  work.isOneThread = plan::recurrenceThreads(2 * work.m * work.n * work.k, 2) == 1;
  // A product for all inputs, then what each step takes beside reading its weights: measured as one call, as two for a
  // GRU, which has its reset gate between two products, and for an LSTM (decision 0015).
  if (work.libraryCalls > 0)
    work.libraryCalls = 1 + work.rounds * (isGru || isLstm ? 2 : 1);
  work.bytesRead += std::max(work.rounds - 1, 0.0) * gates * hidden * hidden * bitWidth(kernel.results[0].type) / 8;
}

void describeReads(plan::Kernel &kernel, const std::vector<int64_t> &elements) {
  for (size_t k = 0; k < elements.size() && k < kernel.operands.size(); ++k)
    if (double(elements[k]) < elementsIn(kernel.operands[k].shape)) {
      kernel.integers.push_back({readName, elements});
      return;
    }
}

Work workOf(const plan::Step &step, const plan::Kernel &kernel) {
  Work work;
  work.flops = step.flops;
  work.kind = workKindOf(kernel, step.flops);
  for (const plan::Buffer &buffer : step.reads)
    work.bytesRead += double(buffer.sizeBytes);
  for (const plan::Buffer &buffer : step.writes)
    work.bytesWritten += double(buffer.sizeBytes);
  if (step.bytes > 0) { // buffers may be larger than what the kernel touches (a gathered table)
    work.bytesWritten = std::min(work.bytesWritten, step.bytes);
    work.bytesRead = step.bytes - work.bytesWritten;
  }
  const bool isConvolution = work.kind == WorkKind::Convolution || work.kind == WorkKind::GeneratedConvolution;
  const bool product = isConvolution || work.kind == WorkKind::Contraction || work.kind == WorkKind::GeneratedContraction;
  const std::vector<plan::KernelOperand> &typed = kernel.operands.empty() ? kernel.results : kernel.operands;
  if (!typed.empty())
    work.type = product ? typed[0].type : arithmeticType(typed[0].type);
  work.libraryCalls = kernel.kind == plan::KernelKind::Library;
  const bool isRecurrence = contains(kernel.symbol, "recurrence");
  if (isRecurrence)
    setRounds(work, kernel);
  else if (product)
    setProductShape(work, kernel);
  const std::string *layout = textOf(kernel, "layout");
  work.channelsInFront = layout && *layout == "nchw";
  for (const auto &[name, values] : kernel.reals)
    if (name == borderName && values.size() == 1 && work.kind == WorkKind::GeneratedConvolution)
      work.borderShare = values[0];
  const std::vector<int64_t> *packed = integersOf(kernel, "packed");
  work.readsPlainRows = product && !isConvolution && !isRecurrence && (!packed || packed->empty() || (*packed)[0] == 0);
  return work;
}

Work copyWorkOf(const plan::Step &step, const plan::RankTable &rank) {
  Work work;
  work.kind = WorkKind::Movement;
  if (step.copyTable < rank.copies.size()) {
    double moved = 0;
    for (const plan::Move &move : rank.copies[step.copyTable])
      moved += elementsOf(move);
    work.bytesWritten = moved * bitWidth(step.type) / 8;
    const bool fills = step.reads.empty() || step.reads[0].space == plan::Space::None;
    work.bytesRead = fills ? 0 : work.bytesWritten;
  } else {
    work.bytesRead = work.bytesWritten = step.bytes / 2;
  }
  return work;
}

} // namespace ampc::cost
