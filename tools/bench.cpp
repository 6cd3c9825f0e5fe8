// `ampc bench`: step time, measured beside predicted.
#include "tools/executable_plan.h"
#include "tools/files.h"
#include "tools/inputs.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace ampc::tools {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Spread {
  double least = 0, low = 0, median = 0, high = 0, greatest = 0; // low and high: 10th and 90th percentile
};

Spread spreadOf(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  auto at = [&](double fraction) { return seconds[size_t(fraction * double(seconds.size() - 1) + 0.5)]; };
  return {at(0), at(0.1), at(0.5), at(0.9), at(1)};
}

/// Without --repeat: at least 10 executions, and half a second, but no longer than 20 seconds.
bool isEnough(const Options &options, size_t count, double elapsed) {
  if (options.has("repeat"))
    return count >= size_t(options.repeat);
  return (count >= 10 && elapsed >= 0.5) || (count >= 3 && elapsed >= 20) || count >= 10000;
}

} // namespace

Status runBench(const Options &options) {
  auto executable = ExecutablePlan::open(options.operands[0], options);
  if (!executable)
    return executable.takeFailure();
  const plan::EntryPoint &entry = executable->plan().entry;
  auto inputs = gatherInputs(entry, executable->model(), options, MissingInput::IsRandom);
  if (!inputs)
    return inputs.takeFailure();
  double loadBegin = now();
  auto session = Session::open(executable->path(), {options.weightsFolder, !options.traceFile.empty()});
  if (!session)
    return session.takeFailure();
  if (Status failure = session->takeStates(entry, *inputs))
    return failure;
  double loadSeconds = now() - loadBegin;
  auto outputs = Session::allocateOutputs(entry);
  if (!outputs)
    return outputs.takeFailure();
  for (int k = 0; k < 2; ++k) // caches, page faults
    if (Status failure = session->run(*inputs, *outputs))
      return failure;
  std::vector<double> seconds;
  for (double begin = now(); !isEnough(options, seconds.size(), now() - begin);) {
    double start = now();
    if (Status failure = session->run(*inputs, *outputs))
      return failure;
    seconds.push_back(now() - start);
  }
  Spread spread = spreadOf(seconds);
  double perRequest = spread.median;
  if (session->slots() > 1) {
    int64_t count = std::max<int64_t>(int64_t(seconds.size()), 4 * session->slots());
    double start = now();
    if (Status failure = session->runMany(*inputs, entry, count))
      return failure;
    perRequest = (now() - start) / double(count);
  }
  if (!options.traceFile.empty()) {
    auto trace = session->takeTrace();
    if (!trace)
      return trace.takeFailure();
    if (Status failure = writeFileAtomically(options.traceFile, *trace))
      return failure;
  }

  PlanFacts facts = factsOf(executable->plan());
  double predicted = facts.timeline.latencySeconds > 0 ? facts.timeline.latencySeconds : facts.stepSeconds;
  if (options.json) {
    nlohmann::ordered_json json = {{"executions", seconds.size()},
                                   {"median_seconds", spread.median},
                                   {"p10_seconds", spread.low},
                                   {"p90_seconds", spread.high},
                                   {"min_seconds", spread.least},
                                   {"max_seconds", spread.greatest},
                                   {"seconds_per_request", perRequest},
                                   {"predicted_seconds", predicted},
                                   {"predicted_seconds_per_request", facts.timeline.secondsPerRequest},
                                   {"load_seconds", loadSeconds},
                                   {"devices", executable->plan().ranks.size()}};
    std::puts(dump(json).c_str());
  } else if (!options.quiet) {
    std::printf("  measured   %s median of %zu, %s to %s (10 %% to 90 %%)\n", secondsText(spread.median).c_str(),
                seconds.size(), secondsText(spread.low).c_str(), secondsText(spread.high).c_str());
    std::printf("  predicted  %s (%.2f of measured)\n", secondsText(predicted).c_str(), predicted / spread.median);
    if (session->slots() > 1)
      std::printf("  in flight  one request every %s, predicted %s\n", secondsText(perRequest).c_str(),
                  secondsText(facts.timeline.secondsPerRequest).c_str());
    std::printf("  load       %s\n", secondsText(loadSeconds).c_str());
  }
  return std::nullopt;
}

} // namespace ampc::tools
