// Runs the probe's loops on one and on all cores, and passes a token between threads for the rendezvous time.
#include "cost_model/probe.h"
#include "cost_model/cpu_core.h"
#include "cost_model/probe_kernels.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#if defined(__linux__)
#include <climits>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ampc::cost {
namespace {

using Clock = std::chrono::steady_clock;
double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The cores of the process's affinity mask, by number.
std::vector<int> allowedCores() {
  std::vector<int> cores;
#if defined(__linux__)
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &mask))
        cores.push_back(core);
#endif
  return cores;
}

void pinTo(const std::vector<int> &cores, size_t index) {
#if defined(__linux__)
  if (cores.empty())
    return;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(cores[index % cores.size()], &mask);
  pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
#else
  (void)cores;
  (void)index;
#endif
}

/// Amount per second of `work(rounds)` on `numThreads` pinned threads that start together. The best of three,
/// since whatever else runs on the machine only makes it slower.
double measureRate(uint32_t numThreads, double seconds,
                   const std::function<double(uint32_t, uint64_t)> &work) {
  const std::vector<int> cores = allowedCores();
  double best = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::atomic<uint32_t> ready{0};
    std::vector<double> rates(numThreads, 0.0);
    auto run = [&](uint32_t thread) {
      pinTo(cores, thread);
      work(thread, 1); // touches memory, raises the clock
      ready.fetch_add(1);
      while (ready.load() < numThreads)
        std::this_thread::yield();
      double done = 0;
      const Clock::time_point start = Clock::now();
      double elapsed = 0;
      for (uint64_t rounds = 1; elapsed < seconds / 3; elapsed = secondsSince(start)) {
        done += work(thread, rounds);
        if (secondsSince(start) < seconds / 30)
          rounds *= 2;
      }
      rates[thread] = done / elapsed;
    };
    std::vector<std::thread> threads;
    for (uint32_t thread = 0; thread < numThreads; ++thread)
      threads.emplace_back(run, thread);
    for (std::thread &thread : threads)
      thread.join();
    double total = 0;
    for (double rate : rates)
      total += rate;
    best = std::max(best, total);
  }
  return best;
}

double measureCopy(uint32_t numThreads, size_t floats, double seconds) {
  std::vector<std::vector<float>> sources(numThreads, std::vector<float>(floats, 1.0f));
  std::vector<std::vector<float>> targets(numThreads, std::vector<float>(floats, 0.0f));
  return measureRate(numThreads, seconds, [&](uint32_t thread, uint64_t rounds) {
    return runCopies(sources[thread].data(), targets[thread].data(), floats, rounds);
  });
}

/// Sleeps in the kernel at once; std::atomic::wait would first yield for a while.
void sleepWhile(std::atomic<uint32_t> &word, uint32_t value) {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value, std::memory_order_acquire);
#endif
}

void wakeAll(std::atomic<uint32_t> &word) {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
#else
  word.notify_all();
#endif
}

/// Seconds of one of `rounds` meetings of `numThreads` threads, spread over the cores in turn. A thread spins
/// briefly, for longer when it has a core of its own, and then sleeps until the last one wakes it, as the
/// runtime's waits do.
double timeMeetings(uint32_t numThreads, uint32_t numCores, uint32_t rounds) {
  const std::vector<int> cores = allowedCores();
  const uint32_t patience = numThreads <= numCores ? 20000 : 100;
  std::atomic<uint32_t> arrivals{0};
  double seconds = 0;
  auto run = [&](uint32_t thread) {
    pinTo(cores, thread);
    Clock::time_point start;
    for (uint32_t round = 0; round <= rounds; ++round) {
      if (round == 1) // the first meeting waits for all threads to exist
        start = Clock::now();
      const uint32_t all = (round + 1) * numThreads;
      uint32_t now = arrivals.fetch_add(1, std::memory_order_acq_rel) + 1;
      if (now == all) {
        wakeAll(arrivals);
        continue;
      }
      for (uint32_t spins = 0; now < all && spins < patience; ++spins)
        now = arrivals.load(std::memory_order_acquire);
      for (; now < all; now = arrivals.load(std::memory_order_acquire))
        sleepWhile(arrivals, now);
    }
    if (thread == 0)
      seconds = secondsSince(start) / rounds;
  };
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < numThreads; ++thread)
    threads.emplace_back(run, thread);
  for (std::thread &thread : threads)
    thread.join();
  return seconds;
}

double measureMeeting(uint32_t numThreads, uint32_t numCores, double seconds) {
  const double estimate = timeMeetings(numThreads, numCores, 50);
  const double rounds = std::clamp(seconds / std::max(estimate, 1e-8), 50.0, 1e6);
  return timeMeetings(numThreads, numCores, uint32_t(rounds));
}

} // namespace

