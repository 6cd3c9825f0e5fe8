// Helpers sleep between kernels; the kernel itself bounds how long anyone waits.
#include "runtime/execute/thread_team.h"

#include <pthread.h>
#include <sched.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace ampc {

namespace {
constexpr uint32_t teamSpinIterations = 1000;
} // namespace

bool prepareDeviceThread(int pinnedCpu) {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() & ~0x8040u); // no flush to zero, denormals are no zeros
#elif defined(__aarch64__)
  uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" ::"r"(control & ~(uint64_t(1) << 24)));
#endif
  if (pinnedCpu < 0)
    return true;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(size_t(pinnedCpu), &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

ThreadTeam::ThreadTeam(uint32_t threads) : threads(threads) {
  policy.spinIterations = threads <= std::thread::hardware_concurrency() ? teamSpinIterations : 10;
  helpers.reserve(threads);
  try {
    for (uint32_t thread = 1; thread < threads; ++thread)
      helpers.emplace_back([this, thread] { serve(thread); });
  } catch (...) { // the system has no thread left: those that run end before their object does
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { stop(); }

void ThreadTeam::stop() {
  stopping = true;
  started.arrive(++round);
  for (std::thread &helper : helpers)
    helper.join();
}

void ThreadTeam::run(const std::function<void(uint32_t)> &work) {
  current = &work;
  const uint32_t target = ++round;
  started.arrive(target);
  work(0);
  // The helpers use `work` until they arrive: there is nothing to do but wait for them.
  waitUntil(finished, target * (threads - 1));
}

void ThreadTeam::waitUntil(ArrivalCounter &counter, uint32_t target) {
  const std::atomic<bool> never{false};
  while (counter.waitFor(target, never, policy) != WaitResult::Done) {
  }
}

void ThreadTeam::serve(uint32_t thread) {
  prepareDeviceThread(-1);
  for (uint32_t next = 1;; ++next) {
    waitUntil(started, next);
    if (stopping)
      return;
    (*current)(thread);
    finished.arrive(next * (threads - 1));
  }
}

} // namespace ampc
