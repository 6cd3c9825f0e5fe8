// Which devices a model is planned for: from --cluster, --devices, --device-kind and --threads-per-device.
#pragma once

#include "cost_model/cluster.h"
#include "tools/options.h"

namespace ampc::tools {

/// The cluster with exactly the devices to plan for. `willExecute`: refuses kinds of devices that this version cannot
/// generate code for.
Result<cost::Cluster> chooseCluster(const Options &options, bool willExecute);

Failure failureOf(const cost::ClusterError &error, const std::string &given);

} // namespace ampc::tools
