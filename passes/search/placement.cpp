// Checker and independent verifier of placements. Shares no code with the solver.
#include "placement.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace ampc::search {

std::string check(const PlacementProblem &problem) {
  auto bad = [](double x) { return !std::isfinite(x) || x < 0; };
  if (problem.accelerators < 0 || problem.cpus < 0 || problem.accelerators > 65536 || problem.cpus > 65536)
    return "the number of devices is negative or above 65536";
  if (problem.accelerators + problem.cpus == 0)
    return "there are no devices";
  if (bad(problem.bytesPerAccelerator))
    return "the memory per accelerator is not a number >= 0";
  int count = int(problem.nodes.size());
  for (const PlacementNode &node : problem.nodes)
    if (bad(node.acceleratorTime) || bad(node.cpuTime) || bad(node.bytes))
      return "node " + std::to_string(node.id) + " has a time or size that is not a number >= 0";
  std::vector<int> incoming(size_t(count), 0);
  std::vector<std::vector<int>> successors(static_cast<size_t>(count));
  for (size_t e = 0; e < problem.edges.size(); ++e) {
    const PlacementEdge &edge = problem.edges[e];
    if (edge.from < 0 || edge.to < 0 || edge.from >= count || edge.to >= count)
      return "edge " + std::to_string(e) + " names a node that does not exist";
    if (bad(edge.cost))
      return "edge " + std::to_string(e) + " has a cost that is not a number >= 0";
    ++incoming[size_t(edge.to)];
    successors[size_t(edge.from)].push_back(edge.to);
  }
  std::vector<int> ready;
  for (int v = 0; v < count; ++v)
    if (incoming[size_t(v)] == 0)
      ready.push_back(v);
  for (size_t i = 0; i < ready.size(); ++i)
    for (int w : successors[size_t(ready[i])])
      if (--incoming[size_t(w)] == 0)
        ready.push_back(w);
  for (int v = 0; v < count; ++v)
    if (incoming[size_t(v)] > 0)
      return "node " + std::to_string(problem.nodes[size_t(v)].id) + " lies on or behind a cycle";
  return {};
}

PlacementVerification verifyPlacement(const PlacementProblem &problem, const std::vector<int> &device,
                                      bool nonContiguous) {
  PlacementVerification result;
  size_t count = problem.nodes.size();
  int devices = problem.accelerators + problem.cpus;
  if (device.size() != count) {
    result.violation = "the placement does not name every node";
    return result;
  }
  result.load.assign(size_t(devices), 0.0);
  std::vector<double> bytes(size_t(devices), 0.0);
  std::map<int64_t, int> deviceOfColour;
  for (size_t v = 0; v < count; ++v) {
    const PlacementNode &node = problem.nodes[v];
    std::string name = "node " + std::to_string(node.id);
    if (device[v] < 0 || device[v] >= devices) {
      result.violation = name + " is on no device";
      return result;
    }
    bool accelerator = device[v] < problem.accelerators;
    if (accelerator && !node.onAccelerator)
      result.violation = name + " cannot run on an accelerator";
    result.load[size_t(device[v])] += accelerator ? node.acceleratorTime : node.cpuTime;
    bytes[size_t(device[v])] += node.bytes;
    if (node.colour >= 0 && deviceOfColour.emplace(node.colour, device[v]).first->second != device[v])
      result.violation = name + " is apart from its colour class";
  }
  std::vector<std::vector<int>> successors(count);
  std::vector<double> cost(count, 0.0);
  for (const PlacementEdge &edge : problem.edges) {
    successors[size_t(edge.from)].push_back(edge.to);
    cost[size_t(edge.from)] = std::max(cost[size_t(edge.from)], edge.cost);
  }
  for (size_t v = 0; v < count; ++v) {
    std::vector<int> consumers;
    for (int w : successors[v])
      if (device[size_t(w)] != device[v])
        consumers.push_back(device[size_t(w)]);
    std::sort(consumers.begin(), consumers.end());
    consumers.erase(std::unique(consumers.begin(), consumers.end()), consumers.end());
    if (!consumers.empty() && device[v] < problem.accelerators)
      result.load[size_t(device[v])] += cost[v];
    for (int d : consumers)
      if (d < problem.accelerators)
        result.load[size_t(d)] += cost[v];
  }
  for (int d = 0; d < problem.accelerators; ++d)
    if (problem.bytesPerAccelerator > 0 && bytes[size_t(d)] > problem.bytesPerAccelerator * (1 + 1e-12))
      result.violation = "accelerator " + std::to_string(d) + " holds more than its memory";
  for (double load : result.load)
    result.maxLoad = std::max(result.maxLoad, load);
  if (nonContiguous)
    return result;
  for (int d = 0; d < devices; ++d)
    for (bool backward : {false, true}) {
      auto inside = [&](int v) {
        return device[size_t(v)] == d && problem.nodes[size_t(v)].backward == backward;
      };
      // Whatever is reachable from the part through nodes outside it must not lead back.
      std::vector<char> outside(count, 0);
      std::vector<int> stack;
      auto leave = [&](int v) {
        for (int w : successors[size_t(v)])
          if (!inside(w) && problem.nodes[size_t(w)].backward == backward && !outside[size_t(w)]) {
            outside[size_t(w)] = 1;
            stack.push_back(w);
          }
      };
      for (size_t v = 0; v < count; ++v)
        if (inside(int(v)))
          leave(int(v));
      while (!stack.empty()) {
        int v = stack.back();
        stack.pop_back();
        leave(v);
        for (int w : successors[size_t(v)])
          if (inside(w))
            result.violation = std::string(backward ? "the backward" : "the forward") + " part of device " +
                               std::to_string(d) + " is not contiguous at node " +
                               std::to_string(problem.nodes[size_t(w)].id);
      }
    }
  return result;
}

} // namespace ampc::search
