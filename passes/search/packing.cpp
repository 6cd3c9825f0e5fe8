// Largest item first, into every accelerator that differs from those tried: greedy in its first descent, and
// exhaustive as long as the work allows. With a CPU there is nothing to decide: it takes what does not fit.
#include "packing.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace ampc::search {

namespace {

constexpr int64_t kMostSteps = 2'000'000;

class Packer {
public:
  Packer(const PlacementProblem &problem, const PlacementItems &items, const std::function<bool()> &stop)
      : problem(problem), items(items), stop(stop),
        room(problem.bytesPerAccelerator > 0 ? problem.bytesPerAccelerator * (1 + 1e-12) : kNoLimit) {}

  Packing run() {
    Packing packing;
    size_t count = size_t(items.count);
    std::vector<int> device(count, -1);
    std::vector<size_t> order;
    double left = 0;
    bytes.assign(size_t(std::min(problem.accelerators, items.count)), 0.0);
    time.assign(bytes.size(), 0.0);
    for (size_t i = 0; i < count; ++i) {
      if (items.onAccelerator[i] && !bytes.empty() && items.bytes[i] <= room) {
        order.push_back(i);
        left += items.bytes[i];
        continue;
      }
      if (problem.cpus == 0) {
        packing.impossible = true;
        packing.reason = name(i) + (items.onAccelerator[i]
                                        ? " takes more than the memory of an accelerator, and there is no CPU"
                                        : " needs a CPU, and there is none");
        return packing;
      }
      device[i] = problem.accelerators;
    }
    if (problem.cpus == 0 && left > room * double(problem.accelerators)) {
      packing.impossible = true;
      packing.reason = "all nodes together take more than the memory of all accelerators, and there is no CPU";
      return packing;
    }
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return items.bytes[a] != items.bytes[b] ? items.bytes[a] > items.bytes[b] : a < b;
    });
    Outcome outcome = descend(order, device);
    if (outcome == Outcome::Found) {
      packing.device = std::move(device);
      return packing;
    }
    packing.impossible = outcome == Outcome::None;
    packing.reason = packing.impossible
                         ? "no packing of the colour classes and nodes fits the memory of the accelerators"
                         : "no packing into the memory of the accelerators was found, and nothing proves that "
                           "none exists";
    return packing;
  }

private:
  enum class Outcome { Found, None, GaveUp };
  static constexpr double kNoLimit = 1e300;

  std::string name(size_t item) const {
    for (size_t v = 0; v < items.itemOf.size(); ++v)
      if (size_t(items.itemOf[v]) == item)
        return (problem.nodes[v].colour >= 0 ? "the colour class of node " : "node ") +
               std::to_string(problem.nodes[v].id);
    return {};
  }

  /// Places order[0..] one after the other, taking back the last where none fits. The stack is explicit: there
  /// may be very many items.
  Outcome descend(const std::vector<size_t> &order, std::vector<int> &device) {
    // Per depth: the accelerators still to be tried, best last.
    std::vector<std::vector<int>> untried(order.size());
    size_t depth = 0;
    bool fresh = true;
    for (int64_t steps = 0; depth < order.size(); ++steps) {
      if (steps > kMostSteps || ((steps & 63) == 0 && steps > 0 && stop && stop()))
        return Outcome::GaveUp;
      size_t item = order[depth];
      if (fresh)
        untried[depth] = candidates(item);
      if (untried[depth].empty()) {
        if (problem.cpus > 0) {
          // The CPU takes it; nothing is ever taken back then.
          device[item] = problem.accelerators;
          ++depth;
          fresh = true;
          continue;
        }
        if (depth == 0)
          return Outcome::None;
        --depth;
        size_t last = order[depth];
        bytes[size_t(device[last])] -= items.bytes[last];
        time[size_t(device[last])] -= items.acceleratorTime[last];
        fresh = false;
        continue;
      }
      int to = untried[depth].back();
      untried[depth].pop_back();
      device[item] = to;
      bytes[size_t(to)] += items.bytes[item];
      time[size_t(to)] += items.acceleratorTime[item];
      ++depth;
      fresh = true;
    }
    return Outcome::Found;
  }

  /// Accelerators with room for the item, one of each fill; last the fullest, or, where memory is no matter,
  /// the least busy.
  std::vector<int> candidates(size_t item) const {
    std::vector<int> list;
    std::set<double> fills;
    const bool light = items.bytes[item] <= 0 || room >= kNoLimit;
    for (int d = 0; d < int(bytes.size()); ++d)
      if (light || (bytes[size_t(d)] + items.bytes[item] <= room && fills.insert(bytes[size_t(d)]).second))
        list.push_back(d);
    auto worse = [&](int a, int b) {
      if (light)
        return time[size_t(a)] > time[size_t(b)];
      return bytes[size_t(a)] < bytes[size_t(b)];
    };
    std::stable_sort(list.begin(), list.end(), worse);
    // What takes no memory fits anywhere: one place is enough.
    if (light && list.size() > 1)
      list.erase(list.begin(), list.end() - 1);
    return list;
  }

  const PlacementProblem &problem;
  const PlacementItems &items;
  const std::function<bool()> &stop;
  const double room;
  std::vector<double> bytes, time;
};

} // namespace

Packing packItems(const PlacementProblem &problem, const PlacementItems &items,
                  const std::function<bool()> &stop) {
  return Packer(problem, items, stop).run();
}

} // namespace ampc::search
