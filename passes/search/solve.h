// The one entry point of the choice-problem solver: shrink, exact elimination where it is small enough, else
// dual bounds and block moves. Anytime with a time limit, deterministic without one.
#pragma once

#include "problem.h"

#include <atomic>
#include <functional>

namespace ampc::search {

/// One improvement of cost or bound.
struct Progress {
  bool feasible = false;
  Total cost = 0;
  Total bound = 0;
  double gap = 1.0;
  double seconds = 0.0;
};

struct SolveOptions {
  /// Wall time including `elapsedSeconds`; 0 means none: the search then stops after a fixed amount of work
  /// and its result depends on the problem and `effort` alone, not on the number of threads or the machine.
  double timeLimitSeconds = 0.0;
  /// Seconds that have already passed on the caller's clock (parsing, say); counted against the limit.
  double elapsedSeconds = 0.0;
  unsigned threads = 1;
  /// Scales the fixed amount of work when there is no time limit; 1 is well under a second for a planner's
  /// problem of some hundred nodes.
  double effort = 1.0;
  uint64_t seed = 1;
  /// Stop early when the gap is at or below this.
  double gapTarget = 0.0;
  /// Called on the solving thread, never concurrently.
  std::function<void(const Progress &)> progress;
  /// When set and true, solve() returns the best so far at once.
  const std::atomic<bool> *cancel = nullptr;
};

/// Solves `problem`. Never throws for a malformed problem: Status::Invalid with a reason.
Solution solve(const Problem &problem, const SolveOptions &options = {});

} // namespace ampc::search
