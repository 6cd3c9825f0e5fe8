// One rank on CPU cores: arenas, resolved buffers and kernels, prepared copies. A step costs a few table
// look-ups and the call.
#include "runtime/execute/arena.h"
#include "runtime/execute/kernel_object.h"
#include "runtime/execute/moves.h"
#include "runtime/execute/thread_team.h"
#include "runtime/kernels/builtin_kernels.h"
#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/library_kernels.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace ampc {

namespace {
using plan::Buffer;
using plan::Error;
using plan::ErrorCode;
using plan::ProgramRole;
using plan::Space;
using plan::Status;
using plan::Step;
using plan::StepKind;

/// Where a buffer is: a fixed address plus slot * stride, or an offset into the caller's tensor.
struct Place {
  enum Kind : uint8_t { Fixed, Input, Output } kind = Fixed;
  uint32_t index = 0;
  std::byte *address = nullptr;
  uint64_t strideBytes = 0; // Fixed: per slot; else: offset into the tensor
};

void *resolve(const Place &place, const RequestBuffers &request) {
  switch (place.kind) {
  case Place::Fixed: return place.address + place.strideBytes * request.slot;
  // Kernels take operands as void *; that a step never writes to an input was checked at load.
  case Place::Input:
    return static_cast<std::byte *>(const_cast<void *>(request.inputs[place.index])) + place.strideBytes;
  case Place::Output: return static_cast<std::byte *>(request.outputs[place.index]) + place.strideBytes;
  }
  return nullptr;
}

struct ReadyStep {
  StepKind kind = StepKind::Wait;
  std::vector<Place> buffers; // operands, then results; copies and collectives: source (if any), target
  bool hasSource = false, hasTarget = false;
  // Launch: exactly one of the three
  GeneratedKernel generated = nullptr;
  LibraryKernel *library = nullptr;
  const BuiltinKernel *builtin = nullptr;
  const plan::Kernel *kernel = nullptr;
  std::vector<int64_t> indexArgs;
  Place workspace;
  uint64_t workspaceStrideBytes = 0; // between the threads of the device
  uint32_t threads = 1;
  // Copy
  std::vector<PreparedMove> moves;
  uint64_t fillBits = 0;
  unsigned elementBytes = 0;
  // Init: weights that no forward step reads; their pages are dropped after the step
  std::vector<std::pair<const std::byte *, uint64_t>> released;
};

class CpuDevice final : public Device {
public:
  CpuDevice(const plan::PlanFile &file, const KernelObject *kernels, uint32_t rank, DeviceOptions options)
      : file(file), plan(file.plan()), table(plan.ranks[rank]), kernels(kernels), rank(rank),
        options(std::move(options)), memory(rank, this->options.memoryLimitBytes, this->options.allocator) {}

  Status load() override {
    if (!prepareDeviceThread(options.pinnedCpu))
      options.log(LogLevel::Warning, "rank " + std::to_string(rank) + " could not be pinned to CPU " +
                                         std::to_string(options.pinnedCpu));
    if (plan.threadsPerDevice > 1)
      team = std::make_unique<ThreadTeam>(plan.threadsPerDevice);
    if (Status error = memory.count(options.mappedBytes, "weights in the plan file"))
      return error;
    if (Status error = memory.allocate(table.activationBytes, "activations", activations))
      return error;
    if (Status error = memory.allocate(table.persistentBytes, "prepared weights", persistent))
      return error;
    if (Status error = memory.allocate(table.stateBytes, "state", state))
      return error;
    for (ProgramRole role : {ProgramRole::Init, ProgramRole::Forward})
      if (Status error = prepareProgram(role))
        return error;
    return loadScratch();
  }

  Status run(ProgramRole role, uint32_t number, const RequestBuffers &request) override {
    ReadyStep &step = steps(role)[number];
    if (step.kind == StepKind::Launch) {
      if (!launch(step, request))
        return Error{ErrorCode::Execution, "library kernel " + step.kernel->symbol + " reported an error"};
    } else if (step.kind == StepKind::Copy) {
      void *target = resolve(step.buffers.back(), request);
      if (step.hasSource) {
        const void *source = resolve(step.buffers.front(), request);
        for (const PreparedMove &move : step.moves)
          copyMove(move, source, target);
      } else {
        for (const PreparedMove &move : step.moves)
          fillMove(move, target, step.fillBits, step.elementBytes);
      }
    }
    for (auto [begin, size] : step.released)
      file.release(begin, size);
    return {};
  }

  std::pair<const void *, void *> ends(ProgramRole role, uint32_t number,
                                       const RequestBuffers &request) override {
    ReadyStep &step = steps(role)[number];
    return {step.hasSource ? resolve(step.buffers.front(), request) : nullptr,
            step.hasTarget ? resolve(step.buffers.back(), request) : nullptr};
  }

