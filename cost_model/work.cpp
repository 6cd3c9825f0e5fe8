// Reads the work of a step off its kernel and buffers.
#include "cost_model/work.h"

#include <algorithm>

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

void setProductShape(Work &work, const plan::Kernel &kernel) {
  if (kernel.results.empty() || kernel.operands.size() < 2)
    return;
  const std::vector<int64_t> &result = kernel.results[0].shape, &second = kernel.operands[1].shape;
  const double elements = elementsIn(result);
  if (result.empty() || elements <= 0 || work.flops <= 0)
    return;
  work.k = work.flops / (2 * elements);
  double batch = 1;
  if (work.kind == WorkKind::Convolution) {
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
    for (std::string_view product : {"matmul", "gemm", "inner_product", "lstm", "gru", "rnn"})
      if (contains(kernel.symbol, product))
        return WorkKind::Contraction;
  }
  double largest = 1, result = 0;
  for (const plan::KernelOperand &operand : kernel.operands)
    largest = std::max(largest, elementsIn(operand.shape));
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
    return WorkKind::Contraction;
  return 2 * result < largest ? WorkKind::Reduction : WorkKind::Elementwise;
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
  const bool product = work.kind == WorkKind::Contraction || work.kind == WorkKind::Convolution;
  const std::vector<plan::KernelOperand> &typed = kernel.operands.empty() ? kernel.results : kernel.operands;
  if (!typed.empty())
    work.type = product ? typed[0].type : arithmeticType(typed[0].type);
  if (product)
    setProductShape(work, kernel);
  for (const auto &[name, text] : kernel.strings)
    work.channelsInFront |= name == "layout" && text == "nchw";
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
