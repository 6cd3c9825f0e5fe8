// See memory_proof.h. The bound of the bare model exceeds the base only when prices exist under which the cheapest
// legal assignment's memory is worth more than the room: then none fits (the bound is a bound, see dual.h).
#include "memory_proof.h"
#include "branch_bound.h"

#include <algorithm>
#include <unordered_map>

namespace ampc::search {

namespace {

constexpr double kForbiddenCost = 1e12;
/// Relative height above the base at which the exact bound is worth its time: above the rounding of prices.
constexpr double kClearlyAbove = 1e-5;
constexpr int kSweepsForOneTime = 40;

} // namespace

MemoryProof::MemoryProof(const Model &model) : model(model) {
  bare.nodes = model.nodes + 1;
  bare.times = model.times;
  bare.first = model.first;
  bare.first.push_back(model.first.back() + 1);
  bare.cost.assign(model.cost.size() + 1, 0);
  bare.cost.back() = kBase;
  bare.memory = model.memory;
  bare.memory.push_back(0);
  bare.begin = model.begin;
  bare.begin.push_back(0);
  bare.end = model.end;
  bare.end.push_back(0);
  bare.room = model.room;
  bare.timeOf = model.timeOf;
  bare.forbidden = kForbiddenCost;
  std::unordered_map<const Table *, const Table *> bareOf;
  int64_t entries = 0;
  for (const ModelEdge &edge : model.edges) {
    auto [it, isNew] = bareOf.try_emplace(edge.table, nullptr);
    auto isForbidden = [](int64_t c) { return c >= kInfinity; };
    if (isNew && std::any_of(edge.table->byRow.begin(), edge.table->byRow.end(), isForbidden)) {
      entries += int64_t(edge.table->byRow.size());
      if (entries > kMostEntries)
        return;
      std::vector<int64_t> values;
      values.reserve(edge.table->byRow.size());
      for (int64_t c : edge.table->byRow)
        values.push_back(isForbidden(c) ? kInfinity : 0);
      auto table = makeTable(edge.table->rows, edge.table->columns, std::move(values), kForbiddenCost);
      it->second = table.get();
      bare.tables.push_back(std::move(table));
    }
    if (it->second)
      bare.edges.push_back({edge.u, edge.v, it->second});
  }
  buildArcs(bare);
  ascent = std::make_unique<PriceAscent>(bare, PriceAscent::Mode::Direct);
}

bool MemoryProof::accept(const Assignment &choice) {
  Assignment shortened(choice.begin(), choice.end() - 1);
  if (costOf(model, shortened) >= kInfinity || !fitsMemory(model, shortened))
    return false;
  assignment = std::move(shortened);
  return true;
}

MemoryProof::Outcome MemoryProof::run(int64_t work, const Stop &stop) {
  if (!ascent)
    return Outcome::Open;
  double checkAt = double(kBase) * (1 + kClearlyAbove);
  for (int64_t spent = 0; spent < work && !ascent->stalled(); spent += ascent->workPerStep()) {
    if (stop && stop())
      return Outcome::Open;
    ascent->step(PriceAscent::kNoCost);
    if (ascent->proposalFits() && accept(ascent->proposal()))
      return Outcome::Feasible;
    if (ascent->bestBound() < checkAt)
      continue;
    if (ascent->atBest([&](const Dual &dual) { return isProven(dual); }))
      return Outcome::Infeasible;
    checkAt = ascent->bestBound() * (1 + kClearlyAbove);
  }
  BranchResult result = ascent->atBest(
      [&](const Dual &dual) { return branchAndBound(bare, dual, Total(kBase) + 1, work, stop); });
  if (!result.choice.empty() && accept(result.choice))
    return Outcome::Feasible;
  return result.complete ? Outcome::Infeasible : Outcome::Open;
}

int MemoryProof::tightest() const {
  if (ascent) {
    const std::vector<double> &price = ascent->bestPrice();
    auto highest = std::max_element(price.begin(), price.end());
    if (*highest > 0)
      return int(highest - price.begin());
  }
  return int(std::min_element(model.room.begin(), model.room.end()) - model.room.begin());
}

MemoryProof::Shortage MemoryProof::shortage() const {
  Shortage result;
  result.time = tightest();
  // Priced alone, so that the byte counts.
  Dual alone(bare);
  const size_t t = size_t(result.time);
  int64_t largest = 1;
  double all = double(model.room[t]);
  for (int u = 0; u < model.nodes; ++u)
    if (result.time >= model.begin[size_t(u)] && result.time < model.end[size_t(u)]) {
      auto from = model.memory.begin() + model.first[size_t(u)], to = model.memory.begin() + model.first[size_t(u) + 1];
      largest = std::max(largest, *std::max_element(from, to));
      all += double(*std::max_element(from, to));
    }
  // As high as the numbers allow: at one unit per byte the bound counts bytes exactly.
  const double perByte = std::min({1.0, 0.1 * kForbiddenCost / double(largest), 4e13 / all});
  alone.price[t] = perByte;
  alone.reprice();
  for (int i = 0; i < kSweepsForOneTime; ++i)
    alone.sweep();
  if (Total over = alone.certify() - Total(kBase); over > 0)
    // The bound has been rounded up to the next unit, so all but the last are bytes.
    result.bytesOver = (perByte < 1.0 ? int64_t(double(over - 1) / perByte * (1 - 1e-9)) : int64_t(over - 1)) + 1;
  const Assignment &choice = alone.proposal();
  for (int u = 0; u < model.nodes; ++u) {
    if (result.time < model.begin[size_t(u)] || result.time >= model.end[size_t(u)])
      continue;
    if (int64_t bytes = model.memory[size_t(model.first[size_t(u)] + choice[size_t(u)])]; bytes > 0)
      result.holders.push_back({bytes, u});
  }
  std::sort(result.holders.begin(), result.holders.end(), [](const auto &a, const auto &b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  return result;
}

} // namespace ampc::search
