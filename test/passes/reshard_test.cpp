// Reshards computed on small buffers: whatever the shardings, after the moves every device holds its tile.
#include "passes/reshard.h"

#include <gtest/gtest.h>

#include <random>

using namespace ampc;

namespace {

using Buffer = std::vector<double>;

/// Values of the tile in storage order; the value of an element is a function of its global index.
Buffer tileValues(const Tile &tile, const std::vector<int64_t> &shape, double scale) {
  Buffer values = {0};
  for (size_t d = 0; d < shape.size(); ++d) {
    Buffer next;
    for (double prefix : values)
      for (const Interval &interval : tile[d])
        for (int64_t index = interval.begin; index < interval.end; ++index)
          next.push_back(prefix * double(shape[d]) + double(index));
    values = std::move(next);
  }
  for (double &value : values)
    value = (value + 1) * scale;
  return values;
}

void apply(const plan::Move &move, const Buffer &source, Buffer &target, bool add) {
  std::function<void(size_t, int64_t, int64_t)> walk = [&](size_t d, int64_t s, int64_t t) {
    if (d == move.dims.size()) {
      target.at(size_t(t)) = source.at(size_t(s)) + (add ? target.at(size_t(t)) : 0);
      return;
    }
    for (int64_t i = 0; i < move.dims[d].count; ++i)
      walk(d + 1, s + i * move.dims[d].sourceStride, t + i * move.dims[d].targetStride);
  };
  walk(0, move.sourceOffset, move.targetOffset);
}

struct RandomSharding {
  std::mt19937_64 random;
  explicit RandomSharding(uint64_t seed) : random(seed) {}
  int64_t below(int64_t n) { return int64_t(random() % uint64_t(n)); }

  std::vector<int64_t> factors[3];
  Grid grid;

  void newProblem() {
    grid.axisSizes.clear();
    int64_t numAxes = 1 + below(2);
    for (int64_t a = 0; a < numAxes; ++a)
      grid.axisSizes.push_back(2 + below(2));
    for (auto &dim : factors) {
      dim.clear();
      int64_t count = 1 + below(3);
      for (int64_t f = 0; f < count; ++f)
        dim.push_back(std::vector<int64_t>{1, 2, 3, 5, 6, 7}[below(6)]);
    }
  }

  Sharding make(bool mayBePartial) {
    Sharding sharding;
    std::vector<Factor *> all;
    for (const auto &dim : factors) {
      DimSharding d;
      for (int64_t extent : dim)
        d.factors.push_back({extent, {}});
      sharding.dims.push_back(d);
    }
    for (DimSharding &d : sharding.dims)
      for (Factor &f : d.factors)
        all.push_back(&f);
    for (size_t axis = 0; axis < grid.axisSizes.size(); ++axis) {
      int64_t what = below(4);
      if (what == 0 && mayBePartial) {
        sharding.partialAxes.push_back(int(axis));
        sharding.partialKind = Reduction::Sum;
      } else if (what > 1) {
        all[size_t(below(int64_t(all.size())))]->axes.push_back(int(axis));
      }
    }
    sharding.canonicalize(grid);
    return sharding;
  }

  /// Replaces some split dimensions by what random windows of another index read of them.
  void addReaches(Sharding &sharding) {
    for (DimSharding &dim : sharding.dims) {
      if (dim.factors.size() != 1 || !dim.isSplit() || below(2))
        continue;
      int64_t extent = dim.factors[0].extent, low = below(5) - 3;
      dim.reach = Reach{below(5) - 2, 1 + below(2), low, low + below(4), extent};
      dim.factors[0].extent = 1 + below(2 * extent);
    }
    sharding.canonicalize(grid);
  }
};

} // namespace

