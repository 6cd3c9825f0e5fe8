// The reductions keep the optimum and can be undone: optimum of the model + constant equals the optimum of
// the problem, and any legal assignment of the model expands to a legal one of the same cost.
#include "passes/search/random.h"
#include "passes/search/shrink.h"
#include "passes/search/solve.h"
#include "passes/search/work_graph.h"
#include "random_problem.h"

#include <gtest/gtest.h>

using namespace ampc::search;
using namespace ampc::search::testing;

TEST(Shrink, KeepsTheOptimumAndExpands) {
  for (uint64_t seed = 10000; seed < 13000; ++seed) {
    Shape shape = shapeOf(seed);
    shape.largestCost = std::min<int64_t>(shape.largestCost, 1'000'000'000);
    Problem problem = randomProblem(shape, seed);
    std::optional<Total> optimum = exhaustive(problem);
    Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
    if (shrunk.infeasible) {
      EXPECT_FALSE(optimum.has_value()) << "seed " << seed << ": " << shrunk.reason;
      continue;
    }
    ASSERT_EQ(shrunk.scale.shift, 0);
    Assignment best;
    std::optional<Total> reduced = exhaustiveModel(shrunk.model, best);
    ASSERT_EQ(reduced.has_value(), optimum.has_value()) << "seed " << seed;
    if (!optimum)
      continue;
    EXPECT_EQ(toString(*reduced + shrunk.constant), toString(*optimum)) << "seed " << seed;
    Verification verified = verify(problem, shrunk.expand(best));
    EXPECT_EQ(verified.violation, "") << "seed " << seed;
    EXPECT_EQ(toString(verified.cost), toString(*optimum)) << "seed " << seed;
  }
}

TEST(Shrink, PartsThatNothingJoinsAreSolvedApart) {
  // Groups of six nodes of eight choices, all joined; every other group is a copy of the first.
  Random random(6);
  Problem problem;
  const uint32_t groups = 30, size = 6;
  for (uint32_t group = 0; group < groups; ++group) {
    uint32_t edge = 0;
    for (uint32_t u = 0; u < size; ++u) {
      problem.nodes.push_back({});
      for (int i = 0; i < 8; ++i)
        problem.nodes.back().costs.push_back(group % 2 ? problem.nodes[u].costs[size_t(i)] : random.below(100));
      for (uint32_t v = 0; v < u; ++v, ++edge) {
        uint32_t matrix = edge;
        if (group % 2 == 0) {
          matrix = uint32_t(problem.matrices.size());
          problem.matrices.push_back({});
          for (int i = 0; i < 64; ++i)
            problem.matrices.back().push_back(random.below(1000));
        }
        problem.edges.push_back({group * size + v, group * size + u, matrix});
      }
    }
  }
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  ASSERT_FALSE(shrunk.infeasible);
  EXPECT_EQ(shrunk.model.nodes, 0);
  std::vector<int32_t> choice = shrunk.expand({});
  EXPECT_EQ(toString(verify(problem, choice).cost), toString(shrunk.constant));
  // Each group by itself gives the same.
  Total sum = 0;
  for (uint32_t group = 0; group < groups; ++group) {
    Problem alone;
    alone.matrices = problem.matrices;
    alone.nodes.assign(problem.nodes.begin() + group * size, problem.nodes.begin() + (group + 1) * size);
    for (const Edge &edge : problem.edges)
      if (edge.u / size == group)
        alone.edges.push_back({edge.u % size, edge.v % size, edge.matrix});
    Solution solution = solve(alone);
    ASSERT_EQ(solution.status, Status::Optimal);
    sum += solution.cost;
  }
  EXPECT_EQ(toString(shrunk.constant), toString(sum));
  // Memory that matters somewhere, but not for the optimum: still nothing is left.
  Problem limited = problem;
  for (size_t u = 0; u < limited.nodes.size(); ++u) {
    for (int i = 0; i < 8; ++i)
      limited.nodes[u].memoryBytes.push_back(i == choice[u] ? 10 : random.below(20));
    limited.nodes[u].live = {int64_t(u) % 7, 8 + int64_t(u) % 5};
  }
  limited.memoryLimitBytes = verify(limited, choice).peakBytes;
  shrunk = shrink(limited, scaleFor(limited, std::nullopt));
  EXPECT_EQ(shrunk.model.nodes, 0);
  EXPECT_EQ(verify(limited, shrunk.expand(Assignment(size_t(shrunk.model.nodes), 0))).violation, "");
  EXPECT_EQ(toString(shrunk.constant), toString(sum));
  // One byte less, and memory decides between the parts.
  --*limited.memoryLimitBytes;
  Solution tight = solve(limited);
  ASSERT_TRUE(tight.feasible);
  EXPECT_GT(tight.cost, sum);
  EXPECT_LE(tight.bound, tight.cost);
  // A part that forbids everything makes the whole infeasible: three choices each, all of four nodes different.
  std::vector<Cost> different = {kForbidden, 0, 0, 0, kForbidden, 0, 0, 0, kForbidden};
  for (uint32_t u = 0; u < 4; ++u) {
    problem.nodes.push_back({{1, 2, 4}, {}, {}});
    for (uint32_t v = 0; v < u; ++v)
      problem.edges.push_back({groups * size + v, groups * size + u, uint32_t(problem.matrices.size())});
  }
  problem.matrices.push_back(different);
  shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  EXPECT_TRUE(shrunk.infeasible);
  EXPECT_FALSE(shrunk.reason.empty());
}

TEST(Shrink, EndsEarlyWithAnEquivalentModel) {
  for (uint64_t seed = 30000; seed < 31000; ++seed) {
    Shape shape = shapeOf(seed);
    shape.largestCost = std::min<int64_t>(shape.largestCost, 1000);
    Problem problem = randomProblem(shape, seed);
    std::optional<Total> optimum = exhaustive(problem);
    int asked = 0;
    Shrunk shrunk =
        shrink(problem, scaleFor(problem, std::nullopt), [&] { return ++asked > int(seed % 12); });
    if (shrunk.infeasible) {
      EXPECT_FALSE(optimum.has_value()) << "seed " << seed << ": " << shrunk.reason;
      continue;
    }
    Assignment best;
    std::optional<Total> reduced = exhaustiveModel(shrunk.model, best);
    ASSERT_EQ(reduced.has_value(), optimum.has_value()) << "seed " << seed;
    if (optimum) {
      EXPECT_EQ(toString(*reduced + shrunk.constant), toString(*optimum)) << "seed " << seed;
      EXPECT_EQ(toString(verify(problem, shrunk.expand(best)).cost), toString(*optimum)) << "seed " << seed;
    }
  }
}

TEST(Shrink, StopsAltogether) {
  Problem problem = randomProblem(Shape(), 3);
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt), {}, [] { return true; });
  EXPECT_TRUE(shrunk.stopped);
  EXPECT_EQ(shrunk.model.nodes, 0);
}

