// Shapes of problems that are large in one dimension only: a limit of time and memory holds for them too.
#include "passes/search/random.h"
#include "passes/search/solve.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace ampc::search;

namespace {

int64_t peakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

std::vector<Cost> randomCosts(Random &random, size_t count, int most) {
  std::vector<Cost> costs(count);
  for (Cost &cost : costs)
    cost = random.below(most);
  return costs;
}

void expectFeasibleWithin(const Problem &problem, double seconds) {
  SolveOptions options;
  options.timeLimitSeconds = seconds;
  Solution solution = solve(problem, options);
  EXPECT_TRUE(solution.feasible) << solution.reason;
  EXPECT_LT(solution.seconds, seconds + 1.5);
}

} // namespace

TEST(HardShapes, ThousandsOfChoices) {
  // A ring of wide nodes with narrow ones between; whatever saves cost takes memory, so that nothing is dominated.
  Random random(2);
  Problem problem;
  const uint32_t wide = 80;
  const size_t choices = 2000;
  for (uint32_t u = 0; u < wide; ++u) {
    Node node;
    for (size_t i = 0; i < choices; ++i) {
      node.costs.push_back(Cost(1'000'000 - 400 * i) + random.below(300));
      node.memoryBytes.push_back(int64_t(100 + i * 50) + random.below(40));
    }
    node.live = {0, 10};
    problem.nodes.push_back(node);
  }
  for (uint32_t u = 0; u < wide; ++u) {
    problem.nodes.push_back({{0, 1}, {}, {}});
    for (uint32_t end : {u, (u + 1) % wide}) {
      problem.edges.push_back({end, wide + u, uint32_t(problem.matrices.size())});
      problem.matrices.push_back(randomCosts(random, 2 * choices, 1000));
    }
  }
  problem.memoryLimitBytes = int64_t(wide) * 50'000;
  int64_t before = peakBytes();
  expectFeasibleWithin(problem, 6);
  EXPECT_LT(peakBytes() - before, int64_t(1) << 30);
}

TEST(HardShapes, OneNodeWithEightyThousandNeighbours) {
  Random random(3);
  Problem problem;
  const uint32_t leaves = 80'000;
  for (uint32_t u = 0; u <= leaves; ++u)
    problem.nodes.push_back({randomCosts(random, 3, 100), {10, 5, 0}, {0, 2}});
  for (uint32_t u = 1; u <= leaves; ++u) {
    problem.edges.push_back({0, u, uint32_t(problem.matrices.size())});
    problem.matrices.push_back(randomCosts(random, 9, 100));
  }
  problem.memoryLimitBytes = 5 * int64_t(leaves);
  expectFeasibleWithin(problem, 8);
}
