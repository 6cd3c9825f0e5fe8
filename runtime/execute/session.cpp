// Opening and closing a session, requests, state. What a rank's thread does is in session_rank.cpp.
#include "runtime/execute/session.h"

#include "runtime/execute/cpu_choice.h"
#include "runtime/execute/cpu_features.h"
#include "runtime/plan/mapped_weights.h"
#include "runtime/plan/plan_checks.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace ampc {

using plan::Error;
using plan::ErrorCode;
using plan::ProgramRole;
using plan::Space;
using plan::Status;

namespace {
constexpr uint64_t tensorAlignmentBytes = 64;
/// About 50 microseconds: the cost of being woken. Almost none when threads compete for cores.
constexpr uint32_t patientSpinIterations = 3000, hastySpinIterations = 20;

uint64_t bytesOf(const plan::Tensor &tensor) {
  return uint64_t(sizeBytes(tensor.type, plan::countElements(tensor.shape).value_or(0))); // sound: checkPlan
}
} // namespace

void FreeAligned::operator()(void *data) const { std::free(data); }

AlignedBytes allocateAligned(uint64_t sizeBytes) {
  uint64_t rounded = (sizeBytes / tensorAlignmentBytes + 1) * tensorAlignmentBytes;
  return AlignedBytes(static_cast<std::byte *>(std::aligned_alloc(tensorAlignmentBytes, rounded)));
}

Session::Session(std::unique_ptr<plan::PlanFile> file, SessionOptions options)
    : file(std::move(file)), options(std::move(options)), openedAt(std::chrono::steady_clock::now()) {}

const plan::Program &Session::program(uint32_t rank, ProgramRole role) const {
  const plan::RankTable &table = plan().ranks[rank];
  return plan().programs[role == ProgramRole::Init ? table.initProgram : table.forwardProgram];
}

Status Session::open(std::unique_ptr<plan::PlanFile> file, SessionOptions options,
                     std::unique_ptr<Session> &result) {
  std::unique_ptr<Session> session(new Session(std::move(file), std::move(options)));
  if (Status error = session->prepare())
    return error;
  if (Status error = session->start())
    return error;
  result = std::move(session);
  return {};
}

