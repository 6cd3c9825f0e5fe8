// The command line: parses, calls the verb, turns a failure into its exit code.
#include "tools/interrupt.h"
#include "tools/overwriting.h"
#include "tools/verbs.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

using namespace ampc;
using namespace ampc::tools;

static Status call(const Options &options) {
  if (Status failure = refuseOverwriting(options))
    return failure;
  switch (options.verb) {
  case Verb::Compile:
  case Verb::Plan:
    return runCompile(options);
  case Verb::Run:
    return runPlan(options);
  case Verb::Train:
    return runTrain(options);
  case Verb::Verify:
    return runVerify(options);
  case Verb::Report:
    return runReport(options);
  case Verb::Explain:
    return runExplain(options);
  case Verb::Bench:
    return runBench(options);
  case Verb::Probe:
    return runProbe(options);
  case Verb::Ops:
    return runOps(options);
  case Verb::Doctor:
    return runDoctor(options);
  case Verb::Help:
    std::fputs(helpText(options).c_str(), stdout);
    return std::nullopt;
  case Verb::Version:
    std::puts("ampc " AMPC_VERSION_TEXT);
    return std::nullopt;
  }
  return std::nullopt;
}

static Status callGuarded(const Options &options) {
  try {
    return call(options);
  } catch (const std::bad_alloc &) {
    return Failure{ErrorCode::Execution, "there is not enough memory", {}, "use a smaller model or more memory"};
  } catch (const std::exception &error) {
    return Failure{ErrorCode::Internal, "something unexpected happened", {{"reason", error.what()}}, ""};
  }
}

int main(int argumentCount, char **arguments) {
  std::signal(SIGPIPE, SIG_IGN); // a closed pipe is a failed write, not a death without a word
  installInterruptHandler();
  Result<Options> options = parseOptions(std::vector<std::string>(arguments + 1, arguments + argumentCount));
  if (!options)
    return print(options.takeFailure());
  Status failure = callGuarded(*options);
  if (wasInterrupted()) {
    std::fputs("ampc: interrupted\n", stderr);
    return interruptExitCode();
  }
  if (failure)
    return print(*failure);
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return print({ErrorCode::FileSystem, "cannot write to standard output", {}, "check where it goes"});
  return 0;
}
