// Proves that no assignment meets the memory limit together with the forbidden pairs, or happens to find one that does.
// Costs play no part: prices go to where memory lacks, which a search for cheap assignments may never learn.
#pragma once

#include "price_ascent.h"

namespace ampc::search {

class MemoryProof {
public:
  enum class Outcome { Open, Infeasible, Feasible };

  explicit MemoryProof(const Model &model);

  /// Goes on for about `work` table entries. Depends on the model and the work so far alone unless stopped.
  Outcome run(int64_t work, const Stop &stop);

  /// After Feasible: an assignment that is legal and fits.
  const Assignment &found() const { return assignment; }

  /// The model's time point that has the highest price so far, or the least room.
  int tightest() const;

  /// Where memory lacks.
  struct Shortage {
    int time = 0; ///< tightest()
    /// Every legal assignment needs at least so many bytes more than there are, by this time point alone; 0: only
    /// several time points together prove it.
    int64_t bytesOver = 0;
    /// Nodes that hold more than their smallest choice there because of forbidden pairs, with the bytes; most first.
    std::vector<std::pair<int64_t, int>> holders;
  };
  /// After a run; the models of branchAndBound() are small enough for it in any case.
  Shortage shortage() const;

private:
  bool isProven(const Dual &dual) const { return dual.certify() > Total(kBase); }
  bool accept(const Assignment &choice);

  /// What the empty decision costs in the model below: bounds above it prove, and steps of prices are fractions of it.
  static constexpr int64_t kBase = 1'000'000'000;
  static constexpr int64_t kMostEntries = 20'000'000;

  const Model &model;
  /// The nodes of `model` at no cost, the edges that forbid something, and one node of cost kBase.
  Model bare;
  std::unique_ptr<PriceAscent> ascent;
  Assignment assignment;
};

} // namespace ampc::search
