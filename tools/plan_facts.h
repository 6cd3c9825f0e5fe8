// Everything that summaries and reports say about a plan, computed from the plan itself and the decisions that the
// compiler recorded in it. The JSON form is described in docs/report_format.md.
#pragma once

#include "cost_model/memory.h"
#include "cost_model/simulate.h"
#include "runtime/plan/plan.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ampc::tools {

struct DeviceFacts {
  uint32_t id = 0, stage = 0;
  std::vector<int64_t> coordinates;
  uint64_t ops = 0;   // kernels that it executes in one step
  uint64_t bytes = 0; // memory: arenas, and its share of the weights that are read in place
  double busySeconds = 0, communicationSeconds = 0, waitSeconds = 0; // predicted, in one step
  double hiddenSeconds = 0; // communication while the device computes
};

struct CollectiveFacts {
  std::string kind, axes; // axes of the stage's grid
  uint32_t stage = 0;     // of a transfer: the one that sends
  uint64_t count = 0;
  double bytesPerDevice = 0, seconds = 0; // of all of them, in one step
};

struct PlanFacts {
  const plan::Plan *plan = nullptr;
  cost::Cluster cluster;
  cost::Timeline timeline;
  cost::MemoryReport memory;
  std::vector<DeviceFacts> devices;
  std::vector<CollectiveFacts> collectives; // largest time first
  double stepSeconds = 0, boundSeconds = 0, gap = 0, oneDeviceSeconds = 0; // 0: not known
  nlohmann::ordered_json decisions; // what the compiler recorded; an object, may be empty
};

PlanFacts factsOf(const plan::Plan &plan);

/// The whole report, and the short form that `--json` of a compilation prints.
nlohmann::ordered_json reportJson(const PlanFacts &facts);
nlohmann::ordered_json summaryJson(const PlanFacts &facts);

/// Seconds by phase of a compilation, in the order in which they began; one that comes back is added to itself.
nlohmann::ordered_json phasesJson(const std::vector<std::pair<std::string, double>> &phases);

/// Indented text that replaces what is no UTF-8.
std::string dump(const nlohmann::ordered_json &json);

} // namespace ampc::tools
