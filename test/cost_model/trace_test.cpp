// The predicted trace is valid JSON with the plan's step names.
#include "cost_model/trace.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace ampc;
using namespace ampc::cost;

namespace {

TEST(Trace, isChromeTraceJsonWithStepNames) {
  plan::Plan plan;
  plan.kernels.resize(1);
  plan.kernels[0].symbol = "k0";
  plan.communications.resize(1);
  plan.communications[0].groups = {{0, 1}};
  plan.communications[0].elements = 256;
  plan::Step launch;
  launch.name = "conv \"1\"\n";
  launch.nodes = "Conv_0";
  launch.flops = 1e6;
  plan::Step reduce;
  reduce.kind = plan::StepKind::AllReduce;
  reduce.name = "sum\xff"; // names may hold any bytes
  reduce.event = 1;
  reduce.queue = 1;
  reduce.waits = {0};
  plan.programs.resize(1);
  plan.programs[0].steps = {launch, reduce};
  plan.ranks.resize(2);

  ClusterError error;
  const Cluster cluster = presetCluster("cpux2", error).value();
  const Timeline timeline = simulate(plan, cluster);
  ASSERT_EQ(timeline.error, "");
  const std::string text = writeTrace(timeline, plan);
  EXPECT_EQ(text, writeTrace(simulate(plan, cluster), plan));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  size_t launches = 0, reductions = 0;
  for (const auto &event : json["traceEvents"]) {
    if (event["ph"] != "X")
      continue;
    EXPECT_GE(event["dur"].get<double>(), 0);
    launches += event["name"] == launch.name && event["args"]["kernel"] == "k0";
    reductions +=
        event["cat"] == "communication" && event["tid"] == 1 && event["args"]["step"] == "all_reduce";
  }
  EXPECT_EQ(launches, 2u);
  EXPECT_EQ(reductions, 2u);
}

} // namespace
