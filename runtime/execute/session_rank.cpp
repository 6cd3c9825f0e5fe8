// What the thread of one rank does: load, init, then one request after the other, and the common retreat when
// one of them fails or is cancelled.
#include "runtime/execute/session.h"

#include <cstring>
#include <new>

namespace ampc {

using plan::Error;
using plan::ErrorCode;
using plan::ProgramRole;
using plan::Status;
using plan::StepKind;

namespace {
/// A rank that left because another one asked it to; never shown to the caller.
Error interrupted() { return {ErrorCode::Cancelled, "interrupted"}; }

/// Runs `body`, which returns a Status. Nothing it throws leaves the rank's thread, where it would end the process.
template <typename Body> Status guarded(uint32_t rank, const char *what, const Body &body) noexcept {
  try {
    const std::vector<std::pair<std::string, std::string>> fields = {{"rank", std::to_string(rank)}};
    const std::string subject = "rank " + std::to_string(rank) + " cannot " + what + ": ";
    try {
      return body();
    } catch (const std::bad_alloc &) {
      return Error{ErrorCode::Infeasible, subject + "the system has no memory left", fields};
    } catch (const std::exception &error) {
      return Error{ErrorCode::Execution, subject + error.what(), fields};
    }
  } catch (...) {
    return Error{ErrorCode::Infeasible, "no memory", {}}; // as short as fits a string that allocates nothing
  }
}
} // namespace

void Session::serve(uint32_t number) {
  Rank &rank = *ranks[number];
  Status error = guarded(number, "prepare its device", [&] { return loadAndInit(rank, number); });
  const bool hasFailed = error.has_value();
  {
    std::unique_lock lock(mutex);
    if (error) {
      // The first error that is not a mere consequence of another rank's.
      if (!loadError || loadError->code == ErrorCode::Cancelled)
        loadError = std::move(error);
      interrupt = true;
    }
    rank.isLoading = false;
    if (--loading == 0)
      callerWork.notify_all();
  }
  if (hasFailed) {
    communicator->wake();
    return;
  }
  while (auto request = takeNext(rank, number)) {
    if (request->isDone.load()) { // cancelled before anyone began
      rankDone(request);
      continue;
    }
    Status failure = guarded(number, "execute a request", [&] {
      return execute(rank, number, ProgramRole::Forward, request->buffers, request->number);
    });
    if (!failure)
      rankDone(request);
    else if (failure->code != ErrorCode::Cancelled)
      rankFailed(*request, std::move(*failure));
    // Interrupted: takeNext parks this rank.
  }
}

Status Session::loadAndInit(Rank &rank, uint32_t number) {
  const auto begin = std::chrono::steady_clock::now();
  Status error = rank.device->load();
  rank.allocatedBytes = rank.device->allocatedBytes();
  if (!error)
    error = execute(rank, number, ProgramRole::Init, {}, 0);
  if (error)
    return error;
  rank.device->initDone();
  log(LogLevel::Info, [&] {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return "rank " + std::to_string(number) + " is ready after " + std::to_string(seconds.count()) + " s" +
           (rank.pinnedCpu >= 0 ? " on CPU " + std::to_string(rank.pinnedCpu) : "") + ": " +
           std::to_string(rank.allocatedBytes) + " bytes of memory, " +
           std::to_string(program(number, ProgramRole::Init).steps.size()) + " steps done, " +
           std::to_string(program(number, ProgramRole::Forward).steps.size()) + " per request";
  });
  return {};
}

Status Session::execute(Rank &rank, uint32_t number, ProgramRole role, const RequestBuffers &buffers,
                        uint64_t request) {
  const plan::Program &steps = program(number, role);
  const auto &parts = role == ProgramRole::Init ? rank.initParts : rank.forwardParts;
  const bool traced = options.collectTrace;
  rank.currentRole.store(uint8_t(role), std::memory_order_relaxed);
  for (uint32_t i = 0; i < steps.steps.size(); ++i) {
    const plan::Step &step = steps.steps[i];
    if (interrupt.load(std::memory_order_relaxed))
      return interrupted();
    rank.currentStep.store(i, std::memory_order_relaxed);
    const auto begin = traced ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    const bool isLocal = !plan::isCommunication(step.kind);
    if (isLocal) {
      if (Status error = rank.device->run(role, i, buffers))
        return describe(std::move(*error), number, steps, step, nullptr, WaitResult::Done);
    } else {
      auto [source, target] = rank.device->ends(role, i, buffers);
      WaitResult result = communicator->run(parts[i], source, target, interrupt, policy);
      if (result == WaitResult::Interrupted)
        return interrupted();
      if (result == WaitResult::TimedOut)
        return describe({ErrorCode::Execution, "", {}}, number, steps, step, &parts[i], result);
    }
    if (traced) {
      const auto end = std::chrono::steady_clock::now();
      using Microseconds = std::chrono::duration<double, std::micro>;
      rank.events.push_back({number, uint32_t(&steps - plan().programs.data()), i, request,
                             Microseconds(begin - openedAt).count(), Microseconds(end - begin).count()});
      if (isLocal)
        rank.busyNanoseconds.fetch_add((end - begin).count(), std::memory_order_relaxed);
    }
    rank.stepsDone.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

Error Session::describe(Error error, uint32_t number, const plan::Program &of, const plan::Step &step,
                        const CommunicationPart *part, WaitResult result) const {
  if (result == WaitResult::TimedOut && part) {
    uint32_t missing = communicator->missingRank(*part);
    error.message = "rank " + std::to_string(number) + " waited longer than " +
                    std::to_string(std::chrono::duration<double>(policy.deadline).count()) + " s in step " +
                    step.name;
    if (missing != number) {
      const Rank &other = *ranks[missing];
      const plan::Program &theirs = program(missing, ProgramRole(other.currentRole.load()));
      uint32_t at = other.currentStep.load();
      error.message += " for rank " + std::to_string(missing);
      if (at < theirs.steps.size())
        error.message += ", which was last seen in step " + theirs.steps[at].name;
      error.fields.emplace_back("missing_rank", std::to_string(missing));
    }
  } else {
    error.message = "rank " + std::to_string(number) + " failed in step " + step.name + ": " + error.message;
  }
  error.fields.insert(error.fields.end(), {{"rank", std::to_string(number)},
                                           {"program", of.name},
                                           {"step", step.name},
                                           {"op", std::string(plan::name(step.kind))},
                                           {"nodes", step.nodes}});
  return error;
}

/// Blocks until the rank's next request may begin; null when the session ends.
std::shared_ptr<Request> Session::takeNext(Rank &rank, uint32_t number) {
  const uint64_t first = rank.nextRequest; // only this thread and recover, with this thread parked, write it
  for (uint32_t i = 0; i < policy.spinIterations; ++i) {
    if (submitted.load(std::memory_order_acquire) > first || interrupt.load(std::memory_order_relaxed))
      break;
    relaxCore();
  }
  std::unique_lock lock(mutex);
  for (;;) {
    if (stopping)
      return nullptr;
    if (interrupt) {
      park(lock);
      continue;
    }
    const uint64_t next = rank.nextRequest;
    if (next < submitted.load(std::memory_order_relaxed) && next < finished + numSlots) {
      std::shared_ptr<Request> request = queue[next - finished];
      if (!request->isStarted && !request->isDone) {
        request->isStarted = true;
        request->error = guarded(number, "begin a request", [&] { return bind(*request); });
        if (request->error) { // no memory: over before it began
          request->isDone = true;
          callerWork.notify_all();
        }
      }
      ++rank.nextRequest;
      return request;
    }
    rankWork.wait(lock);
  }
}

/// The rank is through with the request; the last one finishes it.
void Session::rankDone(const std::shared_ptr<Request> &request) {
  {
    std::lock_guard guard(mutex);
    if (--request->remainingRanks)
      return;
  }
  // Nobody else touches the request now, and later ones wait for it where they share state or a slot.
  if (!request->isDone)
    finish(*request);
  {
    std::lock_guard guard(mutex);
    // Requests end in the order of their numbers, because every rank takes them in that order.
    queue.pop_front();
    ++finished;
    request->isDone.store(true, std::memory_order_release);
  }
  callerWork.notify_all();
  rankWork.notify_all();
}

void Session::finish(Request &request) {
  for (auto [index, data] : request.stagedOutputs)
    if (request.outputs[index].sizeBytes)
      std::memcpy(request.outputs[index].data, data, request.outputs[index].sizeBytes);
  if (!isNull)
    for (State &state : states)
      std::swap(state.current, state.next);
}

void Session::rankFailed(Request &request, Error error) {
  std::lock_guard guard(mutex);
  // The first failure is the cause; what follows are consequences.
  if (!request.error)
    request.error = std::move(error);
  interrupt = true;
  communicator->wake();
  rankWork.notify_all();
}

/// Waits until all ranks have left what they did; the last one cleans up.
void Session::park(std::unique_lock<std::mutex> &lock) {
  if (++parked == ranks.size()) {
    const Recovery recovery = recover();
    lock.unlock();
    log(recovery.failed ? LogLevel::Warning : LogLevel::Info, [&] {
      return (recovery.failed ? "recovered from a failure (" + recovery.failed->error->message + ")"
                              : std::string("a request was cancelled while it ran")) +
             "; " + std::to_string(recovery.restarted) + " others begin anew";
    });
    lock.lock();
    return;
  }
  const uint64_t before = recoveries;
  rankWork.wait(lock, [&] { return recoveries != before || stopping; });
}

/// All ranks are parked. Failed and cancelled requests end; those that merely were in flight beside them
/// begin anew.
Session::Recovery Session::recover() {
  Recovery result;
  communicator->reset();
  for (auto &request : queue) {
    if (!request->isDone && request->error && !result.failed)
      result.failed = request;
    if (!request->isDone && request->isCancelled)
      request->error = std::move(request->whenCancelled);
    if (request->error)
      request->isDone = true;
    else
      result.restarted += request->isStarted;
    request->isStarted = false;
    request->remainingRanks = uint32_t(ranks.size());
  }
  for (auto &rank : ranks)
    rank->nextRequest = finished;
  parked = 0;
  interrupt = false;
  ++recoveries;
  callerWork.notify_all();
  rankWork.notify_all();
  return result;
}

} // namespace ampc
