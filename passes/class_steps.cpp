// What the operations of a class become: steps and the buffers that they read and write, in the order of the function.
#include "passes/class_scheduler.h"
#include "passes/executor_prices.h"
#include "passes/graph.h"
#include "passes/kernel_text.h"
#include "passes/library_kernel.h"
#include "passes/orders.h"
#include "runtime/kernels/library_kernels.h"

using namespace mlir;

namespace ampc {

static uint64_t bytesOf(Value value) { return uint64_t(typeOf(value).sizeBytes()); }

static bool atLoad(Operation *op) {
  auto attribute = op->getAttrOfType<BoolAttr>("at_load");
  return attribute && attribute.getValue();
}

int ClassScheduler::newBuffer(Value value, bool atLoad) {
  Virtual buffer;
  buffer.buffer.sizeBytes = bytesOf(value);
  if (Operation *op = value.getDefiningOp(); op->getNumRegions() == 1) {
    Value inside = op->getRegion(0).front().back().getOperand(cast<OpResult>(value).getResultNumber());
    if (Operation *inner = inside.getDefiningOp())
      buffer.computedBy = nameOf(inner).str();
  }
  buffer.atLoad = atLoad;
  buffers.push_back(buffer);
  return int(buffers.size()) - 1;
}

int ClassScheduler::fixedBuffer(plan::Buffer buffer, bool atLoad) {
  Virtual fixed;
  fixed.buffer = buffer;
  fixed.atLoad = atLoad;
  fixed.needsPlace = false;
  buffers.push_back(fixed);
  return int(buffers.size()) - 1;
}

void ClassScheduler::addStep(plan::Step step, std::vector<int> reads, std::vector<int> writes, bool atLoad) {
  steps.push_back({std::move(step), std::move(reads), std::move(writes), atLoad});
}

void ClassScheduler::addCopy(Operation *op, int read, int write, bool atLoad,
                             const std::function<std::vector<plan::Move>(uint32_t rank)> &moves) {
  plan::Step step;
  step.kind = plan::StepKind::Copy;
  step.name = nameOf(op).str();
  step.nodes = step.name;
  step.copyTable = uint32_t(out.plan.ranks[ranks[0]].copies.size());
  Value value = op->getNumResults() ? op->getResult(0) : op->getOperand(0);
  step.bytes = 2.0 * double(bytesOf(value));
  step.type = typeOf(value).type;
  for (uint32_t rank : ranks)
    out.plan.ranks[rank].copies.push_back(moves(rank));
  addStep(std::move(step), {read}, {write}, atLoad);
}

/// Index of the plan's blob for the weight of `parameter`, or the literal of `constant`.
uint32_t ClassScheduler::blobOf(Operation *op) {
  uint32_t weight = 0;
  if (auto number = op->getAttrOfType<IntegerAttr>("weight")) {
    weight = uint32_t(number.getInt());
  } else {
    HostTensor literal = *constantValue(op->getResult(0));
    std::string key(literal.bytes.begin(), literal.bytes.end());
    key = ":" + key;
    for (int64_t extent : literal.type.shape)
      key = "," + std::to_string(extent) + key;
    key = "literal " + std::string(name(literal.type.type)) + key;
    auto [it, isNew] = kernels.try_emplace(key, uint32_t(weights.weights.size()));
    if (isNew) {
      WeightReference reference;
      reference.name = nameOf(op).str();
      reference.type = literal.type;
      reference.sizeBytes = literal.bytes.size();
      reference.bytes = std::move(literal.bytes);
      weights.weights.push_back(std::move(reference));
    }
    weight = it->second;
  }
  auto [it, isNew] = blobs.try_emplace(weight, uint32_t(out.plan.blobs.size()));
  if (isNew) {
    const WeightReference &reference = weights.weights[weight];
    plan::Blob blob;
    blob.name = reference.name;
    blob.type = reference.type.type;
    blob.shape = reference.type.shape;
    blob.sizeBytes = reference.sizeBytes;
    out.plan.blobs.push_back(std::move(blob));
    out.blobWeights.push_back(weight);
  }
  return it->second;
}

void ClassScheduler::storage(Operation *op) {
  StringRef kind = op->getName().stripDialect();
  Sharding sharding = shardingOf(op);
  std::vector<int64_t> shape = sharding.globalShape();
  Tile whole = wholeTile(shape);
  if (kind == "output") {
    uint32_t index = uint32_t(op->getAttrOfType<IntegerAttr>("index").getInt());
    TensorType type = typeOf(op->getOperand(0));
    plan::Buffer target{plan::Space::Output, index, 0, uint64_t(sizeBytes(type.type, numElements(shape)))};
    std::vector<bool> split(grids[stage].axisSizes.size());
    for (const DimSharding &dim : sharding.dims)
      for (const Factor &factor : dim.factors)
        for (int axis : factor.axes)
          split[axis] = true;
    addCopy(op, bufferOf.lookup(op->getOperand(0)), fixedBuffer(target, false), false, [&](uint32_t rank) {
      // Of replicas, the one with coordinate 0 writes.
      std::vector<int64_t> coordinates = coordinatesOf(rank);
      for (size_t axis = 0; axis < split.size(); ++axis)
        if (!split[axis] && coordinates[axis] != 0)
          return std::vector<plan::Move>();
      return intersectTiles(tileOf(sharding, rank), whole);
    });
    return;
  }
  Value value = op->getResult(0);
  uint64_t globalBytes = uint64_t(sizeBytes(typeOf(value).type, numElements(shape)));
  if (kind == "input") {
    uint32_t index = uint32_t(op->getAttrOfType<IntegerAttr>("index").getInt());
    int source = fixedBuffer({plan::Space::Input, index, 0, globalBytes}, false);
    if (sharding.isReplicated()) {
      bufferOf[value] = source;
      return;
    }
    bufferOf[value] = newBuffer(value, false);
    addCopy(op, source, bufferOf[value], false,
            [&](uint32_t rank) { return intersectTiles(whole, tileOf(sharding, rank)); });
    return;
  }
  // A weight: read in place if every rank's part is one piece of the file, else copied once at load.
  uint32_t blob = blobOf(op);
  bool contiguous = true;
  for (uint32_t rank : ranks) {
    std::vector<plan::Move> moves = intersectTiles(whole, tileOf(sharding, rank));
    contiguous &= moves.size() == 1 && moves[0].dims.size() == 1 && moves[0].dims[0].sourceStride == 1;
  }
  uint32_t index = uint32_t(out.plan.ranks[ranks[0]].blobs.size());
  for (uint32_t rank : ranks) {
    uint64_t offset = 0;
    if (contiguous)
      offset = uint64_t(sizeBytes(typeOf(value).type, intersectTiles(whole, tileOf(sharding, rank))[0].sourceOffset));
    out.plan.ranks[rank].blobs.push_back({blob, offset});
  }
  int source = fixedBuffer({plan::Space::Blob, index, 0, contiguous ? bytesOf(value) : globalBytes}, true);
  if (contiguous) {
    bufferOf[value] = source;
    return;
  }
  bufferOf[value] = newBuffer(value, true);
  addCopy(op, source, bufferOf[value], true,
          [&](uint32_t rank) { return intersectTiles(whole, tileOf(sharding, rank)); });
}

uint32_t ClassScheduler::kernelIndex(Operation *op) {
  bool isGenerated = cast<StringAttr>(op->getAttr("executor")).getValue() == "generated";
  std::string text = kernelText(op);
  auto [it, isNew] =
      kernels.try_emplace((isGenerated ? "generated\n" : "builtin\n") + text, uint32_t(out.plan.kernels.size()));
  if (!isNew)
    return it->second;
  plan::Kernel kernel = isGenerated ? generatedKernelOf(op) : builtinCallOf(op).kernel;
  if (isGenerated) {
    kernel.symbol = "k" + std::to_string(out.requests.size());
    out.requests.push_back({kernel.symbol, std::move(text)});
    out.requestKernels.push_back(it->second);
  }
  out.plan.kernels.push_back(std::move(kernel));
  return it->second;
}

static plan::Step launchOf(Operation *op) {
  plan::Step step;
  step.kind = plan::StepKind::Launch;
  step.name = nameOf(op).str();
  for (Attribute node : op->getAttrOfType<ArrayAttr>("nodes"))
    step.nodes += (step.nodes.empty() ? "" : ",") + cast<StringAttr>(node).getValue().str();
  step.flops = kernelFlops(op);
  return step;
}

uint32_t ClassScheduler::kernelIndex(plan::Kernel kernel, const std::string &key) {
  auto [it, isNew] = kernels.try_emplace(key, uint32_t(out.plan.kernels.size()));
  if (isNew)
    out.plan.kernels.push_back(std::move(kernel));
  return it->second;
}

/// The parameters of the kernel that packs the weights of `kernel`, but for sizes that depend on the packed form.
static plan::Kernel packingOf(const plan::Kernel &kernel) {
  plan::Kernel packing;
  packing.kind = plan::KernelKind::Library;
  packing.results = {{DataType::U8, {0}}};
  packing.integers = kernel.integers;
  packing.reals = kernel.reals;
  packing.strings = kernel.strings;
  if (kernel.symbol == "onednn.recurrence") {
    packing.symbol = "onednn.pack_recurrence";
    packing.operands = {kernel.operands[1], kernel.operands[2]};
    packing.integers.push_back({"shapeX", kernel.operands[0].shape});
    return packing;
  }
  bool isMatmul = kernel.symbol == "onednn.matmul";
  packing.symbol = isMatmul ? "onednn.pack_matmul" : "onednn.pack_convolution";
  packing.operands = {kernel.operands[1]};
  packing.integers.push_back({isMatmul ? "shapeA" : "shapeX", kernel.operands[0].shape});
  packing.integers.push_back({isMatmul ? "shapeB" : "shapeW", kernel.operands[1].shape});
  if (!isMatmul)
    packing.integers.push_back({"shapeY", kernel.results[0].shape});
  packing.strings.push_back({"type", "f32"});
  packing.strings.push_back({"result_type", "f32"});
  return packing;
}

/// Weights in the library's own format, made once at load: turns `kernel`, which reads `reads`, into the one that reads
/// the packed form. False, and nothing changed, if there is none.
bool ClassScheduler::pack(plan::Kernel &kernel, Operation *op, std::vector<int> &reads) {
  plan::Kernel packing = packingOf(kernel);
  packing.integers.push_back({"packed", {1}});
  LibraryKernelFacts facts;
  if (libraryKernelFacts(packing, options.threads, facts) || facts.packedBytes == 0)
    return false;
  const int64_t packedBytes = int64_t(facts.packedBytes);
  packing.results[0].shape = {packedBytes};
  packing.integers.push_back({"packed_bytes", {packedBytes}});
  plan::Kernel packed = kernel;
  packed.integers.insert(packed.integers.end(), {{"packed", {1}}, {"packed_bytes", {packedBytes}}});
  // Two matrices of a recurrence become one operand; the operand of a product keeps its shape.
  const size_t numWeights = packing.operands.size();
  if (numWeights == 2) {
    packed.operands[1] = packing.results[0];
    packed.operands.erase(packed.operands.begin() + 2);
  }
  if (libraryKernelFacts(packed, options.threads, facts) || (numWeights == 1 && facts.isReference))
    return false;
  packed.workspaceBytes = facts.workspaceBytes;
  plan::Step step;
  step.kind = plan::StepKind::Launch;
  step.name = nameOf(op).str() + "/pack";
  step.nodes = nameOf(op).str();
  step.bytes = 2.0 * double(packedBytes);
  step.kernel = kernelIndex(std::move(packing), "pack\n" + kernelText(op));
  kernel = std::move(packed);
  std::vector<int> weights(reads.begin() + 1, reads.begin() + 1 + int64_t(numWeights));
  reads.erase(reads.begin() + 2, reads.begin() + 1 + int64_t(numWeights));
  // Kernels that use the same weights in the same way share the packed form: the steps of a recurrent cell.
  auto [known, isNew] = packedForms.try_emplace({weights, step.kernel}, 0);
  if (isNew) {
    Virtual buffer;
    buffer.buffer.sizeBytes = uint64_t(packedBytes);
    buffer.atLoad = true;
    buffers.push_back(buffer);
    known->second = int(buffers.size()) - 1;
    addStep(std::move(step), std::move(weights), {known->second}, true);
  }
  reads[1] = known->second;
  return true;
}

void ClassScheduler::libraryKernel(Operation *op) {
  LibraryCall call = *libraryCallOf(op, options.threads);
  plan::Step step = launchOf(op);
  std::vector<int> reads, writes;
  for (unsigned operand : call.operandOrder) {
    reads.push_back(bufferOf.lookup(op->getOperand(operand)));
    step.bytes += double(bytesOf(op->getOperand(operand)));
  }
  std::string key = "library\n" + kernelText(op);
  const size_t numWeights = packingOf(call.kernel).operands.size();
  bool areWeights = std::all_of(reads.begin() + 1, reads.begin() + 1 + int64_t(numWeights),
                                [&](int read) { return buffers[size_t(read)].atLoad; });
  if (areWeights && !atLoad(op) && pack(call.kernel, op, reads))
    key += "packed";
  for (Value result : op->getResults()) {
    bufferOf[result] = newBuffer(result, atLoad(op));
    writes.push_back(bufferOf[result]);
    step.bytes += double(bytesOf(result));
  }
  addStep(std::move(step), std::move(reads), std::move(writes), atLoad(op));
  steps.back().libraryKernel = std::move(call.kernel);
  steps.back().kernelKey = std::move(key);
}

/// Place in the function of what reads `value`, a view, or what has become a part of it last.
int64_t ClassScheduler::lastReader(Value value) {
  auto [known, isNew] = lastReaders.try_emplace(value, 0);
  if (!isNew)
    return known->second;
  int64_t last = 0;
  for (Operation *user : value.getUsers()) {
    const OpRow *row = OpTable::get().find(user);
    // What is sent is kept until the end.
    last = std::max(last, row && row->isView ? lastReader(user->getResult(0))
                          : isTransfer(user) ? int64_t(positions.size())
                                             : positions.lookup(user));
  }
  return lastReaders[value] = last;
}

/// `whole` lives as long as its part. Is it needed as long anyway, by what reads it or a part that it has already, or
/// does it not need much more memory?
bool ClassScheduler::livesLongEnough(Value part, Value whole) {
  constexpr uint64_t smallBytes = 256 << 10;
  const uint64_t bytes = bytesOf(whole);
  return !buffers[wholeOf(bufferOf.lookup(whole))].needsPlace || bytes <= smallBytes || bytes <= 4 * bytesOf(part) ||
         lastReader(part) <= lastReader(whole);
}

/// The first element of `slice` in its operand, if all of its elements lie one behind the other there, in the order in
/// which the result has them.
static std::optional<int64_t> firstOfPiece(Operation *slice, const Order &from, const Order &to) {
  OpInstance instance = instanceOf(slice);
  const std::vector<int64_t> &whole = instance.in(0), &piece = instance.out();
  if (!sameBytes(piece, from, to))
    return std::nullopt;
  std::vector<int64_t> starts = instance.integers("starts"), steps = instance.integers("steps");
  int64_t first = 0, stride = 1;
  bool isWhole = true; // all dimensions further in are taken whole
  for (size_t k = piece.size(); k-- > 0;) {
    const size_t d = from.empty() ? k : size_t(from[k]);
    if (piece[d] != 1 && (!isWhole || steps[d] != 1))
      return std::nullopt;
    isWhole &= piece[d] == whole[d];
    first += starts[d] * stride;
    stride *= whole[d];
  }
  return first;
}

/// True if `op` cuts one piece out of its operand's bytes, which then is the operand's buffer at an offset: no step.
bool ClassScheduler::isPart(Operation *op) {
  Block &body = op->getRegion(0).front();
  Operation &slice = body.front();
  if (atLoad(op) || !isSlice(&slice) || slice.getNextNode() != body.getTerminator())
    return false;
  Value result = op->getResult(0), operand = op->getOperand(0);
  const std::optional<int64_t> first = firstOfPiece(&slice, operandOrder(op, 0), resultOrder(op, 0));
  constexpr uint64_t lineBytes = 64; // as far as buffers are aligned
  const DataType type = typeOf(operand).type;
  if (!first || bytesOf(result) == 0 || bitWidth(type) < 8 || uint64_t(sizeBytes(type, *first)) % lineBytes != 0)
    return false;
  Value whole = operand;
  for (auto found = wholes.find(whole); found != wholes.end(); found = wholes.find(whole))
    whole = found->second;
  if (!livesLongEnough(result, whole))
    return false;
  const int source = bufferOf.lookup(operand);
  Virtual part;
  part.buffer.sizeBytes = bytesOf(result);
  part.buffer.offsetBytes = uint64_t(sizeBytes(type, *first));
  if (buffers[source].partOf >= 0)
    part.buffer.offsetBytes += buffers[source].buffer.offsetBytes;
  part.partOf = wholeOf(source);
  part.needsPlace = false;
  buffers.push_back(part);
  bufferOf[result] = int(buffers.size()) - 1;
  wholes[result] = whole;
  lastReaders[whole] = std::max(lastReader(whole), lastReader(result)); // this slice is no reader: its own readers are
  return true;
}

void ClassScheduler::kernel(Operation *op) {
  if (cast<StringAttr>(op->getAttr("executor")).getValue().starts_with("library:"))
    return libraryKernel(op);
  plan::Step step = launchOf(op);
  step.kernel = kernelIndex(op);
  std::vector<int> reads, writes;
  for (Value operand : op->getOperands())
    reads.push_back(bufferOf.lookup(operand));
  step.bytes += bytesRead(op);
  // One operand may be several of the builtin's.
  if (cast<StringAttr>(op->getAttr("executor")).getValue() != "generated") {
    std::vector<int> distinct = std::move(reads);
    for (unsigned operand : builtinCallOf(op).operandOrder)
      reads.push_back(distinct[operand]);
  }
  for (Value result : op->getResults()) {
    bufferOf[result] = newBuffer(result, atLoad(op));
    writes.push_back(bufferOf[result]);
    step.bytes += double(bytesOf(result));
  }
  addStep(std::move(step), std::move(reads), std::move(writes), atLoad(op));
  steps.back().inPlace = inPlaceOf(op);
}

void ClassScheduler::communication(Operation *op) {
  plan::Step step;
  step.name = nameOf(op).str();
  step.nodes = step.name;
  Value value = op->getNumOperands() ? op->getOperand(0) : op->getResult(0);
  std::string key = step.name;
  for (const std::vector<uint32_t> &group : groupsOf(op))
    for (uint32_t rank : group)
      key += "," + std::to_string(rank);
  auto [it, isNew] = communications.try_emplace(key, uint32_t(out.plan.communications.size()));
  if (isNew) {
    out.plan.communications.push_back(communicationOf(op, grids, typeOf(value).type));
    if (isTransfer(op) && options.keepsSent && !atLoad(op))
      out.plan.communications.back().kind = plan::StepKind::Send;
  }
  step.kind = out.plan.communications[it->second].kind;
  step.communication = it->second;
  step.bytes = out.plan.communications[it->second].bytesPerRank;
  std::vector<int> reads, writes;
  if (op->getNumOperands())
    reads.push_back(bufferOf.lookup(op->getOperand(0)));
  if (op->getNumResults()) {
    bufferOf[op->getResult(0)] = newBuffer(op->getResult(0), atLoad(op));
    writes.push_back(bufferOf[op->getResult(0)]);
  }
  addStep(std::move(step), std::move(reads), std::move(writes), atLoad(op));
}

void ClassScheduler::slice(Operation *op) {
  ReshardStep step = reshardStepOf(op);
  Order order = resultOrder(op, 0);
  bufferOf[op->getResult(0)] = newBuffer(op->getResult(0), atLoad(op));
  addCopy(op, bufferOf.lookup(op->getOperand(0)), bufferOf[op->getResult(0)], atLoad(op), [&](uint32_t rank) {
    return intersectTiles(tileInOrder(tileOf(step.from, rank), order), tileInOrder(tileOf(step.to, rank), order));
  });
}

} // namespace ampc
