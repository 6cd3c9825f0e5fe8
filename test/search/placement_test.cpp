// Placement against trying every assignment of small graphs, and its reader.
#include "passes/search/placement.h"
#include "passes/search/placement_items.h"
#include "passes/search/placement_reader.h"
#include "passes/search/random.h"

#include <gtest/gtest.h>
#include <limits>

using namespace ampc::search;

namespace {

PlacementProblem randomGraph(uint64_t seed) {
  Random random(seed);
  PlacementProblem problem;
  problem.accelerators = random.below(4);
  problem.cpus = random.below(3) == 0 || problem.accelerators == 0 ? 1 : 0;
  problem.bytesPerAccelerator = random.below(2) ? 0 : 6 + random.below(15);
  int count = 1 + random.below(7);
  bool training = random.below(2);
  for (int i = 0; i < count; ++i) {
    PlacementNode node;
    node.id = 100 + i;
    node.acceleratorTime = random.below(10);
    node.cpuTime = node.acceleratorTime * (1 + random.below(4));
    node.bytes = random.below(6);
    node.onAccelerator = random.below(12) != 0;
    if (random.below(4) == 0)
      node.colour = random.below(3);
    node.backward = training && i >= count / 2;
    problem.nodes.push_back(node);
  }
  for (int a = 0; a < count; ++a) {
    double cost = random.below(4);
    for (int b = a + 1; b < count; ++b)
      if (random.below(3) == 0)
        problem.edges.push_back({a, b, cost});
  }
  return problem;
}

/// Smallest largest load over every legal placement. With `chained`, only placements whose devices can be
/// ordered so that forward values go forwards and backward values backwards (either reading of the backward
/// edges).
double exhaustive(const PlacementProblem &problem, bool nonContiguous) {
  int devices = problem.accelerators + problem.cpus;
  std::vector<int> device(problem.nodes.size(), 0);
  double best = std::numeric_limits<double>::infinity();
  for (;;) {
    PlacementVerification verified = verifyPlacement(problem, device, nonContiguous);
    if (verified.violation.empty())
      best = std::min(best, verified.maxLoad);
    size_t i = 0;
    while (i < device.size() && ++device[i] == devices)
      device[i++] = 0;
    if (i == device.size())
      return best;
  }
}

/// Chains of devices, by trying every assignment of items to positions of every order of device kinds.
double exhaustiveChain(const PlacementProblem &problem) {
  PlacementItems items = placementItems(problem, true);
  int devices = problem.accelerators + problem.cpus;
  double best = std::numeric_limits<double>::infinity();
  // The CPU may stand anywhere in the chain.
  for (int cpuAt = 0; cpuAt < (problem.cpus ? devices : 1); ++cpuAt) {
    std::vector<int> position(size_t(items.count), 0);
    for (;;) {
      bool ordered = true;
      for (int i = 0; i < items.count; ++i)
        for (int next : items.successors[size_t(i)])
          ordered &= position[size_t(i)] <= position[size_t(next)];
      if (ordered) {
        std::vector<int> device;
        for (int item : items.itemOf) {
          int p = position[size_t(item)];
          device.push_back(!problem.cpus ? p : p == cpuAt ? problem.accelerators : p - (p > cpuAt));
        }
        PlacementVerification verified = verifyPlacement(problem, device, false);
        EXPECT_TRUE(verified.violation.find("contiguous") == std::string::npos) << verified.violation;
        if (verified.violation.empty())
          best = std::min(best, verified.maxLoad);
      }
      size_t i = 0;
      while (i < position.size() && ++position[i] == devices)
        position[i++] = 0;
      if (i == position.size())
        break;
    }
  }
  return best;
}

} // namespace

TEST(Placement, EqualsEveryChainOfSmallGraphs) {
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    PlacementProblem problem = randomGraph(seed);
    ASSERT_EQ(check(problem), "");
    PlacementSolution solution = solvePlacement(problem);
    double optimum = exhaustiveChain(problem);
    ASSERT_EQ(solution.feasible, optimum < 1e300) << "seed " << seed << " " << solution.reason;
    if (!solution.feasible) {
      EXPECT_TRUE(solution.provenInfeasible);
      continue;
    }
    EXPECT_NEAR(solution.maxLoad, optimum, 1e-9) << "seed " << seed;
    EXPECT_NEAR(solution.bound, optimum, 1e-9) << "seed " << seed;
    EXPECT_EQ(verifyPlacement(problem, solution.device, false).violation, "");
  }
}