/// Everything that happens before threads exist.
Status Session::prepare() {
  const plan::Plan &plan = file->plan();
  const std::string device = options.device.empty() ? plan.deviceKind : options.device;
  isNull = device == "null";
  if (!isNull && device != "cpu")
    return Error{ErrorCode::Unsupported,
                 "this runtime has no devices of kind \"" + device + "\" (it has cpu and null)"};
  if (!isNull && plan.deviceKind != "cpu")
    return Error{ErrorCode::Unsupported, "the plan was made for devices of kind \"" + plan.deviceKind + "\""};
  if (!isNull) {
    std::string missing = missingCpuFeatures(plan.cpuFeatures);
    if (!missing.empty())
      return Error{ErrorCode::Unsupported, "this CPU lacks what the plan's kernels need: " + missing};
    bool hasGenerated = false;
    for (const plan::Kernel &kernel : plan.kernels)
      hasGenerated |= kernel.kind == plan::KernelKind::Generated;
    if (hasGenerated && file->kernels().empty())
      return Error{ErrorCode::Unsupported, "the plan holds decisions only: it was written without kernels"};
    if (hasGenerated)
      if (Status error = KernelObject::load(file->kernels(), kernels))
        return error;
  }

  bool carriesState = !plan.entry.states.empty();
  for (const plan::RankTable &rank : plan.ranks)
    carriesState |= rank.stateBytes != 0;
  numSlots = carriesState ? 1 : plan.entry.slots;
  for (const plan::StateTensor &state : plan.entry.states) {
    State fresh;
    fresh.sizeBytes = bytesOf(plan.entry.inputs[state.inputIndex]);
    fresh.current = allocateAligned(fresh.sizeBytes);
    fresh.next = allocateAligned(fresh.sizeBytes);
    if (!fresh.current || !fresh.next)
      return Error{ErrorCode::Infeasible, "no memory for state " + state.input};
    std::memset(fresh.current.get(), 0, fresh.sizeBytes);
    std::memset(fresh.next.get(), 0, fresh.sizeBytes);
    states.push_back(std::move(fresh));
  }

  // Kernels may assume aligned operands; copies and collectives take any address.
  inputNeedsAlignment.assign(plan.entry.inputs.size(), false);
  outputNeedsAlignment.assign(plan.entry.outputs.size(), false);
  for (const plan::Program &program : plan.programs)
    for (const plan::Step &step : program.steps)
      if (step.kind == plan::StepKind::Launch)
        for (auto *buffers : {&step.reads, &step.writes})
          for (const plan::Buffer &buffer : *buffers) {
            if (buffer.space == Space::Input)
              inputNeedsAlignment[buffer.index] = true;
            if (buffer.space == Space::Output)
              outputNeedsAlignment[buffer.index] = true;
          }

  const std::vector<int> cpus = allowedCpus();
  const size_t threads = plan.ranks.size() * plan.threadsPerDevice;
  policy.spinIterations = threads <= cpus.size() ? patientSpinIterations : hastySpinIterations;
  // A caller that spins needs a core of its own: else it takes one from a device.
  callerSpinIterations = threads < cpus.size() ? patientSpinIterations : hastySpinIterations;
  // One device has nobody to be kept apart from; helpers of a device would inherit its pin.
  bool isPinned = options.pinThreads && !isNull && plan.ranks.size() > 1;
  if (isPinned && (plan.threadsPerDevice > 1 || plan.ranks.size() > cpus.size())) {
    isPinned = false;
    log(LogLevel::Warning, [&] {
      return plan.threadsPerDevice > 1
                 ? std::string("devices are not pinned: each has several threads")
                 : "devices are not pinned: there are " + std::to_string(plan.ranks.size()) +
                       ", and the process may use " + std::to_string(cpus.size()) + " CPUs";
    });
  }
  double seconds = options.deadlineSeconds > 0 ? options.deadlineSeconds : defaultDeadlineSeconds;
  policy.deadline = std::chrono::nanoseconds(int64_t(std::min(seconds, 1e9) * 1e9));
  const std::vector<uint64_t> mappedBytes = plan::mappedWeightShares(plan);
  communicator = isNull ? makeNullCommunicator() : makeThreadsCommunicator(plan, numSlots);
  for (uint32_t number = 0; number < plan.ranks.size(); ++number) {
    auto rank = std::make_unique<Rank>();
    DeviceOptions deviceOptions;
    deviceOptions.memoryLimitBytes =
        options.memoryLimitBytes ? options.memoryLimitBytes : plan.memoryLimitBytes;
    deviceOptions.mappedBytes = mappedBytes[number];
    deviceOptions.allocator = options.allocator;
    deviceOptions.pinnedCpu = rank->pinnedCpu = isPinned ? cpus[number] : -1;
    deviceOptions.log = [this](LogLevel level, const std::string &message) { log(level, [&] { return message; }); };
    rank->device =
        isNull ? makeNullDevice() : makeCpuDevice(*file, kernels.get(), number, std::move(deviceOptions));
    for (auto [role, parts] : {std::pair(ProgramRole::Init, &rank->initParts),
                               std::pair(ProgramRole::Forward, &rank->forwardParts)})
      for (const plan::Step &step : program(number, role).steps) {
        CommunicationPart part;
        if (plan::isCommunication(step.kind)) {
          auto member = plan::findMember(plan.communications[step.communication], number);
          if (member) // always: checkCollectives
            part = {step.communication, member->first, member->second};
        }
        parts->push_back(part);
      }
    ranks.push_back(std::move(rank));
  }
  return {};
}

