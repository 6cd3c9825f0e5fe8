// The planner's parts on plain graphs: layouts, grids brought to fewer axes, stage cuts, memory, runner-ups, and the
// search over all of them.
#include "passes/choices.h"
#include "passes/layouts.h"
#include "passes/plan_memory.h"
#include "passes/search/solve.h"
#include "passes/simplify_grid.h"
#include "passes/stage_cuts.h"
#include "passes/strategy.h"

#include <gtest/gtest.h>

using namespace ampc;

namespace {

cost::Cluster cluster(const char *preset) {
  cost::ClusterError error;
  return *cost::presetCluster(preset, error);
}

/// A chain of `layers` products [rows, width] x [width, width], each with its own weights, then an output.
Graph productChain(int layers, int64_t rows, int64_t width) {
  Graph graph;
  TensorType value{DataType::F32, {rows, width}}, weight{DataType::F32, {width, width}};
  graph.outside.push_back(value); // the input
  for (int layer = 0; layer < layers; ++layer) {
    GraphOp op;
    op.name = "product" + std::to_string(layer);
    op.rule.loops = {{"m", rows}, {"n", width}, {"k", width, LoopKind::Reduce}};
    op.rule.operands = {{{DimAccess::loop(0), DimAccess::loop(2)}, {}}, {{DimAccess::loop(2), DimAccess::loop(1)}, {}}};
    op.rule.results = {{{DimAccess::loop(0), DimAccess::loop(1)}, {}}};
    op.rule.reduction = Reduction::Sum;
    op.rule.flopsPerPoint = 2;
    op.operands = {value, weight};
    op.results = {value};
    op.isProduct = true;
    op.kernel.number = layer;
    op.kernel.share = 1;
    op.sources.resize(2);
    op.sources[0].op = layer - 1;
    op.sources[0].value = layer == 0 ? 0 : -1;
    op.sources[1].isWeight = true;
    op.sources[1].value = int(graph.outside.size());
    graph.outside.push_back(weight);
    graph.ops.push_back(std::move(op));
  }
  GraphOp output;
  output.name = "output";
  output.rule.loops = {{"d0", rows}, {"d1", width}};
  output.rule.operands = {{{DimAccess::loop(0), DimAccess::loop(1)}, {}}};
  output.operands = {value};
  output.sources.resize(1);
  output.sources[0].op = layers - 1;
  output.isOutput = true;
  graph.ops.push_back(std::move(output));
  return graph;
}

StrategyOptions optionsFor(int devices) {
  StrategyOptions options;
  options.devices = devices;
  return options;
}

TEST(Layouts, FinestGridsHaveUpToThreeAxesAndFollowLinks) {
  std::vector<Layout> eight = finestLayouts(8, 1, cluster("h100x8"), 10);
  ASSERT_EQ(eight.size(), 1u);
  EXPECT_EQ(eight[0].axisSizes, (std::vector<int64_t>{2, 2, 2}));
  std::vector<Layout> many = finestLayouts(64, 1, cluster("h100x64"), 100);
  EXPECT_EQ(many.size(), 10u); // ordered ways to write 64 as a product of three
  EXPECT_EQ(many[0].axisSizes[1] * many[0].axisSizes[2] % 8 * many[0].axisSizes[2] % 8, 0); // a border at 8 devices
  EXPECT_EQ(finestLayouts(64, 1, cluster("h100x64"), 4).size(), 4u);
  EXPECT_EQ(finestLayouts(7, 1, cluster("cpux8"), 10)[0].axisSizes, (std::vector<int64_t>{7}));
  EXPECT_EQ(finestLayouts(1, 1, cluster("cpux8"), 10)[0].axisSizes, (std::vector<int64_t>{}));
}

TEST(SimplifyGrid, DropsUnusedAxesAndMergesThoseThatSplitTogether) {
  Decision decision;
  decision.grids = {{{2, 3, 5}}};
  decision.ops = {{0, {{0, 1}, {}}}, {0, {{}, {0, 1}}}}; // axis 2 is not used
  simplifyGrid(decision);
  EXPECT_EQ(decision.grids[0].axisSizes, (std::vector<int64_t>{6}));
  EXPECT_EQ(decision.ops[0].loopAxes, (std::vector<std::vector<int>>{{0}, {}}));
  EXPECT_EQ(decision.ops[1].loopAxes, (std::vector<std::vector<int>>{{}, {0}}));

  decision.grids = {{{2, 3, 5}}};
  decision.ops = {{0, {{0, 1}, {}}}, {0, {{1}, {2}}}}; // axis 1 also splits alone
  simplifyGrid(decision);
  EXPECT_EQ(decision.grids[0].axisSizes, (std::vector<int64_t>{2, 3, 5}));
}

TEST(StageCuts, BalanceTimeAndAvoidLargeTransfers) {
  Graph graph = productChain(6, 8, 8);
  ValueLifetimes lifetimes = lifetimesOf(graph);
  StageCosts costs;
  costs.seconds = {1, 1, 1, 1, 1, 1, 0};
  costs.transferSeconds = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0};
  costs.weightBytes.assign(7, 10);
  costs.liveBytes.assign(7, 0);
  EXPECT_EQ(bestStages(graph, lifetimes, costs, 2, 0), (std::vector<int>{0, 0, 0, 1, 1, 1, 1}));
  costs.transferSeconds[2] = 5; // cutting in the middle would cost more than an uneven cut
  EXPECT_EQ(bestStages(graph, lifetimes, costs, 2, 0), (std::vector<int>{0, 0, 1, 1, 1, 1, 1}));
  costs.weightBytes = {50, 1, 1, 1, 1, 1, 0}; // and memory comes first
  EXPECT_EQ(bestStages(graph, lifetimes, costs, 2, 50), (std::vector<int>{0, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(numStagesOf(bestStages(graph, lifetimes, costs, 64, 0)), 6); // no stage without work
}

TEST(Planner, SplitsAWideRequestAndKeepsASmallOneWhole) {
  std::optional<Shortage> shortage;
  std::vector<Decision> wide = findDecisions(productChain(4, 64, 4096), cluster("cpux4"), optionsFor(4), shortage);
  ASSERT_FALSE(wide.empty());
  EXPECT_EQ(wide[0].grids[0].numDevices(), 4);
  EXPECT_DOUBLE_EQ(wide[0].costSeconds, wide[0].boundSeconds);
  std::vector<Decision> small = findDecisions(productChain(4, 1, 8), cluster("cpux4"), optionsFor(4), shortage);
  ASSERT_FALSE(small.empty());
  EXPECT_EQ(small[0].grids[0].numDevices(), 1);
  EXPECT_FALSE(shortage);
}

// The search prices each part of a product by whoever will execute that part: the choice of kernels prices it again.
TEST(Planner, PricesPartsOfAProductByTheCheaperExecutor) {
  const cost::Device device = cluster("cpux2").devices[0];
  auto wholeSeconds = [&](int64_t rows, int64_t width, bool hasLibrary) {
    Graph graph = productChain(1, rows, width);
    if (hasLibrary)
      graph.ops[0].kernel.librarySymbol = "onednn.matmul";
    std::vector<Choice> choices = enumerateChoices(graph.ops[0], {{2}}, device);
    EXPECT_EQ(choices.size(), 4u);
    return std::pair(choices[0].kernelSeconds, choices[1].kernelSeconds); // whole; rows split
  };
  // Small: generated code, so the library changes nothing.
  EXPECT_EQ(wholeSeconds(8, 64, true), wholeSeconds(8, 64, false));
  // Large: the library is faster than generated code.
  EXPECT_LT(wholeSeconds(512, 1024, true).first, 0.9 * wholeSeconds(512, 1024, false).first);
  // In between parts are generated that are small enough.
  EXPECT_LT(wholeSeconds(128, 256, true).first, wholeSeconds(128, 256, false).first);
  auto [whole, half] = wholeSeconds(16, 256, true);
  EXPECT_EQ(half, wholeSeconds(16, 256, false).second);
  EXPECT_GT(whole, half);
}

TEST(Planner, DoesNotDependOnThreads) {
  Graph graph = productChain(6, 96, 768);
  std::optional<Shortage> shortage;
  StrategyOptions one = optionsFor(12), two = optionsFor(12);
  two.threads = 2;
  std::vector<Decision> a = findDecisions(graph, cluster("h100x12"), one, shortage);
  std::vector<Decision> b = findDecisions(graph, cluster("h100x12"), two, shortage);
  ASSERT_EQ(a.size(), b.size());
  for (size_t k = 0; k < a.size(); ++k)
    EXPECT_TRUE(a[k].isSamePlan(b[k])) << k;
}

TEST(Planner, GroupsEqualOperatorsAndNamesTheRunnerUp) {
  std::optional<Shortage> shortage;
  std::vector<Decision> found = findDecisions(productChain(8, 256, 1024), cluster("cpux4"), optionsFor(4), shortage);
  ASSERT_FALSE(found.empty());
  size_t members = 0;
  for (const DecisionGroup &group : found[0].groups) {
    members += group.ops.size();
    ASSERT_TRUE(group.extraSeconds);
    EXPECT_GE(*group.extraSeconds, 0); // the solution is optimal: nothing beats it
  }
  EXPECT_EQ(members, 8u);
  EXPECT_LT(found[0].groups.size(), 8u);
}

TEST(Planner, KeepsToTheMemoryLimitOrSaysWhatIsMissing) {
  Graph graph = productChain(4, 64, 1024); // 4 MiB of weights each
  int64_t weight = 4 << 20, value = 64 * 1024 * 4;
  StrategyOptions options = optionsFor(2);
  options.memoryLimitBytes = 2 * weight + 3 * value;
  std::optional<Shortage> shortage;
  std::vector<Decision> found = findDecisions(graph, cluster("cpux2"), options, shortage);
  bool isAnyLimited = false;
  for (const Decision &decision : found)
    isAnyLimited |= decision.isLimited;
  EXPECT_TRUE(isAnyLimited);

  options.memoryLimitBytes = weight;
  shortage.reset();
  found = findDecisions(graph, cluster("cpux2"), options, shortage);
  for (const Decision &decision : found)
    EXPECT_FALSE(decision.isLimited);
  ASSERT_TRUE(shortage);
  EXPECT_TRUE(shortage->isProven);
  EXPECT_GT(shortage->neededBytes, 2 * weight);
  EXPECT_NE(shortage->operation, "");
}

// Two values of half a size each would not fit beside each other.
TEST(Planner, ValuesThatAreWrittenOverAreNotCountedTwice) {
  Graph graph = productChain(4, 1024, 64);
  int64_t weight = 64 * 64 * 4, value = 1024 * 64 * 4;
  StrategyOptions options = optionsFor(2);
  options.memoryLimitBytes = 4 * weight + value * 3 / 4;
  std::optional<Shortage> shortage;
  for (const Decision &decision : findDecisions(graph, cluster("cpux2"), options, shortage))
    EXPECT_FALSE(decision.isLimited);
  EXPECT_TRUE(shortage && shortage->isProven);

  for (int k = 0; k < 3; ++k)
    graph.ops[size_t(k)].takenOverBy = k + 1;
  const ValueLifetimes lifetimes = lifetimesOf(graph);
  EXPECT_EQ(lifetimes.lastReader[0], 1);
  EXPECT_EQ(lifetimes.end, (std::vector<int>{1, 2, 3, 5, 5}));
  EXPECT_EQ(unsplitBytes(graph, lifetimes), (std::vector<int64_t>(5, 4 * weight + value)));
  shortage.reset();
  std::vector<Decision> found = findDecisions(graph, cluster("cpux2"), options, shortage);
  EXPECT_TRUE(llvm::any_of(found, [](const Decision &decision) { return decision.isLimited; }));
}

TEST(Planner, ThroughputMayUseAPipeline) {
  StrategyOptions options = optionsFor(4);
  options.objective = Objective::Throughput;
  std::optional<Shortage> shortage;
  std::vector<Decision> found = findDecisions(productChain(8, 1, 1024), cluster("h100x4"), options, shortage);
  ASSERT_FALSE(found.empty());
  EXPECT_GT(found[0].grids.size(), 1u); // launches cannot be split, but can be spread
  EXPECT_EQ(found[0].stageSeconds.size(), found[0].grids.size());
  EXPECT_NE(found[0].stageReason, "");
}

} // namespace