TEST(Placement, NonContiguousIsNeverWorseAndItsBoundHolds) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    PlacementProblem problem = randomGraph(seed);
    PlacementSolution contiguous = solvePlacement(problem);
    PlacementOptions options;
    options.nonContiguous = true;
    PlacementSolution free = solvePlacement(problem, options);
    double optimum = exhaustive(problem, true);
    ASSERT_EQ(free.feasible, optimum < 1e300) << "seed " << seed << " " << free.reason;
    if (!free.feasible) {
      EXPECT_TRUE(free.provenInfeasible) << "seed " << seed;
      EXPECT_FALSE(free.reason.empty()) << "seed " << seed;
    }
    if (contiguous.feasible) {
      EXPECT_LE(free.maxLoad, contiguous.maxLoad);
    }
    if (free.feasible) {
      EXPECT_EQ(verifyPlacement(problem, free.device, true).violation, "");
      EXPECT_LE(free.bound, optimum * (1 + 1e-9) + 1e-9) << "seed " << seed;
    }
  }
}

TEST(Placement, VerifierSeesAGapInADevice) {
  PlacementProblem problem;
  problem.accelerators = 2;
  for (int i = 0; i < 3; ++i) {
    problem.nodes.push_back({});
    problem.nodes.back().id = i;
  }
  problem.edges = {{0, 1, 1}, {1, 2, 1}};
  EXPECT_NE(verifyPlacement(problem, {0, 1, 0}, false).violation, "");
  EXPECT_EQ(verifyPlacement(problem, {0, 1, 0}, true).violation, "");
  EXPECT_EQ(verifyPlacement(problem, {0, 1, 1}, false).maxLoad, 1);
}

TEST(Placement, ManyIdealsAreSearchedWithABound) {
  // Five independent chains of seven: 8^5 = 32,768 ideals.
  PlacementProblem problem;
  problem.accelerators = 4;
  Random random(9);
  for (int chain = 0; chain < 5; ++chain)
    for (int i = 0; i < 7; ++i) {
      PlacementNode node;
      node.id = int64_t(problem.nodes.size());
      node.acceleratorTime = 5 + random.below(10);
      if (i > 0)
        problem.edges.push_back({int(node.id) - 1, int(node.id), 0.25});
      problem.nodes.push_back(node);
    }
  PlacementSolution solution = solvePlacement(problem);
  ASSERT_TRUE(solution.feasible);
  EXPECT_EQ(solution.ideals, 32768);
  EXPECT_GE(solution.bound, solution.maxLoad * 0.98);
}

TEST(Placement, ClosingInAgreesWithEveryChainOfSmallGraphs) {
  int proven = 0, feasible = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    PlacementProblem problem = randomGraph(seed);
    PlacementOptions options;
    options.mostIdeals = 1;
    PlacementSolution solution = solvePlacement(problem, options);
    double optimum = exhaustiveChain(problem);
    if (!solution.feasible) {
      EXPECT_FALSE(solution.provenInfeasible && optimum < 1e300) << "seed " << seed;
      continue;
    }
    ++feasible;
    EXPECT_EQ(verifyPlacement(problem, solution.device, false).violation, "");
    EXPECT_LE(solution.bound, optimum * (1 + 1e-9) + 1e-9) << "seed " << seed;
    EXPECT_GE(solution.maxLoad, optimum - 1e-9) << "seed " << seed;
    proven += solution.bound >= solution.maxLoad * (1 - 1e-9);
  }
  EXPECT_GT(feasible, 1000);
  EXPECT_GT(proven, feasible * 95 / 100);
}