TEST(Shrink, MemoryThatCannotMatterDoesNotKeepAChoice) {
  Problem problem;
  // Six nodes, all joined, so that none is folded; the second choice of each costs more and takes less.
  for (int u = 0; u < 6; ++u)
    problem.nodes.push_back({{1, 9, 1}, {7, 1, 7}, {0, 5}});
  problem.matrices.push_back({0, 4, 2, 4, 4, 4, 2, 4, 0});
  for (uint32_t u = 0; u < 6; ++u)
    for (uint32_t v = 0; v < u; ++v)
      problem.edges.push_back({v, u, 0});
  // Something elsewhere binds, so that the limit is not without meaning.
  problem.nodes.push_back({{5, 0}, {40, 43}, {8, 9}});
  problem.memoryLimitBytes = 42;
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  ASSERT_FALSE(shrunk.infeasible);
  for (int u = 0; u < shrunk.model.nodes; ++u)
    EXPECT_EQ(shrunk.model.choices(u), 2);
}

TEST(Shrink, FoldingDoesNotGrowMatricesWithoutLimit) {
  // Connectors of four choices between hubs of 200: each fold would replace 1,600 entries by 40,000.
  Random random(4);
  Problem problem;
  const uint32_t hubs = 30, connectors = 400;
  auto add = [&](int choices) {
    problem.nodes.push_back({});
    for (int i = 0; i < choices; ++i)
      problem.nodes.back().costs.push_back(random.below(1000));
  };
  for (uint32_t u = 0; u < hubs; ++u)
    add(200);
  int64_t entries = 0;
  for (uint32_t u = 0; u < connectors; ++u) {
    add(4);
    uint32_t from = uint32_t(random.below(int(hubs)));
    for (uint32_t hub : {from, (from + 1 + uint32_t(random.below(int(hubs) - 1))) % hubs}) {
      problem.edges.push_back({hub, hubs + u, uint32_t(problem.matrices.size())});
      problem.matrices.push_back({});
      for (int i = 0; i < 800; ++i)
        problem.matrices.back().push_back(random.below(1'000'000));
      entries += 800;
    }
  }
  WorkGraph graph(problem, scaleFor(problem, std::nullopt), {});
  EXPECT_GT(graph.foldBudget.entriesToGrow, 0);
  EXPECT_LT(graph.foldBudget.entriesToGrow, 41'000'000);
  graph.foldBudget.entriesToGrow = 1'000'000;
  EXPECT_TRUE(foldNodes(graph, memoryMatters(graph), {}).changed);
  graph.dropUnusedTables();
  EXPECT_LE(graph.pool.entriesInAll(), entries + 1'000'000);
  EXPECT_GT(graph.pool.entriesInAll(), entries);
  int64_t alive = 0;
  for (const WorkNode &node : graph.nodes)
    alive += node.alive;
  // 25 fit the budget, and whatever lies beside one of those costs nothing more.
  EXPECT_LE(alive, int64_t(hubs + connectors) - 25);
  EXPECT_GE(alive, int64_t(hubs + connectors) - 60);
}

