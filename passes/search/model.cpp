// Evaluation of assignments in the flat model, and its adjacency.
#include "model.h"
#include "span_sums.h"

#include <algorithm>
#include <functional>

namespace ampc::search {

std::unique_ptr<Table> makeTable(int rows, int columns, std::vector<int64_t> values, double forbidden) {
  auto table = std::make_unique<Table>();
  table->rows = rows;
  table->columns = columns;
  table->byRow = std::move(values);
  table->realByRow.reserve(table->byRow.size());
  for (int64_t c : table->byRow)
    table->realByRow.push_back(c >= kInfinity ? forbidden : double(c));
  table->realByColumn.resize(table->byRow.size());
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      table->realByColumn[size_t(j) * size_t(rows) + size_t(i)] =
          table->realByRow[size_t(i) * size_t(columns) + size_t(j)];
  return table;
}

double largestFinite(const std::vector<int64_t> &costs) {
  int64_t largest = 0;
  for (int64_t c : costs)
    if (c < kInfinity)
      largest = std::max(largest, c);
  return double(largest);
}

Total costOf(const Model &model, const Assignment &choice) {
  Total sum = 0;
  for (int u = 0; u < model.nodes; ++u)
    sum += model.cost[size_t(model.first[size_t(u)] + choice[size_t(u)])];
  for (const ModelEdge &edge : model.edges)
    sum += edge.table->at(choice[size_t(edge.u)], choice[size_t(edge.v)]);
  return sum;
}

bool fitsMemory(const Model &model, const Assignment &choice) {
  SpanSums used{size_t(model.times)};
  for (int u = 0; u < model.nodes; ++u)
    used.add(model.begin[size_t(u)], model.end[size_t(u)],
             model.memory[size_t(model.first[size_t(u)] + choice[size_t(u)])]);
  std::vector<int64_t> totals = used.totals();
  return std::equal(totals.begin(), totals.end(), model.room.begin(), std::less_equal<int64_t>());
}

void buildArcs(Model &model) {
  model.firstArc.assign(size_t(model.nodes) + 1, 0);
  for (const ModelEdge &edge : model.edges) {
    ++model.firstArc[size_t(edge.u) + 1];
    ++model.firstArc[size_t(edge.v) + 1];
  }
  for (int u = 0; u < model.nodes; ++u)
    model.firstArc[size_t(u) + 1] += model.firstArc[size_t(u)];
  model.arcs.resize(model.edges.size() * 2);
  std::vector<int> next(model.firstArc.begin(), model.firstArc.end() - 1);
  for (size_t e = 0; e < model.edges.size(); ++e) {
    const ModelEdge &edge = model.edges[e];
    model.arcs[size_t(next[size_t(edge.u)]++)] = {edge.v, int(e), true};
    model.arcs[size_t(next[size_t(edge.v)]++)] = {edge.u, int(e), false};
  }
}

} // namespace ampc::search
