// Linux futexes under ArrivalCounter.
#include "runtime/execute/waiting.h"

#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ampc {

namespace {
/// Longest sleep without looking at the interrupt flag, in case a wake-up passes unseen.
constexpr std::chrono::nanoseconds sleepSlice = std::chrono::milliseconds(20);

bool reached(uint32_t value, uint32_t target) { return int32_t(value - target) >= 0; }

long futex(std::atomic<uint32_t> *word, int operation, uint32_t value, const timespec *timeout) {
  static_assert(sizeof(*word) == sizeof(uint32_t));
  return syscall(SYS_futex, reinterpret_cast<uint32_t *>(word), operation, value, timeout, nullptr, 0);
}
} // namespace

void relaxCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void ArrivalCounter::arrive(uint32_t target) {
  if (count.fetch_add(1, std::memory_order_seq_cst) + 1 == target)
    wake();
}

void ArrivalCounter::wake() {
  if (sleepers.load(std::memory_order_seq_cst))
    futex(&count, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr);
}

WaitResult ArrivalCounter::waitFor(uint32_t target, const std::atomic<bool> &interrupt,
                                   const WaitPolicy &policy) {
  for (uint32_t i = 0; i < policy.spinIterations; ++i) {
    if (reached(value(), target))
      return WaitResult::Done;
    if (interrupt.load(std::memory_order_relaxed))
      return WaitResult::Interrupted;
    relaxCore();
  }
  const auto end = std::chrono::steady_clock::now() + policy.deadline;
  for (;;) {
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    uint32_t seen = count.load(std::memory_order_seq_cst);
    bool isDone = reached(seen, target), isInterrupted = interrupt.load(std::memory_order_seq_cst);
    auto left = end - std::chrono::steady_clock::now();
    if (!isDone && !isInterrupted && left.count() > 0) {
      auto slice = left < sleepSlice ? std::chrono::nanoseconds(left) : sleepSlice;
      timespec timeout = {time_t(slice.count() / 1000000000), long(slice.count() % 1000000000)};
      futex(&count, FUTEX_WAIT_PRIVATE, seen, &timeout);
    }
    sleepers.fetch_sub(1, std::memory_order_seq_cst);
    if (reached(value(), target))
      return WaitResult::Done;
    if (isInterrupted)
      return WaitResult::Interrupted;
    if (left.count() <= 0)
      return WaitResult::TimedOut;
  }
}

} // namespace ampc
