// Which efficiencies explain measured times of products and convolutions: a function of the measurements, which are
// made elsewhere. What is fitted is the whole price of compute.h, so that a time which memory explains says nothing
// about arithmetic.
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
  /// What was given, with the efficiencies of the kinds that were measured, the seconds of a library call, and the rate
  /// at which products read the cache.
  Device device;
  /// By kind of work: measurements used (0: too few, the efficiency is the given one), and the root of the mean square
  /// of log(predicted / measured).
  std::array<size_t, numWorkKinds> timesUsed{};
  std::array<double, numWorkKinds> logError{};
};

/// The parameters with the least sum of squares of log(predicted / measured), within bounds that any device keeps.
/// `device` is one core; its peak and its copies' rates are taken as they are, launching is left out of `seconds`.
ProductFit fitProducts(const Device &device, std::span<const TimedWork> times);

/// `cluster` with what was fitted, on every device. Its cache is read faster than copied by as much as that of the
/// core.
Cluster withProductFit(Cluster cluster, const ProductFit &fit);

} // namespace ampc::cost
