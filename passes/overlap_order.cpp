// Two queues in simulated time. Steps become candidates when all that they need has been given out.
#include "passes/overlap_order.h"

#include <algorithm>
#include <array>
#include <queue>
#include <unordered_map>

namespace ampc {

namespace {

struct Needs {
  std::vector<std::vector<size_t>> followers;
  std::vector<size_t> numOpen; // of each step, how many it needs
};

/// Reads follow writes, writes follow reads and writes of the same value.
Needs needsOf(const std::vector<TimedStep> &steps) {
  struct Uses {
    std::vector<size_t> writers, readers; // since the value was last read, and since it was last written
  };
  std::unordered_map<int, Uses> uses;
  Needs needs;
  needs.followers.resize(steps.size());
  needs.numOpen.assign(steps.size(), 0);
  auto add = [&](const std::vector<size_t> &earlier, size_t step) {
    for (size_t other : earlier) {
      if (other == step || (!needs.followers[other].empty() && needs.followers[other].back() == step))
        continue;
      needs.followers[other].push_back(step);
      ++needs.numOpen[step];
    }
  };
  for (size_t step = 0; step < steps.size(); ++step) {
    for (int value : steps[step].reads) {
      add(uses[value].writers, step);
      uses[value].readers.push_back(step);
    }
    for (int value : steps[step].writes) {
      Uses &use = uses[value];
      add(use.writers, step);
      add(use.readers, step);
      if (!use.readers.empty())
        use.writers.clear(); // readers are done after them
      use.readers.clear();
      use.writers.push_back(step);
    }
  }
  return needs;
}

/// The candidates of one queue.
class Candidates {
public:
  explicit Candidates(const std::vector<double> &pathSeconds) : available(LessUrgent{pathSeconds}) {}

  void add(size_t step, double readySeconds) { later.push({readySeconds, step}); }
  bool empty() const { return later.empty() && available.empty(); }
  /// When the next one can start.
  double startSeconds() const {
    return available.empty() ? std::max(freeSeconds, later.top().first) : freeSeconds;
  }
  size_t take() {
    const double start = startSeconds();
    for (; !later.empty() && later.top().first <= start; later.pop())
      available.push(later.top().second);
    const size_t step = available.top();
    available.pop();
    return step;
  }
  double freeSeconds = 0; // end of the last step

private:
  struct LessUrgent {
    const std::vector<double> &pathSeconds;
    bool operator()(size_t a, size_t b) const {
      return pathSeconds[a] != pathSeconds[b] ? pathSeconds[a] < pathSeconds[b] : a > b;
    }
  };
  using Later = std::pair<double, size_t>;
  std::priority_queue<Later, std::vector<Later>, std::greater<Later>> later;
  std::priority_queue<size_t, std::vector<size_t>, LessUrgent> available;
};

} // namespace

std::optional<std::vector<size_t>> overlapOrder(const std::vector<TimedStep> &steps,
                                                const std::vector<size_t> &communications) {
  Needs needs = needsOf(steps);
  for (size_t k = 1; k < communications.size(); ++k) {
    needs.followers[communications[k - 1]].push_back(communications[k]);
    ++needs.numOpen[communications[k]];
  }
  // Longest paths need an order that holds for the communications as well, which the list's need not.
  std::vector<size_t> sorted;
  std::vector<size_t> numOpen = needs.numOpen;
  for (size_t step = 0; step < steps.size(); ++step)
    if (numOpen[step] == 0)
      sorted.push_back(step);
  for (size_t k = 0; k < sorted.size(); ++k)
    for (size_t follower : needs.followers[sorted[k]])
      if (--numOpen[follower] == 0)
        sorted.push_back(follower);
  if (sorted.size() != steps.size())
    return std::nullopt;
  std::vector<double> pathSeconds(steps.size(), 0), readySeconds(steps.size(), 0);
  for (size_t k = sorted.size(); k-- > 0;) {
    double behind = 0;
    for (size_t follower : needs.followers[sorted[k]])
      behind = std::max(behind, pathSeconds[follower]);
    pathSeconds[sorted[k]] = behind + steps[sorted[k]].seconds;
  }

  Candidates compute(pathSeconds), communication(pathSeconds);
  auto queueOf = [&](size_t step) -> Candidates & { return steps[step].isCommunication ? communication : compute; };
  for (size_t step = 0; step < steps.size(); ++step)
    if (needs.numOpen[step] == 0)
      queueOf(step).add(step, 0);
  std::vector<size_t> order;
  while (order.size() < steps.size()) {
    const bool communicates =
        compute.empty() || (!communication.empty() && communication.startSeconds() <= compute.startSeconds());
    Candidates &queue = communicates ? communication : compute;
    const double start = queue.startSeconds();
    const size_t step = queue.take();
    queue.freeSeconds = start + steps[step].seconds;
    order.push_back(step);
    for (size_t follower : needs.followers[step]) {
      readySeconds[follower] = std::max(readySeconds[follower], queue.freeSeconds);
      if (--needs.numOpen[follower] == 0)
        queueOf(follower).add(follower, readySeconds[follower]);
    }
  }
  return order;
}

std::vector<StepRange> sideBySide(const std::vector<TimedStep> &steps) {
  std::vector<StepRange> ranges;
  std::unordered_map<int, int64_t> writers; // by value, the last one
  int64_t doneCompute = -1;                 // what the communications so far have needed
  for (size_t step = 0; step < steps.size(); ++step) {
    const int64_t at = int64_t(step);
    ranges.push_back({at, at});
    if (steps[step].isCommunication) {
      for (int value : steps[step].reads)
        if (auto writer = writers.find(value); writer != writers.end() && !steps[writer->second].isCommunication)
          doneCompute = std::max(doneCompute, writer->second);
      ranges.back() = {doneCompute + 1, int64_t(steps.size()) - 1};
    }
    for (int value : steps[step].writes)
      writers[value] = at;
  }
  // Once a computation needs a communication, all later computations find that one and those before it done.
  size_t numDone = 0; // of the list, as far as communications go
  writers.clear();
  for (size_t step = 0; step < steps.size(); ++step) {
    for (int value : steps[step].isCommunication ? std::vector<int>() : steps[step].reads) {
      auto writer = writers.find(value);
      if (writer == writers.end() || !steps[writer->second].isCommunication)
        continue;
      for (; numDone <= size_t(writer->second); ++numDone)
        if (steps[numDone].isCommunication)
          ranges[numDone].end = int64_t(step) - 1;
    }
    for (int value : steps[step].writes)
      writers[value] = int64_t(step);
  }
  return ranges;
}

} // namespace ampc
