// Writes decisions as JSON.
#include "passes/report_decisions.h"

#include <nlohmann/json.hpp>

namespace ampc {

using Json = nlohmann::ordered_json;

static const char *kindName(LoopKind kind) {
  switch (kind) {
  case LoopKind::Parallel:
    return "parallel";
  case LoopKind::Reduce:
    return "reduce";
  case LoopKind::Window:
    return "window";
  case LoopKind::Whole:
    break;
  }
  return "whole";
}

static Json searchJson(const Decision &decision) {
  double cost = decision.costSeconds, bound = decision.boundSeconds;
  return {{"cost_seconds", cost}, {"bound_seconds", bound}, {"gap", cost > 0 ? 1 - bound / cost : 0.0}};
}

/// What the stages cost by the search's prices, and what part of the time each waits for the others.
static Json pipelineJson(const Decision &decision) {
  Json stages = Json::array();
  double slowest = 0, sum = 0;
  for (double seconds : decision.stageSeconds) {
    slowest = std::max(slowest, seconds);
    sum += seconds;
  }
  for (double seconds : decision.stageSeconds)
    stages.push_back({{"seconds", seconds},
                      {"bubble_in_flight", slowest > 0 ? 1 - seconds / slowest : 0.0},
                      {"bubble_alone", sum > 0 ? 1 - seconds / sum : 0.0}});
  return {{"stages", std::move(stages)}, {"reason", decision.stageReason}};
}

static Json runnerUpJson(const Graph &graph, const DecisionGroup &group) {
  Json loops = Json::array();
  for (const LoopParts &part : group.runnerUp)
    loops.push_back({{"name", graph.ops[group.ops[0]].rule.loops[size_t(part.loop)].name}, {"parts", part.parts}});
  return {{"loops", std::move(loops)}, {"extra_seconds", *group.extraSeconds}};
}

static Json executorsJson(const std::vector<ExecutorChoice> &choices) {
  Json list = Json::array();
  for (const ExecutorChoice &choice : choices)
    list.push_back({{"kind", choice.isConvolution ? "convolution" : "product"},
                    {"executor", choice.isLibrary ? "library" : "generated"},
                    {"count", choice.count},
                    {"library_seconds", choice.librarySeconds},
                    {"generated_seconds", choice.generatedSeconds}});
  return list;
}

std::string decisionsJson(const Graph &graph, const Decision &decision, const PlanBackground &background) {
  Json json = Json::object();
  json["strategy"] = decision.strategy;
  if (background.oneDeviceSeconds > 0)
    json["one_device_seconds"] = background.oneDeviceSeconds;
  if (!background.note.empty())
    json["note"] = background.note;
  Json candidates = Json::array();
  for (const ConsideredPlan &plan : background.considered) {
    Json candidate = {{"strategy", plan.strategy}};
    if (plan.predictedSeconds > 0)
      candidate["predicted_seconds"] = plan.predictedSeconds;
    if (plan.seconds > 0)
      candidate["seconds"] = plan.seconds;
    candidate["fits"] = plan.fits;
    if (!plan.recurrences.empty())
      candidate["recurrences"] = plan.recurrences;
    candidates.push_back(std::move(candidate));
  }
  json["candidates"] = std::move(candidates);
  if (!background.wholeRecurrences.empty() || !background.unrolledRecurrences.empty())
    json["recurrences"] = {{"whole", background.wholeRecurrences}, {"unrolled", background.unrolledRecurrences}};
  json["search"] = searchJson(decision);
  if (decision.grids.size() > 1)
    json["pipeline"] = pipelineJson(decision);
  Json operators = Json::array();
  std::vector<size_t> positionOf(graph.ops.size(), 0); // in the list of operators
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const GraphOp &op = graph.ops[k];
    if (op.isOutput)
      continue;
    positionOf[k] = operators.size();
    Json loops = Json::array();
    for (size_t l = 0; l < op.rule.loops.size(); ++l)
      if (!decision.ops[k].loopAxes[l].empty())
        loops.push_back({{"name", op.rule.loops[l].name},
                         {"extent", op.rule.loops[l].extent},
                         {"kind", kindName(op.rule.loops[l].kind)},
                         {"axes", decision.ops[k].loopAxes[l]}});
    operators.push_back({{"name", op.name}, {"stage", decision.ops[k].stage}, {"loops", std::move(loops)}});
  }
  json["operators"] = std::move(operators);
  Json groups = Json::array();
  for (const DecisionGroup &group : decision.groups) {
    Json members = Json::array();
    for (uint32_t op : group.ops)
      members.push_back(positionOf[op]);
    Json entry = {{"operators", std::move(members)}};
    if (group.extraSeconds)
      entry["runner_up"] = runnerUpJson(graph, group);
    groups.push_back(std::move(entry));
  }
  json["groups"] = std::move(groups);
  json["executors"] = executorsJson(background.executors);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace ampc
