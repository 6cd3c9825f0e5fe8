// Describes N CPU devices of a host from what can be known without measuring: cores, instruction set, memory.
#include "cost_model/cpu_core.h"

#include <algorithm>
#include <cmath>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace ampc::cost {

std::map<DataType, double> cpuCorePeaks(std::string_view instructionSet) {
  // One core at about 3 GHz with two 512-bit multiply-add units; narrower sets scale with the width.
  double f32 = 190e9, bf16 = f32, i8 = f32;
  if (instructionSet == "amx") {
    bf16 = 8 * f32;
    i8 = 16 * f32;
  } else if (instructionSet == "avx512_bf16") {
    bf16 = 2 * f32;
    i8 = 4 * f32;
  } else if (instructionSet == "avx2") {
    f32 = bf16 = i8 = 95e9;
  } else if (instructionSet == "sse2") {
    f32 = bf16 = i8 = 24e9; // no fused multiply-add
  }
  // Integers other than 8-bit products have no multiply-add unit; they are priced at half of f32.
  return {{DataType::F64, f32 / 2}, {DataType::F32, f32}, {DataType::F16, f32},
          {DataType::BF16, bf16},   {DataType::I8, i8},   {DataType::I32, f32 / 2},
          {DataType::I64, f32 / 4}, {DataType::U8, i8}};
}

double cpuSharedCopyBytesPerSecond(uint32_t busyCores) {
  return 28e9 * std::pow(double(std::max(busyCores, 1u)), -0.4);
}

Device cpuDevice(uint32_t threads, std::string_view instructionSet, double copyBytesPerSecond) {
  Device device;
  device.kind = "cpu";
  device.name = "generic " + std::string(instructionSet) + " core";
  if (threads > 1)
    device.name = std::to_string(threads) + " generic " + std::string(instructionSet) + " cores";
  device.peakFlopsPerSecond = cpuCorePeaks(instructionSet);
  device.efficiency[size_t(WorkKind::Contraction)] = {0.85, 1, 8, 4};
  device.efficiency[size_t(WorkKind::Convolution)] = {0.85, 1, 4, 12};
  device.efficiency[size_t(WorkKind::Elementwise)] = {0.25, 0, 0, 0};
  device.efficiency[size_t(WorkKind::Reduction)] = {0.25, 0, 0, 0};
  // Figures of test/bench/kernels/executor_rates: no start-up inside, lanes along n, no packed operand.
  device.efficiency[size_t(WorkKind::GeneratedContraction)] = {0.95, 1, 16, 0, 2048};
  device.efficiency[size_t(WorkKind::GeneratedConvolution)] = {0.8, 1, 16, 0, 0};
  device.memoryBandwidthBytesPerSecond = copyBytesPerSecond;
  device.cacheBytes = cpuCacheBytes;
  device.cacheBandwidthBytesPerSecond = cpuCacheBytesPerSecond;
  device.cacheReadBytesPerSecond = cpuCacheReadBytesPerSecond;
  device.launchSeconds = cpuLaunchSeconds;
  device.libraryCallSeconds = cpuLibraryCallSeconds;
  return withThreads(std::move(device), threads);
}

Device withThreads(Device device, uint32_t threads) {
  const double factor = double(threads) / double(std::max(device.threads, 1u));
  for (auto &[type, rate] : device.peakFlopsPerSecond)
    rate *= factor;
  device.memoryBandwidthBytesPerSecond *= factor;
  device.cacheBytes = uint64_t(double(device.cacheBytes) * factor);
  device.cacheBandwidthBytesPerSecond *= factor;
  device.cacheReadBytesPerSecond *= factor;
  const double joining = cpuJoinSeconds;
  if (device.threads <= 1 && threads > 1)
    device.launchSeconds += joining;
  else if (device.threads > 1 && threads <= 1)
    device.launchSeconds = std::max(device.launchSeconds - joining, 0.0);
  device.threads = threads;
  return device;
}

LinkTier sharedMemoryTier(uint64_t groupSize, double copyBytesPerSecond) {
  LinkTier tier;
  tier.name = "shared memory";
  tier.transport = Transport::SharedMemory;
  tier.groupSize = groupSize;
  tier.latencySeconds = cpuRendezvousSeconds;
  tier.bandwidthBytesPerSecond = copyBytesPerSecond;
  tier.switchSeconds = cpuSwitchSeconds;
  return tier;
}

HostCores detectHostCores() {
  HostCores host;
  host.cores = std::max(1u, std::thread::hardware_concurrency());
  host.memoryBytes = uint64_t(8) << 30;
#if defined(__linux__)
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) > 0)
    host.cores = uint32_t(CPU_COUNT(&mask));
  const long pages = sysconf(_SC_PHYS_PAGES), pageBytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && pageBytes > 0)
    host.memoryBytes = uint64_t(pages) * uint64_t(pageBytes);
#endif
  host.instructionSet = "sse2";
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    host.instructionSet = "avx2";
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
    host.instructionSet = "avx512";
    unsigned eax = 7, ebx = 0, ecx = 0, edx = 0;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    const bool amx = edx >> 22 & 1; // leaf 7, subleaf 0: AMX-BF16
    eax = 7, ecx = 1;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    const bool bf16 = eax >> 5 & 1; // leaf 7, subleaf 1: AVX512_BF16
    host.instructionSet = amx ? "amx" : bf16 ? "avx512_bf16" : "avx512";
  }
#endif
  return host;
}

Cluster cpuHostCluster(uint32_t devices, uint32_t threadsPerDevice, uint32_t cores,
                       std::string_view instructionSet, uint64_t memoryBytes) {
  devices = std::clamp<uint32_t>(devices, 1, maxDevices);
  cores = std::max(cores, 1u);
  const uint32_t threads = threadsPerDevice > 0 ? threadsPerDevice : std::max(cores / devices, 1u);
  const uint64_t allThreads = uint64_t(devices) * threads;

  const double copyBytesPerSecond =
      cpuSharedCopyBytesPerSecond(uint32_t(std::min<uint64_t>(allThreads, cores)));
  Device device = cpuDevice(threads, instructionSet, copyBytesPerSecond);
  device.memoryBytes = std::max<uint64_t>(memoryBytes / devices, 1);
  auto count = [](uint64_t n, const char *one) {
    return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
  };
  std::string sharing = "every device has " + count(threads, "core") + " of its own";
  if (allThreads > cores) {
    device.coreShare = double(cores) / double(allThreads);
    sharing = count(devices, "device") + " with " + count(threads, "thread") + " each share " +
              count(cores, "core") + ", so the rates of every device are divided by " +
              std::to_string(allThreads / cores) + (allThreads % cores ? " or more" : "");
  }

  Cluster cluster;
  cluster.name = "hostx" + std::to_string(devices);
  cluster.description = "CPU devices of one process, from detected cores and instruction set (" +
                        std::string(instructionSet) + "), not measured; " + sharing;
  cluster.devices.assign(devices, device);
  cluster.tiers = {sharedMemoryTier(devices, copyBytesPerSecond)};
  return cluster;
}

Cluster hostCluster(uint32_t devices, uint32_t threadsPerDevice) {
  const HostCores host = detectHostCores();
  return cpuHostCluster(devices, threadsPerDevice, host.cores, host.instructionSet, host.memoryBytes);
}

} // namespace ampc::cost
