// Measures this machine into a cluster description: multiply-add peak, memory bandwidth, thread rendezvous. A
// probe takes seconds and its result differs from run to run, so it counts only where its file is given.
#pragma once

#include "cost_model/cluster.h"

namespace ampc::cost {

struct ProbeOptions {
  uint32_t devices = 0;          // 0: one per core
  uint32_t threadsPerDevice = 0; // 0: cores / devices, at least 1
  double secondsPerMeasurement = 0.15;
};

/// What was measured, for one core alone and for all cores at once (rates of all cores together).
struct ProbeRates {
  uint32_t cores = 1;
  std::string instructionSet;
  double f32FlopsOneCore = 0, f32FlopsAllCores = 0;
  double f64FlopsOneCore = 0, f64FlopsAllCores = 0;
  double bf16FlopsOneCore = 0, bf16FlopsAllCores = 0;   // 0: no instruction for it, or not measured
  double copyBytesOneCore = 0, copyBytesAllCores = 0;   // read + written, beyond the caches
  double cacheBytesOneCore = 0, cacheBytesAllCores = 0; // read + written, inside the cache
  uint64_t cacheSizeBytes = 0;  // largest working set of a core that copies much faster than memory
  double rendezvousSeconds = 0; // two threads on two cores (on one core: two threads that share it)
  double switchSeconds = 0;     // what a meeting costs more when every core has two of the threads
  double launchSeconds = 0;     // a 4 x 4 x 4 product; measured with the runtime, not here. 0: not measured
};

/// Takes about 12 measurements.
ProbeRates measureHost(const ProbeOptions &options = {});

/// The cluster that has those rates.
Cluster clusterOf(const ProbeRates &rates, const HostCores &host, const ProbeOptions &options = {});

/// measureHost, then clusterOf.
Cluster probe(const ProbeOptions &options = {});

} // namespace ampc::cost
