// The decisions of a plan as JSON, for reports: what was considered, what was chosen, what every operator does.
// Described in docs/report_format.md; stored in the plan as text.
#pragma once

#include "passes/decision.h"
#include "passes/executor_choices.h"

#include <string>
#include <utility>
#include <vector>

namespace ampc {

struct ConsideredPlan {
  std::string strategy;
  double predictedSeconds = 0; // by the search
  double seconds = 0;          // simulated; 0: not simulated
  bool fits = true;   // into the memory of the devices
  std::string recurrences; // "whole" (those that are faster so on one device) or "unrolled"; empty: no choice
};

/// What a plan was chosen from.
struct PlanBackground {
  std::vector<ConsideredPlan> considered; // in the order of the search
  double oneDeviceSeconds = 0;            // 0: not known
  std::string note;
  std::vector<ExecutorChoice> executors;
  std::vector<std::string> wholeRecurrences, unrolledRecurrences; // names of nodes that could be either
};

std::string decisionsJson(const Graph &graph, const Decision &decision, const PlanBackground &background);

} // namespace ampc
