// Properties of shardings: shards tile the value, canonical form and text form keep the placement.
#include "ir/sharding.h"

#include "gtest/gtest.h"

#include <map>
#include <random>

namespace ampc {
namespace {

using Shape = std::vector<int64_t>;

TEST(ShardRange, BalancedAndComplete) {
  for (int64_t extent : {0, 1, 2, 7, 12, 13})
    for (int64_t parts : {1, 2, 3, 5, 16}) {
      int64_t next = 0;
      for (int64_t k = 0; k < parts; ++k) {
        Interval range = shardRange(extent, parts, k);
        EXPECT_EQ(range.begin, next);
        EXPECT_GE(range.size(), extent / parts);
        EXPECT_LE(range.size(), (extent + parts - 1) / parts);
        next = range.end;
      }
      EXPECT_EQ(next, extent);
    }
}

TEST(Grid, RanksAndCoordinatesAreMixedRadix) {
  Grid grid{{2, 3, 4}};
  EXPECT_EQ(grid.numDevices(), 24);
  EXPECT_EQ(grid.coordinates(0), (Shape{0, 0, 0}));
  EXPECT_EQ(grid.coordinates(23), (Shape{1, 2, 3}));
  EXPECT_EQ(grid.coordinates(5), (Shape{0, 1, 1}));
  EXPECT_EQ(Grid{}.numDevices(), 1);
  EXPECT_EQ(Grid{}.coordinates(0), Shape{});
}

TEST(Grid, GroupsPartitionTheRanks) {
  Grid grid{{2, 3, 2}};
  EXPECT_EQ(grid.group(0, {1}), (Shape{0, 2, 4}));
  EXPECT_EQ(grid.group(7, {0, 2}), (Shape{0, 1, 6, 7}));
  for (std::vector<int> axes : {std::vector<int>{}, {0}, {2}, {0, 1}, {2, 0, 1}}) {
    std::map<int64_t, int> seen;
    for (int64_t rank = 0; rank < 12; ++rank)
      for (int64_t member : grid.group(rank, axes))
        seen[member]++;
    size_t size = grid.group(0, axes).size();
    for (auto [rank, count] : seen)
      EXPECT_EQ(size_t(count), size);
  }
}

// A sharding whose axes are used at most once, with factors that multiply to small extents.
Sharding randomSharding(std::mt19937 &random, const Grid &grid) {
  auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<int> axes;
  for (size_t axis = 0; axis < grid.axisSizes.size(); ++axis)
    axes.push_back(int(axis));
  std::shuffle(axes.begin(), axes.end(), random);
  Sharding sharding;
  for (int d = pick(1, 3); d > 0; --d) {
    DimSharding dim;
    for (int f = pick(1, 3); f > 0; --f) {
      Factor factor{pick(1, 7), {}};
      while (!axes.empty() && pick(0, 2) == 0) {
        factor.axes.push_back(axes.back());
        axes.pop_back();
      }
      dim.factors.push_back(std::move(factor));
    }
    sharding.dims.push_back(std::move(dim));
  }
  while (!axes.empty() && pick(0, 3) == 0) {
    sharding.partialAxes.push_back(axes.back());
    sharding.partialKind = Reduction::Sum;
    axes.pop_back();
  }
  std::sort(sharding.partialAxes.begin(), sharding.partialAxes.end());
  return sharding;
}

Grid randomGrid(std::mt19937 &random) {
  Grid grid;
  for (int axes = std::uniform_int_distribution<int>(0, 3)(random); axes > 0; --axes)
    grid.axisSizes.push_back(std::uniform_int_distribution<int64_t>(1, 4)(random));
  return grid;
}

// Flat indices that a tile covers, in storage order.
Shape elementsOf(const std::vector<std::vector<Interval>> &tile, const Shape &shape) {
  Shape result = {0};
  for (size_t d = 0; d < shape.size(); ++d) {
    Shape next;
    for (int64_t outer : result)
      for (const Interval &interval : tile[d])
        for (int64_t k = interval.begin; k < interval.end; ++k)
          next.push_back(outer * shape[d] + k);
    result = std::move(next);
  }
  return result;
}

TEST(Sharding, ShardsTileTheValue) {
  std::mt19937 random(17);
  for (int trial = 0; trial < 2000; ++trial) {
    Grid grid = randomGrid(random);
    Sharding sharding = randomSharding(random, grid);
    Shape shape = sharding.globalShape();
    // Devices that differ only along axes that split nothing hold the same; all other tiles are disjoint.
    std::vector<int> splitting;
    for (const DimSharding &dim : sharding.dims)
      for (const Factor &factor : dim.factors)
        splitting.insert(splitting.end(), factor.axes.begin(), factor.axes.end());
    std::vector<int> owners(size_t(numElements(shape)), 0);
    for (int64_t rank : grid.group(0, splitting)) {
      Shape coordinates = grid.coordinates(rank);
      auto tile = sharding.tile(grid, coordinates);
      Shape local = sharding.localShape(grid, coordinates);
      for (size_t d = 0; d < shape.size(); ++d) {
        int64_t total = 0, last = 0;
        for (const Interval &interval : tile[d]) {
          EXPECT_GE(interval.begin, last);
          EXPECT_GT(interval.size(), 0);
          last = interval.end;
          total += interval.size();
        }
        EXPECT_LE(last, shape[d]);
        EXPECT_EQ(total, local[d]) << sharding.str();
      }
      for (int64_t element : elementsOf(tile, shape))
        owners[size_t(element)]++;
    }
    for (int count : owners)
      ASSERT_EQ(count, 1) << sharding.str();
    for (int64_t rank = 0; rank < grid.numDevices(); ++rank)
      for (int64_t other : grid.group(rank, sharding.partialAxes))
        EXPECT_EQ(sharding.tile(grid, grid.coordinates(rank)), sharding.tile(grid, grid.coordinates(other)));
  }
}

TEST(Sharding, CanonicalFormKeepsThePlacement) {
  std::mt19937 random(18);
  for (int trial = 0; trial < 2000; ++trial) {
    Grid grid = randomGrid(random);
    Sharding sharding = randomSharding(random, grid), canonical = sharding;
    canonical.canonicalize(grid);
    EXPECT_EQ(canonical.globalShape(), sharding.globalShape());
    Shape shape = sharding.globalShape();
    for (int64_t rank = 0; rank < grid.numDevices(); ++rank) {
      Shape coordinates = grid.coordinates(rank);
      EXPECT_EQ(elementsOf(canonical.tile(grid, coordinates), shape),
                elementsOf(sharding.tile(grid, coordinates), shape))
          << sharding.str() << " became " << canonical.str();
    }
    Sharding twice = canonical;
    twice.canonicalize(grid);
    EXPECT_EQ(twice, canonical) << sharding.str();
  }
}

TEST(Sharding, CanonicalFormMakesEqualPlacementsEqual) {
  Grid grid{{4, 1}};
  Sharding product{{{{{8, {0}}, {16, {}}}}}, {}, Reduction::None},
      plain{{{{{128, {0}}}}}, {}, Reduction::None};
  product.canonicalize(grid);
  plain.canonicalize(grid);
  EXPECT_EQ(product, plain);
  // 6 heads on 4 devices are not 96 columns on 4 devices.
  Sharding heads{{{{{6, {0}}, {16, {}}}}}, {}, Reduction::None},
      columns{{{{{96, {0}}}}}, {}, Reduction::None};
  heads.canonicalize(grid);
  columns.canonicalize(grid);
  EXPECT_NE(heads, columns);
  // An axis of one device neither splits nor makes partial.
  Sharding single{{{{{8, {1}}}}}, {1}, Reduction::Sum};
  single.canonicalize(grid);
  EXPECT_TRUE(single.isReplicated());
}

TEST(Sharding, TextIsReadBack) {
  std::mt19937 random(19);
  for (int trial = 0; trial < 2000; ++trial) {
    Grid grid = randomGrid(random);
    Sharding sharding = randomSharding(random, grid);
    sharding.canonicalize(grid);
    std::optional<Sharding> read = Sharding::parse(sharding.str(), sharding.globalShape());
    ASSERT_TRUE(read) << sharding.str();
    EXPECT_EQ(*read, sharding) << sharding.str();
  }
}

TEST(Sharding, TextForm) {
  Sharding sharding{{{{{12, {0}}, {64, {}}}}, {{{5, {}}}}, {{{6, {1, 2}}}}}, {3}, Reduction::Max};
  EXPECT_EQ(sharding.str(), "[12:0x64 | * | 6:1,2] max(3)");
  EXPECT_EQ(Sharding::replicated({}).str(), "[]");
}

Sharding withReach(int64_t extent, Reach reach) { return {{{{{extent, {0}}}, reach}}, {}, Reduction::None}; }

TEST(Reach, IsWhatARangeReads) {
  Reach window{2, 1, -1, 1, 11}; // window of 3, stride 2, padding 1
  EXPECT_EQ(window.of({0, 3}), (Interval{0, 6}));
  EXPECT_EQ(window.of({3, 6}), (Interval{5, 11}));
  EXPECT_EQ(window.of({3, 3}), (Interval{0, 0}));
  Reach backwards{-3, 1, 16, 16, 17};
  EXPECT_EQ(backwards.of({0, 2}), (Interval{13, 17}));
  EXPECT_EQ(backwards.of({4, 5}), (Interval{4, 5}));
  Reach piece{1, 1, -6, -6, 2}; // an operand of a concatenation that starts at 6
  EXPECT_EQ(piece.of({0, 5}).size(), 0);
  EXPECT_EQ(piece.of({5, 8}), (Interval{0, 2}));
  Reach third{1, 3, -1, 1, 10};
  EXPECT_EQ(third.of({4, 8}), (Interval{0, 4}));
}

TEST(Reach, LocalShapeAndTileAgreeAndCoverIsPlain) {
  Grid grid{{4}};
  Sharding halo = withReach(13, {2, 1, -2, 3, 27});
  EXPECT_EQ(halo.globalShape(), Shape{27});
  EXPECT_EQ(halo.covering().str(), "[27:0]");
  EXPECT_TRUE(halo.hasReach());
  EXPECT_FALSE(halo.covering().hasReach());
  for (int64_t rank = 0; rank < 4; ++rank) {
    auto tile = halo.tile(grid, {rank});
    ASSERT_EQ(tile[0].size(), 1u);
    EXPECT_EQ(tile[0][0], halo.dims[0].reach->of(shardRange(13, 4, rank)));
    EXPECT_EQ(halo.localShape(grid, {rank})[0], tile[0][0].size());
  }
}

TEST(Reach, CanonicalFormDropsWhatSaysNothing) {
  Grid grid{{2, 1}};
  auto canonical = [&](Sharding sharding) {
    sharding.canonicalize(grid);
    return sharding.str();
  };
  EXPECT_EQ(canonical(withReach(8, {2, 1, 0, 1, 16})), "[16:0]");         // window 2, stride 2
  EXPECT_EQ(canonical(withReach(9, {2, 1, 0, 1, 18})), "[9:0 reach(2/1 0 1 of 18)]"); // 10 and 8 elements
  EXPECT_EQ(canonical(withReach(4, {1, 1, -9, 9, 4})), "[*]");            // everybody reads everything
  Sharding single = withReach(5, {1, 1, -1, 1, 5});
  single.dims[0].factors[0].axes = {1};
  EXPECT_EQ(canonical(single), "[*]");
}

TEST(Reach, TextIsReadBack) {
  Sharding halo = withReach(5, {-3, 2, -7, 4, 12});
  EXPECT_EQ(halo.str(), "[5:0 reach(-3/2 -7 4 of 12)]");
  EXPECT_EQ(Sharding::parse(halo.str(), {12}), halo);
  for (const char *text : {"[5:0 reach(1/1 0 0 of 11)]", "[5:0 reach(1/0 0 0 of 12)]", "[5:0 reach(1/1 0 of 12)]",
                           "[5:0 reach(1/1 0 0 12)]", "[5:0 reach(1/1 0 0 of 12]", "[5:0x2 reach(1/1 0 0 of 12)]",
                           "[5:0 reach(9999999999/1 0 0 of 12)]", "[* reach(1/1 0 0 of 12)]"})
    EXPECT_FALSE(Sharding::parse(text, {12})) << text;
}

TEST(Sharding, MalformedTextIsRefused) {
  for (const char *text : {"", "[", "[8:0", "[8:0]x", "[7:0]", "[8:]", "[8:0,]", "[8:99]", "[8:-1]",
                           "[-4x-2:0]", "[*] sum", "[*] sum(", "[*] sum()", "[*] mean(0)", "[* | *]", "[8x]",
                           "[]", "[4294967296x4294967296x2:0]", "[8:0] sum(1) sum(2)"})
    EXPECT_FALSE(Sharding::parse(text, {8})) << text;
  EXPECT_TRUE(Sharding::parse("[]", {}));
  EXPECT_TRUE(Sharding::parse("[ 2x4:1 ] sum(0,2)", {8}));
}

} // namespace
} // namespace ampc
