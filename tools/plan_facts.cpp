// Derives facts from a plan: simulated timeline, memory, collectives; and their JSON form.
#include "tools/plan_facts.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace ampc::tools {

using Json = nlohmann::ordered_json;

std::string dump(const Json &json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

static cost::Cluster clusterOf(const Json &decisions, const plan::Plan &plan) {
  if (auto stored = decisions.find("cluster"); stored != decisions.end()) {
    cost::ClusterError error;
    if (auto cluster = cost::parseCluster(stored->dump(), error))
      return *cluster;
  }
  return cost::hostCluster(uint32_t(std::max<size_t>(1, plan.ranks.size())), plan.threadsPerDevice);
}

static double numberOr(const Json &object, const char *key, double otherwise) {
  auto entry = object.find(key);
  return entry != object.end() && entry->is_number() ? entry->get<double>() : otherwise;
}

static std::vector<DeviceFacts> devicesOf(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  std::vector<DeviceFacts> devices;
  for (uint32_t rank = 0; rank < plan.ranks.size(); ++rank) {
    const plan::RankTable &table = plan.ranks[rank];
    DeviceFacts device{rank, table.stage, table.coordinates};
    if (table.forwardProgram < plan.programs.size())
      for (const plan::Step &step : plan.programs[table.forwardProgram].steps)
        device.ops += step.kind == plan::StepKind::Launch;
    if (rank < facts.memory.ranks.size())
      device.bytes = facts.memory.ranks[rank].totalBytes + facts.memory.ranks[rank].mappedShareBytes;
    auto at = [&](const std::vector<double> &list) { return rank < list.size() ? list[rank] : 0.0; };
    device.busySeconds = at(facts.timeline.busySeconds);
    device.communicationSeconds = at(facts.timeline.communicationSeconds);
    device.hiddenSeconds = at(facts.timeline.hiddenSeconds);
    device.waitSeconds = at(facts.timeline.waitSeconds);
    devices.push_back(std::move(device));
  }
  return devices;
}

/// The stage of the ranks that take part; of a transfer, which has ranks of two, the first.
static uint32_t stageOf(const plan::Communication &communication, const plan::Plan &plan) {
  uint32_t stage = UINT32_MAX;
  for (const std::vector<uint32_t> &group : communication.groups)
    for (uint32_t rank : group)
      if (rank < plan.ranks.size())
        stage = std::min(stage, plan.ranks[rank].stage);
  return stage == UINT32_MAX ? 0 : stage;
}

static std::vector<CollectiveFacts> collectivesOf(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  std::vector<std::vector<double>> seconds = cost::predictSteps(plan, facts.cluster);
  std::set<uint32_t> seen; // a collective stands in the program of every class that takes part
  std::map<std::tuple<std::string, uint32_t, std::string>, CollectiveFacts> byKind;
  for (size_t p = 0; p < plan.programs.size(); ++p) {
    if (plan.programs[p].role != plan::ProgramRole::Forward)
      continue;
    for (size_t s = 0; s < plan.programs[p].steps.size(); ++s) {
      const plan::Step &step = plan.programs[p].steps[s];
      if (!plan::isCommunication(step.kind) || step.communication >= plan.communications.size() ||
          !seen.insert(step.communication).second)
        continue;
      const plan::Communication &communication = plan.communications[step.communication];
      CollectiveFacts found{std::string(plan::name(communication.kind)), communication.axes,
                            stageOf(communication, plan)};
      // Axes are numbered anew in every stage, and a device is in one stage only.
      CollectiveFacts &entry = byKind.try_emplace({found.kind, found.stage, found.axes}, found).first->second;
      ++entry.count;
      entry.bytesPerDevice += communication.bytesPerRank;
      if (p < seconds.size() && s < seconds[p].size())
        entry.seconds += seconds[p][s];
    }
  }
  std::vector<CollectiveFacts> collectives;
  for (auto &[key, entry] : byKind)
    collectives.push_back(std::move(entry));
  std::stable_sort(collectives.begin(), collectives.end(),
                   [](const CollectiveFacts &a, const CollectiveFacts &b) { return a.seconds > b.seconds; });
  return collectives;
}

PlanFacts factsOf(const plan::Plan &plan) {
  PlanFacts facts;
  facts.plan = &plan;
  facts.decisions = Json::parse(plan.reportJson, nullptr, false);
  if (!facts.decisions.is_object())
    facts.decisions = Json::object();
  facts.cluster = clusterOf(facts.decisions, plan);
  facts.timeline = cost::simulate(plan, facts.cluster);
  facts.memory = cost::memoryOf(plan);
  facts.devices = devicesOf(facts);
  facts.collectives = collectivesOf(facts);
  facts.stepSeconds = plan.predictedStepSeconds;
  if (facts.stepSeconds == 0)
    facts.stepSeconds = facts.timeline.latencySeconds;
  facts.boundSeconds = plan.boundSeconds;
  facts.gap = plan.gap;
  facts.oneDeviceSeconds = numberOr(facts.decisions, "one_device_seconds", plan.ranks.size() == 1 ? facts.stepSeconds : 0);
  return facts;
}

Json summaryJson(const PlanFacts &facts) {
  Json devices = Json::array();
  for (const DeviceFacts &device : facts.devices)
    devices.push_back({{"id", device.id},
                       {"stage", device.stage},
                       {"ops", device.ops},
                       {"bytes", device.bytes},
                       {"busy_seconds", device.busySeconds}});
  Json json = {{"devices", devices},
               {"step_seconds", facts.stepSeconds},
               {"bound_seconds", facts.boundSeconds},
               {"gap", facts.gap}};
  if (facts.oneDeviceSeconds > 0)
    json["one_device_seconds"] = facts.oneDeviceSeconds;
  if (auto strategy = facts.decisions.find("strategy"); strategy != facts.decisions.end())
    json["strategy"] = *strategy;
  return json;
}

Json phasesJson(const std::vector<std::pair<std::string, double>> &phases) {
  Json json = Json::object();
  for (const auto &[phase, seconds] : phases)
    json[phase] = json.value(phase, 0.0) + seconds;
  return json;
}

static Json tensorsJson(const std::vector<plan::Tensor> &tensors) {
  Json list = Json::array();
  for (const plan::Tensor &tensor : tensors)
    list.push_back({{"name", tensor.name}, {"dtype", std::string(name(tensor.type))}, {"shape", tensor.shape}});
  return list;
}

Json reportJson(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  Json json = {{"format", "ampc-report"}, {"version", 1}, {"producer", plan.producer}};
  json.update(summaryJson(facts));
  for (size_t i = 0; i < facts.devices.size(); ++i) {
    const DeviceFacts &device = facts.devices[i];
    json["devices"][i]["coordinates"] = device.coordinates;
    json["devices"][i]["communication_seconds"] = device.communicationSeconds;
    json["devices"][i]["hidden_communication_seconds"] = device.hiddenSeconds;
    json["devices"][i]["wait_seconds"] = device.waitSeconds;
    if (i < facts.memory.ranks.size()) {
      const cost::RankMemory &memory = facts.memory.ranks[i];
      json["devices"][i]["memory"] = {{"activation_bytes", memory.activationBytes},
                                      {"persistent_bytes", memory.persistentBytes},
                                      {"state_bytes", memory.stateBytes},
                                      {"workspace_bytes", memory.workspaceBytes},
                                      {"mapped_weight_bytes", memory.mappedBytes}};
    }
  }
  json["device_kind"] = plan.deviceKind;
  json["target_cpu"] = plan.targetCpu;
  json["cpu_features"] = plan.cpuFeatures;
  json["memory_limit_bytes"] = plan.memoryLimitBytes;
  json["threads_per_device"] = plan.threadsPerDevice;
  json["inputs"] = tensorsJson(plan.entry.inputs);
  json["outputs"] = tensorsJson(plan.entry.outputs);
  json["slots"] = plan.entry.slots;
  Json states = Json::array(), values = Json::array(), stages = Json::array(), collectives = Json::array();
  for (const plan::StateTensor &state : plan.entry.states)
    states.push_back({{"input", state.input}, {"output", state.output}});
  for (const auto &[input, value] : plan.entry.boundValues)
    values.push_back({{"input", input}, {"value", value}});
  for (const plan::Stage &stage : plan.stages)
    stages.push_back({{"first_device", stage.firstRank},
                      {"devices", stage.grid.numDevices()},
                      {"grid", stage.grid.axisSizes}});
  for (const CollectiveFacts &entry : facts.collectives)
    collectives.push_back({{"kind", entry.kind},
                           {"stage", entry.stage},
                           {"axes", entry.axes},
                           {"count", entry.count},
                           {"bytes_per_device", entry.bytesPerDevice},
                           {"seconds", entry.seconds}});
  json["states"] = states;
  json["bound_values"] = values;
  json["stages"] = stages;
  json["collectives"] = collectives;
  json["kernels"] = plan.kernels.size();
  json["weight_bytes"] = facts.memory.mappedBytes;
  json["simulated"] = {{"latency_seconds", facts.timeline.latencySeconds},
                       {"seconds_per_request", facts.timeline.secondsPerRequest}};
  if (!facts.timeline.error.empty())
    json["simulated"]["error"] = facts.timeline.error;
  json["decisions"] = facts.decisions;
  return json;
}

} // namespace ampc::tools
