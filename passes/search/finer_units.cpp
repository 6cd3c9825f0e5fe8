// See finer_units.h.
#include "finer_units.h"

#include <algorithm>
#include <chrono>

namespace ampc::search {

namespace {

/// Of the time or effort that is left, what a run may use that only prepares a finer one.
constexpr double kCoarseShare = 0.25;
/// Runs in all; the second is nearly always exact or as fine as it gets.
constexpr int kMostRuns = 4;

} // namespace

Solution solveInFinerUnits(const Problem &problem, const SolveOptions &options, const CostScale &coarse,
                           const SolveScaled &run) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  auto elapsed = [&] { return options.elapsedSeconds + std::chrono::duration<double>(Clock::now() - begin).count(); };
  auto gapOf = [](Total cost, Total bound) {
    return cost <= bound || cost == 0 ? 0.0 : double(cost - bound) / double(cost);
  };
  Solution best;
  // Every later run forbids only what costs more than the solution at hand: its bound, or that solution's cost where it
  // finds nothing better, holds for the problem.
  auto report = [&](const Progress &progress) {
    if (!options.progress)
      return;
    Progress merged = progress;
    if (best.feasible && (!progress.feasible || progress.cost >= best.cost)) {
      merged.feasible = true;
      merged.cost = best.cost;
    }
    merged.bound = std::max(progress.bound, best.bound);
    if (merged.feasible) {
      merged.bound = std::min(merged.bound, merged.cost);
      merged.gap = gapOf(merged.cost, merged.bound);
    }
    options.progress(merged);
  };
  CostScale scale = coarse;
  double effort = options.effort;
  for (int number = 0; number < kMostRuns; ++number) {
    bool isLast = number + 1 == kMostRuns || scale.shift == 0;
    SolveOptions now = options;
    now.progress = report;
    now.elapsedSeconds = elapsed();
    if (!isLast) {
      now.effort = effort * kCoarseShare;
      if (options.timeLimitSeconds > 0)
        now.timeLimitSeconds =
            now.elapsedSeconds + kCoarseShare * std::max(0.0, options.timeLimitSeconds - now.elapsedSeconds);
    } else {
      now.effort = effort;
    }
    effort -= isLast ? 0 : now.effort;
    Solution found = run(now, scale);
    if (found.status == Status::Infeasible && !best.feasible)
      return found;
    // Nothing legal in the narrowed problem cannot be: the solution at hand is in it.
    Total bound = std::max(best.bound, found.bound);
    if (found.feasible && (!best.feasible || found.cost < best.cost))
      best = std::move(found);
    else if (!best.feasible)
      best = std::move(found);
    best.bound = best.feasible ? std::min(bound, best.cost) : bound;
    bool isOver = (options.cancel && options.cancel->load()) ||
                  (options.timeLimitSeconds > 0 && elapsed() >= options.timeLimitSeconds);
    if (isLast || isOver)
      break;
    if (!best.feasible)
      continue;
    if (gapOf(best.cost, best.bound) <= options.gapTarget)
      break;
    CostScale finer = scaleFor(problem, best.cost);
    // As fine as it gets: the rest of the time goes to one more run.
    if (finer.shift >= scale.shift)
      number = std::max(number, kMostRuns - 2);
    scale = finer;
  }
  best.seconds = elapsed();
  if (best.feasible) {
    best.gap = gapOf(best.cost, best.bound);
    best.status = best.cost == best.bound ? Status::Optimal : Status::Feasible;
  }
  return best;
}

} // namespace ampc::search
