// Prices of reshards, from what single dimensions say.
#include "passes/reshard_prices.h"

#include "cost_model/collective.h"
#include "cost_model/compute.h"

#include <algorithm>

namespace ampc {

ReshardPrices::ReshardPrices(const Grid &grid, const cost::Cluster &cluster) : grid(grid), cluster(cluster) {}

static uint32_t axesOf(const DimSharding &dim) {
  uint32_t axes = 0;
  for (const Factor &factor : dim.factors)
    for (int axis : factor.axes)
      axes |= 1u << axis;
  return axes;
}

/// Number of a dimension's sharding among all that have been seen.
uint32_t ReshardPrices::dim(const DimSharding &sharding) {
  Sharding alone;
  alone.dims.push_back(sharding);
  std::string key = alone.str() + std::to_string(alone.globalShape()[0]);
  auto [it, isNew] = dimNumbers.try_emplace(std::move(key), uint32_t(dims.size()));
  if (isNew)
    dims.push_back({std::move(alone), axesOf(sharding)});
  return it->second;
}

uint32_t ReshardPrices::form(const Sharding &sharding) {
  std::string key = sharding.str();
  for (int64_t extent : sharding.globalShape())
    key += "," + std::to_string(extent);
  auto [it, isNew] = formNumbers.try_emplace(std::move(key), uint32_t(forms.size()));
  if (!isNew)
    return it->second;
  Form form;
  form.sharding = sharding;
  for (const DimSharding &split : sharding.dims) {
    form.dims.push_back(dim(split));
    form.splitAxes |= dims[form.dims.back()].axes;
  }
  for (int axis : sharding.partialAxes)
    form.partialAxes |= 1u << axis;
  form.localElements = numElements(sharding.localShape(grid, std::vector<int64_t>(grid.axisSizes.size(), 0)));
  forms.push_back(std::move(form));
  return it->second;
}

uint32_t ReshardPrices::combined(uint32_t number) {
  if (!forms[number].partialAxes)
    return number;
  if (forms[number].combined < 0) {
    Sharding whole = forms[number].sharding;
    whole.partialAxes.clear();
    whole.partialKind = Reduction::None;
    int64_t result = form(whole);
    forms[number].combined = result;
  }
  return uint32_t(forms[number].combined);
}

/// True if on every device the tile of `outer` contains that of `inner`; both have one dimension.
static bool covers(const Sharding &outer, const Sharding &inner, const Grid &grid,
                   const std::vector<int64_t> &coordinates) {
  std::vector<Interval> have = outer.tile(grid, coordinates)[0], need = inner.tile(grid, coordinates)[0];
  size_t at = 0;
  for (const Interval &interval : need) {
    while (at < have.size() && have[at].end <= interval.begin)
      ++at;
    if (at == have.size() || have[at].begin > interval.begin || have[at].end < interval.end)
      return false;
  }
  return true;
}

ReshardPrices::Coverage ReshardPrices::dimCoverage(uint32_t from, uint32_t to) {
  if (from == to)
    return {};
  auto [it, isNew] = coverages.try_emplace(uint64_t(from) << 32 | to, Coverage());
  if (!isNew)
    return it->second;
  Coverage result; // nothing below adds to the map
  uint32_t axes = dims[from].axes | dims[to].axes;
  for (size_t rank : representativesOf(axes)) {
    std::vector<int64_t> coordinates = grid.coordinates(int64_t(rank));
    result.slice = result.slice && covers(dims[from].sharding, dims[to].sharding, grid, coordinates);
    result.gather = result.gather && covers(dims[to].sharding, dims[from].sharding, grid, coordinates);
  }
  return it->second = result;
}

ReshardPrices::Coverage ReshardPrices::coverage(uint32_t from, uint32_t to) {
  Coverage result;
  for (size_t d = 0; d < forms[from].dims.size(); ++d) {
    Coverage one = dimCoverage(forms[from].dims[d], forms[to].dims[d]);
    result.slice &= one.slice;
    result.gather &= one.gather;
  }
  return result;
}

/// As in reshardPath: axes of dimensions that do not change play no part.
uint32_t ReshardPrices::involvedAxes(const Form &from, const Form &to) const {
  uint32_t axes = from.splitAxes | to.splitAxes;
  for (size_t d = 0; d < from.dims.size(); ++d)
    if (from.dims[d] == to.dims[d])
      axes &= ~dims[from.dims[d]].axes;
  return axes;
}

std::vector<uint32_t> ReshardPrices::groupAlong(uint32_t axes) const {
  std::vector<int> list;
  for (int axis = 0; axis < int(grid.axisSizes.size()); ++axis)
    if (axes >> axis & 1)
      list.push_back(axis);
  std::vector<uint32_t> ranks;
  for (int64_t member : grid.group(0, list))
    ranks.push_back(uint32_t(member));
  return ranks;
}

const std::vector<size_t> &ReshardPrices::representativesOf(uint32_t axes) {
  representatives.resize(size_t(1) << grid.axisSizes.size());
  std::vector<size_t> &ranks = representatives[axes];
  if (!ranks.empty())
    return ranks;
  for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
    std::vector<int64_t> coordinates = grid.coordinates(rank);
    bool isFirst = true;
    for (size_t axis = 0; axis < coordinates.size(); ++axis)
      isFirst &= (axes >> axis & 1) || coordinates[axis] == 0;
    if (isFirst)
      ranks.push_back(size_t(rank));
  }
  return ranks;
}

