// The search's fast prices are those of the functions that plans are built from.
#include "passes/reshard_prices.h"

#include <gtest/gtest.h>

#include <random>

using namespace ampc;

namespace {

/// Any sharding of `shape` on three axes: every axis splits a dimension, is partial, or does nothing.
Sharding randomSharding(const std::vector<int64_t> &shape, const Grid &grid, bool mayBePartial, std::mt19937 &random) {
  Sharding sharding = Sharding::replicated(shape);
  for (int axis = 0; axis < int(grid.axisSizes.size()); ++axis) {
    size_t place = random() % (shape.size() + 2);
    if (place < shape.size())
      sharding.dims[place].factors[0].axes.push_back(axis);
    else if (place == shape.size() && mayBePartial)
      sharding.partialAxes.push_back(axis);
  }
  if (!sharding.partialAxes.empty())
    sharding.partialKind = Reduction::Sum;
  sharding.canonicalize(grid);
  return sharding;
}

TEST(ReshardPrices, EqualThoseOfThePath) {
  std::mt19937 random(7);
  cost::ClusterError error;
  for (const char *preset : {"cpux12", "h100x16"}) {
    std::optional<cost::Cluster> cluster = cost::presetCluster(preset, error);
    ASSERT_TRUE(cluster);
    for (const Grid &grid : {Grid{{2, 3, 2}}, Grid{{4, 2}}, Grid{{8}}}) {
      ReshardPrices prices(grid, *cluster);
      std::map<std::string, int> seen;
      for (int round = 0; round < 400; ++round) {
        std::vector<int64_t> shape = {48, 24, int64_t(1 + random() % 24)};
        Sharding from = randomSharding(shape, grid, true, random), to = randomSharding(shape, grid, false, random);
        double expected = reshardSeconds(from, to, DataType::F32, grid, 0, *cluster);
        double got = prices.seconds(prices.form(from), prices.form(to), DataType::F32);
        ASSERT_DOUBLE_EQ(got, expected) << preset << ": " << from.str() << " -> " << to.str();
        for (const ReshardStep &step : reshardPath(from, to, grid))
          ++seen[std::string(plan::name(step.kind))];
      }
      EXPECT_GE(seen.size(), 4u); // the walk has met most kinds of steps
    }
  }
}

TEST(ReshardPrices, EqualFormsHaveOneNumber) {
  cost::ClusterError error;
  std::optional<cost::Cluster> cluster = cost::presetCluster("cpux4", error);
  Grid grid{{2, 2}};
  ReshardPrices prices(grid, *cluster);
  Sharding whole = Sharding::replicated({8, 8}), partial = whole;
  partial.partialAxes = {1};
  partial.partialKind = Reduction::Sum;
  EXPECT_EQ(prices.form(whole), prices.form(Sharding::replicated({8, 8})));
  EXPECT_NE(prices.form(whole), prices.form(Sharding::replicated({8, 4})));
  EXPECT_EQ(prices.combined(prices.form(partial)), prices.form(whole));
  EXPECT_TRUE(prices.isPartial(prices.form(partial)));
}

} // namespace
