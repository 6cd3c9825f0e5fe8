// Paths between shardings and the moves they consist of.
#include "passes/reshard.h"

#include "cost_model/collective.h"
#include "cost_model/compute.h"

#include <algorithm>
#include <set>

namespace ampc {

// --- Paths -------------------------------------------------------------------------------------------------------

static std::set<int> splitAxes(const Sharding &sharding) {
  std::set<int> axes;
  for (const DimSharding &dim : sharding.dims)
    for (const Factor &factor : dim.factors)
      axes.insert(factor.axes.begin(), factor.axes.end());
  return axes;
}

/// True if every interval of `inner` lies in `outer`, on every dimension.
static bool covers(const Tile &outer, const Tile &inner) {
  for (size_t d = 0; d < outer.size(); ++d)
    for (const Interval &interval : inner[d]) {
      auto it = std::upper_bound(outer[d].begin(), outer[d].end(), interval.begin,
                                 [](int64_t begin, const Interval &other) { return begin < other.end; });
      if (it == outer[d].end() || it->begin > interval.begin || it->end < interval.end)
        return false;
    }
  return true;
}

/// The axes along which some device must hear from another when tiles change from `from` to `to`.
static std::vector<int> involvedAxes(const Sharding &from, const Sharding &to, const Grid &grid) {
  // An axis is not involved if both shardings split the same factors of the same dimension by it, with nothing
  // different above it in that dimension; otherwise tiles along it change.
  std::set<int> axes = splitAxes(from);
  for (int axis : splitAxes(to))
    axes.insert(axis);
  for (size_t d = 0; d < from.dims.size(); ++d) {
    if (!(from.dims[d] == to.dims[d]))
      continue;
    for (const Factor &factor : from.dims[d].factors)
      for (int axis : factor.axes)
        axes.erase(axis);
  }
  std::vector<int> result;
  for (int axis : axes)
    if (grid.axisSizes[axis] > 1)
      result.push_back(axis);
  return result;
}

std::vector<ReshardStep> reshardPath(Sharding from, Sharding to, const Grid &grid) {
  std::vector<ReshardStep> steps;
  from.canonicalize(grid);
  to.canonicalize(grid);
  if (from.isPartial()) {
    Sharding combined = from;
    combined.partialAxes.clear();
    combined.partialKind = Reduction::None;
    // Reduce-scatter: the target splits exactly the partial axes on top of what is split already.
    std::vector<int> involved = involvedAxes(combined, to, grid);
    bool scatter = involved == from.partialAxes;
    for (int axis : splitAxes(combined))
      scatter &= std::find(involved.begin(), involved.end(), axis) == involved.end();
    // Halos would be combined twice: they are exchanged afterwards.
    if (scatter)
      combined = to.covering();
    steps.push_back({scatter ? plan::StepKind::ReduceScatter : plan::StepKind::AllReduce, from, combined,
                     from.partialAxes});
    from = combined;
  }
  if (from == to)
    return steps;
  bool slice = true, gather = true;
  for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
    std::vector<int64_t> coordinates = grid.coordinates(rank);
    Tile source = from.tile(grid, coordinates), target = to.tile(grid, coordinates);
    slice &= covers(source, target);
    gather &= covers(target, source);
  }
  plan::StepKind kind = plan::StepKind::Exchange;
  std::vector<int> axes = involvedAxes(from, to, grid);
  if (slice)
    kind = plan::StepKind::Copy;
  else if (from.hasReach() || to.hasReach()) // neighbours exchange what differs
    kind = plan::StepKind::Exchange;
  else if (gather)
    kind = plan::StepKind::AllGather;
  else if (axes.size() == 1)
    kind = plan::StepKind::AllToAll;
  steps.push_back({kind, from, to, slice ? std::vector<int>() : axes});
  return steps;
}

// --- Moves -------------------------------------------------------------------------------------------------------

namespace {
/// Equal runs at equal distances, in the local indices of source and target.
struct Run {
  int64_t source, target, length;
};
struct RunSeries {
  Run first;
  int64_t count = 1, sourceStep = 0, targetStep = 0;
};
} // namespace

