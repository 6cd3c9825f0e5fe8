// Seconds of the steps and communications of one plan on one cluster, each priced once. Internal to the
// simulator.
#pragma once

#include "cost_model/cluster.h"
#include "runtime/plan/plan.h"

#include <cstdint>
#include <map>
#include <vector>

namespace ampc::cost {

class StepTimes {
public:
  StepTimes(const plan::Plan &plan, const Cluster &cluster);

  /// Seconds of a Launch or Copy step on `rank`; 0 for other kinds. Indices must be valid.
  double stepSeconds(uint32_t rank, uint32_t program, uint32_t step);
  double communicationSeconds(uint32_t communication, uint32_t group);
  /// Group of `communication` that `rank` belongs to, or -1.
  int32_t groupOf(uint32_t communication, uint32_t rank);
  const Device &deviceOf(uint32_t rank) const;

private:
  const plan::Plan &plan;
  const Cluster &cluster;
  std::vector<uint32_t> deviceClass; // per rank: equal numbers have equal devices
  std::map<std::pair<uint32_t, uint32_t>, std::vector<double>>
      launches;                                    // (program, device class) -> per step
  std::vector<std::vector<double>> communications; // per communication and group; < 0 unknown
  std::vector<std::vector<int32_t>> groups;        // per communication and rank
};

} // namespace ampc::cost
