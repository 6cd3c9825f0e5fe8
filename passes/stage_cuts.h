// Where a pipeline is cut: a stage per operator, never falling along the graph's order.
#pragma once

#include "passes/decision.h"
#include "passes/value_lifetimes.h"

#include <random>

namespace ampc {

/// Cuts at random; may be fewer than asked for: no stage is without work.
std::vector<int> randomStages(const Graph &graph, int stages, std::mt19937_64 &random);

/// What a stage costs, put together from its operators. One entry per operator.
struct StageCosts {
  std::vector<double> seconds;         // on the devices of a stage, reshards inside the stage included
  std::vector<double> transferSeconds; // of its results to one other stage
  std::vector<int64_t> weightBytes, liveBytes; // on one device: own weights; all values that live at this operator
};

/// Cuts into `stages` stages so that the slowest, its transfers included, is fastest; among equals the transfers are
/// least. Stages that need more than `limitBytes` (0: no limit) come last. Found by dynamic programming over the cuts:
/// over all of them in graphs of up to some hundred operators, else over the cheapest of each neighbourhood. Fewer stages
/// where there is too little work.
std::vector<int> bestStages(const Graph &graph, const ValueLifetimes &lifetimes, const StageCosts &costs, int stages,
                            int64_t limitBytes);

/// One more than the last stage; 1 without operators.
int numStagesOf(const std::vector<int> &stageOf);

} // namespace ampc
