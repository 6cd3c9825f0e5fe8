// Ideals of a placement graph (sets of items closed under predecessors) and the best chain of devices through
// a family of them. Knows nothing of colour classes, files or deadlines beyond being told to stop.
#pragma once

#include "placement_items.h"

#include <functional>
#include <limits>

namespace ampc::search {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

/// Sets of items as rows of words, with what a chain needs to know of each.
class Ideals {
public:
  explicit Ideals(const PlacementItems &items);

  size_t size() const { return acc.size(); }
  const uint64_t *row(size_t i) const { return &bits[i * words]; }
  bool has(size_t i, int item) const { return row(i)[item / 64] >> (item % 64) & 1; }
  /// Index of the set, added when new.
  size_t add(const std::vector<uint64_t> &set);
  /// All ideals; false when there are more than `limit` or `stop` asked (some are then present).
  bool enumerate(size_t limit, const std::function<bool()> &stop);
  bool closedWith(const std::vector<uint64_t> &set, int item) const;
  /// Sorts by accelerator time, then members, so that supersets come later, and lists the values that each
  /// ideal separates. Call once, after the last add(). False when `stop` ended it: the sets are then of no use.
  bool arrange(const std::function<bool()> &stop = {});
  /// Forgets all sets and gives their memory back.
  void clear();

  const PlacementItems &items;
  const size_t words;
  std::vector<double> acc, cpu, bytes; ///< sums over the members
  std::vector<int> cpuOnly, count;     ///< members that need a CPU; members
  std::vector<uint64_t> crossed;       ///< after arrange(): per ideal, valueWords words, a bit per value
  std::vector<int> crossing;           ///< the same as lists
  std::vector<size_t> firstCrossing;
  size_t valueWords = 1;

private:
  void rehash();

  std::vector<uint64_t> bits, hashes;
  std::vector<int64_t> buckets;
};

/// Chain of ideals from nothing to everything, and what each difference runs on.
struct Chain {
  double maxLoad = kNever;
  std::vector<std::vector<uint64_t>> ideals; ///< the first is empty, the last is full
  std::vector<bool> onCpu;                   ///< per difference
  bool exists() const { return !ideals.empty(); }
};

/// More devices than items are of no use; numbers in files can be anything.
inline int usefulAccelerators(const PlacementProblem &problem, const PlacementItems &items) {
  return problem.accelerators < items.count ? problem.accelerators : items.count;
}
inline int usefulCpus(const PlacementProblem &problem, const PlacementItems &items) {
  return problem.cpus < items.count ? problem.cpus : items.count;
}

/// The best chain through `ideals` whose largest load is under `below`, if there is one. `complete` is false
/// when `stop` ended it early. The family must hold the empty and the full set and be arranged.
Chain bestChain(const PlacementProblem &problem, const Ideals &ideals, double below,
                const std::function<bool()> &stop, bool &complete);

} // namespace ampc::search
