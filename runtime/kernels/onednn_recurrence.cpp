// Recurrent cells: descriptions of a layer with one direction, and the form that the library prefers for its weights.
#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/onednn_objects.h"
#include "runtime/kernels/recurrence.h"

#include <algorithm>

namespace ampc {

namespace {

/// The layer as the library sees it; w and r in the form that it prefers.
struct Layer {
  OwnedDesc x, bias, state, y;
  OwnedDesc plainW, plainR; // [1, 1, inputs, gates, hidden], row-major
  OwnedDesc w, r;
  OwnedPrimitiveDesc primitive;

  uint64_t plainBytes = 0, preferredBytes = 0; // of both matrices, each from a multiple of 64 bytes
  uint64_t plainOffset = 0, preferredOffset = 0; // of r behind w
};

uint64_t aligned(uint64_t size) { return (size + 63) / 64 * 64; }

OwnedPrimitiveDesc describe(OneDnnBuilder &builder, const Recurrence &sizes, const Layer &layer, dnnl_memory_desc_t w,
                            dnnl_memory_desc_t r) {
  OwnedAttributes attributes = builder.attributes(nullptr);
  if (builder.error)
    return {};
  const OneDnn &library = builder.library;
  const dnnl_engine_t engine = builder.engine->get();
  const dnnl_rnn_direction_t direction =
      sizes.isReversed ? dnnl_unidirectional_right2left : dnnl_unidirectional_left2right;
  const dnnl_prop_kind_t kind = dnnl_forward_inference;
  const dnnl_memory_desc_t x = layer.x.get(), state = layer.state.get(), bias = layer.bias.get(), y = layer.y.get();
  dnnl_primitive_desc_t raw = nullptr;
  dnnl_status_t status = dnnl_unimplemented;
  switch (sizes.cell) {
  case RecurrentCell::Lstm:
    status = library.lstm_forward_primitive_desc_create(&raw, engine, kind, direction, x, state, state, w, r, nullptr,
                                                        nullptr, bias, y, state, state, 0, attributes.get());
    break;
  case RecurrentCell::Gru:
    status = library.gru_forward_primitive_desc_create(&raw, engine, kind, direction, x, state, w, r, bias, y, state, 0,
                                                       attributes.get());
    break;
  case RecurrentCell::LbrGru:
    status = library.lbr_gru_forward_primitive_desc_create(&raw, engine, kind, direction, x, state, w, r, bias, y,
                                                           state, 0, attributes.get());
    break;
  case RecurrentCell::RnnTanh:
  case RecurrentCell::RnnRelu:
    status = library.vanilla_rnn_forward_primitive_desc_create(
        &raw, engine, kind, sizes.cell == RecurrentCell::RnnTanh ? dnnl_eltwise_tanh : dnnl_eltwise_relu, direction, x,
        state, w, r, bias, y, state, 0, 0, 0, attributes.get());
    break;
  }
  if (!builder.ok(status, "this recurrent cell"))
    return {};
  return {library, raw};
}

/// The primitive itself reads the preferred form; without it (`isPlain`) the row-major one.
Layer layerOf(OneDnnBuilder &builder, const Recurrence &sizes, bool isPlain) {
  Layer layer;
  auto rowMajor = [&](std::vector<int64_t> dims) { return builder.desc(dims, DataType::F32, rowMajorStrides(dims)); };
  const std::vector<int64_t> dimsW = {1, 1, sizes.inputs, sizes.gates(), sizes.hidden},
                             dimsR = {1, 1, sizes.hidden, sizes.gates(), sizes.hidden};
  layer.x = rowMajor({sizes.steps, sizes.batch, sizes.inputs});
  layer.y = rowMajor({sizes.steps, sizes.batch, sizes.hidden});
  layer.state = rowMajor({1, 1, sizes.batch, sizes.hidden});
  layer.bias = rowMajor({1, 1, sizes.biases(), sizes.hidden});
  layer.plainW = rowMajor(dimsW);
  layer.plainR = rowMajor(dimsR);
  OwnedDesc anyW = builder.anyDesc(dimsW, DataType::F32), anyR = builder.anyDesc(dimsR, DataType::F32);
  layer.primitive = isPlain ? describe(builder, sizes, layer, layer.plainW.get(), layer.plainR.get())
                            : describe(builder, sizes, layer, anyW.get(), anyR.get());
  if (builder.error)
    return layer;
  auto chosen = [&](int argument) {
    return builder.clone(
        builder.library.primitive_desc_query_md(layer.primitive.get(), dnnl_query_exec_arg_md, argument));
  };
  layer.w = chosen(DNNL_ARG_WEIGHTS_LAYER);
  layer.r = chosen(DNNL_ARG_WEIGHTS_ITER);
  if (builder.error)
    return layer;
  auto size = [&](const OwnedDesc &desc) { return uint64_t(builder.library.memory_desc_get_size(desc.get())); };
  layer.plainOffset = aligned(size(layer.plainW));
  layer.plainBytes = layer.plainOffset + size(layer.plainR);
  layer.preferredOffset = aligned(size(layer.w));
  layer.preferredBytes = layer.preferredOffset + size(layer.r);
  return layer;
}

/// The layer for weights packed into `limitBytes`: where the preferred form does not fit (another version of the
/// library), packing kernel and cell take the plain one.
Layer packedLayer(OneDnnBuilder &builder, const Recurrence &sizes, uint64_t limitBytes) {
  Layer layer = layerOf(builder, sizes, false);
  if (!builder.error && layer.preferredBytes > limitBytes) {
    layer = layerOf(builder, sizes, true);
    if (!builder.error && layer.preferredBytes > limitBytes)
      builder.fail("the buffer for packed weights is too small");
  }
  return layer;
}

Recurrence read(OneDnnBuilder &builder, const plan::Kernel &kernel, size_t weightOperands) {
  std::string fault;
  Recurrence sizes = readRecurrence(kernel, weightOperands, fault);
  if (!fault.empty())
    builder.fail(fault);
  return sizes;
}

} // namespace

OneDnnKernelDraft draftRecurrence(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  const bool isPacked = integer(kernel, "packed", 0) != 0;
  const Recurrence sizes = read(builder, kernel, isPacked ? 1 : 2);
  if (builder.error)
    return draft;
  threads = plan::recurrenceThreads(sizes.roundFlops(), threads);
  OneDnnThreads scope(builder.library, threads);
  const uint64_t limit = packedLimit(kernel);
  if (isPacked && (kernel.operands[1].type != DataType::U8 || kernel.operands[1].shape != std::vector{int64_t(limit)})) {
    builder.fail("the packed weights of a recurrence have the wrong size");
    return draft;
  }
  Layer layer = isPacked ? packedLayer(builder, sizes, limit) : layerOf(builder, sizes, true);
  if (builder.error)
    return draft;
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  std::vector<OneDnnArgument> arguments = {
      {DNNL_ARG_SRC_LAYER, layer.x.get(), 0},
      {DNNL_ARG_WEIGHTS_LAYER, layer.w.get(), 1},
      {DNNL_ARG_WEIGHTS_ITER, layer.r.get(), isPacked ? 1 : 2, isPacked ? layer.preferredOffset : 0}};
  int buffer = isPacked ? 2 : 3;
  arguments.push_back({DNNL_ARG_BIAS, layer.bias.get(), buffer++});
  arguments.push_back({DNNL_ARG_SRC_ITER, layer.state.get(), buffer++});
  if (sizes.hasCellState())
    arguments.push_back({DNNL_ARG_SRC_ITER_C, layer.state.get(), buffer++});
  arguments.push_back({DNNL_ARG_DST_LAYER, layer.y.get(), buffer++});
  arguments.push_back({DNNL_ARG_DST_ITER, layer.state.get(), buffer++});
  if (sizes.hasCellState())
    arguments.push_back({DNNL_ARG_DST_ITER_C, layer.state.get(), buffer++});
  draft.kernel->add(builder, layer.primitive, std::move(arguments));
  return draft;
}

OneDnnKernelDraft draftPackRecurrence(OneDnnBuilder &builder, const plan::Kernel &kernel, uint32_t threads) {
  OneDnnKernelDraft draft;
  const auto *x = findIntegers(kernel, "shapeX");
  if (!x || x->size() != 3 || kernel.operands.size() != 2 || kernel.operands[1].shape.size() != 2 ||
      kernel.operands[1].shape[0] < 1 || kernel.operands[1].shape[0] > largestRecurrence || kernel.results.size() != 1) {
    builder.fail("a packing kernel lacks parameters");
    return draft;
  }
  // The cell that reads it, for the one check of sizes.
  plan::Kernel cell = kernel;
  const std::optional<RecurrentCell> known = recurrentCellOf(text(kernel, "cell"));
  Recurrence shape;
  shape.cell = known.value_or(RecurrentCell::Lstm);
  const int64_t hidden = kernel.operands[1].shape[0];
  const plan::KernelOperand state = {DataType::F32, {(*x)[1], hidden}};
  cell.operands.insert(cell.operands.begin(), {DataType::F32, *x});
  cell.operands.push_back({DataType::F32, {shape.biases() * hidden}});
  cell.results = {{DataType::F32, {(*x)[0], (*x)[1], hidden}}};
  for (int k = 0; k < (shape.hasCellState() ? 2 : 1); ++k) {
    cell.operands.push_back(state);
    cell.results.push_back(state);
  }
  const Recurrence sizes = read(builder, cell, 2);
  if (builder.error)
    return draft;
  // As the cell that reads it: the form may depend on how many threads there are.
  OneDnnThreads scope(builder.library, plan::recurrenceThreads(sizes.roundFlops(), threads));
  const uint64_t limit = packedLimit(kernel);
  Layer layer = packedLayer(builder, sizes, limit);
  if (builder.error)
    return draft;
  draft.packedBytes = std::max(layer.plainBytes, layer.preferredBytes);
  draft.kernel = std::make_unique<OneDnnKernel>(builder, threads);
  auto pack = [&](const OwnedDesc &plain, const OwnedDesc &target, int operand, uint64_t offset) {
    OwnedPrimitiveDesc reorder = builder.reorder(plain.get(), target.get());
    if (!builder.error)
      draft.kernel->add(builder, reorder,
                        {{DNNL_ARG_FROM, plain.get(), operand}, {DNNL_ARG_TO, target.get(), 2, offset}});
  };
  pack(layer.plainW, layer.w, 0, 0);
  pack(layer.plainR, layer.r, 1, layer.preferredOffset);
  return draft;
}

} // namespace ampc
