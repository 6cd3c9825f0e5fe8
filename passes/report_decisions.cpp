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

std::string decisionsJson(const Graph &graph, const Decision &decision, const std::vector<ConsideredPlan> &considered,
                          double oneDeviceSeconds, const std::string &note) {
  Json json = Json::object();
  json["strategy"] = decision.strategy;
  if (oneDeviceSeconds > 0)
    json["one_device_seconds"] = oneDeviceSeconds;
  if (!note.empty())
    json["note"] = note;
  Json candidates = Json::array();
  for (const ConsideredPlan &plan : considered) {
    Json candidate = {{"strategy", plan.strategy}};
    if (plan.predictedSeconds > 0)
      candidate["predicted_seconds"] = plan.predictedSeconds;
    if (plan.seconds > 0)
      candidate["seconds"] = plan.seconds;
    candidate["fits"] = plan.fits;
    candidates.push_back(std::move(candidate));
  }
  json["candidates"] = std::move(candidates);
  Json operators = Json::array();
  for (size_t k = 0; k < graph.ops.size(); ++k) {
    const GraphOp &op = graph.ops[k];
    if (op.isOutput)
      continue;
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
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace ampc
