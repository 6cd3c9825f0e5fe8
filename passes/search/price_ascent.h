// Moves the memory prices of a Dual towards the best bound, by subgradient steps scaled with the distance to
// a known cost (Polyak). Knows nothing of how assignments are improved.
#pragma once

#include "dual.h"

namespace ampc::search {

class PriceAscent {
public:
  /// Direct follows each step's slope until it overshoots and averages slopes then; Averaging does so from
  /// the start. Direct spreads prices over many time points quickly, Averaging finds the few that count:
  /// which of the two climbs higher depends on the problem.
  enum class Mode { Direct, Averaging };

  PriceAscent(const Model &model, Mode mode);

  /// One sweep of message passing and one step of the prices. `knownCost` is the best cost so far, or
  /// kNoCost.
  void step(double knownCost);
  static constexpr double kNoCost = 1e300;

  /// Largest bound seen, model units, in doubles.
  double bestBound() const { return best; }
  /// Prices that gave it.
  const std::vector<double> &bestPrice() const { return bestState.price; }
  /// The last step's proposal, and whether its memory fits.
  const Assignment &proposal() const { return passing.proposal(); }
  bool proposalFits() const { return fits; }
  /// No longer worth its time: the step length has shrunk to nothing.
  bool stalled() const { return level <= kShortest; }
  /// Long steps again, from the best prices and messages. False when the last climbs from there came to nothing.
  bool restart();
  /// Calls `use` with the dual at the prices and messages of the best bound; the climb goes on from where it
  /// was.
  template <typename Use> auto atBest(Use use) {
    passing.exchange(bestState);
    auto result = use(static_cast<const Dual &>(passing));
    passing.exchange(bestState);
    return result;
  }
  int64_t steps() const { return stepsDone; }
  /// Table entries that one step looks at.
  int64_t workPerStep() const { return entries; }

private:
  static constexpr double kShortest = 3e-6;

  const Model &model;
  const Mode mode;
  Dual passing;
  Dual::State bestState;
  std::vector<double> slope, use;
  double best = -1e300, level = 0.3;
  double bestAtRestart = -1e300;
  int sinceBetter = 0, vainRestarts = 0;
  bool fits = false;
  int64_t entries = 0, stepsDone = 0;
};

} // namespace ampc::search
