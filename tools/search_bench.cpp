// The benchmark tool of the search core: solves one public sharding or placement problem within a wall-time
// limit. Reads the command line only; the two commands stand in search_bench/.
#include "search_bench/commands.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

using namespace ampc::search_bench;

namespace {

const std::chrono::steady_clock::time_point kProcessStart = std::chrono::steady_clock::now();

std::atomic<bool> interrupted = false;
std::atomic<int> signalSeen = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

/// The first signal asks for what has been found so far; a second one ends the process.
void interrupt(int signal) {
  interrupted = true;
  signalSeen = signal;
  std::signal(signal, SIG_DFL);
}

constexpr const char *kUsage =
    "usage: search_bench iopddl FILE [--time-limit S] [--threads T] [--effort X] [--seed N]\n"
    "                           [--solution OUT.json] [--trace OUT.jsonl]\n"
    "       search_bench placement FILE [--time-limit S] [--non-contiguous] [--solution OUT.json]\n"
    "T is 1 or 2: the search has two tasks, and more threads find nothing to do.\n";

int usage(const std::string &what) {
  std::fprintf(stderr, "search_bench: %s\n%s", what.c_str(), kUsage);
  return 2;
}

bool parseNumber(const std::string &text, double most, double &value) {
  char *end = nullptr;
  value = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && value >= 0 && value <= most;
}

} // namespace

namespace ampc::search_bench {
double secondsSinceStart() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - kProcessStart).count();
}
} // namespace ampc::search_bench

int main(int argc, char **argv) {
  Arguments arguments;
  arguments.cancel = &interrupted;
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "--help" || command == "-h")
    return std::fputs(kUsage, stdout) < 0 ? 6 : 0;
  if (command != "iopddl" && command != "placement")
    return usage(command.empty() ? "no command" : "no command '" + command + "'");
  for (int i = 2; i < argc; ++i) {
    std::string option = argv[i], value;
    if (option.rfind("--", 0) != 0) {
      if (!arguments.file.empty())
        return usage("two files: '" + arguments.file + "' and '" + option + "'");
      arguments.file = option;
      continue;
    }
    if (option == "--non-contiguous" && command == "placement") {
      arguments.nonContiguous = true;
      continue;
    }
    size_t equals = option.find('=');
    bool known = false;
    for (const char *name : {"--time-limit", "--threads", "--effort", "--seed", "--solution", "--trace"})
      known |= option.substr(0, equals) == name;
    if (!known)
      return usage("no option '" + option + "'");
    for (const char *name : {"--threads", "--effort", "--seed", "--trace"})
      if (command == "placement" && option.substr(0, equals) == name)
        return usage(std::string("placement has no option '") + name + "'");
    if (equals != std::string::npos) {
      value = option.substr(equals + 1);
      option.resize(equals);
    } else if (++i < argc) {
      value = argv[i];
    } else {
      return usage(option + " needs a value");
    }
    double number = 0;
    if (option == "--solution")
      arguments.solutionFile = value;
    else if (option == "--trace")
      arguments.traceFile = value;
    else if (!parseNumber(value, 1e9, number))
      return usage(option + ": '" + value + "' is not a number >= 0");
    else if (option == "--time-limit")
      arguments.timeLimitSeconds = number;
    else if (option == "--effort")
      arguments.effort = number;
    else if (option == "--seed")
      arguments.seed = uint64_t(number);
    else
      arguments.threads = number < 1 ? 1 : number > 64 ? 64 : unsigned(number);
  }
  if (arguments.file.empty())
    return usage("no file");
  for (int signal : {SIGINT, SIGTERM})
    std::signal(signal, interrupt);
  try {
    int status = command == "iopddl" ? runIopddl(arguments) : runPlacement(arguments);
    return interrupted && (status == 0 || status == 9) ? 128 + signalSeen : status;
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "search_bench: error: memory ran out\n");
    return 9;
  }
}
