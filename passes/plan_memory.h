// Memory in the choice problem: what a device of each stage holds at every time point.
#pragma once

#include "passes/choice_problem.h"
#include "passes/value_lifetimes.h"

namespace ampc {

struct MemoryOptions {
  int64_t limitBytes = 0; // per device
  int slots = 1;          // requests in flight, each with activations of its own
};

/// Gives `problem`, which `choices` has just built for `stageOf`, its memory: results of operators from when they are
/// made until they are last read, weights as long as their stage works (a node each, tied to its reader), the forms
/// that values are resharded to. Time point k is operator k; stages have time points, and devices, of their own. Returns
/// the operator that each node's memory belongs to.
std::vector<int> addMemory(const Graph &graph, const ChoiceProblem &choices, const ValueLifetimes &lifetimes,
               const std::vector<int> &stageOf, const MemoryOptions &options, search::Problem &problem);

/// The least that any plan of these choices and stages needs, where it needs most.
struct LeastMemory {
  int64_t bytes = 0;
  int op = -1;             // while this operator is executed
  std::vector<int> owners; // operators whose values and weights take most of it then, largest first
};
LeastMemory leastMemory(const search::Problem &problem, const std::vector<int> &ownerOf, size_t timePoints);

} // namespace ampc