static std::vector<RunSeries> intersect(const std::vector<Interval> &source, const std::vector<Interval> &target) {
  std::vector<Run> runs;
  int64_t sourceLocal = 0, targetLocal = 0;
  for (size_t s = 0, t = 0; s < source.size() && t < target.size();) {
    int64_t begin = std::max(source[s].begin, target[t].begin), end = std::min(source[s].end, target[t].end);
    if (begin < end)
      runs.push_back({sourceLocal + begin - source[s].begin, targetLocal + begin - target[t].begin, end - begin});
    if (source[s].end <= target[t].end) {
      sourceLocal += source[s].size();
      ++s;
    } else {
      targetLocal += target[t].size();
      ++t;
    }
  }
  std::vector<RunSeries> series;
  for (const Run &run : runs) {
    if (!series.empty() && series.back().first.length == run.length) {
      RunSeries &last = series.back();
      int64_t sourceStep = run.source - (last.first.source + (last.count - 1) * last.sourceStep);
      int64_t targetStep = run.target - (last.first.target + (last.count - 1) * last.targetStep);
      if (last.count == 1 || (sourceStep == last.sourceStep && targetStep == last.targetStep)) {
        last.sourceStep = sourceStep;
        last.targetStep = targetStep;
        ++last.count;
        continue;
      }
    }
    series.push_back({run, 1, 0, 0});
  }
  return series;
}

static int64_t localSize(const std::vector<Interval> &intervals) {
  int64_t size = 0;
  for (const Interval &interval : intervals)
    size += interval.size();
  return size;
}

/// Drops dimensions of count 1 and merges dimensions that continue each other in both buffers.
static void simplify(plan::Move &move) {
  std::vector<plan::MoveDim> dims;
  for (const plan::MoveDim &dim : move.dims) {
    if (dim.count == 1)
      continue;
    if (!dims.empty() && dims.back().sourceStride == dim.count * dim.sourceStride &&
        dims.back().targetStride == dim.count * dim.targetStride)
      dims.back() = {dims.back().count * dim.count, dim.sourceStride, dim.targetStride};
    else
      dims.push_back(dim);
  }
  if (dims.empty())
    dims.push_back({1, 1, 1});
  move.dims = std::move(dims);
}

std::vector<plan::Move> intersectTiles(const Tile &source, const Tile &target) {
  size_t rank = source.size();
  std::vector<plan::Move> moves(1);
  std::vector<int64_t> sourceStride(rank + 1, 1), targetStride(rank + 1, 1);
  for (size_t d = rank; d-- > 0;) {
    sourceStride[d] = sourceStride[d + 1] * localSize(source[d]);
    targetStride[d] = targetStride[d + 1] * localSize(target[d]);
  }
  for (size_t d = 0; d < rank; ++d) {
    std::vector<plan::Move> next;
    for (const RunSeries &series : intersect(source[d], target[d]))
      for (plan::Move move : moves) {
        int64_t s = sourceStride[d + 1], t = targetStride[d + 1];
        move.sourceOffset += series.first.source * s;
        move.targetOffset += series.first.target * t;
        if (series.count > 1)
          move.dims.push_back({series.count, series.sourceStep * s, series.targetStep * t});
        move.dims.push_back({series.first.length, s, t});
        next.push_back(std::move(move));
      }
    moves = std::move(next);
  }
  for (plan::Move &move : moves)
    simplify(move);
  return moves;
}

Tile tileInOrder(const Tile &tile, const std::vector<int64_t> &order) {
  if (order.empty())
    return tile;
  Tile result;
  for (int64_t d : order)
    result.push_back(tile[size_t(d)]);
  return result;
}

Tile wholeTile(const std::vector<int64_t> &shape) {
  Tile tile;
  for (int64_t extent : shape)
    tile.push_back({{0, extent}});
  return tile;
}

/// Intervals of `a` that are not in `b`.
static std::vector<Interval> subtract(const std::vector<Interval> &a, const std::vector<Interval> &b) {
  std::vector<Interval> result;
  for (Interval interval : a) {
    for (const Interval &hole : b) {
      if (hole.end <= interval.begin || hole.begin >= interval.end)
        continue;
      if (hole.begin > interval.begin)
        result.push_back({interval.begin, hole.begin});
      interval.begin = hole.end;
      if (interval.begin >= interval.end)
        break;
    }
    if (interval.begin < interval.end)
      result.push_back(interval);
  }
  return result;
}

