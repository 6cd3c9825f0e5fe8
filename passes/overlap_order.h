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

/// Two steps of different queues share bytes only in order. So that memory is not what keeps them from running side by
/// side, a value that a communication touches lives from when that may have started to when the other queue knows that it
/// is done.
struct StepRange {
  int64_t begin = 0, end = 0; // first and last step, by place in the list
};
/// Of every step of a list: itself, and for a communication, all steps beside which it may run.
std::vector<StepRange> sideBySide(const std::vector<TimedStep> &steps);

} // namespace ampc
