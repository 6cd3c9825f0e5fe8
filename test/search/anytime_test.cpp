// The promises of a search that is watched, limited or cancelled: what it reports and when, and that its bound is
// the best that is known.
#include "passes/search/price_ascent.h"
#include "passes/search/shrink.h"
#include "passes/search/solve.h"
#include "random_problem.h"

#include <gtest/gtest.h>
#include <stdexcept>

using namespace ampc::search;
using namespace ampc::search::testing;

namespace {

/// A grid whose nodes hold memory for a while: no elimination, a gap that takes time.
Problem grid(int side, int choices, double room, uint64_t seed) {
  Random random(seed);
  Problem problem;
  int nodes = side * side, times = nodes / 4;
  std::vector<int64_t> least(size_t(times) + 8, 0), most = least;
  for (int u = 0; u < nodes; ++u) {
    Node node;
    node.live.begin = random.below(times);
    node.live.end = node.live.begin + 1 + random.below(7);
    int64_t low = INT64_MAX, high = 0;
    for (int i = 0; i < choices; ++i) {
      int64_t bytes = 1 + random.below(1000);
      node.memoryBytes.push_back(bytes);
      node.costs.push_back(random.below(200) + 1000 - bytes);
      low = std::min(low, bytes);
      high = std::max(high, bytes);
    }
    for (Cost &cost : node.costs)
      cost = std::max<Cost>(cost, 0);
    for (int64_t t = node.live.begin; t < node.live.end; ++t) {
      least[size_t(t)] += low;
      most[size_t(t)] += high;
    }
    problem.nodes.push_back(node);
  }
  auto connect = [&](int u, int v) {
    std::vector<Cost> matrix;
    for (int i = 0; i < choices * choices; ++i)
      matrix.push_back(random.below(1000));
    problem.edges.push_back({uint32_t(u), uint32_t(v), uint32_t(problem.matrices.size())});
    problem.matrices.push_back(matrix);
  };
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      if (x + 1 < side)
        connect(y * side + x, y * side + x + 1);
      if (y + 1 < side)
        connect(y * side + x, y * side + side + x);
    }
  int64_t low = *std::max_element(least.begin(), least.end());
  int64_t high = *std::max_element(most.begin(), most.end());
  problem.memoryLimitBytes = low + int64_t(room * double(high - low));
  return problem;
}

} // namespace

TEST(Anytime, TheGapIsThatOfTheProblem) {
  Problem problem = grid(14, 5, 0.2, 3);
  // A node apart: decided by the reduction, so that its cost is no part of the reduced model's.
  problem.nodes.push_back({{10'000'000}, {0}, {}});
  SolveOptions options;
  options.effort = 0.05;
  int reports = 0;
  options.progress = [&](const Progress &progress) {
    ++reports;
    if (!progress.feasible) {
      EXPECT_EQ(progress.gap, 1.0);
      return;
    }
    double gap = double(progress.cost - progress.bound) / double(progress.cost);
    EXPECT_NEAR(progress.gap, gap, 1e-12);
  };
  Solution solution = solve(problem, options);
  EXPECT_GT(reports, 2);
  ASSERT_TRUE(solution.feasible);
  // The target is met as soon as the whole problem's gap is small, whatever the share of its reduced part.
  EXPECT_LT(solution.gap, 0.05);
  options.gapTarget = 0.05;
  options.effort = 50;
  options.progress = {};
  Solution early = solve(problem, options);
  EXPECT_LE(early.gap, 0.05);
  EXPECT_LT(early.seconds, 10.0);
}

TEST(Anytime, TheCertificateReachesTheBestBoundOfTheClimb) {
  for (PriceAscent::Mode mode : {PriceAscent::Mode::Direct, PriceAscent::Mode::Averaging}) {
    const Problem problem = grid(12, 6, 0.1, 5);
    Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
    PriceAscent ascent(shrunk.model, mode);
    for (int step = 0; step < 400; ++step) {
      ascent.step(PriceAscent::kNoCost);
      if (step % 7 != 0)
        continue;
      double before = ascent.bestBound();
      Total certified = ascent.atBest([](const Dual &dual) { return dual.certify(); });
      EXPECT_GE(double(certified), before - 0.01 - 1e-9 * before) << "step " << step;
      EXPECT_LE(double(certified), before + 1.01 + 1e-9 * before) << "step " << step;
    }
  }
}

TEST(Anytime, AStalledClimbGoesOnFromItsBestBound) {
  const Problem problem = grid(12, 6, 0.1, 5);
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  PriceAscent ascent(shrunk.model, PriceAscent::Mode::Direct);
  int climbs = 0;
  do {
    const double before = ascent.bestBound();
    while (!ascent.stalled())
      ascent.step(PriceAscent::kNoCost);
    EXPECT_GE(ascent.bestBound(), before);
    ASSERT_LT(++climbs, 1000) << "climbs in vain must end";
  } while (ascent.restart());
  EXPECT_GT(climbs, 1);
}

TEST(Anytime, LookingAtTheBestBoundDoesNotDisturbTheClimb) {
  const Problem problem = grid(12, 6, 0.1, 6);
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  PriceAscent watched(shrunk.model, PriceAscent::Mode::Direct), alone(shrunk.model, PriceAscent::Mode::Direct);
  for (int step = 0; step < 100; ++step) {
    watched.step(PriceAscent::kNoCost);
    alone.step(PriceAscent::kNoCost);
    watched.atBest([](const Dual &dual) { return dual.certify(); });
  }
  EXPECT_EQ(watched.bestBound(), alone.bestBound());
  EXPECT_EQ(watched.proposal(), alone.proposal());
}

