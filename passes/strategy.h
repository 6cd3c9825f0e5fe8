// Finds decisions: which stages and grid, and for every operator which loops are split over which grid axes.
#pragma once

#include "cost_model/cluster.h"
#include "passes/compile.h"
#include "passes/decision.h"

namespace ampc {

struct StrategyOptions {
  int devices = 1;
  Strategy strategy = Strategy::Auto;
  uint64_t seed = 0;
  Objective objective = Objective::Latency;
  uint64_t weightLimitBytes = 0; // per device; 0 = none
  double timeLimitSeconds = 0;   // of the whole search; 0 = none, and the result depends on the problem alone
};

/// Candidate decisions, best first by the search's own estimate. The caller simulates them and takes the best.
/// Empty only if no decision keeps the weights within the limit; `why` then says what is missing.
std::vector<Decision> findDecisions(const Graph &graph, const cost::Cluster &cluster, const StrategyOptions &options,
                                    std::string &why);

} // namespace ampc