TEST(Shrink, EveryAssignmentOfTheModelExpandsToItsCost) {
  Random random(3);
  for (uint64_t seed = 20000; seed < 20400; ++seed) {
    Shape shape = shapeOf(seed);
    shape.nodes = 30;
    shape.forbidden = 0;
    shape.largestCost = 1000;
    Problem problem = randomProblem(shape, seed);
    Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
    if (shrunk.infeasible)
      continue;
    const Model &model = shrunk.model;
    Assignment choice;
    for (int u = 0; u < model.nodes; ++u)
      choice.push_back(random.below(model.choices(u)));
    Verification verified = verify(problem, shrunk.expand(choice));
    EXPECT_EQ(toString(verified.cost), toString(costOf(model, choice) + shrunk.constant)) << "seed " << seed;
    bool memoryFits = !problem.memoryLimitBytes || verified.peakBytes <= *problem.memoryLimitBytes;
    EXPECT_EQ(memoryFits, fitsMemory(model, choice)) << "seed " << seed;
  }
}

TEST(Shrink, EqualMatricesExistOnce) {
  Problem problem;
  for (int u = 0; u < 9; ++u)
    problem.nodes.push_back({{3, 1, 2}, {1, 5, 9}, {0, 4}});
  for (uint32_t m = 0; m < 12; ++m)
    problem.matrices.push_back({0, 5, 9, 9, 0, 5, 5, 9, 0});
  // A 3 x 3 grid: nothing of degree two can be folded because memory binds.
  for (uint32_t i = 0, m = 0; i < 9; ++i) {
    if (i % 3 < 2)
      problem.edges.push_back({i, i + 1, m++});
    if (i < 6)
      problem.edges.push_back({i, i + 3, m++});
  }
  problem.memoryLimitBytes = 40;
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  ASSERT_FALSE(shrunk.infeasible);
  EXPECT_EQ(shrunk.model.nodes, 9);
  EXPECT_EQ(shrunk.model.times, 1);
  EXPECT_EQ(shrunk.model.tables.size(), 1u);
}

TEST(Shrink, ForestsVanish) {
  Shape shape;
  shape.nodes = 500;
  shape.mostChoices = 6;
  shape.density = -1;
  shape.forbidden = 0;
  shape.memory = false;
  Problem problem = randomProblem(shape, 11);
  EXPECT_EQ(shrink(problem, scaleFor(problem, std::nullopt)).model.nodes, 0);
}
