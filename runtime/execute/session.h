// A loaded plan with its device threads: takes requests, keeps state, reports failures. The C interface is a
// thin layer over this class; its contracts are in runtime/include/ampc/ampc.h.
#pragma once

#include "runtime/execute/communicator.h"
#include "runtime/execute/device.h"
#include "runtime/execute/kernel_object.h"
#include "runtime/plan/trace_writer.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace ampc {

struct SessionOptions {
  std::string device; // empty: the plan's
  uint64_t memoryLimitBytes = 0; // 0: the plan's
  double deadlineSeconds = 0;    // 0: defaultDeadlineSeconds
  bool pinThreads = false;
  bool collectTrace = false;
  ArenaAllocator allocator;
  LogFunction log;
};

inline constexpr double defaultDeadlineSeconds = 300;

/// A tensor of the caller. A null address: none given.
struct TensorView {
  void *data = nullptr;
  uint64_t sizeBytes = 0;
  DataType type = DataType::F32;
};

struct FreeAligned {
  void operator()(void *data) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], FreeAligned>;
/// Uninitialised, aligned to 64 bytes; null when there is no memory.
AlignedBytes allocateAligned(uint64_t sizeBytes);

/// One execution. Fields below `mutable by ranks` are guarded by Session::mutex.
struct Request {
  uint64_t number = 0; // in order of submission, from 0
  std::vector<TensorView> inputs, outputs;

  // mutable by ranks
  RequestBuffers buffers;
  std::vector<AlignedBytes> staging; // copies of unaligned inputs and room for unaligned or unwanted outputs
  std::vector<std::pair<uint32_t, std::byte *>> stagedOutputs; // copied to the caller at the end
  uint32_t remainingRanks = 0;
  bool isStarted = false, isCancelled = false;
  plan::Status error;
  /// Made with the request: rank threads that end it allocate nothing.
  plan::Error whenCancelled{plan::ErrorCode::Cancelled, "the request was cancelled", {}};
  std::atomic<bool> isDone{false};
};

class Session {
public:
  /// Verifies the plan, starts one thread per rank, runs the init programs.
  static plan::Status open(std::unique_ptr<plan::PlanFile> file, SessionOptions options,
                           std::unique_ptr<Session> &result);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const plan::Plan &plan() const { return file->plan(); }
  /// Requests that may be in flight: the plan's slots, or 1 when it carries state from step to step.
  uint32_t slots() const { return numSlots; }

  plan::Status submit(std::vector<TensorView> inputs, std::vector<TensorView> outputs,
                      std::shared_ptr<Request> &request);
  /// timeoutSeconds < 0: no limit. False: the time ran out first.
  bool wait(Request &request, double timeoutSeconds);
  void cancel(Request &request);

  plan::Status getState(const std::string &name, const TensorView &target);
  plan::Status setState(const std::string &name, const TensorView &source);
  plan::Status zeroStates();

  plan::Status takeTrace(std::string &json);

  struct RankStatistics {
    uint64_t allocatedBytes = 0, limitBytes = 0, steps = 0;
    double busySeconds = 0;
  };
  RankStatistics statistics(uint32_t rank) const;

private:
  struct Rank {
    std::unique_ptr<Device> device;
    std::thread thread;
    int pinnedCpu = -1;
    bool isLoading = true;    // guarded by mutex, as the next
    uint64_t nextRequest = 0;
    std::atomic<uint64_t> stepsDone{0};
    std::atomic<int64_t> busyNanoseconds{0};
    std::atomic<uint32_t> currentStep{0};
    std::atomic<uint8_t> currentRole{0};
    std::atomic<uint64_t> allocatedBytes{0};
    std::vector<plan::TraceEvent> events;
    std::vector<CommunicationPart> initParts,
        forwardParts; // by step; only collectives' entries mean anything
  };
  struct State {
    AlignedBytes current, next;
    uint64_t sizeBytes = 0;
  };

  Session(std::unique_ptr<plan::PlanFile> file, SessionOptions options);
  plan::Status prepare();
  plan::Status start();
  void serve(uint32_t number);
  plan::Status loadAndInit(Rank &rank, uint32_t number);
  plan::Status execute(Rank &rank, uint32_t number, plan::ProgramRole role, const RequestBuffers &buffers,
                       uint64_t request);
  plan::Error describe(plan::Error error, uint32_t number, const plan::Program &program,
                       const plan::Step &step, const CommunicationPart *part, WaitResult result) const;
  const plan::Program &program(uint32_t rank, plan::ProgramRole role) const;

  std::shared_ptr<Request> takeNext(Rank &rank, uint32_t number);
  plan::Status bind(Request &request);
  void rankDone(const std::shared_ptr<Request> &request);
  void rankFailed(Request &request, plan::Error error);
  void finish(Request &request);
  void park(std::unique_lock<std::mutex> &lock);
  struct Recovery {
    std::shared_ptr<Request> failed; // null: a request was cancelled
    uint32_t restarted = 0;
  };
  Recovery recover();
  bool isIdle() const; // with the mutex held
  plan::Status idleState(const std::string &name, const TensorView &view, uint32_t &index);
  /// `message` returns a string; it is called only when somebody listens. Not with the mutex held.
  template <typename Message> void log(LogLevel level, const Message &message) const noexcept {
    if (!options.log)
      return;
    try {
      std::lock_guard guard(logMutex);
      options.log(level, message());
    } catch (...) { // a message is not worth more than this
    }
  }

  std::unique_ptr<plan::PlanFile> file;
  SessionOptions options;
  std::unique_ptr<KernelObject> kernels;
  std::unique_ptr<Communicator> communicator;
  std::vector<std::unique_ptr<Rank>> ranks;
  std::vector<bool> inputNeedsAlignment, outputNeedsAlignment;
  std::vector<State> states;
  uint32_t numSlots = 1;
  bool isNull = false;
  WaitPolicy policy;
  uint32_t callerSpinIterations = 0;
  std::chrono::steady_clock::time_point openedAt;

  mutable std::mutex logMutex;
  std::mutex mutex;
  std::condition_variable rankWork, callerWork;
  std::atomic<uint64_t> submitted{0};         // requests given numbers
  std::deque<std::shared_ptr<Request>> queue; // unfinished; queue[0] has the number `finished`
  uint64_t finished = 0;
  std::atomic<bool> interrupt{false}; // all ranks leave what they do and park
  std::atomic<bool> stopping{false};
  uint32_t parked = 0;
  uint64_t recoveries = 0;
  uint32_t loading = 0; // ranks that have not finished init
  plan::Status loadError;
};

} // namespace ampc