TEST(Reshard, EveryDeviceHoldsItsTileAfterwards) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RandomSharding random(seed);
    random.newProblem();
    Sharding from = random.make(true), to = random.make(false);
    random.addReaches(to);
    const Grid &grid = random.grid;
    std::vector<int64_t> shape = from.globalShape();
    // The buffers lie in memory in some order, often the shape's own.
    std::vector<int64_t> order(shape.size());
    for (size_t d = 0; d < order.size(); ++d)
      order[d] = int64_t(d);
    if (seed % 2)
      std::rotate(order.begin(), order.begin() + 1, order.end());
    std::vector<int64_t> stored;
    for (int64_t d : order)
      stored.push_back(shape[size_t(d)]);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + from.str() + " -> " + to.str());

    double parts = 1;
    for (int axis : from.partialAxes)
      parts *= double(grid.axisSizes[axis]);
    std::vector<Buffer> buffers;
    for (int64_t rank = 0; rank < grid.numDevices(); ++rank)
      buffers.push_back(tileValues(tileInOrder(from.tile(grid, grid.coordinates(rank)), order), stored, 1 / parts));
    for (const ReshardStep &step : reshardPath(from, to, grid)) {
      std::vector<Buffer> next;
      for (int64_t rank = 0; rank < grid.numDevices(); ++rank)
        next.emplace_back(size_t(numElements(step.to.localShape(grid, grid.coordinates(rank)))), 0.0);
      for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
        std::vector<int64_t> members = grid.group(rank, step.axes);
        if (step.kind == plan::StepKind::AllReduce) {
          for (int64_t member : members)
            for (size_t k = 0; k < next[rank].size(); ++k)
              next[rank][k] += buffers[member].at(k);
          continue;
        }
        size_t written = 0;
        for (const plan::Move &move : reshardMoves(step, grid, members, order)) {
          if (members[move.targetMember] != rank)
            continue;
          apply(move, buffers[members[move.sourceMember]], next[rank], step.kind == plan::StepKind::ReduceScatter);
          int64_t count = 1;
          for (const plan::MoveDim &dim : move.dims)
            count *= dim.count;
          written += size_t(count);
        }
        size_t copies = step.kind == plan::StepKind::ReduceScatter ? members.size() : 1;
        EXPECT_EQ(written, copies * next[rank].size()); // every element exactly once
      }
      buffers = std::move(next);
    }
    for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
      Buffer expected = tileValues(tileInOrder(to.tile(grid, grid.coordinates(rank)), order), stored, 1);
      ASSERT_EQ(buffers[rank].size(), expected.size());
      for (size_t k = 0; k < expected.size(); ++k)
        ASSERT_NEAR(buffers[rank][k], expected[k], 1e-9 * expected[k]);
    }
  }
}

TEST(Reshard, CommunicatesOnlyWhenItMust) {
  Grid grid{{4}};
  Sharding whole = Sharding::replicated({8, 8}), rows = whole, columns = whole, partial = whole;
  rows.dims[0].factors[0].axes = {0};
  columns.dims[1].factors[0].axes = {0};
  partial.partialAxes = {0};
  partial.partialKind = Reduction::Sum;
  EXPECT_TRUE(reshardPath(rows, rows, grid).empty());
  auto only = [&](const Sharding &from, const Sharding &to) {
    std::vector<ReshardStep> path = reshardPath(from, to, grid);
    EXPECT_EQ(path.size(), 1u);
    return path[0].kind;
  };
  EXPECT_EQ(only(whole, rows), plan::StepKind::Copy);
  EXPECT_EQ(only(rows, whole), plan::StepKind::AllGather);
  EXPECT_EQ(only(rows, columns), plan::StepKind::AllToAll);
  EXPECT_EQ(only(partial, whole), plan::StepKind::AllReduce);
  EXPECT_EQ(only(partial, rows), plan::StepKind::ReduceScatter);
}

TEST(Reshard, AHaloIsExchangedWithTheNeighboursOnly) {
  Grid grid{{4}};
  Sharding whole = Sharding::replicated({16, 10}), rows = whole, halo = whole, partial = whole;
  rows.dims[0].factors[0].axes = {0};
  halo.dims[0] = {{{16, {0}}}, Reach{1, 1, -1, 1, 16}};
  partial.partialAxes = {0};
  partial.partialKind = Reduction::Sum;
  std::vector<ReshardStep> path = reshardPath(rows, halo, grid);
  ASSERT_EQ(path.size(), 1u);
  EXPECT_EQ(path[0].kind, plan::StepKind::Exchange);
  EXPECT_EQ(bytesPerRank(path[0], DataType::F32, grid), 2 * 10 * 4); // two rows for an inner device
  for (const plan::Move &move : reshardMoves(path[0], grid, {0, 1, 2, 3}))
    EXPECT_LE(std::abs(int64_t(move.sourceMember) - int64_t(move.targetMember)), 1);
  // Who has everything takes its part; a partial value is scattered first, so that no element is combined twice.
  path = reshardPath(whole, halo, grid);
  ASSERT_EQ(path.size(), 1u);
  EXPECT_EQ(path[0].kind, plan::StepKind::Copy);
  path = reshardPath(partial, halo, grid);
  ASSERT_EQ(path.size(), 2u);
  EXPECT_EQ(path[0].kind, plan::StepKind::ReduceScatter);
  EXPECT_EQ(path[0].to, rows);
  EXPECT_EQ(path[1].kind, plan::StepKind::Exchange);
}
