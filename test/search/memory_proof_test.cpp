// The proof that memory and forbidden pairs exclude each other: never wrong, and found where it is simple.
#include "passes/search/memory_proof.h"
#include "passes/search/shrink.h"
#include "passes/search/solve.h"
#include "random_problem.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace ampc::search;
using namespace ampc::search::testing;

namespace {

/// The least bytes above the room at `time` over all legal assignments, memory elsewhere ignored.
int64_t leastOver(const Model &model, int time) {
  Assignment choice(size_t(model.nodes), 0);
  int64_t least = INT64_MAX;
  for (;;) {
    if (costOf(model, choice) < kInfinity) {
      int64_t used = 0;
      for (int u = 0; u < model.nodes; ++u)
        if (model.begin[size_t(u)] <= time && time < model.end[size_t(u)])
          used += model.memory[size_t(model.first[size_t(u)] + choice[size_t(u)])];
      least = std::min(least, used - model.room[size_t(time)]);
    }
    int u = 0;
    while (u < model.nodes && ++choice[size_t(u)] == model.choices(u))
      choice[size_t(u++)] = 0;
    if (u == model.nodes)
      return least;
  }
}

/// All nodes live together, half of all pairs are forbidden, and memory is nearly too little.
Problem contested(uint64_t seed) {
  Random random(seed);
  Problem problem;
  int64_t least = 0, most = 0;
  const uint32_t nodes = 6 + uint32_t(seed % 3);
  for (uint32_t u = 0; u < nodes; ++u) {
    Interval live = {random.below(2), 2 + random.below(2)};
    problem.nodes.push_back({{0, 0, 0}, {0, random.below(20), random.below(20)}, live});
    const std::vector<int64_t> &memory = problem.nodes.back().memoryBytes;
    least += *std::min_element(memory.begin(), memory.end());
    most += *std::max_element(memory.begin(), memory.end());
    for (uint32_t v = 0; v < u; ++v) {
      if (random.below(2))
        continue;
      problem.edges.push_back({v, u, uint32_t(problem.matrices.size())});
      problem.matrices.push_back({});
      for (int i = 0; i < 9; ++i)
        problem.matrices.back().push_back(random.below(2) ? kForbidden : random.below(50));
    }
  }
  problem.memoryLimitBytes = least + (most - least) * (30 + random.below(50)) / 100;
  return problem;
}

} // namespace

TEST(MemoryProof, AgreesWithExhaustiveSearch) {
  int proven = 0, found = 0;
  for (uint64_t seed = 40000; seed < 46000; ++seed) {
    Problem problem = contested(seed);
    Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
    if (shrunk.infeasible || shrunk.model.nodes == 0 || shrunk.model.times == 0)
      continue;
    const Model &model = shrunk.model;
    Assignment best;
    bool isFeasible = exhaustiveModel(model, best).has_value();
    MemoryProof proof(model);
    MemoryProof::Outcome outcome = proof.run(2'000'000, {});
    ASSERT_NE(outcome, MemoryProof::Outcome::Open) << "seed " << seed;
    ASSERT_EQ(outcome == MemoryProof::Outcome::Feasible, isFeasible) << "seed " << seed;
    if (isFeasible) {
      ++found;
      EXPECT_LT(costOf(model, proof.found()), kInfinity) << "seed " << seed;
      EXPECT_TRUE(fitsMemory(model, proof.found())) << "seed " << seed;
      continue;
    }
    ++proven;
    MemoryProof::Shortage shortage = proof.shortage();
    if (shortage.bytesOver > 0) {
      EXPECT_LE(shortage.bytesOver, leastOver(model, shortage.time)) << "seed " << seed;
    }
  }
  EXPECT_GT(proven, 30);
  EXPECT_GT(found, 300);
}

TEST(MemoryProof, PairsThatForceMemoryAreNamedWithTimeBytesAndNodes) {
  Problem problem;
  problem.matrices.push_back({kForbidden, 0, 0, 0});
  const uint32_t pairs = 500;
  for (uint32_t u = 0; u < 2 * pairs; ++u) {
    problem.nodes.push_back({{5, 3}, {0, 10'000'000'000}, {2, 5}});
    if (u % 2)
      problem.edges.push_back({u - 1, u, 0});
  }
  problem.memoryLimitBytes = pairs * 10'000'000'000 - 10;
  Solution solution = solve(problem);
  EXPECT_EQ(solution.status, Status::Infeasible);
  EXPECT_NE(solution.reason.find("time point 2 needs at least 5000000000000 bytes, 10 more"), std::string::npos)
      << solution.reason;
  EXPECT_NE(solution.reason.find(" 10000000000 bytes"), std::string::npos) << solution.reason;
  *problem.memoryLimitBytes += 10;
  solution = solve(problem);
  ASSERT_TRUE(solution.feasible);
  EXPECT_EQ(toString(solution.cost), toString(Total(pairs) * 8));
}

TEST(MemoryProof, TheTightestTimeIsWhereForbiddenPairsLackMemoryNotWhereLeastIsLeft) {
  Problem problem;
  problem.matrices.push_back({kForbidden, 0, 0, 0});
  // Pairs that must take 10 bytes each at time 7, more than there are; at time 0 a large node leaves less room, but
  // all that nodes could take there beyond their smallest choices they need not take.
  for (uint32_t u = 0; u < 20; ++u) {
    problem.nodes.push_back({{5, 3}, {0, 10}, {7, 9}});
    if (u % 2)
      problem.edges.push_back({u - 1, u, 0});
  }
  problem.nodes.push_back({{1}, {60}, {0, 5}});
  for (uint32_t u = 0; u < 8; ++u)
    problem.nodes.push_back({{5, 3}, {0, 10}, {0, 5}});
  problem.memoryLimitBytes = 95;
  Shrunk shrunk = shrink(problem, scaleFor(problem, std::nullopt));
  ASSERT_FALSE(shrunk.infeasible);
  ASSERT_EQ(shrunk.model.times, 2);
  MemoryProof proof(shrunk.model);
  EXPECT_EQ(shrunk.model.timeOf[size_t(proof.tightest())], 0);
  EXPECT_EQ(proof.run(1'000'000, {}), MemoryProof::Outcome::Infeasible);
  EXPECT_EQ(shrunk.model.timeOf[size_t(proof.tightest())], 7);
  EXPECT_EQ(proof.shortage().bytesOver, 5);
}
