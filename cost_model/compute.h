// Time of one kernel on one device, from its work and the device's description. Knows no operators and no
// plans.
#pragma once

#include "cost_model/cluster.h"

namespace ampc::cost {

/// The work of one kernel on its local shapes. m, n, k describe a contraction (a convolution: output points,
/// output channels, taps x input channels); 0 means unknown.
struct Work {
  double flops = 0;
  double bytesRead = 0, bytesWritten = 0;
  DataType type = DataType::F32; // of the operands that are multiplied
  WorkKind kind = WorkKind::Elementwise;
  double m = 0, n = 0, k = 0;
  bool channelsInFront = false; // of a convolution: activations are [n, c, spatial...] in memory
  double borderShare = 0;       // of a generated convolution: results whose window leaves the image
  double libraryCalls = 0; // 0: generated code
  bool isOneThread = false; // of a device with several, for too little work in each round
  double rounds = 1; // one after the other, each with its part of the FLOPs and bytes: the time steps of a recurrence
  bool readsPlainRows = false; // of a product: the second operand is no packed one, its rows are n elements apart
  bool operator==(const Work &) const = default;
};

/// max(FLOPs / (peak x efficiency(shape)), bytes / bandwidth, launch floor), and what calling a library costs; of work
/// in rounds every round's bytes count by themselves (what fits into the cache stays there), and so does the floor. 0
/// for work without FLOPs and bytes (an empty shard is not launched). Never decreases when FLOPs or bytes grow at a
/// given shape.
double computeSeconds(const Work &work, const Device &device);

/// Part of the peak that `work` reaches, in (0, 1].
double efficiencyOf(const Work &work, const Device &device);

/// Time to move `bytes` (read + written) through the device's memory, without a launch floor.
double memorySeconds(double bytes, const Device &device);

} // namespace ampc::cost
