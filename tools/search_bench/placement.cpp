// search_bench placement: one graph of the public placement benchmarks.
#include "commands.h"
#include "passes/search/placement_reader.h"

#include <cmath>
#include <cstdio>

namespace ampc::search_bench {

using namespace ampc::search;

static std::string deviceObject(const PlacementProblem &problem, const PlacementSolution &solution) {
  std::string text = "{";
  for (size_t v = 0; v < solution.device.size(); ++v)
    text += (v ? ", \"" : "\"") + std::to_string(problem.nodes[v].id) +
            "\": " + std::to_string(solution.device[v]);
  return text + "}\n";
}

int runPlacement(const Arguments &arguments) {
  PlacementProblem problem;
  if (ReadError error = readPlacement(arguments.file, problem))
    return reportReadError(error);
  ResultFile output;
  if (!output.open(arguments.solutionFile))
    return 6;
  PlacementOptions options;
  options.timeLimitSeconds = searchLimit(arguments.timeLimitSeconds);
  options.elapsedSeconds = secondsSinceStart();
  options.nonContiguous = arguments.nonContiguous;
  options.cancel = arguments.cancel;
  PlacementSolution solution = solvePlacement(problem, options);
  char numbers[240];
  std::string load = "null";
  if (solution.feasible) {
    std::snprintf(numbers, sizeof numbers, "%.10g", solution.maxLoad);
    load = numbers;
  }
  std::string bound = "null"; // an infinite one is no JSON
  if (std::isfinite(solution.bound)) {
    std::snprintf(numbers, sizeof numbers, "%.10g", solution.bound);
    bound = numbers;
  }
  double gap = !solution.feasible     ? 1.0
               : solution.maxLoad > 0 ? 1.0 - solution.bound / solution.maxLoad
                                      : 0.0;
  std::snprintf(numbers, sizeof numbers,
                "\"gap\": %.6f, \"feasible\": %s, \"ideals\": %lld, \"seconds\": %.3f, "
                "\"peak_bytes\": %ld",
                gap, solution.feasible ? "true" : "false",
                static_cast<long long>(solution.ideals), secondsSinceStart(), peakBytes());
  std::string text = "{\"instance\": " + quoted(problem.name) + ", \"max_load\": " + load +
                     ", \"bound\": " + bound + ", " + numbers;
  if (!solution.reason.empty())
    text += ", \"reason\": " + quoted(solution.reason);
  std::printf("%s}\n", text.c_str());
  std::fflush(stdout);
  if (solution.feasible && !output.write(deviceObject(problem, solution)))
    return 6;
  return solution.feasible ? 0 : solution.provenInfeasible ? 5 : 9;
}

} // namespace ampc::search_bench