Status Session::start() {
  loading = uint32_t(ranks.size());
  for (uint32_t number = 0; number < ranks.size(); ++number) {
    try {
      ranks[number]->thread = std::thread([this, number] { serve(number); });
    } catch (const std::system_error &error) {
      std::lock_guard guard(mutex);
      loading -= uint32_t(ranks.size()) - number; // those that never come
      for (size_t missing = number; missing < ranks.size(); ++missing)
        ranks[missing]->isLoading = false;
      loadError = Error{ErrorCode::Execution, std::string("cannot start a device thread: ") + error.what()};
      interrupt = true;
      break;
    }
  }
  std::unique_lock lock(mutex);
  // Ranks wait for each other with deadlines. What one does by itself (reading weights, kernels of its init program)
  // cannot be broken off, and its thread must be joined before the session goes: all that is left is to name it.
  while (!callerWork.wait_for(lock, policy.deadline, [&] { return loading == 0; })) {
    std::vector<std::string> messages;
    for (uint32_t number = 0; number < ranks.size(); ++number)
      if (ranks[number]->isLoading) {
        const uint32_t step = ranks[number]->currentStep.load();
        const auto &steps = program(number, ProgramRole::Init).steps;
        messages.push_back("rank " + std::to_string(number) + " is still being prepared" +
                           (step < steps.size() ? ", in or before step " + steps[step].name : ""));
      }
    lock.unlock(); // ranks go on while the embedding program prints
    for (const std::string &message : messages)
      log(LogLevel::Warning, [&] { return message; });
    lock.lock();
  }
  if (!loadError) {
    lock.unlock();
    const uint64_t copied = file->copiedBytes();
    file->dropInitWeights();
    if (copied)
      log(LogLevel::Info, [&] {
        return std::to_string(copied) + " bytes of external weights were copied because their elements are not aligned "
                                        "in their file; " +
               std::to_string(file->copiedBytes()) + " stay in memory";
      });
  }
  return loadError;
}

Session::~Session() {
  {
    std::lock_guard guard(mutex);
    stopping = true;
    interrupt = true;
  }
  if (communicator)
    communicator->wake();
  rankWork.notify_all();
  for (auto &rank : ranks)
    if (rank->thread.joinable())
      rank->thread.join();
  // Whoever still waits learns that the session is gone.
  std::lock_guard guard(mutex);
  for (auto &request : queue)
    if (!request->isDone) {
      request->error = Error{ErrorCode::Cancelled, "the session was closed"};
      request->isDone = true;
    }
  callerWork.notify_all();
}

namespace {
Status checkTensors(const std::vector<plan::Tensor> &expected, const std::vector<TensorView> &given,
                    const char *what, const std::vector<bool> &mayBeMissing) {
  if (expected.size() != given.size())
    return Error{ErrorCode::Usage, "the plan has " + std::to_string(expected.size()) + " " + what + "s, " +
                                       std::to_string(given.size()) + " were given"};
  for (size_t i = 0; i < expected.size(); ++i) {
    std::vector<std::pair<std::string, std::string>> fields = {{"tensor", expected[i].name}};
    if (!given[i].data) {
      if (!mayBeMissing[i] && bytesOf(expected[i]))
        return Error{ErrorCode::Usage, std::string(what) + " " + expected[i].name + " is missing", fields};
      continue;
    }
    if (given[i].type != expected[i].type)
      return Error{ErrorCode::Invalid,
                   std::string(what) + " " + expected[i].name + " has type " +
                       std::string(name(given[i].type)) + " instead of " +
                       std::string(name(expected[i].type)),
                   fields};
    if (given[i].sizeBytes != bytesOf(expected[i]))
      return Error{ErrorCode::Invalid,
                   std::string(what) + " " + expected[i].name + " has " + std::to_string(given[i].sizeBytes) +
                       " bytes instead of " + std::to_string(bytesOf(expected[i])),
                   fields};
  }
  return {};
}
} // namespace

