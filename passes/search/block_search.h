// Improves an assignment by block moves: a tree of nodes around a seed is chosen anew, exactly, with
// everything else held and memory priced; a move counts only when memory still fits. Also repairs assignments
// that do not fit.
#pragma once

#include "memory_profile.h"
#include "model.h"
#include "random.h"

#include <functional>

namespace ampc::search {

class BlockSearch {
public:
  BlockSearch(const Model &model, uint64_t seed);

  /// Starts from `choice`, legal or not.
  void start(const Assignment &choice);
  /// Prices per byte and time point, as found by Dual; `scale` multiplies them. `noise` > 0 multiplies every
  /// choice's priced cost by a random factor in [1 - noise, 1 + noise], which leads out of local optima.
  void setPrices(const std::vector<double> &price, double scale, double noise = 0);

  /// Tries moves until `work` table entries have been looked at or `stop` says so. Memory that fits keeps
  /// fitting; the priced cost never rises.
  void improve(int64_t work, const std::function<bool()> &stop);
  /// Moves towards an assignment whose memory fits. True when reached.
  bool repair(int64_t work, const std::function<bool()> &stop);
  /// The last repair ended because its work did, with memory still exceeded.
  bool ranOut() const { return outOfWork; }

  const Assignment &choice() const { return current; }
  bool fits() const { return profile.worst() <= 0; }

private:
  struct Extra {
    int time;
    double price;
  };

  void clearBlock();
  void grow(int seed, int coreNodes);
  void enter(int u, int parentArc);
  double priceExtra(int u) const;
  /// Best choices of the block under prices and extras into `wanted`; their change of priced cost without
  /// extras.
  double optimise();
  double priceOf(int u, int choice) const { return priced[size_t(model.first[size_t(u)] + choice)]; }
  double localCost(const std::vector<int> &choice);
  /// Makes the block's wanted choices current; swaps, so that a second call undoes the first.
  void exchange();
  bool moveAt(int seed, int coreNodes);
  int nodeLiveAt(int time);

  const Model &model;
  Random random;
  MemoryProfile profile;
  Assignment current;
  std::vector<double> priced;
  std::vector<int> block, parent, blockNeighbours, stamp, position, wanted, frontier, frontierArc;
  std::vector<char> blocked;
  std::vector<int> touched;
  std::vector<Extra> extras;
  std::vector<double> gathered, outgoing;
  std::vector<size_t> gatheredAt;
  std::vector<int> byBegin, beginOf; ///< nodes with memory sorted by begin; per time, first position in it
  std::vector<int> longLived;
  std::vector<int> coreSeeds;
  int64_t spent = 0;
  bool outOfWork = false;
};

} // namespace ampc::search
