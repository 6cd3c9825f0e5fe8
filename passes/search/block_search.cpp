// See block_search.h. The block is always a forest in the graph, so one pass up and one down choose it
// exactly.
#include "block_search.h"
#include "min_plus.h"

#include <algorithm>
#include <cmath>

namespace ampc::search {

namespace {
/// Nodes that live at more time points than this are listed apart when looking for what is live at a time.
constexpr int kLongLife = 64;
/// A move that would look at more table entries than this stops growing.
constexpr int64_t kLargestBlockWork = 400'000;
} // namespace

BlockSearch::BlockSearch(const Model &model, uint64_t seed) : model(model), random(seed), profile(model) {
  size_t n = size_t(model.nodes);
  parent.assign(n, -1);
  blockNeighbours.assign(n, 0);
  blocked.assign(n, 0);
  position.assign(n, 0);
  wanted.assign(n, 0);
  current.assign(n, 0);
  priced.assign(model.cost.begin(), model.cost.end());
  int widest = 1;
  for (int u = 0; u < model.nodes; ++u) {
    widest = std::max(widest, model.choices(u));
    if (model.degree(u) > 1 || model.degree(u) == 0)
      coreSeeds.push_back(u);
    if (!model.usesMemory(u))
      continue;
    if (model.end[size_t(u)] - model.begin[size_t(u)] > kLongLife)
      longLived.push_back(u);
    else
      byBegin.push_back(u);
  }
  outgoing.resize(size_t(widest));
  std::sort(byBegin.begin(), byBegin.end(), [&](int a, int b) {
    int left = model.begin[size_t(a)], right = model.begin[size_t(b)];
    return left != right ? left < right : a < b;
  });
  beginOf.assign(size_t(model.times) + 1, 0);
  for (int t = 0, at = 0; t <= model.times; ++t) {
    while (at < int(byBegin.size()) && model.begin[size_t(byBegin[size_t(at)])] < t)
      ++at;
    beginOf[size_t(t)] = at;
  }
}

void BlockSearch::start(const Assignment &choice) {
  current = choice;
  profile.reset(model, current);
}

void BlockSearch::setPrices(const std::vector<double> &price, double scale, double noise) {
  std::vector<double> prefix(size_t(model.times) + 1, 0.0);
  for (int t = 0; t < model.times; ++t)
    prefix[size_t(t) + 1] = prefix[size_t(t)] + price[size_t(t)] * scale;
  for (int u = 0; u < model.nodes; ++u) {
    double perByte = model.usesMemory(u)
                         ? prefix[size_t(model.end[size_t(u)])] - prefix[size_t(model.begin[size_t(u)])]
                         : 0.0;
    for (int i = model.first[size_t(u)]; i < model.first[size_t(u) + 1]; ++i)
      priced[size_t(i)] = (double(model.cost[size_t(i)]) + perByte * double(model.memory[size_t(i)])) *
                          (noise > 0 ? 1.0 + noise * (2 * random.real() - 1) : 1.0);
  }
}

void BlockSearch::clearBlock() {
  for (int u : block)
    blocked[size_t(u)] = 0;
  for (int u : touched)
    blockNeighbours[size_t(u)] = 0;
  block.clear();
  touched.clear();
  extras.clear();
}

void BlockSearch::enter(int u, int parentArc) {
  blocked[size_t(u)] = 1;
  parent[size_t(u)] = parentArc;
  position[size_t(u)] = int(block.size());
  block.push_back(u);
  for (int a = model.firstArc[size_t(u)]; a < model.firstArc[size_t(u) + 1]; ++a) {
    const Arc &arc = model.arcs[size_t(a)];
    int v = arc.neighbour;
    spent += int64_t(model.choices(u)) + 4;
    if (blocked[size_t(v)])
      continue;
    if (blockNeighbours[size_t(v)]++ == 0)
      touched.push_back(v);
    if (blockNeighbours[size_t(v)] == 1)
      frontier.push_back(a);
  }
}

void BlockSearch::grow(int seed, int coreNodes) {
  if (blocked[size_t(seed)] || blockNeighbours[size_t(seed)] > 1)
    return;
  frontier.clear();
  int parentArc = -1;
  if (blockNeighbours[size_t(seed)] == 1)
    for (int a = model.firstArc[size_t(seed)]; a < model.firstArc[size_t(seed) + 1]; ++a)
      if (blocked[size_t(model.arcs[size_t(a)].neighbour)])
        parentArc = a;
  enter(seed, parentArc);
  int64_t limit = spent + kLargestBlockWork;
  while (!frontier.empty() && spent < limit) {
    // Leaves come in at once, they cost little and bind the block's nodes otherwise.
    int a = frontier.back();
    const Arc *arc = &model.arcs[size_t(a)];
    if (model.degree(arc->neighbour) == 1) {
      frontier.pop_back();
    } else {
      if (coreNodes <= 0) {
        // Only leaves are still wanted; the rest of the frontier stays outside.
        frontier.pop_back();
        continue;
      }
      size_t pick = size_t(random.below(int(frontier.size())));
      std::swap(frontier[pick], frontier.back());
      a = frontier.back();
      arc = &model.arcs[size_t(a)];
      frontier.pop_back();
    }
    int v = arc->neighbour;
    if (blocked[size_t(v)] || blockNeighbours[size_t(v)] != 1)
      continue;
    if (model.degree(v) > 1)
      --coreNodes;
    // The arc towards the parent, as v sees it.
    int up = model.firstArc[size_t(v)];
    while (model.arcs[size_t(up)].edge != arc->edge)
      ++up;
    enter(v, up);
  }
}

double BlockSearch::priceExtra(int u) const {
  double sum = 0;
  for (const Extra &extra : extras)
    if (model.begin[size_t(u)] <= extra.time && extra.time < model.end[size_t(u)])
      sum += extra.price;
  return sum;
}

double BlockSearch::localCost(const std::vector<int> &choice) {
  double sum = 0;
  for (int u : block) {
    sum += priceOf(u, choice[size_t(u)]);
    for (int a = model.firstArc[size_t(u)]; a < model.firstArc[size_t(u) + 1]; ++a) {
      const Arc &arc = model.arcs[size_t(a)];
      int v = arc.neighbour;
      bool inside = blocked[size_t(v)];
      if (inside && position[size_t(v)] < position[size_t(u)])
        continue;
      int k = model.choices(v);
      sum += model.realRowsOf(arc)[size_t(choice[size_t(u)]) * size_t(k) +
                                   size_t(inside ? choice[size_t(v)] : current[size_t(v)])];
    }
  }
  return sum;
}

double BlockSearch::optimise() {
  size_t size = 0;
  gatheredAt.resize(block.size());
  for (size_t b = 0; b < block.size(); ++b) {
    gatheredAt[b] = size;
    size += size_t(model.choices(block[b]));
  }
  gathered.resize(size);
  for (size_t b = 0; b < block.size(); ++b) {
    int u = block[b], k = model.choices(u);
    double *own = &gathered[gatheredAt[b]];
    const double *from = &priced[size_t(model.first[size_t(u)])];
    std::copy(from, from + k, own);
    if (!extras.empty() && model.usesMemory(u))
      if (double extra = priceExtra(u); extra > 0)
        for (int i = 0; i < k; ++i)
          own[i] += extra * double(model.memory[size_t(model.first[size_t(u)] + i)]);
    for (int a = model.firstArc[size_t(u)]; a < model.firstArc[size_t(u) + 1]; ++a) {
      const Arc &arc = model.arcs[size_t(a)];
      if (blocked[size_t(arc.neighbour)])
        continue;
      const Table &table = *model.edges[size_t(arc.edge)].table;
      size_t fixed = size_t(current[size_t(arc.neighbour)]);
      addTo(own, arc.isU ? &table.realByColumn[fixed * size_t(k)] : &table.realByRow[fixed * size_t(k)], k);
    }
  }
  for (size_t b = block.size(); b-- > 0;) {
    int u = block[b];
    if (parent[size_t(u)] < 0)
      continue;
    const Arc &arc = model.arcs[size_t(parent[size_t(u)])];
    int k = model.choices(u), l = model.choices(arc.neighbour);
    spent += int64_t(k) * l + 16;
    minPlus(&gathered[gatheredAt[b]], model.realRowsOf(arc), k, l, outgoing.data());
    addTo(&gathered[gatheredAt[size_t(position[size_t(arc.neighbour)])]], outgoing.data(), l);
  }
  for (size_t b = 0; b < block.size(); ++b) {
    int u = block[b], k = model.choices(u);
    double *own = &gathered[gatheredAt[b]];
    if (parent[size_t(u)] >= 0) {
      const Arc &arc = model.arcs[size_t(parent[size_t(u)])];
      const Table &table = *model.edges[size_t(arc.edge)].table;
      size_t fixed = size_t(wanted[size_t(arc.neighbour)]);
      addTo(own, arc.isU ? &table.realByColumn[fixed * size_t(k)] : &table.realByRow[fixed * size_t(k)], k);
    }
    int best = smallestAt(own, k);
    // Staying is preferred among equals, so that a move that gains nothing changes nothing.
    int stay = current[size_t(u)];
    wanted[size_t(u)] = own[stay] <= own[best] ? stay : best;
  }
  return localCost(wanted) - localCost(current);
}

void BlockSearch::exchange() {
  for (int u : block) {
    size_t s = size_t(u);
    if (wanted[s] == current[s])
      continue;
    int64_t difference =
        model.memory[size_t(model.first[s] + wanted[s])] - model.memory[size_t(model.first[s] + current[s])];
    profile.add(model.begin[s], model.end[s], difference);
    std::swap(wanted[s], current[s]);
  }
}

int BlockSearch::nodeLiveAt(int time) {
  // Rejection sampling among the nodes that begin shortly before, and those that live long.
  int from = beginOf[size_t(std::max(0, time - kLongLife))], to = beginOf[size_t(time) + 1];
  int total = to - from + int(longLived.size());
  if (total == 0)
    return -1;
  auto at = [&](int pick) {
    return pick < to - from ? byBegin[size_t(from + pick)] : longLived[size_t(pick - (to - from))];
  };
  auto live = [&](int u) { return model.begin[size_t(u)] <= time && time < model.end[size_t(u)]; };
  auto takes = [&](int u) { return model.memory[size_t(model.first[size_t(u)] + current[size_t(u)])] > 0; };
  for (int attempt = 0; attempt < 40; ++attempt) {
    int u = at(random.below(total));
    if (live(u) && (attempt > 20 || takes(u)))
      return u;
  }
  // Few of them live that long: look at all, from anywhere on.
  spent += total;
  int any = -1;
  for (int i = 0, pick = random.below(total); i < total; ++i, pick = pick + 1 < total ? pick + 1 : 0)
    if (int u = at(pick); live(u)) {
      if (takes(u))
        return u;
      any = u;
    }
  return any;
}

bool BlockSearch::moveAt(int seed, int coreNodes) {
  clearBlock();
  grow(seed, coreNodes);
  for (int attempt = 0; attempt < 5; ++attempt) {
    double gain = -optimise();
    double tolerance = 1e-9 * std::max(1.0, std::fabs(gain));
    if (!(gain > tolerance) || gain < 0.5e-3)
      return false;
    exchange();
    int64_t over = profile.worst();
    if (over <= 0)
      return true;
    int time = profile.worstTime();
    exchange();
    // What the block takes at that time gets a price that would undo the gain, and another tree that holds
    // memory there joins, so that the two can trade.
    double price = gain / double(over);
    bool raised = false;
    for (Extra &extra : extras)
      if (extra.time == time) {
        extra.price *= 3;
        raised = true;
      }
    if (!raised)
      extras.push_back({time, price * 0.3});
    if (attempt < 3)
      if (int partner = nodeLiveAt(time); partner >= 0)
        grow(partner, coreNodes / 2);
  }
  return false;
}

void BlockSearch::improve(int64_t work, const std::function<bool()> &stop) {
  spent = 0;
  if (model.nodes == 0)
    return;
  int64_t checkAt = 0;
  while (spent < work) {
    if (spent >= checkAt) {
      if (stop && stop())
        break;
      checkAt = spent + 2'000'000;
    }
    bool any = coreSeeds.empty() || random.below(8) == 0;
    int seed = any ? random.below(model.nodes) : coreSeeds[size_t(random.below(int(coreSeeds.size())))];
    // Mostly small blocks: cheap and often enough; some large ones get over ridges.
    int size = 1 << random.below(7);
    moveAt(seed, size);
    spent += 64;
  }
}

bool BlockSearch::repair(int64_t work, const std::function<bool()> &stop) {
  spent = 0;
  outOfWork = false;
  int64_t checkAt = 0;
  double scale = 1.0;
  int failures = 0;
  for (double c : priced)
    scale = std::max(scale, c * 1e-6);
  // Price per byte at the worst time; it rises while moves fail and falls when they succeed.
  double price = scale / double(std::max<int64_t>(1, profile.worst()));
  while (profile.worst() > 0 && spent < work) {
    if (spent >= checkAt) {
      if (stop && stop())
        break;
      checkAt = spent + 2'000'000;
    }
    int64_t over = profile.worst();
    int time = profile.worstTime();
    clearBlock();
    int seed = nodeLiveAt(time);
    if (seed < 0)
      return false;
    grow(seed, 1 << random.below(6));
    extras.push_back({time, price});
    optimise();
    exchange();
    spent += 64;
    int64_t now = profile.worst();
    // Strictly less at the worst time, nowhere more than before.
    bool better = now < over || (now == over && profile.worstTime() != time);
    if (better) {
      failures = 0;
      price *= 0.98;
      continue;
    }
    exchange();
    if (++failures % 4 == 0 && price < 1e30)
      price *= 1.3;
    if (failures > 4000)
      return false;
  }
  outOfWork = profile.worst() > 0 && spent >= work;
  return profile.worst() <= 0;
}

} // namespace ampc::search
