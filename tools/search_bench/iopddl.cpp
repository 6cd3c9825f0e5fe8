// search_bench iopddl: one problem of the public sharding contest.
#include "commands.h"
#include "passes/search/iopddl_reader.h"
#include "passes/search/solve.h"

#include <cstdio>

namespace ampc::search_bench {

using namespace ampc::search;

namespace {

std::string line(const Problem &problem, const Solution &solution) {
  char numbers[160];
  std::snprintf(numbers, sizeof numbers,
                "\"gap\": %.6f, \"feasible\": %s, \"seconds\": %.3f, \"peak_bytes\": %ld", solution.gap,
                solution.feasible ? "true" : "false", secondsSinceStart(), peakBytes());
  std::string text = "{\"instance\": " + quoted(problem.name) +
                     ", \"cost\": " + (solution.feasible ? toString(solution.cost) : "null") +
                     ", \"bound\": " + toString(solution.bound) + ", " + numbers;
  if (!solution.reason.empty())
    text += ", \"reason\": " + quoted(solution.reason);
  return text + "}";
}

std::string choiceArray(const Solution &solution) {
  std::string text = "[";
  for (size_t u = 0; u < solution.choice.size(); ++u)
    text += (u ? ", " : "") + std::to_string(solution.choice[u]);
  return text + "]\n";
}

} // namespace

int runIopddl(const Arguments &arguments) {
  Problem problem;
  // Reading counts against the limit.
  const double limit = searchLimit(arguments.timeLimitSeconds);
  auto stop = [&] {
    return (arguments.cancel && arguments.cancel->load()) || (limit > 0 && secondsSinceStart() >= limit);
  };
  if (ReadError error = readIopddl(arguments.file, problem, stop)) {
    if (error.kind != ReadError::Kind::Stopped)
      return reportReadError(error);
    Solution none;
    none.reason = "stopped while the problem was being read";
    std::printf("%s\n", line(problem, none).c_str());
    return 9;
  }
  ResultFile output;
  if (!output.open(arguments.solutionFile))
    return 6;
  FILE *trace = nullptr;
  if (!arguments.traceFile.empty()) {
    trace = std::fopen(arguments.traceFile.c_str(), "w");
    if (!trace) {
      std::fprintf(stderr, "search_bench: error: cannot write '%s'\n", arguments.traceFile.c_str());
      return 6;
    }
  }
  SolveOptions options;
  options.timeLimitSeconds = searchLimit(arguments.timeLimitSeconds);
  options.elapsedSeconds = secondsSinceStart();
  options.threads = arguments.threads;
  options.effort = arguments.effort;
  options.seed = arguments.seed;
  options.cancel = arguments.cancel;
  if (trace)
    options.progress = [&](const Progress &progress) {
      std::fprintf(trace, "{\"seconds\": %.3f, \"cost\": %s, \"bound\": %s, \"gap\": %.6f}\n",
                   progress.seconds, progress.feasible ? toString(progress.cost).c_str() : "null",
                   toString(progress.bound).c_str(), progress.gap);
      std::fflush(trace);
    };
  Solution solution = solve(problem, options);
  if (trace)
    std::fclose(trace);
  // What was found is said first: the file may still fail.
  std::printf("%s\n", line(problem, solution).c_str());
  std::fflush(stdout);
  if (solution.feasible && !output.write(choiceArray(solution)))
    return 6;
  switch (solution.status) {
  case Status::Optimal:
  case Status::Feasible:
    return 0;
  case Status::Infeasible:
    return 5;
  case Status::Invalid:
    return 3;
  case Status::NotFound:
    break;
  }
  return 9;
}

} // namespace ampc::search_bench