static std::vector<Interval> common(const std::vector<Interval> &a, const std::vector<Interval> &b) {
  std::vector<Interval> result;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    int64_t begin = std::max(a[i].begin, b[j].begin), end = std::min(a[i].end, b[j].end);
    if (begin < end)
      result.push_back({begin, end});
    a[i].end <= b[j].end ? ++i : ++j;
  }
  return result;
}

static bool isEmpty(const Tile &tile) {
  return std::any_of(tile.begin(), tile.end(), [](const auto &dim) { return dim.empty(); });
}

/// `target` as a set of boxes: what remains after taking out `part` (which lies inside).
static void takeOut(const Tile &box, const Tile &part, std::vector<Tile> &remaining) {
  Tile rest = box;
  for (size_t d = 0; d < box.size(); ++d) {
    Tile outside = rest;
    outside[d] = subtract(rest[d], part[d]);
    if (!isEmpty(outside))
      remaining.push_back(std::move(outside));
    rest[d] = part[d];
  }
}

/// Position of global index `index` in the local order of `intervals` (which contain it).
static int64_t localIndex(const std::vector<Interval> &intervals, int64_t index) {
  int64_t before = 0;
  for (const Interval &interval : intervals) {
    if (index < interval.end)
      return before + index - interval.begin;
    before += interval.size();
  }
  return before;
}

/// Moves of the elements of `box`, whose intervals each lie inside one interval of source and of target.
static void moveBox(const Tile &source, const Tile &target, const Tile &box, uint32_t from, uint32_t to,
                    std::vector<plan::Move> &out) {
  bool whole = true;
  for (size_t d = 0; d < box.size(); ++d)
    whole &= box[d] == common(source[d], target[d]);
  if (whole) {
    for (plan::Move move : intersectTiles(source, target)) {
      move.sourceMember = from;
      move.targetMember = to;
      out.push_back(std::move(move));
    }
    return;
  }
  // One move per combination of intervals.
  plan::Move empty;
  empty.sourceMember = from;
  empty.targetMember = to;
  std::vector<plan::Move> moves = {empty};
  std::vector<int64_t> sourceStride(box.size() + 1, 1), targetStride(box.size() + 1, 1);
  for (size_t d = box.size(); d-- > 0;) {
    sourceStride[d] = sourceStride[d + 1] * localSize(source[d]);
    targetStride[d] = targetStride[d + 1] * localSize(target[d]);
  }
  for (size_t d = 0; d < box.size(); ++d) {
    std::vector<plan::Move> next;
    for (const Interval &interval : box[d])
      for (plan::Move move : moves) {
        move.sourceOffset += localIndex(source[d], interval.begin) * sourceStride[d + 1];
        move.targetOffset += localIndex(target[d], interval.begin) * targetStride[d + 1];
        move.dims.push_back({interval.size(), sourceStride[d + 1], targetStride[d + 1]});
        next.push_back(std::move(move));
      }
    moves = std::move(next);
  }
  for (plan::Move &move : moves) {
    simplify(move);
    out.push_back(std::move(move));
  }
}

std::vector<plan::Move> tileMoves(const std::vector<Tile> &sources, const std::vector<Tile> &targets) {
  std::vector<plan::Move> moves;
  size_t members = sources.size();
  for (uint32_t target = 0; target < members; ++target) {
    std::vector<Tile> missing;
    if (!isEmpty(targets[target]))
      missing.push_back(targets[target]);
    // Itself first, then the nearest: replicas then serve different readers.
    for (size_t distance = 0; distance < members && !missing.empty(); ++distance) {
      uint32_t source = uint32_t((target + distance) % members);
      std::vector<Tile> rest;
      for (const Tile &box : missing) {
        Tile part;
        for (size_t d = 0; d < box.size(); ++d)
          part.push_back(common(box[d], sources[source][d]));
        if (isEmpty(part)) {
          rest.push_back(box);
          continue;
        }
        takeOut(box, part, rest);
        Tile pieces;
        for (size_t d = 0; d < part.size(); ++d)
          pieces.push_back(common(common(part[d], sources[source][d]), targets[target][d]));
        moveBox(sources[source], targets[target], pieces, source, target, moves);
      }
      missing = std::move(rest);
    }
  }
  return moves;
}

