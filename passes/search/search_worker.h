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

private:
  /// Compares the search's state with the best; true when it was better.
  bool keep();

  const Model &model;
  BlockSearch search;
  Candidate found;
  int turn = 0;
};

} // namespace ampc::search
