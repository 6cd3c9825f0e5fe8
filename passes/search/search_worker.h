// One searching thread's state: takes prices and starting points, returns better assignments. Its result
// depends on its inputs and its own past only, never on timing, unless it is told to stop.
#pragma once

#include "block_search.h"

#include <functional>

namespace ampc::search {

/// An assignment of the model that is legal and fits, or nothing.
struct Candidate {
  Assignment choice;
  Total cost = kInfinity;
  bool exists() const { return !choice.empty(); }
};

class SearchWorker {
public:
  SearchWorker(const Model &model, uint64_t seed);

  /// From a proposal of the dual that may break memory: repair, then improve. Keeps what it finds as `best()`
  /// when it is better.
  void adopt(const Assignment &proposal, const std::vector<double> &price, int64_t work,
             const std::function<bool()> &stop);
  /// From the best so far (`known` when that is better): shake, then descend.
  void improve(const Candidate &known, const std::vector<double> &price, int64_t work,
               const std::function<bool()> &stop);

  const Candidate &best() const { return found; }
  /// Called with every new best, on the thread that searches.
  std::function<void(const Candidate &)> publish;
  /// The last repair neither succeeded nor gave up: its work ran out.
  bool repairCut() const { return cut; }

private:
  /// Compares the search's state with the best; true when it was better.
  bool keep();
  /// The end of a descent without prices, where cost only falls: what it finds is kept as it goes.
  void descend(int64_t work, const std::function<bool()> &stop);

  const Model &model;
  BlockSearch search;
  Candidate found;
  int turn = 0;
  bool cut = false;
};

} // namespace ampc::search