std::vector<plan::Move> reshardMoves(const ReshardStep &step, const Grid &grid, const std::vector<int64_t> &members,
                                     const std::vector<int64_t> &order) {
  std::vector<Tile> sources, targets;
  for (int64_t member : members) {
    std::vector<int64_t> coordinates = grid.coordinates(member);
    sources.push_back(tileInOrder(step.from.tile(grid, coordinates), order));
    targets.push_back(tileInOrder(step.to.tile(grid, coordinates), order));
  }
  if (step.kind != plan::StepKind::ReduceScatter)
    return tileMoves(sources, targets);
  std::vector<plan::Move> moves;
  for (uint32_t target = 0; target < members.size(); ++target)
    for (uint32_t source = 0; source < members.size(); ++source)
      for (plan::Move move : intersectTiles(sources[source], targets[target])) {
        move.sourceMember = source;
        move.targetMember = target;
        moves.push_back(std::move(move));
      }
  return moves;
}

// --- Cost --------------------------------------------------------------------------------------------------------

/// Largest tile that a device has afterwards, and the most elements of it that it did not have before.
struct ExchangeSize {
  int64_t tileElements = 0, missingElements = 0;
};

static ExchangeSize exchangeSize(const ReshardStep &step, const Grid &grid) {
  ExchangeSize size;
  for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
    std::vector<int64_t> coordinates = grid.coordinates(rank);
    Tile source = step.from.tile(grid, coordinates), target = step.to.tile(grid, coordinates);
    int64_t needed = 1, present = 1;
    for (size_t d = 0; d < target.size(); ++d) {
      needed *= localSize(target[d]);
      present *= localSize(common(source[d], target[d]));
    }
    size.tileElements = std::max(size.tileElements, needed);
    size.missingElements = std::max(size.missingElements, needed - present);
  }
  return size;
}

double bytesPerRank(const ReshardStep &step, DataType type, const Grid &grid) {
  if (step.kind == plan::StepKind::Exchange)
    return double(sizeBytes(type, exchangeSize(step, grid).missingElements));
  std::vector<int64_t> first(grid.axisSizes.size(), 0); // the first device holds the largest shard
  return double(sizeBytes(type, numElements(step.from.localShape(grid, first))));
}

/// As the simulation prices the moves: every member fills its tile from what it has and from what a neighbour sends.
static double exchangeStepSeconds(const ReshardStep &step, DataType type, const Grid &grid,
                                  const std::vector<uint32_t> &ranks, const cost::Cluster &cluster) {
  if (ranks.size() < 2)
    return 0;
  ExchangeSize size = exchangeSize(step, grid);
  double sent = double(sizeBytes(type, size.missingElements)), whole = double(sizeBytes(type, size.tileElements));
  std::vector<cost::PairBytes> pairs = {{ranks[0], ranks[0], whole - sent}};
  for (size_t k = 0; k < ranks.size(); ++k)
    pairs.push_back({ranks[(k + 1) % ranks.size()], ranks[k], sent});
  return cost::exchangeSeconds(pairs, cluster);
}

double reshardSeconds(const Sharding &from, const Sharding &to, DataType type, const Grid &grid, int64_t firstRank,
                      const cost::Cluster &cluster) {
  double seconds = 0;
  for (const ReshardStep &step : reshardPath(from, to, grid)) {
    if (step.kind == plan::StepKind::Copy) {
      double bytes = double(sizeBytes(type, numElements(step.to.localShape(grid, std::vector<int64_t>(grid.axisSizes.size())))));
      cost::Work work{0, bytes, bytes, type, cost::WorkKind::Movement};
      seconds += cost::computeSeconds(work, cluster.devices[firstRank]);
      continue;
    }
    std::vector<uint32_t> ranks;
    for (int64_t member : grid.group(0, step.axes))
      ranks.push_back(uint32_t(firstRank + member));
    seconds += step.kind == plan::StepKind::Exchange
                   ? exchangeStepSeconds(step, type, grid, ranks, cluster)
                   : cost::collectiveSeconds(step.kind, bytesPerRank(step, type, grid), ranks, cluster);
  }
  return seconds;
}

} // namespace ampc
