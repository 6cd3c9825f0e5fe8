// The command line's options: one table row each, parsed into one struct. What a value means beyond its form (does the
// file exist, is there such an input) is decided by the verbs.
#pragma once

#include "tools/failure.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ampc::tools {

enum class Verb { Compile, Plan, Run, Train, Verify, Report, Explain, Bench, Probe, Ops, Doctor, Help, Version };

/// Parsed and checked as far as possible without looking at files. Options that were not given have their default.
struct Options {
  Verb verb = Verb::Help;
  std::vector<std::string> operands; // MODEL or PLAN; for explain also NAME
  std::set<std::string> given;       // names of the options on the command line ("devices", "o")

  // Deciding and compiling
  int devices = 0; // 0: all of a given cluster, else 1
  std::string deviceKind = "auto", cluster, strategy = "auto", objective = "latency", targetCpu, stopAfter, dumpFolder;
  uint64_t seed = 0; // of strategy random
  std::map<std::string, int64_t> dims;
  std::map<std::string, std::vector<int64_t>> shapes;
  std::map<std::string, std::string> values;
  std::vector<std::pair<std::string, std::string>> states;
  uint64_t memoryLimitBytes = 0;
  double timeLimitSeconds = 0;
  std::vector<std::string> targetFeatures; // no option: `verify` takes them from the plan
  int jobs = 0, threadsPerDevice = 0;
  bool externalWeights = false;

  // Executing
  std::string weightsFolder, inputFolder, outputFolder, outputFormat = "npy", traceFile;
  std::vector<std::string> inputFiles; // NAME=FILE; where the name ends is known with the names (findInputFiles)
  std::optional<uint64_t> randomInputs;
  int64_t repeat = 1;
  std::optional<double> tolerance;

  // Showing
  std::string outputFile, format = "text";
  bool json = false, quiet = false;

  bool has(const std::string &name) const { return given.count(name) != 0; }
};

/// `arguments` without the program's name.
Result<Options> parseOptions(const std::vector<std::string> &arguments);

/// Fails with Usage if one of the options that decide how a model is compiled was given: for a file that is a plan
/// already.
Status refuseCompileOptions(const Options &options, const std::string &planPath);

/// What `ampc --help` and `ampc VERB --help` print; the first operand of a help request names the verb.
std::string helpText(const Options &options);

std::string_view name(Verb verb); // "compile"

/// "8GiB", "400MiB", "1.5GB", "1000000"; nothing when it is not a size.
std::optional<uint64_t> parseBytes(const std::string &text);

} // namespace ampc::tools
