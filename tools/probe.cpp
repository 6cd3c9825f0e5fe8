// `ampc probe`: measures this machine into a cluster file.
#include "cost_model/probe.h"
#include "tools/files.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <cstdio>

namespace ampc::tools {

Status runProbe(const Options &options) {
  cost::ProbeOptions probe;
  probe.devices = uint32_t(options.devices);
  probe.threadsPerDevice = uint32_t(options.threadsPerDevice);
  cost::Cluster cluster = cost::probe(probe);
  std::string text = cost::writeCluster(cluster);
  if (options.outputFile.empty()) {
    if (!options.quiet)
      std::fputs(text.c_str(), stdout);
    return std::nullopt;
  }
  if (Status failure = writeFileAtomically(options.outputFile, text))
    return failure;
  if (options.json)
    std::fputs(text.c_str(), stdout);
  if (options.quiet || options.json)
    return std::nullopt;
  const cost::Device &device = cluster.devices.front();
  std::printf("%s\n  %u devices of %u thread%s\n  f32     %.1f GFLOP/s a device\n  memory  %.1f GB/s a device\n"
              "\n%s written. Next:\n\n  ampc MODEL.onnx --cluster %s\n",
              cluster.description.c_str(), cluster.numDevices(), device.threads, device.threads == 1 ? "" : "s",
              device.peak(DataType::F32) / 1e9, device.memoryBandwidthBytesPerSecond / 1e9,
              options.outputFile.c_str(), options.outputFile.c_str());
  return std::nullopt;
}

} // namespace ampc::tools
