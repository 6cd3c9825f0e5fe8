// `ampc probe`: measures this machine into a cluster file.
#include "cost_model/probe.h"
#include "cost_model/product_fit.h"
#include "tools/files.h"
#include "tools/interrupt.h"
#include "tools/launch_time.h"
#include "tools/product_times.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ampc::tools {

namespace {

struct Probed {
  cost::Cluster cluster;
  cost::ProductFit products;
  Status libraryMissing, generatedMissing, launchMissing;
};

/// "not measured (why)"
std::string missingText(const Failure &failure) {
  return "not measured (" + (failure.facts.empty() ? failure.sentence : failure.facts.back().second) + ")";
}

Probed measure(const cost::ProbeOptions &options) {
  const cost::HostCores host = cost::detectHostCores();
  cost::ProbeRates rates = cost::measureHost(options);
  const ProductTimes products = timeProducts(probedProducts(), options.secondsPerMeasurement / 10);
  // No product is faster than the multiply-add units: if one seems to be, their measurement was disturbed.
  for (const cost::TimedWork &timed : products.times)
    rates.f32FlopsOneCore = std::max(rates.f32FlopsOneCore, timed.work.flops / timed.seconds);
  Probed probed;
  if (auto launch = timeLaunch())
    rates.launchSeconds = *launch;
  else
    probed.launchMissing = launch.takeFailure();

  const cost::Cluster core = cost::clusterOf(rates, host, {.devices = 1, .threadsPerDevice = 1});
  probed.products = cost::fitProducts(core.devices[0], products.times);
  probed.cluster = cost::withProductFit(cost::clusterOf(rates, host, options), probed.products);
  probed.libraryMissing = products.libraryMissing;
  probed.generatedMissing = products.generatedMissing;
  for (const auto &[what, missing] : {std::pair("products of oneDNN", &probed.libraryMissing),
                                      std::pair("products of generated code", &probed.generatedMissing),
                                      std::pair("launches", &probed.launchMissing)})
    if (*missing)
      probed.cluster.description += "; " + std::string(what) + " " + missingText(**missing);
  return probed;
}

/// "at most 84 % of that, predicted to a factor of 1.12": the root mean square of what predictions are off.
std::string productText(const Probed &probed, cost::WorkKind kind, const Status &missing) {
  if (missing)
    return missingText(*missing);
  char text[96];
  std::snprintf(text, sizeof text, "at most %.0f %% of that, predicted to a factor of %.2f",
                100 * probed.products.device.efficiencyOf(kind).fraction,
                std::exp(probed.products.logError[size_t(kind)]));
  return text;
}

std::string summaryOf(const Probed &probed) {
  const cost::Device &device = probed.cluster.devices.front();
  char text[256];
  std::snprintf(text, sizeof text,
                "  %u devices of %u thread%s\n  f32     %.1f GFLOP/s a device\n  memory  %.1f GB/s a device\n",
                probed.cluster.numDevices(), device.threads, device.threads == 1 ? "" : "s",
                device.peak(DataType::F32) / 1e9, device.memoryBandwidthBytesPerSecond / 1e9);
  std::string all = text;
  using cost::WorkKind;
  for (const auto &[kind, what, missing] :
       {std::tuple(WorkKind::Contraction, "products, oneDNN", &probed.libraryMissing),
        std::tuple(WorkKind::GeneratedContraction, "products, generated", &probed.generatedMissing),
        std::tuple(WorkKind::Convolution, "convolutions, oneDNN", &probed.libraryMissing),
        std::tuple(WorkKind::GeneratedConvolution, "convolutions, generated", &probed.generatedMissing)}) {
    std::snprintf(text, sizeof text, "  %-24s ", what);
    all += text + productText(probed, kind, *missing) + "\n";
  }
  all += "  a launch                 " +
         (probed.launchMissing ? missingText(*probed.launchMissing) : secondsText(device.launchSeconds)) + "\n";
  if (!probed.libraryMissing)
    all += "  a call of oneDNN         " + secondsText(device.libraryCallSeconds) + "\n";
  return all;
}

} // namespace

Status runProbe(const Options &options) {
  cost::ProbeOptions probeOptions;
  probeOptions.devices = uint32_t(options.devices);
  probeOptions.threadsPerDevice = uint32_t(options.threadsPerDevice);
  const Probed probed = measure(probeOptions);
  if (wasInterrupted()) // while launches were timed
    return Failure{ErrorCode::Execution, "interrupted"};
  std::string text = cost::writeCluster(probed.cluster);
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
  std::printf("%s\n%s\n%s written. Next:\n\n  ampc MODEL.onnx --cluster %s\n", probed.cluster.description.c_str(),
              summaryOf(probed).c_str(), options.outputFile.c_str(), options.outputFile.c_str());
  return std::nullopt;
}

} // namespace ampc::tools
