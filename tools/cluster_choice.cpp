// Resolves the device options into a cluster description.
#include "tools/cluster_choice.h"

namespace ampc::tools {

Failure failureOf(const cost::ClusterError &error, const std::string &given) {
  ErrorCode code = error.kind == cost::ClusterError::Kind::Usage     ? ErrorCode::Usage
                   : error.kind == cost::ClusterError::Kind::Invalid ? ErrorCode::InvalidCluster
                                                                     : ErrorCode::FileSystem;
  return {code, error.message, {{"cluster", given}}, error.remedy};
}

static Failure notYet() {
  return {ErrorCode::Unsupported, "this version of ampc does not generate code for CUDA devices", {},
          "use CPU devices, or `ampc plan` to see what would be decided"};
}

Result<cost::Cluster> chooseCluster(const Options &options, bool willExecute) {
  if (options.cluster.empty()) {
    if (options.deviceKind == "cuda")
      return willExecute ? notYet()
                         : Failure{ErrorCode::Usage, "CUDA devices need a description", {},
                                   "add --cluster, for example --cluster h100x8"};
    return cost::hostCluster(uint32_t(options.devices == 0 ? 1 : options.devices), uint32_t(options.threadsPerDevice));
  }
  cost::ClusterError error;
  auto cluster = cost::resolveCluster(options.cluster, error);
  if (!cluster)
    return failureOf(error, options.cluster);
  if (uint32_t(options.devices) > cluster->numDevices())
    return Failure{ErrorCode::Usage,
                   "--devices " + std::to_string(options.devices) + " and --cluster " + options.cluster +
                       " contradict each other: the cluster has " + std::to_string(cluster->numDevices()),
                   {}, "leave --devices out to use all of them"};
  if (options.devices > 0)
    cluster = cluster->firstDevices(uint32_t(options.devices));
  for (cost::Device &device : cluster->devices) {
    if (options.deviceKind != "auto" && options.deviceKind != device.kind)
      return Failure{ErrorCode::Usage,
                     "--device-kind " + options.deviceKind + " and --cluster " + options.cluster +
                         " contradict each other: its devices are of kind " + device.kind,
                     {}, "leave --device-kind out"};
    if (willExecute && device.kind != "cpu")
      return notYet();
    if (options.threadsPerDevice > 0 && device.kind == "cpu")
      device = cost::withThreads(device, uint32_t(options.threadsPerDevice));
    if (willExecute && device.threads != cluster->devices[0].threads)
      return Failure{ErrorCode::Unsupported, "the devices of the cluster have different numbers of threads",
                     {{"cluster", options.cluster}}, "add --threads-per-device"};
  }
  return *cluster;
}

} // namespace ampc::tools
