// Waiting between threads of one process: a counter that others raise, watched by spinning briefly and then
// sleeping in the kernel. Every wait has a deadline and can be interrupted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ampc {

enum class WaitResult { Done, TimedOut, Interrupted };

/// How the waits of one session behave.
struct WaitPolicy {
  uint32_t spinIterations = 0; // before sleeping; few when threads outnumber cores
  std::chrono::nanoseconds deadline = std::chrono::seconds(300);
};

/// A hint to the core that this thread spins.
void relaxCore();

/// Counts arrivals; wraps around.
class ArrivalCounter {
public:
  /// Adds one; wakes sleepers when that makes `target`.
  void arrive(uint32_t target);
  uint32_t value() const { return count.load(std::memory_order_acquire); }
  /// Until the count has reached `target` (modulo 2^32), `interrupt` is set, or the deadline has passed.
  WaitResult waitFor(uint32_t target, const std::atomic<bool> &interrupt, const WaitPolicy &policy);
  /// Makes sleepers look again.
  void wake();
  /// Only while nobody waits or arrives.
  void reset() { count.store(0, std::memory_order_release); }

private:
  std::atomic<uint32_t> count{0};
  std::atomic<uint32_t> sleepers{0};
};

} // namespace ampc
