// Checker, independent verifier and text of totals for the choice problem. Shares no code with the solver.
#include "problem.h"

#include <algorithm>
#include <map>

namespace ampc::search {

namespace {

std::string at(const char *what, size_t index) { return std::string(what) + " " + std::to_string(index); }

/// Sums of memory must stay far from overflow.
constexpr int64_t kMemoryCeiling = int64_t(1) << 62;

std::string checkNode(const Node &node, size_t index) {
  if (node.costs.empty())
    return at("node", index) + " has no choices";
  if (node.costs.size() > (size_t(1) << 20))
    return at("node", index) + " has more than 1048576 choices";
  for (size_t i = 0; i < node.costs.size(); ++i)
    if (node.costs[i] < 0)
      return at("node", index) + ": cost of choice " + std::to_string(i) + " is negative";
  if (!node.memoryBytes.empty() && node.memoryBytes.size() != node.costs.size())
    return at("node", index) + " has " + std::to_string(node.costs.size()) + " costs but " +
           std::to_string(node.memoryBytes.size()) + " memory entries";
  for (size_t i = 0; i < node.memoryBytes.size(); ++i)
    if (node.memoryBytes[i] < 0)
      return at("node", index) + ": memory of choice " + std::to_string(i) + " is negative";
  return {};
}

} // namespace

std::string check(const Problem &problem) {
  size_t n = problem.nodes.size();
  if (n > (size_t(1) << 28))
    return "more than 268435456 nodes";
  if (problem.memoryLimitBytes && *problem.memoryLimitBytes < 0)
    return "the memory limit is negative";
  Total live = 0;
  for (size_t u = 0; u < n; ++u) {
    std::string wrong = checkNode(problem.nodes[u], u);
    if (!wrong.empty())
      return wrong;
    const std::vector<int64_t> &memory = problem.nodes[u].memoryBytes;
    // A choice above the limit cannot be taken, however far above.
    if (problem.memoryLimitBytes && !problem.nodes[u].live.empty() && !memory.empty())
      live += std::min(Total(*std::max_element(memory.begin(), memory.end())), Total(*problem.memoryLimitBytes) + 1);
  }
  if (live > kMemoryCeiling)
    return "the memory of all nodes together exceeds 2^62 bytes";
  for (size_t m = 0; m < problem.matrices.size(); ++m)
    for (Cost cost : problem.matrices[m])
      if (cost < 0)
        return at("matrix", m) + " has a negative cost";
  for (size_t e = 0; e < problem.edges.size(); ++e) {
    const Edge &edge = problem.edges[e];
    if (edge.u >= n || edge.v >= n)
      return at("edge", e) + " names a node that does not exist";
    if (edge.matrix >= problem.matrices.size())
      return at("edge", e) + " names a matrix that does not exist";
    size_t expected = problem.nodes[edge.u].costs.size() * problem.nodes[edge.v].costs.size();
    if (problem.matrices[edge.matrix].size() != expected)
      return at("edge", e) + " needs " + std::to_string(expected) + " costs, its matrix has " +
             std::to_string(problem.matrices[edge.matrix].size());
  }
  return {};
}

Verification verify(const Problem &problem, const std::vector<int32_t> &choice) {
  Verification result;
  size_t n = problem.nodes.size();
  if (choice.size() != n) {
    result.violation =
        "the solution has " + std::to_string(choice.size()) + " entries for " + std::to_string(n) + " nodes";
    return result;
  }
  std::map<int64_t, Total> change;
  for (size_t u = 0; u < n; ++u) {
    const Node &node = problem.nodes[u];
    if (choice[u] < 0 || size_t(choice[u]) >= node.costs.size()) {
      result.violation = at("node", u) + " has no choice " + std::to_string(choice[u]);
      return result;
    }
    Cost cost = node.costs[size_t(choice[u])];
    if (cost >= kForbidden && result.violation.empty())
      result.violation = at("node", u) + " takes forbidden choice " + std::to_string(choice[u]);
    result.cost += cost;
    if (!node.live.empty() && !node.memoryBytes.empty()) {
      change[node.live.begin] += node.memoryBytes[size_t(choice[u])];
      change[node.live.end] -= node.memoryBytes[size_t(choice[u])];
    }
  }
  for (size_t e = 0; e < problem.edges.size(); ++e) {
    const Edge &edge = problem.edges[e];
    size_t columns = problem.nodes[edge.v].costs.size();
    Cost cost = problem.matrices[edge.matrix][size_t(choice[edge.u]) * columns + size_t(choice[edge.v])];
    if (cost >= kForbidden && result.violation.empty())
      result.violation = at("edge", e) + " is given a forbidden pair of choices";
    result.cost += cost;
  }
  Total used = 0;
  for (const auto &[time, bytes] : change) {
    used += bytes;
    if (used > result.peakBytes) {
      result.peakBytes = int64_t(std::min<Total>(used, INT64_MAX));
      result.peakTime = time;
    }
  }
  if (problem.memoryLimitBytes && result.peakBytes > *problem.memoryLimitBytes && result.violation.empty())
    result.violation = "time point " + std::to_string(result.peakTime) + " needs " +
                       std::to_string(result.peakBytes) + " bytes, the limit is " +
                       std::to_string(*problem.memoryLimitBytes);
  return result;
}

std::string toString(Total value) {
  if (value == 0)
    return "0";
  std::string digits;
  bool negative = value < 0;
  for (; value != 0; value /= 10) {
    int digit = int(value % 10);
    digits.push_back(char('0' + (digit < 0 ? -digit : digit)));
  }
  if (negative)
    digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

} // namespace ampc::search
