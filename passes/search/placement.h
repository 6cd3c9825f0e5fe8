// Splitting a graph over accelerators and CPUs so that the busiest device is least busy: problem, checker,
// verifier, solver. Definition of load and contiguity as in the public placement benchmarks (docs/search.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace ampc::search {

struct PlacementNode {
  int64_t id = 0;
  double acceleratorTime = 0, cpuTime = 0;
  double bytes = 0;
  /// Nodes of one class share a device; -1 means none.
  int64_t colour = -1;
  bool backward = false;
  bool onAccelerator = true; ///< false: runs on a CPU only
};

/// A value of `from` used by `to` (positions in nodes); moving it costs `cost`. A node makes one value: where
/// its edges differ in cost, the largest counts for all of them.
struct PlacementEdge {
  int from = 0, to = 0;
  double cost = 0;
};

struct PlacementProblem {
  std::string name;
  std::vector<PlacementNode> nodes;
  std::vector<PlacementEdge> edges;
  int accelerators = 1, cpus = 0;
  double bytesPerAccelerator = 0; ///< 0: no limit
};

/// Empty when well formed, else one sentence naming the first thing wrong.
std::string check(const PlacementProblem &problem);

struct PlacementOptions {
  double timeLimitSeconds = 0; ///< 0: none
  double elapsedSeconds = 0;
  /// Drop the rule that a device's forward part, and its backward part, are contiguous.
  bool nonContiguous = false;
  /// Contiguous: above this many ideals the optimum is closed in from both sides instead of read off a table.
  size_t mostIdeals = 300'000;
  const std::atomic<bool> *cancel = nullptr;
};

struct PlacementSolution {
  bool feasible = false;
  bool provenInfeasible = false;
  std::vector<int> device; ///< per node; accelerators first, then CPUs
  double maxLoad = 0;
  double bound = 0; ///< no placement of this kind has a smaller largest load
  double seconds = 0;
  int64_t ideals = 0; ///< closed sets looked at
  std::string reason;
};

/// Load per device and the largest; `violation` is empty when the placement is legal. Independent of the
/// solver.
struct PlacementVerification {
  std::string violation;
  std::vector<double> load;
  double maxLoad = 0;
};
PlacementVerification verifyPlacement(const PlacementProblem &problem, const std::vector<int> &device,
                                      bool nonContiguous);

PlacementSolution solvePlacement(const PlacementProblem &problem, const PlacementOptions &options = {});

} // namespace ampc::search
