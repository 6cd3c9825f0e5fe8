// Which efficiencies explain measured times of products and convolutions: a function of the measurements, which are
// made elsewhere. What is fitted is the whole price of compute.h, so that a time which memory explains says nothing about
// arithmetic.
#pragma once

#include "cost_model/compute.h"

#include <array>
#include <span>

namespace ampc::cost {

/// A product or convolution, and what one execution of it took on one core. `work.kind` says who executed it.
struct TimedWork {
  Work work;
  double seconds = 0;
};

/// Fewer measurements than this say too little about the parameters of a kind.
inline constexpr size_t leastTimesOfKind = 6;

struct ProductFit {
  /// What was given, with the efficiencies of the kinds that were measured, and the seconds of a library call.
  Device device;
  /// By kind of work: measurements used (0: too few, the efficiency is the given one), and the root of the mean square
  /// of log(predicted / measured).
  std::array<size_t, numWorkKinds> timesUsed{};
  std::array<double, numWorkKinds> logError{};
};

/// The parameters with the least sum of squares of log(predicted / measured), within bounds that any device keeps.
/// `device` is one core; its peak and caches are taken as they are, launching is left out of `seconds`. Products hardly
/// write, so they may reach more than a copy's rate in the cache: what they reach is found too, since it tells the time
/// of long rows from that of all bytes, but the cache's rate in the result stays the copy's.
ProductFit fitProducts(const Device &device, std::span<const TimedWork> times);

/// `cluster` with the efficiencies and the library call that were fitted, on every device.
Cluster withProductFit(Cluster cluster, const ProductFit &fit);

} // namespace ampc::cost
