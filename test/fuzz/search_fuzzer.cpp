// Fuzz target: any bytes go through both readers; what they accept must pass check(), and small problems are
// solved and verified. Crashes, leaks and disagreement stop the run.
#include "passes/search/iopddl_reader.h"
#include "passes/search/placement_reader.h"
#include "passes/search/solve.h"

#include <cstdlib>

using namespace ampc::search;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Problem problem;
  if (!parseIopddl(text, problem)) {
    if (!check(problem).empty())
      std::abort();
    SolveOptions options;
    options.effort = 0.001;
    Solution solution = solve(problem, options);
    if (solution.feasible &&
        (!verify(problem, solution.choice).violation.empty() || solution.bound > solution.cost))
      std::abort();
  }
  PlacementProblem placement;
  if (!parsePlacement(text, placement) && placement.nodes.size() <= 24) {
    PlacementOptions options;
    options.timeLimitSeconds = 0.2;
    PlacementSolution solution = solvePlacement(placement, options);
    if (solution.feasible && !verifyPlacement(placement, solution.device, false).violation.empty())
      std::abort();
  }
  return 0;
}
