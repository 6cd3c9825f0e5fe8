// Roofline with a shape-dependent part of the peak and a floor.
#include "cost_model/compute.h"

#include <algorithm>

namespace ampc::cost {

// What libraries reach with channels in front, compared with channels last (docs/performance.md).
static constexpr double channelsInFrontFraction = 0.6;

/// What is left of a rate when rows of the second operand are that long.
static double rowPart(const Efficiency &efficiency, double n) {
  return efficiency.fadeN > 0 && n > 0 ? efficiency.fadeN / (efficiency.fadeN + n) : 1;
}

double efficiencyOf(const Work &work, const Device &device) {
  const Efficiency &efficiency = device.efficiencyOf(work.kind);
  auto reached = [](double extent, double half) { return extent > 0 ? extent / (extent + half) : 1.0; };
  double part = efficiency.fraction;
  if (work.kind == WorkKind::Convolution && work.channelsInFront)
    part *= channelsInFrontFraction;
  part *= reached(work.m, efficiency.halfM) * reached(work.n, efficiency.halfN) *
          reached(work.k, efficiency.halfK) * rowPart(efficiency, work.n);
  return std::max(part, 1e-6);
}

/// `readShare` of the bytes is read at `readBytesPerSecond` where they are cached.
static double memorySeconds(double bytes, double readShare, double readBytesPerSecond, const Device &device) {
  if (bytes <= 0)
    return 0;
  const double fraction = device.efficiencyOf(WorkKind::Movement).fraction * device.coreShare;
  // Beyond the cache only the excess pays the memory's rate, so that time has no jump at the cache size.
  const double cached = std::min(bytes, double(device.cacheBytes));
  double seconds = (bytes - cached) / device.memoryBandwidthBytesPerSecond;
  if (cached > 0)
    seconds += cached * readShare / readBytesPerSecond + cached * (1 - readShare) / device.cacheBandwidthBytesPerSecond;
  return seconds / fraction;
}

double memorySeconds(double bytes, const Device &device) {
  return memorySeconds(bytes, 0, 1, device);
}

static bool isProduct(WorkKind kind) {
  return kind == WorkKind::Contraction || kind == WorkKind::Convolution || kind == WorkKind::GeneratedContraction ||
         kind == WorkKind::GeneratedConvolution;
}

double computeSeconds(const Work &work, const Device &device) {
  if (work.isOneThread && device.threads > 1) {
    Work alone = work;
    alone.isOneThread = false;
    return computeSeconds(alone, withThreads(device, 1));
  }
  const double bytes = std::max(work.bytesRead, 0.0) + std::max(work.bytesWritten, 0.0);
  if (work.flops <= 0 && bytes <= 0)
    return 0;
  // At the border of an image every load is guarded: such results cost about twice as much.
  const double arithmetic = std::max(work.flops, 0.0) * (1 + std::clamp(work.borderShare, 0.0, 1.0)) /
                            (device.peak(work.type) * efficiencyOf(work, device));
  const double rounds = std::max(work.rounds, 1.0);
  const bool isReading = isProduct(work.kind) && device.cacheReadBytesPerSecond > 0;
  const double roundBytes = bytes / rounds;
  double memory = rounds * (isReading && bytes > 0
                                ? memorySeconds(roundBytes, std::max(work.bytesRead, 0.0) / bytes,
                                                device.cacheReadBytesPerSecond, device)
                                : memorySeconds(roundBytes, device));
  if (work.readsPlainRows)
    memory /= rowPart(device.efficiencyOf(WorkKind::GeneratedContraction), work.n);
  return std::max({arithmetic, memory, rounds * device.launchSeconds}) +
         work.libraryCalls * device.libraryCallSeconds;
}

} // namespace ampc::cost