TEST(Placement, MoreIdealsThanAreListedStillEndWithASmallGap) {
  Random random(12);
  auto add = [&](PlacementProblem &problem, int least, int most) {
    PlacementNode node;
    node.id = int64_t(problem.nodes.size());
    node.acceleratorTime = least + random.below(most - least);
    problem.nodes.push_back(node);
    return int(node.id);
  };
  // Six chains of twenty: 21^6 ideals. Cutting a chain costs as much as a third of a node.
  PlacementProblem chains;
  chains.accelerators = 4;
  for (int chain = 0; chain < 6; ++chain)
    for (int i = 0; i < 20; ++i) {
      int node = add(chains, 5, 15);
      if (i > 0)
        chains.edges.push_back({node - 1, node, 4});
    }
  // A grid: the cuts are staircases, C(28, 14) of them.
  PlacementProblem grid;
  grid.accelerators = 2;
  const int side = 14;
  for (int i = 0; i < side * side; ++i)
    add(grid, 5, 15);
  for (int i = 0; i < side * side; ++i) {
    double cost = 1 + i % 3;
    if (i % side + 1 < side)
      grid.edges.push_back({i, i + 1, cost});
    if (i + side < side * side)
      grid.edges.push_back({i, i + side, cost});
  }
  for (const PlacementProblem *problem : {&chains, &grid}) {
    PlacementOptions options;
    options.timeLimitSeconds = 60;
    PlacementSolution solution = solvePlacement(*problem, options);
    ASSERT_TRUE(solution.feasible);
    EXPECT_GT(solution.ideals, 300'000);
    EXPECT_GE(solution.bound, solution.maxLoad * 0.98);
    EXPECT_EQ(verifyPlacement(*problem, solution.device, false).violation, "");
    // And that because transfers count: work alone, shared perfectly, does not tell.
    EXPECT_GT(solution.bound, placementLoadBound(*problem, placementItems(*problem, true)) * 1.005);
  }
}

TEST(Placement, PackingFindsWhatNoChainHolds) {
  PlacementProblem problem;
  problem.accelerators = 2;
  problem.bytesPerAccelerator = 10;
  for (double bytes : {6.0, 10.0, 4.0}) {
    problem.nodes.push_back({});
    problem.nodes.back().id = int64_t(problem.nodes.size());
    problem.nodes.back().bytes = bytes;
    problem.nodes.back().acceleratorTime = 1;
  }
  problem.edges = {{0, 1, 1}, {1, 2, 1}};
  EXPECT_FALSE(solvePlacement(problem).feasible);
  PlacementOptions options;
  options.nonContiguous = true;
  // Nothing is better than the bound, so the time limit is not used up.
  problem.edges.clear();
  problem.nodes[1].acceleratorTime = 2;
  options.timeLimitSeconds = 20;
  PlacementSolution solution = solvePlacement(problem, options);
  ASSERT_TRUE(solution.feasible) << solution.reason;
  EXPECT_EQ(solution.device[0], solution.device[2]);
  EXPECT_EQ(solution.maxLoad, 2);
  EXPECT_LT(solution.seconds, 5);
  problem.nodes[2].bytes = 5;
  solution = solvePlacement(problem, options);
  EXPECT_TRUE(solution.provenInfeasible);
  EXPECT_LT(solution.seconds, 5);
}

TEST(PlacementReader, ReadsAndRefuses) {
  const std::string good = R"({"maxFPGAs": 2, "maxCPUs": 1, "maxSizePerFPGA": 10.5,
    "nodes": [{"id": 7, "fpgaLatency": 1, "cpuLatency": 2.5, "isBackwardNode": 0, "supportedOnFpga": 1, "size": 3},
              {"id": 9, "fpgaLatency": 1, "cpuLatency": 2, "colorClass": 4, "isBackwardNode": false}],
    "edges": [{"sourceId": 7, "destId": 9, "cost": 0.5, "size": 1}]})";
  PlacementProblem problem;
  ASSERT_FALSE(parsePlacement(good, problem)) << parsePlacement(good, problem).message;
  EXPECT_EQ(problem.nodes.size(), 2u);
  EXPECT_EQ(problem.nodes[1].colour, 4);
  auto refused = [&](const std::string &from, const std::string &to, const std::string &part) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    ReadError error = parsePlacement(text, problem);
    EXPECT_EQ(error.kind, ReadError::Kind::Malformed);
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
  };
  refused("\"destId\": 9", "\"destId\": 8", "names node 8");
  refused("\"destId\": 9", "\"destId\": 7", "cycle");
  refused("\"id\": 9", "\"id\": 7", "twice");
  refused("\"id\": 9", "\"id\": \"x\"", "not an integer");
  refused("\"id\": 9", "\"id\": 18446744073709551615", "above 2^63 - 1");
  refused("2.5", "-2.5", "node 7");
  refused("\"maxFPGAs\": 2", "\"maxFPGAs\": -2", "devices");
  refused("\"nodes\"", "\"knots\"", "no array \"nodes\"");
  refused("\"size\": 1}]}", "\"size\": 1}]", "parse error");
}
