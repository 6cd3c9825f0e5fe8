// The order in which a device with two queues is given its steps, so that communication runs beside computation: list
// scheduling by the longest path to the end. Plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ampc {

/// Values by number. A step needs what was written before it, in the order given, of the values that it reads; a value
/// that is written again, or in parts, is written in the order given.
struct TimedStep {
  std::vector<int> reads, writes;
  bool isCommunication = false;
  double seconds = 0;
};

/// The steps by number, as they start when both queues take, of all that could start, the one with the most time behind
/// it: communication as early as its operand is there, computation that does not need it before what does.
/// `communications`: the communications in the order that they must keep, empty: any. Nothing if they cannot.
/// Deterministic: of equals, the first one given.
std::optional<std::vector<size_t>> overlapOrder(const std::vector<TimedStep> &steps,
                                                const std::vector<size_t> &communications = {});

/// First and last step of a part of a list.
struct StepRange {
  int64_t begin = 0, end = 0;
};

/// Of every step of a list: itself, and for a communication the steps beside which it may run, from when it may start
/// until a computation needs it or a later one. Queues share bytes in order only: where what a communication touches
/// lives as long as that, reused memory makes nobody wait.
std::vector<StepRange> sideBySide(const std::vector<TimedStep> &steps);

} // namespace ampc
