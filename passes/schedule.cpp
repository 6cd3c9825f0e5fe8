// Turns the functions of the rank classes into programs.
#include "passes/schedule.h"

#include "ir/diagnostic.h"
#include "passes/attributes.h"
#include "passes/communication.h"
#include "passes/executor_prices.h"
#include "passes/kernel_text.h"
#include "passes/library_kernel.h"
#include "passes/orders.h"
#include "passes/overlap_order.h"
#include "passes/overwrites.h"
#include "passes/place_buffers.h"
#include "passes/step_waits.h"
#include "runtime/kernels/library_kernels.h"

#include <map>

using namespace mlir;

namespace ampc {

namespace {

/// Builds the two programs (init, forward) of one class.
class ClassScheduler {
public:
  ClassScheduler(func::FuncOp function, ScheduledPlan &out, WeightStore &weights, const std::vector<Grid> &grids,
                 std::map<std::string, uint32_t> &kernels, std::map<std::string, uint32_t> &communications,
                 std::map<uint32_t, uint32_t> &blobs, const ScheduleOptions &options)
      : function(function), out(out), weights(weights), grids(grids), kernels(kernels), communications(communications),
        blobs(blobs), options(options), stage(ampc::stageOf(function)) {
    for (int64_t rank : function->getAttrOfType<DenseI64ArrayAttr>("ranks").asArrayRef())
      ranks.push_back(uint32_t(rank));
  }
  /// The step list, and a check of its memory. With `stepSeconds` the forward steps are reordered: their communications
  /// get the order in `communicationOrder`, by name, or leave theirs there if it is empty; false if they cannot take
  /// it.
  llvm::Expected<bool> run(const std::vector<double> *stepSeconds, std::vector<std::string> &communicationOrder);

private:
  /// A buffer before it has an offset. Storage decides which arena it goes to.
  struct Virtual {
    plan::Buffer buffer;
    std::string computedBy;     // the operator; empty if it is none that a kernel holds
    bool atLoad = false;        // written by the init program
    bool readByForward = false; // atLoad buffers that outlive the init program
    bool needsPlace = true;     // Activation or Persistent: placed below
    int64_t begin = -1, end = -1;
  };

  int newBuffer(Value value, bool atLoad);
  int fixedBuffer(plan::Buffer buffer, bool atLoad);
  void addStep(plan::Step step, std::vector<int> reads, std::vector<int> writes, bool atLoad);
  void addCopy(Operation *op, int read, int write, bool atLoad,
               const std::function<std::vector<plan::Move>(uint32_t rank)> &moves);
  void storage(Operation *op);
  void kernel(Operation *op);
  void libraryKernel(Operation *op);
  int pack(plan::Kernel &kernel, Operation *op, int weights);
  uint32_t kernelIndex(plan::Kernel kernel, const std::string &key);
  void communication(Operation *op);
  void slice(Operation *op);
  bool reorder(const std::vector<double> &seconds, std::vector<std::string> &communicationOrder);
  void chooseInPlace();
  void place();
  void stretchLifetimes();
  llvm::Error checkMemory();
  uint32_t kernelIndex(Operation *op);
  uint32_t blobOf(Operation *op);
  Tile tileOf(const Sharding &sharding, uint32_t rank) const {
    return sharding.tile(grids[stage], coordinatesOf(rank));
  }
  std::vector<int64_t> coordinatesOf(uint32_t rank) const {
    return grids[stage].coordinates(int64_t(rank) - firstRankOf(grids, stage));
  }

  func::FuncOp function;
  ScheduledPlan &out;
  WeightStore &weights;
  const std::vector<Grid> &grids;
  std::map<std::string, uint32_t> &kernels;
  std::map<std::string, uint32_t> &communications;
  std::map<uint32_t, uint32_t> &blobs; // weight -> blob
  const ScheduleOptions &options;
  int stage;
  std::vector<uint32_t> ranks;

