// Prices steps lazily: ranks of a class share programs, so most of a large plan is priced once.
#include "cost_model/step_times.h"
#include "cost_model/collective.h"
#include "cost_model/work.h"

#include <algorithm>

namespace ampc::cost {

StepTimes::StepTimes(const plan::Plan &plan, const Cluster &cluster) : plan(plan), cluster(cluster) {
  std::vector<const Device *> kinds;
  for (uint32_t rank = 0; rank < plan.ranks.size(); ++rank) {
    const Device &device = deviceOf(rank);
    size_t kind = 0;
    while (kind < kinds.size() && !(*kinds[kind] == device))
      ++kind;
    if (kind == kinds.size())
      kinds.push_back(&device);
    deviceClass.push_back(uint32_t(kind));
  }
  communications.resize(plan.communications.size());
  groups.resize(plan.communications.size());
}

const Device &StepTimes::deviceOf(uint32_t rank) const {
  return cluster.devices[std::min<size_t>(rank, cluster.devices.size() - 1)];
}

double StepTimes::stepSeconds(uint32_t rank, uint32_t program, uint32_t step) {
  const plan::Step &what = plan.programs[program].steps[step];
  if (what.kind == plan::StepKind::Copy) // what is copied differs from rank to rank
    return computeSeconds(copyWorkOf(what, plan.ranks[rank]), deviceOf(rank));
  if (what.kind != plan::StepKind::Launch || what.kernel >= plan.kernels.size())
    return 0;
  std::vector<double> &known = launches[{program, deviceClass[rank]}];
  if (known.empty())
    known.assign(plan.programs[program].steps.size(), -1.0);
  if (known[step] < 0)
    known[step] = computeSeconds(workOf(what, plan.kernels[what.kernel]), deviceOf(rank));
  return known[step];
}

double StepTimes::communicationSeconds(uint32_t communication, uint32_t group) {
  std::vector<double> &known = communications[communication];
  if (known.empty())
    known.assign(plan.communications[communication].groups.size(), -1.0);
  if (known[group] < 0)
    known[group] = cost::communicationSeconds(plan.communications[communication], group, cluster);
  return known[group];
}

int32_t StepTimes::groupOf(uint32_t communication, uint32_t rank) {
  std::vector<int32_t> &known = groups[communication];
  if (known.empty()) {
    known.assign(plan.ranks.size(), -1);
    const auto &lists = plan.communications[communication].groups;
    for (size_t group = 0; group < lists.size(); ++group)
      for (uint32_t member : lists[group])
        if (member < known.size())
          known[member] = int32_t(group);
  }
  return known[rank];
}

} // namespace ampc::cost
