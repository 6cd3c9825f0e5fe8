// Decides item after item, in an order that finishes branches before it starts others, so that what crosses is
// known early. Let a cut have x of k accelerators and c of C CPUs before it. A value that crosses it costs its
// price on both sides at least once - a CPU pays nothing for it, so a side with a CPU is not charged. Hence
//   time before + crossing <= what x and c can do below the limit, and the same for what comes after.
#include "cheap_cuts.h"

#include <algorithm>
#include <cmath>

namespace ampc::search {

namespace {

class Lister {
public:
  Lister(const PlacementProblem &problem, const CutLimits &limits, const std::function<bool()> &stop,
         Ideals &family)
      : items(family.items), limits(limits), stop(stop), family(family),
        accelerators(usefulAccelerators(problem, items)), cpus(usefulCpus(problem, items)),
        below(limits.below * (1 + 1e-12)) {
    for (int i = 0; i < items.count; ++i) {
      double time = items.acceleratorTime[size_t(i)], onCpu = items.cpuTime[size_t(i)];
      total += time;
      if (time > 0)
        ratio = std::max(ratio, onCpu > 0 ? time / onCpu : kNever);
    }
    tolerance = 1e-9 * (1 + total);
    touching.resize(size_t(items.count));
    for (size_t v = 0; v < items.values.size(); ++v) {
      touching[size_t(items.values[v].producer)].push_back(int(v));
      for (int c : items.values[v].consumers)
        touching[size_t(c)].push_back(int(v));
    }
    inside.assign(items.values.size(), 0);
    outside.assign(items.values.size(), 0);
    outPredecessors.assign(size_t(items.count), 0);
    orderItems();
  }

  bool run() {
    std::vector<uint64_t> set(family.words, 0);
    family.add(set);
    for (int i = 0; i < items.count; ++i)
      set[size_t(i) / 64] |= uint64_t(1) << (i % 64);
    family.add(set);
    std::fill(set.begin(), set.end(), 0);
    reachable = total;
    // Per item of the order: how many of its two decisions have been tried. The last of them stands.
    std::vector<char> tried(order.size(), 0);
    size_t depth = 0;
    int64_t steps = 0;
    // Each looks at every number of CPUs.
    const int64_t mostSteps = limits.mostSteps / (cpus + 1);
    while (true) {
      if (depth == order.size()) {
        if (family.size() >= limits.mostIdeals)
          return false;
        family.add(set);
      } else if (tried[depth] < 2) {
        int v = order[depth];
        if (tried[depth] == 1 && outPredecessors[size_t(v)] == 0)
          undoInside(v, set);
        // Inside first, when everything before it is inside.
        bool in = tried[depth] == 0 && outPredecessors[size_t(v)] == 0;
        tried[depth] = in ? 1 : 2;
        in ? decideInside(v, set) : decideOutside(v);
        if (++steps > mostSteps || ((steps & 255) == 0 && stop && stop()))
          return false;
        if (possible()) {
          ++depth;
          if (depth < order.size())
            tried[depth] = 0;
        }
        continue;
      }
      // Both decisions of this depth are done with: take back the last one and go up.
      if (depth < order.size()) {
        undoOutside(order[depth]);
        tried[depth] = 0;
      }
      if (depth == 0)
        return true;
      --depth;
    }
  }

private:
  /// Depth first over successors: an item comes right after the last of its predecessors.
  void orderItems() {
    std::vector<int> missing(static_cast<size_t>(items.count)), ready;
    for (int i = items.count; i-- > 0;) {
      missing[size_t(i)] = int(items.predecessors[size_t(i)].size());
      if (missing[size_t(i)] == 0)
        ready.push_back(i);
    }
    while (!ready.empty()) {
      int item = ready.back();
      ready.pop_back();
      order.push_back(item);
      for (int next : items.successors[size_t(item)])
        if (--missing[size_t(next)] == 0)
          ready.push_back(next);
    }
  }

  void decideInside(int v, std::vector<uint64_t> &set) {
    set[size_t(v) / 64] |= uint64_t(1) << (v % 64);
    before += items.acceleratorTime[size_t(v)];
    reachable -= items.acceleratorTime[size_t(v)];
    for (int value : touching[size_t(v)])
      if (inside[size_t(value)]++ == 0 && outside[size_t(value)] > 0)
        crossing += items.values[size_t(value)].cost;
  }
  void undoInside(int v, std::vector<uint64_t> &set) {
    set[size_t(v) / 64] &= ~(uint64_t(1) << (v % 64));
    before -= items.acceleratorTime[size_t(v)];
    reachable += items.acceleratorTime[size_t(v)];
    for (int value : touching[size_t(v)])
      if (--inside[size_t(value)] == 0 && outside[size_t(value)] > 0)
        crossing -= items.values[size_t(value)].cost;
  }
  /// What follows an item outside is outside too, and no longer reachable.
  void decideOutside(int v) {
    if (outPredecessors[size_t(v)] == 0)
      reachable -= items.acceleratorTime[size_t(v)];
    for (int next : items.successors[size_t(v)])
      if (outPredecessors[size_t(next)]++ == 0)
        reachable -= items.acceleratorTime[size_t(next)];
    for (int value : touching[size_t(v)])
      if (outside[size_t(value)]++ == 0 && inside[size_t(value)] > 0)
        crossing += items.values[size_t(value)].cost;
  }
  void undoOutside(int v) {
    for (int next : items.successors[size_t(v)])
      if (--outPredecessors[size_t(next)] == 0)
        reachable += items.acceleratorTime[size_t(next)];
    if (outPredecessors[size_t(v)] == 0)
      reachable += items.acceleratorTime[size_t(v)];
    for (int value : touching[size_t(v)])
      if (--outside[size_t(value)] == 0 && inside[size_t(value)] > 0)
        crossing -= items.values[size_t(value)].cost;
  }

  /// Whether some completion of the decisions can be a cut.
  bool possible() const {
    if (crossing > limits.mostCrossing + tolerance)
      return false;
    if (below == kNever)
      return true;
    for (int c = 0; c <= cpus; ++c) {
      double cpuBefore = c > 0 && ratio > 0 ? c * below * ratio : 0;
      double cpuAfter = c < cpus && ratio > 0 ? (cpus - c) * below * ratio : 0;
      double paidBefore = c == 0 ? crossing : 0, paidAfter = c == cpus ? crossing : 0;
      if (paidBefore + paidAfter + total > accelerators * below + cpuBefore + cpuAfter + tolerance)
        continue;
      // Accelerators before the cut: enough for what is inside, and not too many for what can become so.
      double needed = std::max(0.0, (before + paidBefore - cpuBefore - tolerance) / below);
      double spare = (total - before - reachable + paidAfter - cpuAfter - tolerance) / below;
      double allowed = accelerators - std::max(0.0, spare);
      if (std::ceil(needed) <= std::floor(allowed))
        return true;
    }
    return false;
  }

  const PlacementItems &items;
  const CutLimits &limits;
  const std::function<bool()> &stop;
  Ideals &family;
  const int accelerators, cpus;
  const double below;
  double total = 0, ratio = 0, tolerance = 0;
  /// Of the decisions so far: time inside, time that could still come inside, cost of what crosses.
  double before = 0, reachable = 0, crossing = 0;
  std::vector<int> order, inside, outside, outPredecessors;
  std::vector<std::vector<int>> touching;
};

} // namespace

bool listCuts(const PlacementProblem &problem, const CutLimits &limits, const std::function<bool()> &stop,
              Ideals &family) {
  return Lister(problem, limits, stop, family).run();
}

} // namespace ampc::search