ProbeRates measureHost(const ProbeOptions &options) {
  const HostCores host = detectHostCores();
  const double seconds = std::clamp(options.secondsPerMeasurement, 1e-3, 10.0);
  const std::string set = host.instructionSet;
  ProbeRates rates;
  rates.cores = host.cores;
  rates.instructionSet = set;

  constexpr uint64_t arithmeticRounds = 1024; // a few microseconds a call
  auto arithmetic = [&](uint32_t threads, double (*loop)(std::string_view, uint64_t)) {
    return measureRate(threads, seconds,
                       [&](uint32_t, uint64_t rounds) { return loop(set, rounds * arithmeticRounds); });
  };
  rates.f32FlopsOneCore = arithmetic(1, runF32MultiplyAdds);
  rates.f32FlopsAllCores = arithmetic(host.cores, runF32MultiplyAdds);
  rates.f64FlopsOneCore = arithmetic(1, runF64MultiplyAdds);
  rates.f64FlopsAllCores = arithmetic(host.cores, runF64MultiplyAdds);
  if (runBf16DotProducts(set, 1) > 0) {
    rates.bf16FlopsOneCore = arithmetic(1, runBf16DotProducts);
    rates.bf16FlopsAllCores = arithmetic(host.cores, runBf16DotProducts);
  }

  // 64 MiB a core and direction leave the caches of any core behind, within an eighth of the memory.
  const uint64_t share = host.memoryBytes / 8 / (2 * uint64_t(host.cores)) / sizeof(float);
  const size_t large = size_t(std::clamp<uint64_t>(share, 1 << 18, 1 << 24));
  rates.copyBytesOneCore = measureCopy(1, large, seconds * 2);
  rates.copyBytesAllCores = measureCopy(host.cores, large, seconds * 2);
  // Every core works on its own set; the largest that is clearly not limited by memory is the cache it can
  // count on.
  for (uint64_t workingSet = 512 << 10; workingSet <= 16 << 20; workingSet *= 4) {
    const size_t floats = size_t(workingSet / sizeof(float) / 2);
    const double allCores = measureCopy(host.cores, floats, seconds);
    if (workingSet > 512 << 10 && allCores < 2 * rates.copyBytesAllCores)
      break;
    rates.cacheSizeBytes = workingSet;
    rates.cacheBytesOneCore = measureCopy(1, floats, seconds);
    rates.cacheBytesAllCores = allCores;
  }

  // Two threads on each of two cores against one on each.
  const uint32_t meetingCores = std::min(host.cores, 2u);
  const double crowded = measureMeeting(2 * meetingCores, meetingCores, seconds);
  rates.rendezvousSeconds = meetingCores > 1 ? measureMeeting(2, meetingCores, seconds) : crowded;
  rates.switchSeconds = std::max(crowded - rates.rendezvousSeconds, 0.1 * crowded);
  return rates;
}

Cluster clusterOf(const ProbeRates &rates, const HostCores &host, const ProbeOptions &options) {
  const uint32_t devices = options.devices > 0 ? options.devices : std::max(rates.cores, 1u);
  Cluster cluster =
      cpuHostCluster(devices, options.threadsPerDevice, rates.cores, rates.instructionSet, host.memoryBytes);
  const uint32_t numDevices = cluster.numDevices();
  const uint32_t threads = cluster.devices[0].threads;

  // One device alone gets what one core gets; several get their part of what all cores reach together.
  const bool alone = numDevices == 1 && threads == 1;
  auto deviceRate = [&](double oneCore, double allCores, double fallback) {
    const double rate =
        alone ? oneCore : allCores / double(rates.cores) * double(std::min(threads, rates.cores));
    return rate > 0 ? rate : fallback;
  };
  Device device = cluster.devices[0];
  device.name =
      std::to_string(threads) + " measured " + rates.instructionSet + (threads == 1 ? " core" : " cores");
  auto &peaks = device.peakFlopsPerSecond;
  const double f32 = deviceRate(rates.f32FlopsOneCore, rates.f32FlopsAllCores, peaks[DataType::F32]);
  // What is not measured keeps its ratio to f32.
  const double scale = f32 / peaks[DataType::F32];
  for (auto &[type, rate] : peaks)
    rate *= scale;
  peaks[DataType::F64] = deviceRate(rates.f64FlopsOneCore, rates.f64FlopsAllCores, peaks[DataType::F64]);
  peaks[DataType::BF16] = deviceRate(rates.bf16FlopsOneCore, rates.bf16FlopsAllCores, peaks[DataType::BF16]);
  device.memoryBandwidthBytesPerSecond =
      deviceRate(rates.copyBytesOneCore, rates.copyBytesAllCores, device.memoryBandwidthBytesPerSecond);
  const double readsPerCopy = device.cacheReadBytesPerSecond / device.cacheBandwidthBytesPerSecond;
  device.cacheBandwidthBytesPerSecond = std::max(
      device.memoryBandwidthBytesPerSecond,
      deviceRate(rates.cacheBytesOneCore, rates.cacheBytesAllCores, device.cacheBandwidthBytesPerSecond));
  device.cacheReadBytesPerSecond = readsPerCopy * device.cacheBandwidthBytesPerSecond;
  if (rates.cacheSizeBytes > 0)
    device.cacheBytes = rates.cacheSizeBytes * std::min(threads, rates.cores);
  if (rates.launchSeconds > 0) // several threads begin and end a launch together
    device.launchSeconds = rates.launchSeconds + (threads > 1 ? rates.rendezvousSeconds : 0);
  std::fill(cluster.devices.begin(), cluster.devices.end(), device);

  LinkTier &tier = cluster.tiers[0];
  tier.bandwidthBytesPerSecond = device.memoryBandwidthBytesPerSecond;
  if (rates.rendezvousSeconds > 0)
    tier.latencySeconds = rates.rendezvousSeconds;
  if (rates.switchSeconds > 0)
    tier.switchSeconds = rates.switchSeconds;
  cluster.name = "probe";
  const size_t detail = cluster.description.find("; ");
  cluster.description = "CPU devices of one process, measured by a probe (" + rates.instructionSet + ")" +
                        (detail == std::string::npos ? "" : cluster.description.substr(detail));
  return cluster;
}

Cluster probe(const ProbeOptions &options) {
  return clusterOf(measureHost(options), detectHostCores(), options);
}

} // namespace ampc::cost