Status Session::submit(std::vector<TensorView> inputs, std::vector<TensorView> outputs,
                       std::shared_ptr<Request> &result) {
  const plan::EntryPoint &entry = plan().entry;
  std::vector<bool> optionalInputs(entry.inputs.size(), isNull), optionalOutputs(entry.outputs.size(), true);
  for (const plan::StateTensor &state : entry.states)
    optionalInputs[state.inputIndex] = true;
  if (Status error = checkTensors(entry.inputs, inputs, "input", optionalInputs))
    return error;
  if (Status error = checkTensors(entry.outputs, outputs, "output", optionalOutputs))
    return error;
  auto request = std::make_shared<Request>();
  request->inputs = std::move(inputs);
  request->outputs = std::move(outputs);
  request->remainingRanks = uint32_t(ranks.size());
  {
    std::lock_guard guard(mutex);
    if (stopping)
      return Error{ErrorCode::Usage, "the session is being closed"};
    request->number = submitted.load(std::memory_order_relaxed);
    queue.push_back(request);
    submitted.fetch_add(1, std::memory_order_release);
  }
  rankWork.notify_all();
  result = std::move(request);
  return {};
}

/// The addresses that steps see: the caller's, or staging memory where those will not do. Called by the first
/// rank that starts the request, under the mutex.
Status Session::bind(Request &request) {
  const plan::EntryPoint &entry = plan().entry;
  request.buffers.slot = uint32_t(request.number % numSlots);
  request.buffers.inputs.assign(entry.inputs.size(), nullptr);
  request.buffers.outputs.assign(entry.outputs.size(), nullptr);
  request.stagedOutputs.clear();
  request.staging.clear();
  if (isNull)
    return {};
  auto stage = [&](uint64_t sizeBytes) {
    request.staging.push_back(allocateAligned(sizeBytes));
    return request.staging.back().get();
  };
  auto isAligned = [](const void *data) {
    return reinterpret_cast<uintptr_t>(data) % tensorAlignmentBytes == 0;
  };
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const TensorView &input = request.inputs[i];
    request.buffers.inputs[i] = input.data;
    if (input.data && inputNeedsAlignment[i] && !isAligned(input.data)) {
      std::byte *copy = stage(input.sizeBytes);
      if (!copy)
        return Error{ErrorCode::Infeasible, "no memory for a copy of input " + entry.inputs[i].name};
      std::memcpy(copy, input.data, input.sizeBytes);
      request.buffers.inputs[i] = copy;
    }
  }
  std::vector<bool> isState(entry.outputs.size(), false);
  for (size_t s = 0; s < states.size(); ++s) {
    const plan::StateTensor &state = entry.states[s];
    if (!request.inputs[state.inputIndex].data)
      request.buffers.inputs[state.inputIndex] = states[s].current.get();
    request.buffers.outputs[state.outputIndex] = states[s].next.get();
    isState[state.outputIndex] = true;
    if (request.outputs[state.outputIndex].data)
      request.stagedOutputs.emplace_back(state.outputIndex, states[s].next.get());
  }
  for (uint32_t i = 0; i < entry.outputs.size(); ++i) {
    const TensorView &output = request.outputs[i];
    if (isState[i])
      continue;
    request.buffers.outputs[i] = output.data;
    if (output.data && (!outputNeedsAlignment[i] || isAligned(output.data)))
      continue;
    std::byte *copy = stage(bytesOf(entry.outputs[i]));
    if (!copy)
      return Error{ErrorCode::Infeasible, "no memory for a copy of output " + entry.outputs[i].name};
    request.buffers.outputs[i] = copy;
    if (output.data)
      request.stagedOutputs.emplace_back(i, copy);
  }
  return {};
}

