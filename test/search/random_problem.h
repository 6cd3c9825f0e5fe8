// Small random problems of many shapes, the exhaustive oracle, and nothing else: for the tests of the search
// core.
#pragma once

#include "passes/search/model.h"
#include "passes/search/problem.h"
#include "passes/search/random.h"

#include <optional>

namespace ampc::search::testing {

struct Shape {
  int nodes = 6;
  int mostChoices = 4;
  double density = 0.4;   ///< chance of an edge per pair; a tree when negative, a cycle when below -1.5
  double forbidden = 0.1; ///< chance of a forbidden entry
  bool memory = true;
  double tightness = 0.5; ///< limit between the smallest (0) and the largest (1) peak; below 0 is infeasible
  int64_t largestCost = 50;
};

/// The shape that goes with `seed`: sizes, density, memory and forbidden entries all vary.
inline Shape shapeOf(uint64_t seed) {
  Random random(seed * 77 + 5);
  Shape shape;
  shape.nodes = 1 + random.below(8);
  shape.mostChoices = 1 + random.below(4);
  double densities[] = {-1.0, -2.0, 0.0, 0.2, 0.5, 1.0};
  shape.density = densities[random.below(6)];
  double forbids[] = {0.0, 0.0, 0.1, 0.3, 0.5};
  shape.forbidden = forbids[random.below(5)];
  shape.memory = random.below(4) != 0;
  double tight[] = {-0.05, 0.0, 0.05, 0.2, 0.5, 1.0};
  shape.tightness = tight[random.below(6)];
  int64_t costs[] = {1, 10, 1000, 1'000'000'000, 20'000'000'000'000'000, 900'000'000'000'000'000};
  shape.largestCost = costs[random.below(6)];
  return shape;
}

inline Problem randomProblem(const Shape &shape, uint64_t seed) {
  Random random(seed);
  Problem problem;
  problem.name = "random " + std::to_string(seed);
  auto cost = [&]() -> Cost {
    if (random.real() < shape.forbidden)
      return kForbidden + (random.below(2) ? Cost(random.next() >> 4) : 0);
    return Cost(random.real() * double(shape.largestCost + 1));
  };
  for (int u = 0; u < shape.nodes; ++u) {
    Node node;
    int k = 1 + random.below(shape.mostChoices);
    for (int i = 0; i < k; ++i) {
      node.costs.push_back(random.below(3) == 0 ? 0 : cost());
      node.memoryBytes.push_back(random.below(20));
    }
    node.live.begin = random.below(12) - 3;
    node.live.end = node.live.begin + random.below(6) - (random.below(5) == 0 ? 3 : 0);
    if (random.below(6) == 0)
      node.memoryBytes.clear();
    problem.nodes.push_back(node);
  }
  auto connect = [&](int u, int v) {
    if (random.below(2))
      std::swap(u, v);
    size_t size = problem.nodes[size_t(u)].costs.size() * problem.nodes[size_t(v)].costs.size();
    // Sometimes an older matrix of the right size is shared.
    for (size_t m = 0; m < problem.matrices.size(); ++m)
      if (problem.matrices[m].size() == size && random.below(4) == 0) {
        problem.edges.push_back({uint32_t(u), uint32_t(v), uint32_t(m)});
        return;
      }
    std::vector<Cost> matrix;
    for (size_t i = 0; i < size; ++i)
      matrix.push_back(cost());
    problem.edges.push_back({uint32_t(u), uint32_t(v), uint32_t(problem.matrices.size())});
    problem.matrices.push_back(matrix);
  };
  if (shape.density < 0) {
    for (int u = 1; u < shape.nodes; ++u)
      connect(u, shape.density < -1.5 ? u - 1 : random.below(u));
    if (shape.density < -1.5 && shape.nodes > 2)
      connect(shape.nodes - 1, 0);
  } else {
    for (int u = 0; u < shape.nodes; ++u)
      for (int v = 0; v < u; ++v)
        if (random.real() < shape.density)
          for (int copies = random.below(8) == 0 ? 2 : 1; copies > 0; --copies)
            connect(u, v);
  }
  for (int u = 0; u < shape.nodes; ++u)
    if (random.below(20) == 0)
      connect(u, u);
  if (shape.memory) {
    int64_t least = 0, most = 0;
    for (int64_t t = -4; t < 20; ++t) {
      int64_t low = 0, high = 0;
      for (const Node &node : problem.nodes) {
        if (node.memoryBytes.empty() || node.live.begin > t || t >= node.live.end)
          continue;
        int64_t a = node.memoryBytes[0], b = a;
        for (int64_t m : node.memoryBytes) {
          a = m < a ? m : a;
          b = m > b ? m : b;
        }
        low += a;
        high += b;
      }
      least = low > least ? low : least;
      most = high > most ? high : most;
    }
    double limit = double(least) + shape.tightness * double(most - least);
    problem.memoryLimitBytes = limit < 0 ? 0 : int64_t(limit);
    if (shape.tightness < 0 && least > 0)
      problem.memoryLimitBytes = least - 1;
  }
  return problem;
}

/// The optimum by trying everything; empty when infeasible.
inline std::optional<Total> exhaustive(const Problem &problem) {
  std::vector<int32_t> choice(problem.nodes.size(), 0);
  std::optional<Total> best;
  for (;;) {
    Verification verified = verify(problem, choice);
    if (verified.violation.empty() && (!best || verified.cost < *best))
      best = verified.cost;
    size_t u = 0;
    while (u < choice.size() && size_t(++choice[u]) == problem.nodes[u].costs.size())
      choice[u++] = 0;
    if (u == choice.size())
      return best;
  }
}

/// Optimum of a model by trying everything; empty when infeasible.
inline std::optional<Total> exhaustiveModel(const Model &model, Assignment &best) {
  Assignment choice(size_t(model.nodes), 0);
  std::optional<Total> least;
  for (;;) {
    Total cost = costOf(model, choice);
    if (cost < kInfinity && fitsMemory(model, choice) && (!least || cost < *least)) {
      least = cost;
      best = choice;
    }
    int u = 0;
    while (u < model.nodes && ++choice[size_t(u)] == model.choices(u))
      choice[size_t(u++)] = 0;
    if (u == model.nodes)
      return least;
  }
}

} // namespace ampc::search::testing