  llvm::DenseMap<Value, int> bufferOf;
  std::map<std::pair<int, uint32_t>, int> packedForms; // by weights and packing kernel
  std::vector<Virtual> buffers;
  struct Pending {
    plan::Step step;
    std::vector<int> reads, writes;
    bool atLoad;
    std::optional<plan::Kernel> libraryKernel = std::nullopt; // not in the plan yet: it may work in place
    std::string kernelKey = {};
    std::vector<plan::InPlacePair> inPlace = {}; // what a generated kernel may do
    StepValues values = {}; // `reads` and `writes` before any kernel works in place
  };
  std::vector<Pending> steps;
  bool isReordered = false;
  uint32_t programs[2] = {}; // forward, init
  std::vector<int> placeOf; // the buffer whose place a buffer takes: its own, or another's that is worked on in place
};

} // namespace

/// Does the step run on the queue of communications, where there is one? Telling a receiver that its value is there
/// takes no time: on that queue it would only hold up what comes for the next request.
static bool usesLinks(const plan::Step &step, const std::vector<int> &writes) {
  return plan::isCommunication(step.kind) && !(step.kind == plan::StepKind::Send && writes.empty());
}

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
  StringRef executor = cast<StringAttr>(op->getAttr("executor")).getValue();
  std::string text = kernelText(op);
  auto [it, isNew] = kernels.try_emplace((executor + "\n" + text).str(), uint32_t(out.plan.kernels.size()));
  if (!isNew)
    return it->second;
  plan::Kernel kernel = generatedKernelOf(op);
  if (executor == "generated") {
    kernel.symbol = "k" + std::to_string(out.requests.size());
    out.requests.push_back({kernel.symbol, std::move(text)});
    out.requestKernels.push_back(it->second);
  } else {
    kernel.kind = plan::KernelKind::Builtin;
    kernel.symbol = executor.split(':').second.str();
    for (NamedAttribute attribute : op->getRegion(0).front().front().getAttrs()) {
      std::string name = attribute.getName().str();
      if (auto integer = dyn_cast<IntegerAttr>(attribute.getValue()))
        kernel.integers.push_back({name, {integer.getInt()}});
      else if (auto list = dyn_cast<DenseI64ArrayAttr>(attribute.getValue()))
        kernel.integers.push_back({name, list.asArrayRef().vec()});
      else if (auto real = dyn_cast<FloatAttr>(attribute.getValue()))
        kernel.reals.push_back({name, {real.getValueAsDouble()}});
      else if (auto reals = dyn_cast<DenseF64ArrayAttr>(attribute.getValue()))
        kernel.reals.push_back({name, reals.asArrayRef().vec()});
      else if (auto text = dyn_cast<StringAttr>(attribute.getValue()); text && name != "name")
        kernel.strings.push_back({name, text.getValue().str()});
    }
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

/// Weights in the library's own format, made once at load; the buffer of the packed form, or `weights` if it has none.
int ClassScheduler::pack(plan::Kernel &kernel, Operation *op, int weights) {
  plan::Kernel packed = kernel;
  packed.integers.push_back({"packed", {1}});
  LibraryKernelFacts facts;
  if (libraryKernelFacts(packed, options.threads, facts) || facts.packedBytes == 0 || facts.isReference)
    return weights;
  packed.integers.push_back({"packed_bytes", {int64_t(facts.packedBytes)}});
  packed.workspaceBytes = facts.workspaceBytes;
  bool isMatmul = kernel.symbol == "onednn.matmul";
  plan::Kernel packing;
  packing.kind = plan::KernelKind::Library;
  packing.symbol = isMatmul ? "onednn.pack_matmul" : "onednn.pack_convolution";
  packing.operands = {kernel.operands[1]};
  packing.results = {{DataType::U8, {int64_t(facts.packedBytes)}}};
  packing.integers = packed.integers;
  packing.reals = packed.reals;
  packing.strings = packed.strings;
  packing.integers.push_back({isMatmul ? "shapeA" : "shapeX", kernel.operands[0].shape});
  packing.integers.push_back({isMatmul ? "shapeB" : "shapeW", kernel.operands[1].shape});
  if (!isMatmul)
    packing.integers.push_back({"shapeY", kernel.results[0].shape});
  packing.strings.push_back({"type", "f32"});
  packing.strings.push_back({"result_type", "f32"});
  plan::Step step;
  step.kind = plan::StepKind::Launch;
  step.name = nameOf(op).str() + "/pack";
  step.nodes = nameOf(op).str();
  step.bytes = 2.0 * double(facts.packedBytes);
  step.kernel = kernelIndex(packing, "pack\n" + kernelText(op));
  kernel = std::move(packed);
  // Kernels that use the same weights in the same way share the packed form: the steps of a recurrent cell.
  auto [known, isNew] = packedForms.try_emplace({weights, step.kernel}, 0);
  if (!isNew)
    return known->second;
  Virtual buffer;
  buffer.buffer.sizeBytes = facts.packedBytes;
  buffer.atLoad = true;
  buffers.push_back(buffer);
  int result = int(buffers.size()) - 1;
  addStep(std::move(step), {weights}, {result}, true);
  return known->second = result;
}

void ClassScheduler::libraryKernel(Operation *op) {
  LibraryCall call = *libraryCallOf(op, options.threads);
  plan::Step step = launchOf(op);
  std::vector<int> reads;
  for (unsigned operand : call.operandOrder) {
    reads.push_back(bufferOf.lookup(op->getOperand(operand)));
    step.bytes += double(bytesOf(op->getOperand(operand)));
  }
  std::string key = "library\n" + kernelText(op);
  if (buffers[reads[1]].atLoad && !atLoad(op)) {
    int packed = pack(call.kernel, op, reads[1]);
    if (packed != reads[1])
      key += "packed";
    reads[1] = packed;
  }
  step.bytes += double(bytesOf(op->getResult(0)));
  int write = newBuffer(op->getResult(0), atLoad(op));
  bufferOf[op->getResult(0)] = write;
  addStep(std::move(step), std::move(reads), {write}, atLoad(op));
  steps.back().libraryKernel = std::move(call.kernel);
  steps.back().kernelKey = std::move(key);
}

void ClassScheduler::kernel(Operation *op) {
  if (cast<StringAttr>(op->getAttr("executor")).getValue().starts_with("library:"))
    return libraryKernel(op);
  plan::Step step = launchOf(op);
  step.kernel = kernelIndex(op);
  std::vector<int> reads, writes;
  for (Value operand : op->getOperands()) {
    reads.push_back(bufferOf.lookup(operand));
    step.bytes += double(bytesOf(operand));
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

/// Puts the forward steps behind those of the load, in the order in which two queues do them best. All classes of a
/// stage keep one order of communications, or they would wait for each other.
bool ClassScheduler::reorder(const std::vector<double> &seconds, std::vector<std::string> &communicationOrder) {
  std::vector<Pending> loads, forwards;
  for (Pending &pending : steps)
    (pending.atLoad ? loads : forwards).push_back(std::move(pending));
  std::vector<TimedStep> timed;
  std::map<std::string, size_t> communicationSteps;
  for (size_t k = 0; k < forwards.size(); ++k) {
    const bool communicates = usesLinks(forwards[k].step, forwards[k].writes);
    timed.push_back({forwards[k].reads, forwards[k].writes, communicates, k < seconds.size() ? seconds[k] : 0});
    if (communicates)
      communicationSteps[forwards[k].step.name] = k;
  }
  const bool isFirst = communicationOrder.empty();
  std::vector<size_t> forced;
  for (const std::string &name : communicationOrder)
    if (auto step = communicationSteps.find(name); step != communicationSteps.end())
      forced.push_back(step->second);
  if (!isFirst && (forced.size() != communicationOrder.size() || forced.size() != communicationSteps.size()))
    return false;
  std::optional<std::vector<size_t>> order = overlapOrder(timed, forced);
  if (!order)
    return false;
  steps = std::move(loads);
  for (size_t step : *order) {
    if (isFirst && timed[step].isCommunication)
      communicationOrder.push_back(forwards[step].step.name);
    steps.push_back(std::move(forwards[step]));
  }
  isReordered = true;
  return true;
}

/// A kernel works in the buffer of an operand that nobody reads afterwards, where it may: less memory, and less traffic.
/// A library kernel that adds such an operand adds its product to it; a generated one writes a result over it, as does an
/// all_reduce. Registers the kernels of library steps.
void ClassScheduler::chooseInPlace() {
  std::vector<size_t> lastRead(buffers.size(), 0), writers(buffers.size(), 0);
  for (size_t k = 0; k < steps.size(); ++k) {
    for (int read : steps[k].reads)
      lastRead[read] = steps[k].step.kind == plan::StepKind::Send ? steps.size() : std::max(lastRead[read], k);
    for (int write : steps[k].writes)
      ++writers[write];
  }
  placeOf.resize(buffers.size());
  for (size_t k = 0; k < placeOf.size(); ++k)
    placeOf[k] = int(k);
  for (size_t k = 0; k < steps.size(); ++k) {
    Pending &pending = steps[k];
    pending.values.reads = pending.reads;
    pending.values.writes = pending.writes;
    for (std::vector<int> *list : {&pending.reads, &pending.writes})
      for (int &buffer : *list)
        buffer = placeOf[buffer];
    // True if the result now has the operand's buffer. Weights, inputs and what is computed at load stay as they are.
    auto workIn = [&](size_t operand, size_t result) {
      const int target = pending.reads[operand], old = pending.writes[result];
      if (pending.atLoad || !buffers[target].needsPlace || buffers[target].atLoad || lastRead[target] != k ||
          writers[target] == 0 || buffers[target].buffer.sizeBytes != buffers[old].buffer.sizeBytes ||
          llvm::count(pending.reads, target) != 1 || llvm::is_contained(pending.writes, target))
        return false;
      pending.values.inPlace.push_back({pending.values.reads[operand], pending.values.writes[result]});
      out.takenOver.push_back({buffers[pending.values.reads[operand]].computedBy, buffers[old].computedBy});
      pending.writes[result] = target;
      placeOf[old] = target;
      lastRead[target] = lastRead[old];
      buffers[old].needsPlace = false;
      return true;
    };
    for (const plan::InPlacePair &pair : pending.inPlace)
      if (pending.writes[pair.result] == pending.values.writes[pair.result] && workIn(pair.operand, pair.result)) {
        std::vector<plan::InPlacePair> &used = out.plan.kernels[pending.step.kernel].inPlace;
        if (!llvm::is_contained(used, pair))
          used.push_back(pair);
      }
    if (pending.step.kind == plan::StepKind::AllReduce)
      workIn(0, 0);
    if (!pending.libraryKernel)
      continue;
    std::optional<InPlaceSum> sum;
    if (!pending.atLoad)
      sum = inPlaceSumOf(*pending.libraryKernel, options.threads);
    if (sum && workIn(sum->operand, 0)) {
      pending.libraryKernel = std::move(sum->kernel);
      pending.kernelKey += "sum";
      pending.reads.erase(pending.reads.begin() + int64_t(sum->operand));
    }
    pending.step.kernel = kernelIndex(std::move(*pending.libraryKernel), pending.kernelKey);
  }
}

/// What communications touch lives as long as they may run beside computation.
void ClassScheduler::stretchLifetimes() {
  std::vector<TimedStep> timed;
  for (const Pending &pending : steps)
    if (!pending.atLoad)
      timed.push_back({pending.reads, pending.writes, usesLinks(pending.step, pending.writes)});
  std::vector<StepRange> ranges = sideBySide(timed);
  for (size_t k = 0; k < timed.size(); ++k) {
    for (int read : timed[k].reads)
      buffers[read].end = std::max(buffers[read].end, ranges[k].end);
    for (int write : timed[k].writes) {
      buffers[write].begin = std::min(buffers[write].begin, ranges[k].begin);
      buffers[write].end = std::max(buffers[write].end, ranges[k].end);
    }
  }
}

/// Lifetimes, offsets, and the final programs.
void ClassScheduler::place() {
  int64_t counts[2] = {0, 0};
  for (Pending &pending : steps) {
    int64_t time = counts[pending.atLoad]++;
    for (int read : pending.reads) {
      buffers[read].readByForward |= !pending.atLoad;
      bool isSent = pending.step.kind == plan::StepKind::Send;
      if (buffers[read].atLoad == pending.atLoad)
        buffers[read].end = std::max(buffers[read].end, isSent ? int64_t(steps.size()) : time);
    }
    for (int write : pending.writes) {
      if (buffers[write].begin < 0)
        buffers[write].begin = time;
      buffers[write].end = std::max(buffers[write].end, time);
    }
  }
  if (isReordered)
    stretchLifetimes();
  uint64_t persistentBytes = 0;
  std::vector<Lifetime> lifetimes[2];
  std::vector<int> placed[2];
  for (size_t k = 0; k < buffers.size(); ++k) {
    Virtual &buffer = buffers[k];
    if (!buffer.needsPlace)
      continue;
    if (buffer.atLoad && buffer.readByForward) {
      buffer.buffer.space = plan::Space::Persistent;
      buffer.buffer.offsetBytes = persistentBytes;
      persistentBytes += (buffer.buffer.sizeBytes + 63) / 64 * 64;
      continue;
    }
    buffer.buffer.space = plan::Space::Activation;
    lifetimes[buffer.atLoad].push_back({buffer.begin, buffer.end, buffer.buffer.sizeBytes});
    placed[buffer.atLoad].push_back(int(k));
  }
  uint64_t activationBytes[2];
  for (int load = 0; load < 2; ++load) {
    Placement placement = placeBuffers(lifetimes[load]);
    for (size_t k = 0; k < placed[load].size(); ++k)
      buffers[placed[load][k]].buffer.offsetBytes = placement.offsets[k];
    activationBytes[load] = placement.arenaBytes;
  }
  for (int load = 0; load < 2; ++load) {
    plan::Program program;
    program.name = (load ? "init." : "forward.") + function.getName().str();
    program.role = load ? plan::ProgramRole::Init : plan::ProgramRole::Forward;
    program.stage = uint32_t(stage);
    program.activationBytes = program.slotStrideBytes = activationBytes[load];
    for (Pending &pending : steps) {
      if (pending.atLoad != bool(load))
        continue;
      plan::Step step = pending.step;
      if (options.queues > 1 && usesLinks(step, pending.writes))
        step.queue = plan::communicationQueue;
      for (int read : pending.reads)
        step.reads.push_back(buffers[read].buffer);
      for (int write : pending.writes)
        step.writes.push_back(buffers[write].buffer);
      program.steps.push_back(std::move(step));
    }
    deriveWaits(program.steps);
    programs[load] = uint32_t(out.plan.programs.size());
    out.plan.programs.push_back(std::move(program));
  }
  for (uint32_t rank : ranks) {
    plan::RankTable &table = out.plan.ranks[rank];
    table.stage = uint32_t(stage);
    table.coordinates = coordinatesOf(rank);
    table.initProgram = programs[1];
    table.forwardProgram = programs[0];
    table.activationBytes = std::max(activationBytes[1], activationBytes[0] * out.plan.entry.slots);
    table.persistentBytes = persistentBytes;
    table.peakBytes = table.activationBytes + table.persistentBytes;
  }
}

/// Proves that no step, and no receiver of what was sent, finds its value overwritten, however the queues advance.
llvm::Error ClassScheduler::checkMemory() {
  for (bool atLoad : {true, false}) {
    std::vector<std::optional<ValuePlace>> places(buffers.size());
    for (size_t k = 0; k < buffers.size(); ++k) {
      const Virtual &buffer = buffers[placeOf[k]];
      if (buffer.atLoad == atLoad && buffer.buffer.space == plan::Space::Activation)
        places[k] = ValuePlace{buffer.buffer.offsetBytes, buffer.buffer.sizeBytes};
    }
    std::vector<StepValues> values;
    std::vector<const Pending *> walked;
    std::vector<int> kept;
    for (const Pending &pending : steps) {
      if (pending.atLoad != atLoad)
        continue;
      // Events are places in the list.
      const plan::Step &step = out.plan.programs[programs[atLoad]].steps[values.size()];
      values.push_back(pending.values);
      values.back().queue = step.queue;
      values.back().waits.assign(step.waits.begin(), step.waits.end());
      walked.push_back(&pending);
      if (pending.step.kind == plan::StepKind::Send)
        kept.insert(kept.end(), pending.values.reads.begin(), pending.values.reads.end());
    }
    if (std::optional<Overwrite> overwrite = findOverwrite(values, places, kept))
      return makeError(ErrorCode::Internal, "the step list overwrites a value that is still needed",
                       {{"program", function.getName().str()},
                        {"step", overwrite->step < walked.size() ? walked[overwrite->step]->step.name : "the end"}},
                       "report this with the model");
  }
  return llvm::Error::success();
}

llvm::Expected<bool> ClassScheduler::run(const std::vector<double> *stepSeconds,
                                         std::vector<std::string> &communicationOrder) {
  for (Operation &op : function.getBody().front().without_terminator()) {
    const OpRow *row = OpTable::get().find(&op);
    if (row && row->opClass == OpClass::Storage)
      storage(&op);
    else if (row && row->isView)
      bufferOf[op.getResult(0)] = bufferOf.lookup(op.getOperand(0));
    else if (isCommunication(&op))
      communication(&op);
    else if (op.getName().stripDialect() == "reshard")
      slice(&op);
    else
      kernel(&op);
  }
  if (stepSeconds && !reorder(*stepSeconds, communicationOrder))
    return false;
  chooseInPlace();
  place();
  if (llvm::Error error = checkMemory())
    return error;
  return true;
}

/// `isKept`: the stages whose steps keep their order; gains one, and there is no plan, if its classes have no common
/// one.
static llvm::Expected<std::optional<ScheduledPlan>> schedule(ModuleOp module, WeightStore &weights,
                                                             const plan::EntryPoint &entry,
                                                             const ScheduleOptions &options,
                                                             std::vector<bool> &isKept) {
  ScheduledPlan out;
  out.plan.entry = entry;
  std::vector<Grid> grids = gridsOf(module);
  for (size_t stage = 0; stage < grids.size(); ++stage)
    out.plan.stages.push_back({grids[stage], uint32_t(firstRankOf(grids, int(stage)))});
  out.plan.ranks.resize(size_t(firstRankOf(grids, int(grids.size()))));
  isKept.resize(grids.size());
  std::map<std::string, uint32_t> kernels, communications;
  std::map<uint32_t, uint32_t> blobs;
  std::vector<std::vector<std::string>> communicationOrders(grids.size());
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    const size_t stage = size_t(stageOf(function)), program = out.plan.programs.size(); // the forward one comes first
    const bool isReordered = options.stepSeconds && program < options.stepSeconds->size() && !isKept[stage];
    llvm::Expected<bool> isDone =
        ClassScheduler(function, out, weights, grids, kernels, communications, blobs, options)
            .run(isReordered ? &(*options.stepSeconds)[program] : nullptr, communicationOrders[stage]);
    if (!isDone)
      return isDone.takeError();
    if (!*isDone) {
      isKept[stage] = true;
      return std::nullopt;
    }
  }
  for (auto [request, kernel] : llvm::zip(out.requests, out.requestKernels))
    request.inPlace = out.plan.kernels[kernel].inPlace;
  return std::optional<ScheduledPlan>(std::move(out));
}

llvm::Expected<ScheduledPlan> schedule(ModuleOp module, WeightStore &weights, plan::EntryPoint entry,
                                       const ScheduleOptions &options) {
  const size_t numWeights = weights.weights.size();
  for (std::vector<bool> isKept;;) {
    weights.weights.resize(numWeights);
    llvm::Expected<std::optional<ScheduledPlan>> scheduled = schedule(module, weights, entry, options, isKept);
    if (!scheduled)
      return scheduled.takeError();
    if (*scheduled)
      return std::move(**scheduled);
  }
}

} // namespace ampc