bool Session::wait(Request &request, double timeoutSeconds) {
  for (uint32_t i = 0; i < callerSpinIterations && !request.isDone.load(std::memory_order_acquire); ++i)
    relaxCore();
  if (request.isDone.load(std::memory_order_acquire))
    return true;
  std::unique_lock lock(mutex);
  auto isDone = [&] { return request.isDone.load(std::memory_order_acquire); };
  if (timeoutSeconds < 0) {
    callerWork.wait(lock, isDone);
    return true;
  }
  return callerWork.wait_for(lock, std::chrono::duration<double>(std::min(timeoutSeconds, 1e9)), isDone);
}

void Session::cancel(Request &request) {
  std::lock_guard guard(mutex);
  if (request.isDone || request.isCancelled)
    return;
  request.isCancelled = true;
  if (request.isStarted) {
    interrupt = true; // all ranks leave it together; see recover
    communicator->wake();
    rankWork.notify_all();
    return;
  }
  // Nobody has begun: the ranks will pass over it.
  request.error = std::move(request.whenCancelled);
  request.isDone = true;
  callerWork.notify_all();
}

/// Requests that ended early stay in the queue until all ranks have passed over them, which touches nothing: a rank
/// begins no request that is done, and one that it had begun is done only when all ranks have parked.
bool Session::isIdle() const {
  return std::all_of(queue.begin(), queue.end(), [](const auto &request) { return request->isDone.load(); });
}

Status Session::idleState(const std::string &name, const TensorView &view, uint32_t &index) {
  if (!isIdle())
    return Error{ErrorCode::Usage, "state can be touched only while no request is in flight"};
  const plan::EntryPoint &entry = plan().entry;
  for (index = 0; index < states.size(); ++index) {
    const plan::StateTensor &state = entry.states[index];
    if (state.input != name && state.output != name)
      continue;
    const plan::Tensor &tensor = entry.inputs[state.inputIndex];
    if (!view.data || view.type != tensor.type || view.sizeBytes != states[index].sizeBytes)
      return Error{ErrorCode::Invalid, "the buffer does not fit state " + name, {{"tensor", name}}};
    return {};
  }
  return Error{ErrorCode::Usage, "the plan has no state named " + name, {{"tensor", name}}};
}

Status Session::getState(const std::string &name, const TensorView &target) {
  std::lock_guard guard(mutex);
  uint32_t index = 0;
  if (Status error = idleState(name, target, index))
    return error;
  std::memcpy(target.data, states[index].current.get(), target.sizeBytes);
  return {};
}

Status Session::setState(const std::string &name, const TensorView &source) {
  std::lock_guard guard(mutex);
  uint32_t index = 0;
  if (Status error = idleState(name, source, index))
    return error;
  std::memcpy(states[index].current.get(), source.data, source.sizeBytes);
  return {};
}

Status Session::zeroStates() {
  std::lock_guard guard(mutex);
  if (!isIdle())
    return Error{ErrorCode::Usage, "state can be touched only while no request is in flight"};
  for (State &state : states)
    std::memset(state.current.get(), 0, state.sizeBytes);
  for (auto &rank : ranks)
    rank->device->zeroState();
  return {};
}

Status Session::takeTrace(std::string &json) {
  std::lock_guard guard(mutex);
  if (!options.collectTrace)
    return Error{ErrorCode::Usage, "the session was opened without collect_trace"};
  if (!isIdle())
    return Error{ErrorCode::Usage, "the trace can be taken only while no request is in flight"};
  plan::TraceWriter writer(plan());
  for (auto &rank : ranks)
    for (const plan::TraceEvent &event : std::exchange(rank->events, {}))
      writer.add(event);
  json = std::move(writer).finish("measured");
  return {};
}

Session::RankStatistics Session::statistics(uint32_t number) const {
  const Rank &rank = *ranks[number];
  return {rank.allocatedBytes.load(),
          options.memoryLimitBytes ? options.memoryLimitBytes : plan().memoryLimitBytes,
          rank.stepsDone.load(), double(rank.busyNanoseconds.load()) * 1e-9};
}

} // namespace ampc
