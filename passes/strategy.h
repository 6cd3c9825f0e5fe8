// Finds decisions: which stages and grid, and for every operator which loops are split over which grid axes.
#pragma once

#include "cost_model/cluster.h"
#include "passes/compile.h"
#include "passes/decision.h"

#include <chrono>
#include <optional>

namespace ampc {

struct StrategyOptions {
  int devices = 1;
  Strategy strategy = Strategy::Auto;
  uint64_t seed = 0;
  Objective objective = Objective::Latency;
  int64_t memoryLimitBytes = 0; // per device; 0 = none
  bool carriesState = false;     // requests run one after the other
  /// Of the whole search; without one the result depends on the problem alone.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  const std::atomic<bool> *cancel = nullptr;                  // ends the search with what has been found
  std::function<void(const SearchState &state)> progress; // a layout has been solved; one call at a time
  int threads = 1;               // the result does not depend on it
};

/// Why a layout has no plan that fits.
struct Shortage {
  int64_t neededBytes = 0; // per device, at least
  std::string operation;   // while it is executed
  std::string holders;     // names of the operators whose values and weights take most then
  bool isProven = false;   // else nothing was found with the effort, or in the time, that was allowed
};

/// Candidate decisions for a graph whose kernels are recorded (kernel_groups.h), best first by the search's own
/// estimate; those that may not fit into the memory limit are among them. The caller simulates them and takes the best
/// that fits. `shortage` is that of the layout that lacks least, if there is one for which no plan was found.
std::vector<Decision> findDecisions(const Graph &graph, const cost::Cluster &cluster, const StrategyOptions &options,
                                    std::optional<Shortage> &shortage);

} // namespace ampc
