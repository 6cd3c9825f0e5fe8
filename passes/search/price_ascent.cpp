// See price_ascent.h.
#include "price_ascent.h"

#include <algorithm>
#include <cmath>

namespace ampc::search {

namespace {
/// Weight of the past in the averaged slope, and what the step is shortened by for it.
constexpr double kPast = 0.7, kShorter = 0.2;
/// Relative level under which Direct averages as well.
constexpr double kFineLevel = 0.03;
constexpr int kPatience = 15;
/// A restart begins with this level, halved for each one in vain; so much of the bound must be gained.
constexpr double kRestartLevel = 0.02, kWorthwhile = 1e-5;
constexpr int kMostVainRestarts = 4;
} // namespace

PriceAscent::PriceAscent(const Model &model, Mode mode)
    : model(model), mode(mode), passing(model), bestState(passing.state()) {
  slope.assign(size_t(model.times), 0.0);
  for (const ModelEdge &edge : model.edges)
    entries += int64_t(edge.table->byRow.size()) * 2 + 64;
  entries += int64_t(model.cost.size()) + model.times + 64;
}

void PriceAscent::step(double knownCost) {
  ++stepsDone;
  passing.reprice();
  double bound = passing.sweep();
  bool averaging = mode == Mode::Averaging || level < kFineLevel;
  double magnitude = std::fabs(best) + 1.0;
  if (bound > best) {
    // Good progress towards the level: it may have been set too low.
    if (bound > best + 0.1 * level * magnitude) {
      level = std::min(level * 1.1, 0.3);
      sinceBetter = 0;
    }
    best = bound;
    passing.copyState(bestState);
  }
  ++sinceBetter;
  use.assign(size_t(model.times) + 1, 0.0);
  const Assignment &choice = passing.proposal();
  for (int u = 0; u < model.nodes; ++u) {
    if (!model.usesMemory(u))
      continue;
    double bytes = double(model.memory[size_t(model.first[size_t(u)] + choice[size_t(u)])]);
    use[size_t(model.begin[size_t(u)])] += bytes;
    use[size_t(model.end[size_t(u)])] -= bytes;
  }
  double used = 0, squares = 0;
  fits = true;
  for (int t = 0; t < model.times; ++t) {
    used += use[size_t(t)];
    double excess = used - double(model.room[size_t(t)]);
    fits &= excess <= 0.5;
    excess = averaging ? kPast * slope[size_t(t)] + (1 - kPast) * excess : excess;
    slope[size_t(t)] = excess;
    if (passing.price[size_t(t)] > 0 || excess > 0)
      squares += excess * excess;
  }
  if (sinceBetter > kPatience) {
    // The level is out of reach: a lower one, from the best prices again when they are far away.
    sinceBetter = 0;
    level = std::max(level * 0.85, kShortest);
    if (bound < best - 0.3 * level * std::fabs(best)) {
      passing.price = bestState.price;
      return;
    }
  }
  if (squares <= 0)
    return;
  double target = std::min(knownCost, best + level * (std::fabs(best) + 1.0));
  double distance = (averaging ? kShorter : 1.0) * std::max(0.0, target - bound) / squares;
  for (int t = 0; t < model.times; ++t)
    passing.price[size_t(t)] = std::max(0.0, passing.price[size_t(t)] + distance * slope[size_t(t)]);
}

bool PriceAscent::restart() {
  vainRestarts = best > bestAtRestart + kWorthwhile * std::fabs(best) ? 0 : vainRestarts + 1;
  if (vainRestarts > kMostVainRestarts || model.times == 0)
    return false;
  bestAtRestart = best;
  level = std::ldexp(kRestartLevel, -vainRestarts);
  sinceBetter = 0;
  std::fill(slope.begin(), slope.end(), 0.0);
  passing.setState(bestState);
  return true;
}

} // namespace ampc::search