TEST(Anytime, ReportsImproveAndTheLastIsTheResult) {
  for (unsigned threads : {1u, 2u}) {
    SolveOptions options;
    options.threads = threads;
    options.timeLimitSeconds = 1.0;
    std::vector<Progress> seen;
    options.progress = [&](const Progress &progress) { seen.push_back(progress); };
    Problem problem = grid(30, 8, 0.05, 7);
    Solution solution = solve(problem, options);
    ASSERT_TRUE(solution.feasible) << solution.reason;
    EXPECT_EQ(verify(problem, solution.choice).violation, "");
    ASSERT_GT(seen.size(), 5u);
    for (size_t i = 1; i < seen.size(); ++i) {
      EXPECT_LE(seen[i - 1].seconds, seen[i].seconds);
      EXPECT_TRUE(seen[i - 1].bound <= seen[i].bound);
      EXPECT_TRUE(!seen[i - 1].feasible || (seen[i].feasible && seen[i].cost <= seen[i - 1].cost));
    }
    EXPECT_TRUE(seen.back().cost == solution.cost && seen.back().bound == solution.bound);
    // Bounds keep coming: the largest is not from the first third of the time.
    double lastBound = 0;
    for (size_t i = 1; i < seen.size(); ++i)
      if (seen[i].bound > seen[i - 1].bound)
        lastBound = seen[i].seconds;
    EXPECT_GT(lastBound, 0.4);
  }
}

TEST(Anytime, TheTimeLimitHolds) {
  Problem problem = grid(60, 10, 0.05, 8);
  for (double limit : {0.02, 0.3, 1.0}) {
    SolveOptions options;
    options.threads = 2;
    options.timeLimitSeconds = limit;
    Solution solution = solve(problem, options);
    EXPECT_LT(solution.seconds, limit + 0.5);
    if (solution.feasible) {
      EXPECT_EQ(verify(problem, solution.choice).violation, "");
    }
  }
}

TEST(Anytime, ABoundIsKnownBeforeAnythingFeasible) {
  // Of each pair one node needs 10 bytes, yet the limit holds one such node less than there are pairs.
  Problem problem;
  const int pairs = 60;
  for (int i = 0; i < 2 * pairs; ++i)
    problem.nodes.push_back({{100, 100}, {0, 10}, {0, 4}});
  for (int i = 0; i < pairs; ++i)
    problem.edges.push_back({uint32_t(2 * i), uint32_t(2 * i + 1), 0});
  problem.matrices.push_back({kForbidden, 1, 1, 5});
  problem.memoryLimitBytes = 10 * pairs - 10;
  SolveOptions options;
  options.timeLimitSeconds = 0.4;
  Solution solution = solve(problem, options);
  EXPECT_FALSE(solution.feasible);
  EXPECT_TRUE(solution.status == Status::Infeasible || solution.bound >= 200 * pairs) << toString(solution.bound);
}

TEST(Anytime, CancelledFromTheCallbackTheBestIsKept) {
  for (unsigned threads : {1u, 2u}) {
    Problem problem = grid(120, 12, 0.05, 9);
    std::atomic<bool> cancel = false;
    SolveOptions options;
    options.threads = threads;
    options.cancel = &cancel;
    double at = 0;
    Total seen = 0;
    options.progress = [&](const Progress &progress) {
      if (progress.feasible && !cancel) {
        cancel = true;
        at = progress.seconds;
        seen = progress.cost;
      }
    };
    Solution solution = solve(problem, options);
    ASSERT_TRUE(solution.feasible);
    EXPECT_EQ(verify(problem, solution.choice).violation, "");
    EXPECT_TRUE(solution.cost <= seen);
    EXPECT_LT(solution.seconds - at, 0.5) << threads << " threads";
  }
}

TEST(Anytime, AnExceptionOfTheCallbackReachesTheCaller) {
  for (unsigned threads : {1u, 2u}) {
    SolveOptions options;
    options.threads = threads;
    options.timeLimitSeconds = 20;
    options.progress = [](const Progress &progress) {
      if (progress.feasible)
        throw std::runtime_error("seen");
    };
    Problem problem = grid(30, 8, 0.05, 10);
    EXPECT_THROW(solve(problem, options), std::runtime_error);
  }
}

TEST(Anytime, WithoutALimitLargeProblemsGetTheWorkTheyNeed) {
  // One sweep of this looks at more entries than a small problem's whole budget with so little effort.
  Problem problem = grid(60, 24, 0.001, 11);
  SolveOptions options;
  options.effort = 0.01;
  Solution solution = solve(problem, options);
  ASSERT_TRUE(solution.feasible) << solution.reason;
  EXPECT_EQ(verify(problem, solution.choice).violation, "");
}

TEST(Anytime, SameResultForOneAndTwoThreadsOnWhatTakesManyRounds) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Problem problem = grid(16 + int(seed) * 3, 4 + int(seed), seed % 2 ? 0.03 : 0.3, seed);
    SolveOptions options;
    options.effort = 0.3;
    Solution one = solve(problem, options);
    options.threads = 2;
    Solution two = solve(problem, options);
    ASSERT_EQ(one.feasible, two.feasible);
    EXPECT_EQ(one.choice, two.choice) << "seed " << seed;
    EXPECT_EQ(toString(one.cost), toString(two.cost));
    EXPECT_EQ(toString(one.bound), toString(two.bound));
  }
}
