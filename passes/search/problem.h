// The choice problem behind every plan: nodes pick one choice each, edges price pairs of choices, memory is
// limited at every point in time. Plain structs, their checker and an independent verifier; no algorithm
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampc::search {

/// Cost of one choice or one pair of choices, in any integer unit (the planner uses picoseconds); >= 0.
using Cost = int64_t;

/// Sums of costs. 64 bits are not enough for the sum over a large problem.
__extension__ typedef __int128 Total;

/// A cost at or above this value forbids the choice (or the pair of choices).
inline constexpr Cost kForbidden = 1'000'000'000'000'000'000;

/// Half-open span of time points during which a node occupies memory; empty when end <= begin.
struct Interval {
  int64_t begin = 0;
  int64_t end = 0;

  bool empty() const { return end <= begin; }
};

/// One decision. `costs` has one entry per choice (at least one). `memoryBytes` has as many entries, or none
/// at all, which means that every choice takes 0 bytes.
struct Node {
  std::vector<Cost> costs;
  std::vector<int64_t> memoryBytes;
  Interval live;
};

/// Price of the choices of `u` and `v` together: matrices[matrix][choice(u) * choices(v) + choice(v)].
/// Parallel edges add up. An edge from a node to itself costs its matrix's diagonal.
struct Edge {
  uint32_t u = 0;
  uint32_t v = 0;
  uint32_t matrix = 0;
};

/// Edges share matrices by index, so a problem with many equal edges stays small.
struct Problem {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<std::vector<Cost>> matrices;
  std::optional<int64_t> memoryLimitBytes;
};

/// Empty when the problem is well formed, else one sentence naming the first thing wrong and where it stands.
std::string check(const Problem &problem);

enum class Status {
  Optimal,    ///< feasible, and cost == bound
  Feasible,   ///< feasible, a gap remains
  Infeasible, ///< proven: no assignment meets every constraint; `reason` says why
  NotFound,   ///< nothing feasible found within the effort or time allowed; nothing proven
  Invalid,    ///< check() refused the problem; `reason` is its sentence
};

struct Solution {
  Status status = Status::NotFound;
  bool feasible = false;
  /// One choice per node; empty when not feasible.
  std::vector<int32_t> choice;
  Total cost = 0;
  /// No assignment costs less (valid also when nothing was found).
  Total bound = 0;
  /// (cost - bound) / cost; 0 when proven optimal, 1 when nothing is known.
  double gap = 1.0;
  double seconds = 0.0;
  /// Why there is no solution: time point, bytes, nodes that can still give; or what check() found.
  std::string reason;
};

/// What an assignment really costs and takes, computed from the problem alone. `violation` is empty when the
/// assignment is legal, else one sentence (wrong length, index out of range, forbidden, memory at a time
/// point).
struct Verification {
  std::string violation;
  Total cost = 0;
  int64_t peakBytes = 0;
  int64_t peakTime = 0;
};
Verification verify(const Problem &problem, const std::vector<int32_t> &choice);

/// Decimal digits of a total (the standard streams cannot print 128 bits).
std::string toString(Total value);

} // namespace ampc::search
