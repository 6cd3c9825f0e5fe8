// The threads of one device: what every device thread sets up, and helpers that share the rows of a kernel.
#pragma once

#include "runtime/execute/waiting.h"

#include <functional>
#include <thread>
#include <vector>

namespace ampc {

/// Computes with denormals, whatever the caller's thread does: a probability of 1e-40 has a logarithm, and results are
/// those of ONNX Runtime. Pins to a CPU unless it is negative. False: the system refused the pin.
bool prepareDeviceThread(int pinnedCpu);

class ThreadTeam {
public:
  /// `threads` in all, the caller of `run` included. Throws std::system_error when the system has no thread left.
  explicit ThreadTeam(uint32_t threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  /// Calls work(0) ... work(threads - 1), each on its thread, and returns when all are done.
  void run(const std::function<void(uint32_t thread)> &work);

private:
  void serve(uint32_t thread);
  void stop();
  /// However long that takes: helpers wait for work, the caller for kernels that run.
  void waitUntil(ArrivalCounter &counter, uint32_t target);

  uint32_t threads;
  const std::function<void(uint32_t)> *current = nullptr;
  ArrivalCounter started, finished;
  uint32_t round = 0;
  std::atomic<bool> stopping{false};
  WaitPolicy policy;
  std::vector<std::thread> helpers;
};

} // namespace ampc
