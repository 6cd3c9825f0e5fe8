// solve() against exhaustive search on thousands of small random problems, and the promises of its options.
#include "passes/search/cost_scale.h"
#include "passes/search/solve.h"
#include "random_problem.h"

#include <gtest/gtest.h>

using namespace ampc::search;
using namespace ampc::search::testing;

namespace {

void expectExact(uint64_t seed, unsigned threads) {
  Problem problem = randomProblem(shapeOf(seed), seed);
  ASSERT_EQ(check(problem), "");
  std::optional<Total> optimum = exhaustive(problem);
  SolveOptions options;
  options.threads = threads;
  Solution solution = solve(problem, options);
  if (!optimum) {
    EXPECT_EQ(solution.status, Status::Infeasible) << "seed " << seed << " " << toString(solution.cost);
    EXPECT_FALSE(solution.reason.empty()) << "seed " << seed;
    return;
  }
  ASSERT_TRUE(solution.feasible) << "seed " << seed << " " << solution.reason;
  EXPECT_EQ(verify(problem, solution.choice).violation, "") << "seed " << seed;
  EXPECT_LE(solution.bound, *optimum) << "seed " << seed;
  if (scaleFor(problem, *optimum).shift > 0) {
    // Sums that do not fit even when what no solution can pay is left out are worked on in a coarser unit.
    EXPECT_LT(solution.gap, 1e-12) << "seed " << seed;
    return;
  }
  EXPECT_EQ(toString(solution.cost), toString(*optimum)) << "seed " << seed;
  EXPECT_EQ(solution.status, Status::Optimal) << "seed " << seed;
  EXPECT_EQ(toString(solution.bound), toString(*optimum)) << "seed " << seed;
}

} // namespace

TEST(Solve, EqualsExhaustiveSearch) {
  for (uint64_t seed = 1; seed <= 4000 && !::testing::Test::HasFailure(); ++seed)
    expectExact(seed, seed % 5 == 0 ? 2 : 1);
}

TEST(Solve, BoundIsNeverAboveTheOptimumAtAnyTime) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Problem problem = randomProblem(shapeOf(seed), seed);
    std::optional<Total> optimum = exhaustive(problem);
    if (!optimum)
      continue;
    SolveOptions options;
    options.effort = 0.001;
    options.progress = [&](const Progress &progress) {
      EXPECT_LE(progress.bound, *optimum) << "seed " << seed;
      if (progress.feasible) {
        EXPECT_GE(progress.cost, *optimum) << "seed " << seed;
      }
    };
    solve(problem, options);
  }
}

TEST(Solve, SameResultForOneAndTwoThreads) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Shape shape;
    shape.nodes = 40 + int(seed % 4) * 15;
    shape.mostChoices = 3 + int(seed % 5);
    shape.density = 0.08;
    shape.tightness = seed % 3 == 0 ? 0.02 : 0.15;
    shape.largestCost = 100000;
    Problem problem = randomProblem(shape, seed);
    SolveOptions options;
    options.effort = 0.1;
    Solution one = solve(problem, options);
    options.threads = 2;
    Solution two = solve(problem, options);
    EXPECT_EQ(one.status, two.status);
    EXPECT_EQ(one.choice, two.choice);
    EXPECT_EQ(toString(one.cost), toString(two.cost));
    EXPECT_EQ(toString(one.bound), toString(two.bound));
  }
}

TEST(Solve, ChainsOfAnyLengthAreExact) {
  Shape shape;
  shape.nodes = 3000;
  shape.mostChoices = 8;
  shape.density = -1;
  shape.forbidden = 0;
  shape.memory = false;
  shape.largestCost = 1'000'000;
  Solution solution = solve(randomProblem(shape, 7));
  EXPECT_EQ(solution.status, Status::Optimal);
  EXPECT_EQ(solution.gap, 0.0);
}

TEST(Solve, InvalidProblemsAreRefusedWithAReason) {
  Problem problem;
  problem.nodes.resize(1);
  Solution solution = solve(problem);
  EXPECT_EQ(solution.status, Status::Invalid);
  EXPECT_EQ(solution.reason, "node 0 has no choices");
}

TEST(Solve, EmptyProblemIsOptimalAtZero) {
  Solution solution = solve(Problem());
  EXPECT_EQ(solution.status, Status::Optimal);
  EXPECT_TRUE(solution.cost == 0);
}

TEST(Solve, CancelReturnsAtOnce) {
  Shape shape;
  shape.nodes = 200;
  shape.mostChoices = 8;
  shape.density = 0.1;
  shape.forbidden = 0;
  std::atomic<bool> cancel = true;
  SolveOptions options;
  options.cancel = &cancel;
  options.timeLimitSeconds = 30;
  Solution solution = solve(randomProblem(shape, 3), options);
  EXPECT_LT(solution.seconds, 1.0);
}

