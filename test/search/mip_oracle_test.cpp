// solve() against a mixed integer programme (HiGHS) on problems too large to try out. Tests only: the solver
// itself uses no such library.
#include "passes/search/solve.h"
#include "random_problem.h"

#include <cmath>
#include <gtest/gtest.h>
#include <interfaces/highs_c_api.h>
#include <map>

using namespace ampc::search;
using namespace ampc::search::testing;

namespace {

/// Columns: a binary per choice, a fraction per pair of choices of an edge. Rows: one choice per node, pairs
/// agree with both ends, memory at every begin of an interval.
class ChoiceProgramme {
public:
  explicit ChoiceProgramme(const Problem &problem) : problem(problem), lp(Highs_create()) {
    Highs_setBoolOptionValue(lp, "output_flag", 0);
    Highs_setIntOptionValue(lp, "threads", 1);
    Highs_setDoubleOptionValue(lp, "mip_rel_gap", 0);
    std::vector<int> first;
    for (const Node &node : problem.nodes) {
      first.push_back(columns);
      std::vector<int> mine;
      for (Cost cost : node.costs)
        mine.push_back(column(cost, true));
      row(1, 1, mine, std::vector<double>(mine.size(), 1));
    }
    for (const Edge &edge : problem.edges) {
      const std::vector<Cost> &matrix = problem.matrices[edge.matrix];
      size_t rows = problem.nodes[edge.u].costs.size(), others = problem.nodes[edge.v].costs.size();
      int base = columns;
      for (Cost cost : matrix)
        column(cost, false);
      for (size_t i = 0; i < rows; ++i) {
        std::vector<int> index = {first[edge.u] + int(i)};
        std::vector<double> value = {-1};
        for (size_t j = 0; j < others; ++j) {
          index.push_back(base + int(i * others + j));
          value.push_back(1);
        }
        row(0, 0, index, value);
      }
      for (size_t j = 0; j < others; ++j) {
        std::vector<int> index = {first[edge.v] + int(j)};
        std::vector<double> value = {-1};
        for (size_t i = 0; i < rows; ++i) {
          index.push_back(base + int(i * others + j));
          value.push_back(1);
        }
        row(0, 0, index, value);
      }
    }
    if (!problem.memoryLimitBytes)
      return;
    std::map<int64_t, int> points;
    for (const Node &node : problem.nodes)
      points[node.live.begin];
    for (auto [time, unused] : points) {
      std::vector<int> index;
      std::vector<double> value;
      for (size_t u = 0; u < problem.nodes.size(); ++u) {
        const Node &node = problem.nodes[u];
        if (node.live.begin <= time && time < node.live.end)
          for (size_t i = 0; i < node.memoryBytes.size(); ++i) {
            index.push_back(first[u] + int(i));
            value.push_back(double(node.memoryBytes[i]));
          }
      }
      row(-1e30, double(*problem.memoryLimitBytes), index, value);
    }
  }
  ~ChoiceProgramme() { Highs_destroy(lp); }
  ChoiceProgramme(const ChoiceProgramme &) = delete;
  ChoiceProgramme &operator=(const ChoiceProgramme &) = delete;

  /// Empty when infeasible.
  std::optional<Total> optimum() {
    EXPECT_EQ(Highs_run(lp), kHighsStatusOk);
    if (Highs_getModelStatus(lp) != kHighsModelStatusOptimal) {
      EXPECT_EQ(Highs_getModelStatus(lp), kHighsModelStatusInfeasible);
      return std::nullopt;
    }
    return Total(std::llround(Highs_getObjectiveValue(lp)));
  }

private:
  int column(Cost cost, bool integer) {
    bool forbidden = cost >= kForbidden;
    Highs_addCol(lp, forbidden ? 0.0 : double(cost), 0, forbidden ? 0 : 1, 0, nullptr, nullptr);
    if (integer)
      Highs_changeColIntegrality(lp, columns, kHighsVarTypeInteger);
    return columns++;
  }
  void row(double low, double high, const std::vector<int> &index, const std::vector<double> &value) {
    Highs_addRow(lp, low, high, HighsInt(index.size()), index.data(), value.data());
  }

  const Problem &problem;
  void *lp;
  int columns = 0;
};

} // namespace

TEST(MipOracle, SameOptimumOnMediumProblems) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Shape shape = shapeOf(seed);
    Random random(seed);
    shape.nodes = 9 + random.below(8);
    shape.mostChoices = 2 + random.below(4);
    shape.density = shape.density > 0 ? 0.25 : shape.density;
    shape.forbidden = std::min(shape.forbidden, 0.2);
    shape.largestCost = std::min<int64_t>(shape.largestCost, 1000);
    Problem problem = randomProblem(shape, seed + 500000);
    std::optional<Total> optimum = ChoiceProgramme(problem).optimum();
    Solution solution = solve(problem);
    ASSERT_NE(solution.status, Status::NotFound) << "seed " << seed;
    ASSERT_EQ(solution.feasible, optimum.has_value()) << "seed " << seed << " " << solution.reason;
    if (optimum) {
      EXPECT_EQ(toString(solution.cost), toString(*optimum)) << "seed " << seed;
      EXPECT_EQ(solution.status, Status::Optimal) << "seed " << seed;
    }
  }
}
