// Fuzz target: any bytes go through both readers; what they accept must pass check(), and small problems are
// solved and verified. Crashes, leaks and disagreement stop the run.
#include "passes/search/iopddl_reader.h"
#include "passes/search/placement_reader.h"
#include "passes/search/solve.h"

#include <cstdlib>

using namespace ampc::search;

namespace {

/// Solves and checks what no placement may get wrong.
PlacementSolution placed(const PlacementProblem &problem, const PlacementOptions &options) {
  PlacementSolution solution = solvePlacement(problem, options);
  if (solution.feasible && (!verifyPlacement(problem, solution.device, options.nonContiguous).violation.empty() ||
                            !(solution.bound <= solution.maxLoad) || solution.provenInfeasible))
    std::abort();
  return solution;
}

} // namespace

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
    PlacementSolution exact = placed(placement, options);
    options.mostIdeals = 4;
    PlacementSolution closedIn = placed(placement, options);
    // Either way is right about what it proves.
    if (exact.feasible && closedIn.feasible &&
        (closedIn.bound > exact.maxLoad * (1 + 1e-9) || exact.bound > closedIn.maxLoad * (1 + 1e-9)))
      std::abort();
    if ((exact.feasible && closedIn.provenInfeasible) || (closedIn.feasible && exact.provenInfeasible))
      std::abort();
    options.nonContiguous = true;
    placed(placement, options);
  }
  return 0;
}