TEST(Solve, TheReasonNamesTimeBytesAndNodes) {
  Problem problem;
  problem.memoryLimitBytes = 10;
  problem.nodes.push_back({{1, 2}, {8, 7}, {0, 5}});
  problem.nodes.push_back({{1}, {6}, {3, 9}});
  Solution solution = solve(problem);
  EXPECT_EQ(solution.status, Status::Infeasible);
  EXPECT_NE(solution.reason.find("time point 3 needs at least 13 bytes, 3 more than the limit of 10"),
            std::string::npos)
      << solution.reason;
  EXPECT_NE(solution.reason.find("node 0 (7 bytes)"), std::string::npos) << solution.reason;
}

TEST(Solve, LargePenaltiesDoNotHideSmallCosts) {
  Problem problem;
  for (int u = 0; u < 40; ++u)
    problem.nodes.push_back({{100, 1, 900'000'000'000'000'000}, {}, {}});
  // A cycle of edges as well, so that folding alone does not settle it.
  problem.matrices.push_back({0, 3, 1, 2, 5, 900'000'000'000'000'000, 0, 1, 7});
  for (uint32_t u = 0; u < 40; ++u) {
    problem.edges.push_back({u, (u + 1) % 40, 0});
    problem.edges.push_back({u, (u + 7) % 40, 0});
  }
  Solution solution = solve(problem);
  Problem plain = problem;
  for (Node &node : plain.nodes)
    node.costs[2] = kForbidden;
  plain.matrices[0][5] = kForbidden;
  Solution expected = solve(plain);
  ASSERT_EQ(expected.status, Status::Optimal);
  EXPECT_EQ(solution.status, Status::Optimal);
  EXPECT_EQ(toString(solution.cost), toString(expected.cost));
  EXPECT_EQ(toString(solution.bound), toString(expected.cost));
}

TEST(Solve, PenaltiesThatMustBePaidLeaveATinyGap) {
  Problem problem;
  Random random(5);
  for (int u = 0; u < 40; ++u)
    problem.nodes.push_back({{700'000'000'000'000'000 + random.below(1000), 900'000'000'000'000'000}, {}, {}});
  for (uint32_t m = 0; m < 80; ++m) {
    problem.matrices.push_back({});
    for (int i = 0; i < 4; ++i)
      problem.matrices.back().push_back(random.below(1'000'000));
    problem.edges.push_back({m % 40, (m + (m < 40 ? 1 : 7)) % 40, m});
  }
  Solution solution = solve(problem);
  // Costs count from the least of their node, so that nothing of this needs a coarser unit.
  EXPECT_EQ(solution.status, Status::Optimal);
  EXPECT_GT(solution.cost, Total(40) * 700'000'000'000'000'000);
}

TEST(Solve, CyclesThatForbidEverythingAreInfeasible) {
  Problem problem;
  problem.matrices.push_back({kForbidden, 0, 0, kForbidden});
  for (uint32_t u = 0; u < 3; ++u) {
    problem.nodes.push_back({{0, 0}, {}, {}});
    problem.edges.push_back({u, (u + 1) % 3, 0});
  }
  Solution solution = solve(problem);
  EXPECT_EQ(solution.status, Status::Infeasible);
  EXPECT_NE(solution.reason.find("forces a forbidden pair"), std::string::npos) << solution.reason;
  // With memory that binds nothing is folded.
  for (Node &node : problem.nodes) {
    node.memoryBytes = {0, 1};
    node.live = {0, 3};
  }
  problem.memoryLimitBytes = 2;
  EXPECT_EQ(solve(problem).status, Status::Infeasible);
}

TEST(Solve, EdgesOfANodeWithItselfCostTheirDiagonal) {
  Problem problem;
  problem.nodes.push_back({{600'000'000'000'000'000, 900'000'000'000'000'000}, {}, {}});
  problem.matrices.push_back({600'000'000'000'000'000, kForbidden, 0, 900'000'000'000'000'000});
  problem.edges.push_back({0, 0, 0});
  // Two legal costs whose sum would be a forbidden one.
  Solution solution = solve(problem);
  EXPECT_EQ(solution.status, Status::Optimal);
  EXPECT_EQ(toString(solution.cost), "1200000000000000000");
  EXPECT_EQ(verify(problem, solution.choice).violation, "");
  problem.matrices[0][0] = problem.matrices[0][3] = kForbidden;
  EXPECT_EQ(solve(problem).status, Status::Infeasible);
}

TEST(Solve, TotalsBeyond64Bits) {
  Problem problem;
  for (int u = 0; u < 40; ++u)
    problem.nodes.push_back({{kForbidden - 1, kForbidden - 1}, {}, {}});
  Solution solution = solve(problem);
  ASSERT_TRUE(solution.feasible);
  EXPECT_EQ(toString(solution.cost), "39999999999999999960");
  EXPECT_LE(solution.bound, solution.cost);
  EXPECT_LT(solution.gap, 1e-9);
}