double ReshardPrices::collective(plan::StepKind kind, int64_t bytes, uint32_t axes) {
  auto [it, isNew] = collectives.try_emplace({kind, bytes, axes}, 0.0);
  if (isNew)
    it->second = cost::collectiveSeconds(kind, double(bytes), groupAlong(axes), cluster);
  return it->second;
}

const ReshardPrices::Overlap &ReshardPrices::overlap(uint32_t from, uint32_t to) {
  auto [it, isNew] = overlaps.try_emplace(uint64_t(from) << 32 | to);
  if (!isNew)
    return it->second;
  for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
    std::vector<int64_t> coordinates = grid.coordinates(rank);
    std::vector<Interval> have = dims[from].sharding.tile(grid, coordinates)[0];
    std::vector<Interval> need = dims[to].sharding.tile(grid, coordinates)[0];
    int64_t needed = 0, present = 0;
    for (const Interval &interval : need) {
      needed += interval.size();
      for (const Interval &own : have)
        present += std::max<int64_t>(0, std::min(interval.end, own.end) - std::max(interval.begin, own.begin));
    }
    it->second.needed.push_back(needed);
    it->second.present.push_back(present);
  }
  return it->second;
}

/// As reshardSeconds prices an exchange: every member fills its tile from what it has and from what a neighbour sends.
double ReshardPrices::exchange(uint32_t from, uint32_t to, DataType type, uint32_t axes) {
  const std::vector<size_t> &ranks = representativesOf(forms[from].splitAxes | forms[to].splitAxes);
  std::vector<int64_t> &needed = neededElements, &present = presentElements;
  needed.assign(ranks.size(), 1);
  present.assign(ranks.size(), 1);
  for (size_t d = 0; d < forms[from].dims.size(); ++d) {
    const Overlap &own = overlap(forms[from].dims[d], forms[to].dims[d]);
    for (size_t k = 0; k < ranks.size(); ++k) {
      needed[k] *= own.needed[ranks[k]];
      present[k] *= own.present[ranks[k]];
    }
  }
  int64_t tile = 0, missing = 0;
  for (size_t k = 0; k < ranks.size(); ++k) {
    tile = std::max(tile, needed[k]);
    missing = std::max(missing, needed[k] - present[k]);
  }
  tile = sizeBytes(type, tile);
  missing = sizeBytes(type, missing);
  auto [it, isNew] = exchanges.try_emplace({tile, missing, axes}, 0.0);
  if (!isNew)
    return it->second;
  std::vector<uint32_t> group = groupAlong(axes);
  if (group.size() < 2)
    return 0;
  std::vector<cost::PairBytes> sends = {{group[0], group[0], double(tile) - double(missing)}};
  for (size_t k = 0; k < group.size(); ++k)
    sends.push_back({group[(k + 1) % group.size()], group[k], double(missing)});
  return it->second = cost::exchangeSeconds(sends, cluster);
}

double ReshardPrices::copySeconds(uint32_t form, DataType type) const {
  double bytes = double(sizeBytes(type, forms[form].localElements));
  return cost::computeSeconds({0, bytes, bytes, type, cost::WorkKind::Movement}, cluster.devices[0]);
}

double ReshardPrices::compute(uint32_t from, uint32_t to, DataType type) {
  double seconds = 0;
  uint32_t start = from;
  if (hasReach(from)) // sent to a stage for several readers: what arrives is the covering form
    return this->seconds(form(forms[from].sharding.covering()), to, type);
  if (isPartial(from)) {
    uint32_t whole = combined(from), partialAxes = forms[from].partialAxes;
    int64_t bytes = sizeBytes(type, forms[from].localElements);
    uint32_t involved = involvedAxes(forms[whole], forms[to]);
    if (involved == partialAxes && !(forms[whole].splitAxes & involved)) {
      seconds = collective(plan::StepKind::ReduceScatter, bytes, partialAxes);
      if (!hasReach(to))
        return seconds;
      return seconds + this->seconds(form(forms[to].sharding.covering()), to, type);
    }
    seconds = collective(plan::StepKind::AllReduce, bytes, partialAxes);
    start = whole;
  }
  if (start == to)
    return seconds;
  Coverage how = coverage(start, to);
  uint32_t involved = involvedAxes(forms[start], forms[to]);
  int64_t bytes = sizeBytes(type, forms[start].localElements);
  if (how.slice)
    return seconds + copySeconds(to, type);
  if (hasReach(to))
    return seconds + exchange(start, to, type, involved);
  if (how.gather)
    return seconds + collective(plan::StepKind::AllGather, bytes, involved);
  if ((involved & (involved - 1)) == 0)
    return seconds + collective(plan::StepKind::AllToAll, bytes, involved);
  return seconds + exchange(start, to, type, involved);
}

double ReshardPrices::seconds(uint32_t from, uint32_t to, DataType type) {
  if (from == to)
    return 0;
  const uint64_t key = uint64_t(from) << 36 | uint64_t(to) << 8 | uint64_t(type);
  if (auto known = pairs.find(key); known != pairs.end())
    return known->second;
  double result = compute(from, to, type); // may ask for other pairs
  pairs[key] = result;
  return result;
}

double ReshardPrices::transferSeconds(uint32_t from, uint32_t to, DataType type) {
  uint32_t sent = combined(from);
  double seconds = this->seconds(from, sent, type);
  // Every device sends to its counterpart what that lacks; a gathered form comes from several.
  double bytes = double(sizeBytes(type, forms[to].localElements));
  cost::PairBytes pair{0, uint32_t(std::min<int64_t>(grid.numDevices(), int64_t(cluster.numDevices()) - 1)), bytes};
  return seconds + cost::exchangeSeconds({&pair, 1}, cluster);
}

} // namespace ampc