  void initDone() override {
    init.clear();
    init.shrink_to_fit();
    // Library kernels of the init program hold memory of the library.
    for (auto kernel = libraryKernels.begin(); kernel != libraryKernels.end();)
      kernel = usedByForward.contains(kernel->first) ? std::next(kernel) : libraryKernels.erase(kernel);
  }

  uint64_t allocatedBytes() const override { return memory.allocatedBytes(); }

  void zeroState() override {
    if (table.stateBytes)
      std::memset(state, 0, table.stateBytes);
  }

private:
  std::vector<ReadyStep> &steps(ProgramRole role) { return role == ProgramRole::Init ? init : forward; }
  const plan::Program &program(ProgramRole role) const {
    return plan.programs[role == ProgramRole::Init ? table.initProgram : table.forwardProgram];
  }

  bool launch(ReadyStep &step, const RequestBuffers &request) {
    constexpr size_t fewBuffers = 32;
    void *few[fewBuffers];
    std::vector<void *> many;
    void **buffers = few;
    if (step.buffers.size() > fewBuffers) {
      many.resize(step.buffers.size());
      buffers = many.data();
    }
    for (size_t i = 0; i < step.buffers.size(); ++i)
      buffers[i] = resolve(step.buffers[i], request);
    if (step.builtin) {
      step.builtin->run(*step.kernel, buffers);
      return true;
    }
    auto *workspace = static_cast<std::byte *>(resolve(step.workspace, request));
    if (step.library)
      return step.library->run(
          buffers, step.library->workspaceBytes() > step.kernel->workspaceBytes ? scratch : workspace);
    const int64_t rows = step.kernel->rows;
    if (step.threads <= 1) {
      step.generated(buffers, step.indexArgs.data(), workspace, 0, rows);
      return true;
    }
    team->run([&](uint32_t thread) {
      const int64_t begin = rows * thread / step.threads, end = rows * (thread + 1) / step.threads;
      // Only some of the team where there are fewer rows than threads.
      if (thread < step.threads)
        step.generated(buffers, step.indexArgs.data(), workspace + thread * step.workspaceStrideBytes, begin,
                       end);
    });
    return true;
  }

  Place place(const Buffer &buffer, const plan::Program &of) const {
    auto at = [&](std::byte *base, uint64_t strideBytes = 0) {
      return Place{Place::Fixed, 0, base ? base + buffer.offsetBytes : nullptr, base ? strideBytes : 0};
    };
    switch (buffer.space) {
    case Space::None: return {};
    case Space::Activation: return at(activations, of.role == ProgramRole::Init ? 0 : of.slotStrideBytes);
    case Space::Persistent: return at(persistent);
    case Space::State: return at(state);
    case Space::Blob: {
      const plan::BlobView &view = table.blobs[buffer.index];
      return at(const_cast<std::byte *>(file.blob(view.blob)) + view.offsetBytes);
    }
    case Space::Input: return {Place::Input, buffer.index, nullptr, buffer.offsetBytes};
    case Space::Output: return {Place::Output, buffer.index, nullptr, buffer.offsetBytes};
    }
    return {};
  }

  Error fail(const plan::Program &of, const Step &step, ErrorCode code, std::string message) const {
    return {code,
            std::move(message),
            {{"rank", std::to_string(rank)},
             {"program", of.name},
             {"step", step.name},
             {"op", std::string(plan::name(step.kind))},
             {"nodes", step.nodes}}};
  }

  Status prepareProgram(ProgramRole role) {
    const plan::Program &source = program(role);
    // Blobs that forward steps read stay; the pages of the others go when the init step is done with them.
    std::set<uint32_t> kept;
    for (const Step &step : program(ProgramRole::Forward).steps)
      for (const Buffer &read : step.reads)
        if (read.space == Space::Blob)
          kept.insert(table.blobs[read.index].blob);
    auto &target = steps(role);
    target.reserve(source.steps.size());
    for (const Step &step : source.steps) {
      ReadyStep ready;
      ready.kind = step.kind;
      for (const Buffer &buffer : step.reads)
        ready.buffers.push_back(place(buffer, source));
      for (const Buffer &buffer : step.writes)
        ready.buffers.push_back(place(buffer, source));
      ready.hasSource = !step.reads.empty() && step.reads[0].space != Space::None;
      ready.hasTarget = !step.writes.empty() && step.writes[0].space != Space::None;
      ready.workspace = place(step.workspace, source);
      if (role == ProgramRole::Init)
        for (const Buffer &read : step.reads)
          if (read.space == Space::Blob && !kept.contains(table.blobs[read.index].blob))
            ready.released.emplace_back(place(read, source).address, read.sizeBytes);
      if (step.kind == StepKind::Launch) {
        if (Status error = prepareLaunch(role, source, step, ready))
          return error;
      } else if (step.kind == StepKind::Copy) {
        ready.elementBytes = bitWidth(step.type) / 8;
        ready.fillBits = step.fillBits;
        for (const plan::Move &move : table.copies[step.copyTable])
          ready.moves.push_back(prepareMove(move, ready.elementBytes));
      }
      target.push_back(std::move(ready));
    }
    return {};
  }

