// The consistency of a plan, but for its queues (queue_checks.cpp) and collectives (collective_checks.cpp).
#include "runtime/plan/plan_checks.h"

#include "runtime/plan/move_checks.h"

#include <algorithm>
#include <map>
#include <set>

namespace ampc::plan {

namespace {
constexpr size_t maxRanks = 65536, maxSlots = 4096, maxThreads = 4096, maxDimensions = 64;
constexpr int64_t maxRows = int64_t(1) << 48;

Error invalid(std::string message, std::vector<std::pair<std::string, std::string>> fields = {}) {
  return {ErrorCode::Invalid, "the plan is inconsistent: " + std::move(message), std::move(fields)};
}

/// offset + size <= limit, without overflow.
bool fits(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

Status checkShape(const std::vector<int64_t> &shape, DataType type, const std::string &what) {
  auto elements = countElements(shape);
  if (shape.size() > maxDimensions || !elements || *elements > INT64_MAX / 64)
    return invalid("the shape of " + what + " is impossible");
  if (bitWidth(type) == 0)
    return invalid("the element type of " + what + " is unknown");
  return {};
}

uint64_t bytesOf(const KernelOperand &operand) {
  return uint64_t(sizeBytes(operand.type, countElements(operand.shape).value_or(0)));
}

Status checkEntry(const EntryPoint &entry) {
  if (entry.slots < 1 || entry.slots > maxSlots)
    return invalid("the number of slots is " + std::to_string(entry.slots));
  for (auto *tensors : {&entry.inputs, &entry.outputs}) {
    std::map<std::string_view, const Tensor *> named;
    for (const Tensor &tensor : *tensors) {
      if (Status error = checkShape(tensor.shape, tensor.type, tensor.name))
        return error;
      auto [first, isNew] = named.emplace(tensor.name, &tensor);
      if (isNew)
        continue;
      // A model may list one value as several of its outputs.
      const Tensor &other = *first->second;
      if (tensors == &entry.inputs || tensor.type != other.type || tensor.shape != other.shape)
        return invalid("two inputs, or two different outputs, are named " + tensor.name);
    }
  }
  std::set<uint32_t> stateInputs, stateOutputs;
  for (const StateTensor &state : entry.states) {
    if (state.inputIndex >= entry.inputs.size() || state.outputIndex >= entry.outputs.size())
      return invalid("state " + state.input + " has no input or output");
    const Tensor &input = entry.inputs[state.inputIndex], &output = entry.outputs[state.outputIndex];
    if (input.type != output.type || input.shape != output.shape)
      return invalid("input and output of state " + state.input + " differ in type or shape");
    if (!stateInputs.insert(state.inputIndex).second || !stateOutputs.insert(state.outputIndex).second)
      return invalid("two states share the tensor " + state.input + " or " + state.output);
  }
  return {};
}

Status checkStages(const Plan &plan) {
  if (plan.ranks.empty() || plan.ranks.size() > maxRanks)
    return invalid("it has " + std::to_string(plan.ranks.size()) + " ranks");
  uint64_t nextRank = 0;
  for (const Stage &stage : plan.stages) {
    auto devices = countElements(stage.grid.axisSizes);
    if (stage.firstRank != nextRank || !devices || *devices < 1 ||
        uint64_t(*devices) > plan.ranks.size() - nextRank)
      return invalid("the stages do not tile the ranks");
    for (uint64_t end = nextRank + uint64_t(*devices); nextRank < end; ++nextRank) {
      const RankTable &rank = plan.ranks[nextRank];
      if (rank.stage != uint64_t(&stage - plan.stages.data()) ||
          rank.coordinates.size() != stage.grid.axisSizes.size())
        return invalid("rank " + std::to_string(nextRank) + " does not fit the grid of its stage");
    }
  }
  if (nextRank != plan.ranks.size())
    return invalid("the stages do not tile the ranks");
  return {};
}

Status checkKernel(const Kernel &kernel) {
  if (kernel.symbol.empty() || kernel.symbol.find('\0') != std::string::npos)
    return invalid("a kernel has no symbol");
  if (kernel.rows < 0 || kernel.rows > maxRows)
    return invalid("kernel " + kernel.symbol + " has an impossible number of rows");
  for (auto *operands : {&kernel.operands, &kernel.results})
    for (const KernelOperand &operand : *operands)
      if (Status error = checkShape(operand.shape, operand.type, "an operand of kernel " + kernel.symbol))
        return error;
  for (const InPlacePair &pair : kernel.inPlace)
    if (kernel.kind != KernelKind::Generated || pair.operand >= kernel.operands.size() ||
        pair.result >= kernel.results.size() ||
        bytesOf(kernel.operands[pair.operand]) != bytesOf(kernel.results[pair.result]))
      return invalid("kernel " + kernel.symbol + " cannot write a result over an operand of another size, over one "
                     "that does not exist, or without being generated");
  return {};
}

Status checkBlob(const Blob &blob, uint64_t blobSectionBytes) {
  if (Status error = checkShape(blob.shape, blob.type, blob.name))
    return error;
  if (uint64_t(sizeBytes(blob.type, *countElements(blob.shape))) != blob.sizeBytes)
    return invalid("weight " + blob.name + " has not the size of its shape");
  if (blob.externalFile.empty() &&
      (!fits(blob.fileOffset, blob.sizeBytes, blobSectionBytes) || blob.fileOffset % 64))
    return invalid("weight " + blob.name + " lies outside the weights section");
  return {};
}

/// One step of one rank, with what is needed to name it in an error.
struct StepCheck {
  const Plan &plan;
  const RankTable &rank;
  const Program &program;
  const Step &step;
  SingleWrites &singleWrites;

  Error fail(std::string message) const {
    return invalid(std::move(message), {{"rank", std::to_string(&rank - plan.ranks.data())},
                                        {"program", program.name},
                                        {"step", step.name},
                                        {"op", std::string(name(step.kind))},
                                        {"nodes", step.nodes}});
  }

  Status buffer(const Buffer &buffer, bool isWrite) const {
    bool forward = program.role == ProgramRole::Forward;
    auto outside = [&] { return fail("a buffer lies outside its memory"); };
    auto tensor = [&](const std::vector<Tensor> &tensors) -> Status {
      if (!forward)
        return fail("an init program touches inputs or outputs");
      if (buffer.index >= tensors.size())
        return fail("a buffer names an input or output that does not exist");
      const Tensor &whole = tensors[buffer.index];
      if (!fits(buffer.offsetBytes, buffer.sizeBytes,
                uint64_t(sizeBytes(whole.type, *countElements(whole.shape)))))
        return outside();
      return {};
    };
    switch (buffer.space) {
    case Space::None: return buffer.sizeBytes ? Status(fail("a buffer has a size but no memory")) : Status();
    case Space::Activation: {
      if (!fits(buffer.offsetBytes, buffer.sizeBytes, program.activationBytes))
        return outside();
      return {};
    }
    case Space::Persistent:
      if (isWrite && forward)
        return fail("a forward program writes to persistent memory");
      return fits(buffer.offsetBytes, buffer.sizeBytes, rank.persistentBytes) ? Status() : Status(outside());
    case Space::State:
      return fits(buffer.offsetBytes, buffer.sizeBytes, rank.stateBytes) ? Status() : Status(outside());
    case Space::Blob: {
      if (isWrite)
        return fail("a step writes to the weights of the plan file");
      if (buffer.index >= rank.blobs.size())
        return fail("a buffer names a weight that does not exist");
      const BlobView &view = rank.blobs[buffer.index]; // its blob index was checked with the rank
      uint64_t size = plan.blobs[view.blob].sizeBytes;
      if (view.offsetBytes > size || !fits(buffer.offsetBytes, buffer.sizeBytes, size - view.offsetBytes))
        return outside();
      return {};
    }
    case Space::Input: return isWrite ? Status(fail("a step writes to an input")) : tensor(plan.entry.inputs);
    case Space::Output: return tensor(plan.entry.outputs);
    }
    return fail("a buffer has an unknown space");
  }

  /// Kernels read and write whole elements: a buffer starts where one may start.
  bool isAligned(const Buffer &buffer, DataType type) const {
    uint64_t offset = buffer.offsetBytes;
    if (buffer.space == Space::Blob)
      offset += rank.blobs[buffer.index].offsetBytes; // the index was checked with the buffer
    if (buffer.space == Space::Activation)
      offset |= program.slotStrideBytes;
    return offset % (bitWidth(type) / 8) == 0;
  }

  /// May `result` of this launch of `kernel` be written over `operand`?
  bool mayReplace(const Kernel &kernel, size_t operand, size_t result) const {
    const InPlacePair pair = {uint32_t(operand), uint32_t(result)};
    return step.reads[operand] == step.writes[result] &&
           std::find(kernel.inPlace.begin(), kernel.inPlace.end(), pair) != kernel.inPlace.end();
  }

  Status launch() const {
    if (step.kernel >= plan.kernels.size())
      return fail("a step names a kernel that does not exist");
    const Kernel &kernel = plan.kernels[step.kernel];
    if (step.reads.size() != kernel.operands.size() || step.writes.size() != kernel.results.size())
      return fail("a step does not have as many buffers as its kernel");
    for (size_t i = 0; i < step.reads.size(); ++i)
      if (step.reads[i].sizeBytes < bytesOf(kernel.operands[i]))
        return fail("a buffer is smaller than its kernel's operand");
    for (size_t i = 0; i < step.reads.size(); ++i)
      if (!isAligned(step.reads[i], kernel.operands[i].type))
        return fail("a buffer is not aligned for its kernel's operand");
    for (size_t i = 0; i < step.writes.size(); ++i)
      if (step.writes[i].sizeBytes < bytesOf(kernel.results[i]))
        return fail("a buffer is smaller than its kernel's result");
    for (size_t i = 0; i < step.writes.size(); ++i)
      if (!isAligned(step.writes[i], kernel.results[i].type))
        return fail("a buffer is not aligned for its kernel's result");
    std::optional<uint64_t> workspaceBytes = launchWorkspaceBytes(kernel, plan.threadsPerDevice);
    if (kernel.kind == KernelKind::Generated && (!workspaceBytes || step.workspace.sizeBytes < *workspaceBytes))
      return fail("the workspace is smaller than its kernel needs");
    // Generated code is compiled for buffers that share nothing, but for the pairs that its kernel names, which may be
    // the same bytes; library kernels that add an operand in place do not list it as an operand. Operands may share, as
    // nobody writes to them.
    for (size_t i = 0; i < step.writes.size(); ++i) {
      const Buffer &result = step.writes[i];
      for (size_t j = 0; j < i; ++j)
        if (overlap(result, step.writes[j]))
          return fail("two results of a kernel overlap");
      for (size_t j = 0; j < step.reads.size(); ++j)
        if (overlap(result, step.reads[j]) && !mayReplace(kernel, j, i))
          return fail("a result of a kernel overlaps an operand");
      if (overlap(result, step.workspace))
        return fail("a result of a kernel overlaps the workspace");
    }
    for (const Buffer &operand : step.reads)
      if (overlap(operand, step.workspace))
        return fail("an operand of a kernel overlaps the workspace");
    for (uint32_t index : step.indexArgs)
      if (index >= rank.indexValues.size())
        return fail("an index argument does not exist");
    return {};
  }

  Status copy() const {
    if (step.copyTable >= rank.copies.size())
      return fail("a copy names a table that does not exist");
    if (step.reads.size() > 1 || step.writes.size() != 1)
      return fail("a copy must have one target and at most one source");
    if (!step.reads.empty() && overlap(step.reads[0], step.writes[0]))
      return fail("source and target of a copy overlap");
    bool isFill = step.reads.empty() || step.reads[0].space == Space::None;
    uint64_t elementBytes = bitWidth(step.type) / 8;
    uint64_t sourceElements = isFill ? 0 : step.reads[0].sizeBytes / elementBytes;
    uint64_t targetElements = step.writes[0].sizeBytes / elementBytes;
    for (const Move &move : rank.copies[step.copyTable]) {
      MoveRange range = rangeOf(move);
      if (range.overflows || move.sourceMember || move.targetMember)
        return fail("a copy has impossible counts, strides or members");
      if (range.isEmpty)
        continue;
      if ((!isFill && (range.sourceFirst < 0 || uint64_t(range.sourceLast) >= sourceElements)) ||
          range.targetFirst < 0 || uint64_t(range.targetLast) >= targetElements)
        return fail("a copy leaves its buffers");
    }
    if (singleWrites.memberWrittenTwice(rank.copies[step.copyTable], false))
      return fail("a copy writes an element of its target twice");
    return {};
  }

  Status all() const {
    for (const Buffer &read : step.reads)
      if (Status error = buffer(read, false))
        return error;
    for (const Buffer &write : step.writes)
      if (Status error = buffer(write, true))
        return error;
    // Launches are checked operand by operand; what is copied or communicated has one element type.
    if (step.kind != StepKind::Launch && step.kind != StepKind::Wait) {
      bool isCopy = step.kind == StepKind::Copy;
      if (!isCopy && step.communication >= plan.communications.size())
        return fail("a step names a communication that does not exist");
      DataType type = isCopy ? step.type : plan.communications[step.communication].type;
      for (const std::vector<Buffer> *buffers : {&step.reads, &step.writes})
        for (const Buffer &buffer : *buffers)
          if (!isAligned(buffer, type))
            return fail("a buffer is not aligned for its elements");
    }
    if (step.workspace.space != Space::None && step.workspace.space != Space::Activation)
      return fail("a workspace must lie in the activation arena");
    if (Status error = buffer(step.workspace, true))
      return error;
    switch (step.kind) {
    case StepKind::Launch: return launch();
    case StepKind::Copy: return copy();
    case StepKind::Wait: return {};
    default:
      if (step.communication >= plan.communications.size())
        return fail("a step names a communication that does not exist");
      if (plan.communications[step.communication].kind != step.kind)
        return fail("a step and its communication are of different kinds");
      if (step.reads.size() > 1 || step.writes.size() > 1)
        return fail("a collective has more than one source or target");
      return {}; // the rest needs all members: checkCollectives
    }
  }
};

Status checkRank(const Plan &plan, uint32_t number, SingleWrites &singleWrites) {
  const RankTable &rank = plan.ranks[number];
  std::vector<std::pair<std::string, std::string>> fields = {{"rank", std::to_string(number)}};
  for (const BlobView &view : rank.blobs)
    if (view.blob >= plan.blobs.size())
      return invalid("a weight slice names a weight that does not exist", fields);
  uint64_t total = 0;
  if (__builtin_add_overflow(rank.activationBytes, rank.persistentBytes, &total) ||
      __builtin_add_overflow(total, rank.stateBytes, &total) || total > (uint64_t(1) << 56))
    return invalid("the memory of a rank is impossible", fields);
  for (auto [index, role] : {std::pair(rank.initProgram, ProgramRole::Init),
                             std::pair(rank.forwardProgram, ProgramRole::Forward)}) {
    if (index >= plan.programs.size() || plan.programs[index].role != role)
      return invalid("a rank names a program that does not exist or has another role", fields);
    const Program &program = plan.programs[index];
    uint64_t slots = role == ProgramRole::Init ? 1 : plan.entry.slots, arena = 0;
    if ((slots > 1 && program.slotStrideBytes < program.activationBytes) ||
        __builtin_mul_overflow(slots - 1, program.slotStrideBytes, &arena) ||
        __builtin_add_overflow(arena, program.activationBytes, &arena) || arena > rank.activationBytes)
      return invalid("the activations of program " + program.name + " do not fit the rank's arena", fields);
    for (const Step &step : program.steps)
      if (Status error = StepCheck{plan, rank, program, step, singleWrites}.all())
        return error;
  }
  return {};
}
} // namespace

std::optional<int64_t> countElements(const std::vector<int64_t> &shape) {
  int64_t elements = 1;
  bool overflow = false, isEmpty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return std::nullopt;
    isEmpty |= size == 0;
    overflow |= __builtin_mul_overflow(elements, size, &elements);
  }
  if (isEmpty)
    return 0;
  return overflow ? std::nullopt : std::optional(elements);
}

bool overlap(const Buffer &a, const Buffer &b) {
  bool byIndex = a.space == Space::Blob || a.space == Space::Input || a.space == Space::Output;
  return a.space == b.space && a.space != Space::None && (!byIndex || a.index == b.index) && a.sizeBytes &&
         b.sizeBytes && a.offsetBytes < b.offsetBytes + b.sizeBytes &&
         b.offsetBytes < a.offsetBytes + a.sizeBytes;
}

MoveRange rangeOf(const Move &move) {
  MoveRange range{move.sourceOffset, move.sourceOffset, move.targetOffset, move.targetOffset};
  for (const MoveDim &dim : move.dims) {
    if (dim.count < 0) {
      range.overflows = true;
      return range;
    }
    range.isEmpty |= dim.count == 0;
  }
  if (range.isEmpty)
    return range;
  auto extend = [&](int64_t count, int64_t stride, int64_t &first, int64_t &last) {
    int64_t reach = 0;
    return __builtin_mul_overflow(count - 1, stride, &reach) ||
           __builtin_add_overflow(reach < 0 ? first : last, reach, reach < 0 ? &first : &last);
  };
  int64_t elements = 1;
  for (const MoveDim &dim : move.dims)
    range.overflows |= __builtin_mul_overflow(elements, dim.count, &elements) ||
                       extend(dim.count, dim.sourceStride, range.sourceFirst, range.sourceLast) ||
                       extend(dim.count, dim.targetStride, range.targetFirst, range.targetLast);
  range.overflows |= move.dims.size() > maxDimensions;
  return range;
}

Status checkPlan(const Plan &plan, uint64_t blobSectionBytes) {
  if (plan.threadsPerDevice < 1 || plan.threadsPerDevice > maxThreads)
    return invalid("the number of threads per device is " + std::to_string(plan.threadsPerDevice));
  if (Status error = checkEntry(plan.entry))
    return error;
  if (Status error = checkStages(plan))
    return error;
  for (const Kernel &kernel : plan.kernels)
    if (Status error = checkKernel(kernel))
      return error;
  for (const Blob &blob : plan.blobs)
    if (Status error = checkBlob(blob, blobSectionBytes))
      return error;
  SingleWrites singleWrites;
  for (uint32_t rank = 0; rank < plan.ranks.size(); ++rank)
    if (Status error = checkRank(plan, rank, singleWrites))
      return error;
  if (Status error = checkQueues(plan))
    return error;
  return checkCollectives(plan);
}

} // namespace ampc::plan
