// Executes the step list of a plan in simulated time: queues in order, events, collectives that meet on all
// members, sends that wait for nobody, slots. The measured counterpart is the runtime's trace; both name the same steps.
#pragma once

#include "cost_model/cluster.h"
#include "runtime/plan/plan.h"

#include <string>
#include <vector>

namespace ampc::cost {

struct SimulateOptions {
  /// Requests to run through the plan; 0: one, and with slots > 1 enough for a steady state.
  uint32_t requests = 0;
  /// Keep Timeline::steps. Search switches it off.
  bool recordSteps = true;
  /// Execute Init programs instead of the requests.
  bool initPrograms = false;
};

/// One execution of one step on one rank. A collective is "ready" when this rank arrives and starts when all
/// have; a send takes its sender no time and starts at the receiver when it and the senders have come.
struct TimelineStep {
  uint32_t rank = 0, request = 0, program = 0, step = 0;
  double readySeconds = 0, startSeconds = 0, endSeconds = 0;
};

struct Timeline {
  /// Empty if every step was executed, else why not: a sentence naming rank and step (a deadlock, a bad
  /// index).
  std::string error;
  double latencySeconds = 0;    // of the first request, with nothing else in flight and handed over (handoverSeconds)
  double secondsPerRequest = 0; // steady state; equals latencySeconds with one slot
  uint32_t requests = 0;
  double totalSeconds = 0;         // end of the last step of the last request
  std::vector<double> busySeconds; // per rank, one request: kernels and copies
  std::vector<double>
      communicationSeconds;        // per rank, one request: collectives, without waiting for other ranks
  std::vector<double> hiddenSeconds; // per rank, one request: communication beside computation of the same rank
  std::vector<double> waitSeconds;   // per rank, one request: the rest, but for the handover
  std::vector<TimelineStep> steps; // in order of rank, then start
};

/// A device with one queue runs one step at a time in the list's order; one with two runs the queues side by side: a
/// step starts when its queue is free and what it waits for is done. Deterministic. Work that does not depend on the
/// plan's rank tables is priced once per program.
Timeline simulate(const plan::Plan &plan, const Cluster &cluster, const SimulateOptions &options = {});

/// Seconds of every step of every program on the device of the first rank that runs it (collectives: their
/// largest group), for filling Step::predictedSeconds: result[program][step].
std::vector<std::vector<double>> predictSteps(const plan::Plan &plan, const Cluster &cluster);

} // namespace ampc::cost
