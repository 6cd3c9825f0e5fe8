// The two commands of search_bench and what the command line gives them.
#pragma once

#include "passes/search/byte_source.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>

namespace ampc::search_bench {

struct Arguments {
  std::string file, solutionFile, traceFile;
  double timeLimitSeconds = 0; ///< wall time from process start, parsing and writing included; 0: none
  unsigned threads = 2;
  double effort = 1;
  uint64_t seed = 1;
  bool nonContiguous = false;
  const std::atomic<bool> *cancel = nullptr;
};

/// Exit status of the process: 0 feasible, 3 malformed, 5 infeasible (proven), 6 file system, 9 none found in
/// time.
int runIopddl(const Arguments &arguments);
int runPlacement(const Arguments &arguments);

double secondsSinceStart();

// Shared by both commands; see output.cpp.
int reportReadError(const search::ReadError &error);
/// A file that is opened before the work and holds all of it or nothing: written through a temporary file beside
/// the path, which disappears when write() was never called or failed.
class ResultFile {
public:
  ResultFile() = default;
  ~ResultFile();
  ResultFile(const ResultFile &) = delete;
  ResultFile &operator=(const ResultFile &) = delete;

  /// Nothing to do for an empty path. False: said on stderr.
  bool open(const std::string &path);
  bool write(const std::string &text);

private:
  bool fail();

  std::string target, temporary;
  FILE *file = nullptr;
};

std::string quoted(const std::string &text);
long peakBytes();
/// What of the time limit the search may use: the rest is for stopping and writing.
double searchLimit(double timeLimitSeconds);

} // namespace ampc::search_bench
