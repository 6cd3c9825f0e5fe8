// See search_worker.h.
#include "search_worker.h"

#include <algorithm>

namespace ampc::search {

namespace {
/// Work between two looks at what a descent has found, and how much more than the look itself that must be.
constexpr int64_t kShortestStretch = 2'000'000;
constexpr int64_t kStretchPerNode = 200;
} // namespace

SearchWorker::SearchWorker(const Model &model, uint64_t seed) : model(model), search(model, seed) {}

bool SearchWorker::keep() {
  if (!search.fits())
    return false;
  Total cost = costOf(model, search.choice());
  if (cost >= kInfinity || cost >= found.cost)
    return false;
  found.cost = cost;
  found.choice = search.choice();
  if (publish)
    publish(found);
  return true;
}

void SearchWorker::descend(int64_t work, const std::function<bool()> &stop) {
  int64_t stretch =
      std::max(kShortestStretch, kStretchPerNode * int64_t(size_t(model.nodes) + model.edges.size()));
  while (work > 0) {
    search.improve(std::min(work, stretch), stop);
    keep();
    work -= stretch;
    if (stop && stop())
      return;
  }
}

void SearchWorker::adopt(const Assignment &proposal, const std::vector<double> &price, int64_t work,
                         const std::function<bool()> &stop) {
  search.start(proposal);
  search.setPrices(price, 1.0);
  cut = false;
  if (!search.fits() && !search.repair(work, stop)) {
    cut = search.ranOut();
    return;
  }
  // Something feasible is worth having before it is improved.
  keep();
  search.improve(work / 2, stop);
  search.setPrices(price, 0.0);
  descend(work / 2, stop);
}

void SearchWorker::improve(const Candidate &known, const std::vector<double> &price, int64_t work,
                           const std::function<bool()> &stop) {
  if (known.exists() && known.cost < found.cost)
    found = known;
  if (!found.exists())
    return;
  // Under the dual's prices memory moves to where it saves most; without them the freed memory is used up.
  static constexpr double kScales[] = {1.0, 0.5, 1.0, 0.25, 0.8, 0.0};
  static constexpr double kNoise[] = {0.0, 0.0, 0.02, 0.0, 0.1, 0.05, 0.0, 0.3};
  double scale = kScales[turn % 6], noise = kNoise[turn % 8];
  ++turn;
  search.start(found.choice);
  search.setPrices(price, scale, noise);
  // The shaken phase is short when it is random, so that only a part of the assignment changes.
  search.improve(noise > 0 ? work / 8 : work / 2, stop);
  search.setPrices(price, 0.0);
  descend(noise > 0 ? work - work / 8 : work / 2, stop);
}

} // namespace ampc::search