  Status prepareLaunch(ProgramRole role, const plan::Program &source, const Step &step, ReadyStep &ready) {
    const plan::Kernel &kernel = plan.kernels[step.kernel];
    ready.kernel = &kernel;
    for (uint32_t index : step.indexArgs)
      ready.indexArgs.push_back(table.indexValues[index]);
    switch (kernel.kind) {
    case plan::KernelKind::Generated: {
      ready.generated = kernels ? kernels->find(kernel.symbol) : nullptr;
      if (!ready.generated)
        return fail(source, step, ErrorCode::Invalid, "the plan's kernels have no symbol " + kernel.symbol);
      // That the workspace holds one for each was checked with the plan.
      ready.threads = plan::numSharers(kernel, plan.threadsPerDevice);
      ready.workspaceStrideBytes = plan::workspaceStrideBytes(kernel);
      return {};
    }
    case plan::KernelKind::Builtin: {
      ready.builtin = findBuiltinKernel(kernel.symbol);
      if (!ready.builtin)
        return fail(source, step, ErrorCode::Unsupported,
                    "this runtime has no builtin kernel " + kernel.symbol);
      if (std::string problem = ready.builtin->check(kernel); !problem.empty())
        return fail(source, step, ErrorCode::Invalid, problem);
      return {};
    }
    case plan::KernelKind::Library: {
      auto &prepared = libraryKernels[step.kernel];
      if (!prepared)
        if (Status error = createLibraryKernel(kernel, plan.threadsPerDevice, prepared)) {
          Error full = fail(source, step, error->code, error->message);
          full.fields.insert(full.fields.end(), error->fields.begin(), error->fields.end());
          return full;
        }
      // The shape of a product's packed operand is the one that it had before.
      if (integer(kernel, "packed", 0) != 0 && !kernel.symbol.starts_with("onednn.pack_") &&
          (step.reads.size() < 2 || int64_t(step.reads[1].sizeBytes) < integer(kernel, "packed_bytes", INT64_MAX)))
        return fail(source, step, ErrorCode::Invalid, "the buffer of packed weights is smaller than they are");
      if (role == ProgramRole::Forward)
        usedByForward.insert(step.kernel);
      ready.library = prepared.get();
      // Another version or CPU than at compile time may need more scratch memory than planned.
      if (prepared->workspaceBytes() > kernel.workspaceBytes)
        scratchBytes = std::max(scratchBytes, prepared->workspaceBytes());
      else if (step.workspace.sizeBytes < kernel.workspaceBytes)
        return fail(source, step, ErrorCode::Invalid, "the workspace is smaller than its kernel needs");
      return {};
    }
    }
    return {};
  }

  Status loadScratch() {
    if (scratchBytes)
      options.log(LogLevel::Warning, "rank " + std::to_string(rank) + " needs " + std::to_string(scratchBytes) +
                                         " bytes of library scratch memory that are not in the plan: its library or "
                                         "CPU is another one than the compiler's");
    return memory.allocate(scratchBytes, "library scratch memory", scratch);
  }

  const plan::PlanFile &file;
  const plan::Plan &plan;
  const plan::RankTable &table;
  const KernelObject *kernels;
  uint32_t rank;
  DeviceOptions options;
  DeviceMemory memory;
  std::byte *activations = nullptr, *persistent = nullptr, *state = nullptr, *scratch = nullptr;
  uint64_t scratchBytes = 0;
  std::map<uint32_t, std::unique_ptr<LibraryKernel>> libraryKernels; // by kernel
  std::set<uint32_t> usedByForward;
  std::vector<ReadyStep> init, forward;
  std::unique_ptr<ThreadTeam> team;
};

class NullDevice final : public Device {
public:
  Status load() override { return {}; }
  Status run(ProgramRole, uint32_t, const RequestBuffers &) override { return {}; }
  std::pair<const void *, void *> ends(ProgramRole, uint32_t, const RequestBuffers &) override { return {}; }
  void initDone() override {}
  uint64_t allocatedBytes() const override { return 0; }
  void zeroState() override {}
};
} // namespace

std::unique_ptr<Device> makeCpuDevice(const plan::PlanFile &file, const KernelObject *kernels, uint32_t rank,
                                      DeviceOptions options) {
  return std::make_unique<CpuDevice>(file, kernels, rank, std::move(options));
}

std::unique_ptr<Device> makeNullDevice() { return std::make_unique<NullDevice>(); }

} // namespace ampc
