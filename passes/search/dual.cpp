// Message passing as in sequential tree-reweighted schemes, written as a reparametrisation: after each pass
// every edge's smallest entry is zero, so the bound is the sum of what is left at the nodes.
#include "dual.h"
#include "min_plus.h"

#include <algorithm>
#include <cmath>

namespace ampc::search {

Dual::Dual(const Model &model) : price(size_t(model.times), 0.0), model(model) {
  std::vector<int> degree(static_cast<size_t>(model.nodes));
  std::vector<char> removed(static_cast<size_t>(model.nodes), 0);
  parentArc.assign(size_t(model.nodes), -1);
  std::vector<int> ready;
  for (int u = 0; u < model.nodes; ++u) {
    degree[size_t(u)] = model.degree(u);
    if (degree[size_t(u)] <= 1)
      ready.push_back(u);
  }
  for (size_t next = 0; next < ready.size(); ++next) {
    int u = ready[next];
    removed[size_t(u)] = 1;
    treeOrder.push_back(u);
    for (int a = model.firstArc[size_t(u)]; a < model.firstArc[size_t(u) + 1]; ++a) {
      int v = model.arcs[size_t(a)].neighbour;
      if (removed[size_t(v)])
        continue;
      parentArc[size_t(u)] = a;
      if (--degree[size_t(v)] == 1)
        ready.push_back(v);
    }
  }
  rank.assign(size_t(model.nodes), -1);
  for (int u = 0; u < model.nodes; ++u)
    if (!removed[size_t(u)]) {
      rank[size_t(u)] = int(core.size());
      core.push_back(u);
    }
  messageAt.assign(model.edges.size(), 0);
  size_t size = 0;
  for (size_t e = 0; e < model.edges.size(); ++e) {
    const ModelEdge &edge = model.edges[e];
    messageAt[e] = size;
    if (rank[size_t(edge.u)] >= 0 && rank[size_t(edge.v)] >= 0)
      size += size_t(model.choices(edge.u) + model.choices(edge.v));
  }
  message.assign(size + 1, 0.0);
  int widest = 1;
  for (int u = 0; u < model.nodes; ++u)
    widest = std::max(widest, model.choices(u));
  belief.resize(size_t(widest));
  push.resize(size_t(widest));
  outgoing.resize(size_t(widest));
  priced.resize(model.cost.size());
  pricePrefix.assign(size_t(model.times) + 1, 0.0);
  chosen.assign(size_t(model.nodes), 0);
  reprice();
}

void Dual::reprice() {
  roomValue = 0;
  for (int t = 0; t < model.times; ++t) {
    pricePrefix[size_t(t) + 1] = pricePrefix[size_t(t)] + price[size_t(t)];
    roomValue += price[size_t(t)] * double(model.room[size_t(t)]);
  }
  for (int u = 0; u < model.nodes; ++u) {
    double perByte = model.usesMemory(u) ? pricePerByte(u) : 0.0;
    for (int i = model.first[size_t(u)]; i < model.first[size_t(u) + 1]; ++i)
      priced[size_t(i)] = double(model.cost[size_t(i)]) + perByte * double(model.memory[size_t(i)]);
  }
  gathered = priced;
  treeValue = 0;
  for (int u : treeOrder) {
    const double *own = &gathered[size_t(model.first[size_t(u)])];
    if (parentArc[size_t(u)] < 0) {
      treeValue += smallest(own, model.choices(u));
      continue;
    }
    const Arc &arc = model.arcs[size_t(parentArc[size_t(u)])];
    int k = model.choices(arc.neighbour);
    minPlus(own, model.realRowsOf(arc), model.choices(u), k, outgoing.data());
    addTo(&gathered[size_t(model.first[size_t(arc.neighbour)])], outgoing.data(), k);
  }
}

void Dual::pass(bool forward) {
  coreValue = 0;
  for (size_t step = 0; step < core.size(); ++step) {
    int u = core[forward ? step : core.size() - 1 - step];
    int k = model.choices(u), at = rank[size_t(u)], ahead = 0, behind = 0;
    const double *own = &gathered[size_t(model.first[size_t(u)])];
    std::copy(own, own + k, belief.begin());
    // The proposal: cost beside what is chosen behind, messages from what lies ahead.
    std::copy(own, own + k, push.begin());
    for (int a = model.firstArc[size_t(u)]; a < model.firstArc[size_t(u) + 1]; ++a) {
      const Arc &arc = model.arcs[size_t(a)];
      int other = rank[size_t(arc.neighbour)];
      if (other < 0)
        continue;
      const double *in = arc.isU ? toU(arc.edge) : toV(arc.edge);
      addTo(belief.data(), in, k);
      if ((other > at) == forward) {
        ++ahead;
        addTo(push.data(), in, k);
        continue;
      }
      ++behind;
      const Table &table = *model.edges[size_t(arc.edge)].table;
      size_t fixed = size_t(chosen[size_t(arc.neighbour)]);
      const double *row =
          arc.isU ? &table.realByColumn[fixed * size_t(k)] : &table.realByRow[fixed * size_t(k)];
      addTo(push.data(), row, k);
    }
    chosen[size_t(u)] = smallestAt(push.data(), k);
    double share = ahead > 0 ? 1.0 / std::max(ahead, behind) : 0.0;
    for (int a = model.firstArc[size_t(u)]; ahead > 0 && a < model.firstArc[size_t(u) + 1]; ++a) {
      const Arc &arc = model.arcs[size_t(a)];
      int other = rank[size_t(arc.neighbour)];
      if (other < 0 || (other > at) != forward)
        continue;
      double *in = arc.isU ? toU(arc.edge) : toV(arc.edge);
      double *out = arc.isU ? toV(arc.edge) : toU(arc.edge);
      for (int i = 0; i < k; ++i) {
        in[i] -= share * belief[size_t(i)];
        push[size_t(i)] = -in[i];
      }
      minPlus(push.data(), model.realRowsOf(arc), k, model.choices(arc.neighbour), out);
    }
    double kept = 1.0 - share * ahead;
    // Where everything was pushed ahead, nothing but rounding is left.
    if (kept > 1e-9)
      coreValue += kept * smallest(belief.data(), k);
  }
}

double Dual::sweep() {
  pass(true);
  pass(false);
  decodeTrees();
  return treeValue + coreValue - roomValue;
}

void Dual::decodeTrees() {
  for (size_t i = treeOrder.size(); i-- > 0;) {
    int u = treeOrder[i];
    int k = model.choices(u);
    const double *own = &gathered[size_t(model.first[size_t(u)])];
    if (parentArc[size_t(u)] < 0) {
      chosen[size_t(u)] = smallestAt(own, k);
      continue;
    }
    const Arc &arc = model.arcs[size_t(parentArc[size_t(u)])];
    const Table &table = *model.edges[size_t(arc.edge)].table;
    size_t fixed = size_t(chosen[size_t(arc.neighbour)]);
    const double *row =
        arc.isU ? &table.realByColumn[fixed * size_t(k)] : &table.realByRow[fixed * size_t(k)];
    std::copy(own, own + k, push.begin());
    addTo(push.data(), row, k);
    chosen[size_t(u)] = smallestAt(push.data(), k);
  }
}

Potentials Dual::potentials() const {
  Potentials result;
  int bits = std::ilogb(model.forbidden) + 1;
  result.fraction = std::clamp(52 - bits, 0, 20);
  const double unit = std::ldexp(1.0, result.fraction);
  constexpr int64_t kLargest = int64_t(1) << 58;
  bool fits = true;
  auto narrow = [&](Total value) {
    fits &= value < kLargest && value > -kLargest;
    return fits ? int64_t(value) : int64_t(0);
  };
  // Prices are often far below one unit per byte, so they get 20 more bits.
  std::vector<Total> prefix(size_t(model.times) + 1, 0);
  Total roomTotal = 0;
  for (int t = 0; t < model.times; ++t) {
    double p = std::min(std::max(price[size_t(t)], 0.0), 1e9);
    Total fixed = Total(std::ldexp(p, result.fraction + 20));
    prefix[size_t(t) + 1] = prefix[size_t(t)] + fixed;
    roomTotal += fixed * model.room[size_t(t)];
  }
  constexpr Total kBelowOne = (Total(1) << 20) - 1;
  result.constant = -((roomTotal + kBelowOne) >> 20);
  result.node.resize(model.cost.size());
  for (int u = 0; u < model.nodes; ++u) {
    Total perByte = 0;
    if (model.usesMemory(u))
      perByte = prefix[size_t(model.end[size_t(u)])] - prefix[size_t(model.begin[size_t(u)])];
    for (int i = model.first[size_t(u)]; i < model.first[size_t(u) + 1]; ++i)
      // A priced memory too large for the numbers is taken smaller, which keeps the inequality.
      result.node[size_t(i)] = int64_t(std::min((Total(model.cost[size_t(i)]) << result.fraction) +
                                                    ((perByte * model.memory[size_t(i)]) >> 20),
                                                Total(kLargest / 4)));
  }
  result.messageAt.resize(model.edges.size());
  size_t size = 0;
  for (size_t e = 0; e < model.edges.size(); ++e) {
    result.messageAt[e] = size;
    size += size_t(model.edges[e].table->rows + model.edges[e].table->columns);
  }
  result.message.assign(size, 0);
  for (int u : treeOrder) {
    if (parentArc[size_t(u)] < 0)
      continue;
    const Arc &arc = model.arcs[size_t(parentArc[size_t(u)])];
    int k = model.choices(u), columns = model.choices(arc.neighbour);
    int64_t *own = &result.node[size_t(model.first[size_t(u)])];
    int64_t *into = &result.node[size_t(model.first[size_t(arc.neighbour)])];
    int64_t *m = &result.message[result.messageAt[size_t(arc.edge)]];
    int64_t *down = arc.isU ? m : m + columns, *up = arc.isU ? m + k : m;
    for (int i = 0; i < k; ++i)
      down[i] = -own[i];
    for (int j = 0; j < columns; ++j) {
      Total least = kLargest;
      for (int i = 0; i < k; ++i)
        if (int64_t c = model.pairCost(arc, i, j); c < kInfinity)
          least = std::min(least, own[i] + (Total(c) << result.fraction));
      up[j] = narrow(least);
      into[j] = narrow(Total(into[j]) + up[j]);
    }
    std::fill(own, own + k, 0);
  }
  for (size_t e = 0; e < model.edges.size(); ++e) {
    const ModelEdge &edge = model.edges[e];
    if (rank[size_t(edge.u)] < 0 || rank[size_t(edge.v)] < 0)
      continue;
    auto take = [&](const double *from, int count, int64_t *to, int node) {
      for (int i = 0; i < count; ++i) {
        double m = from[i] * unit;
        to[i] = std::isfinite(m) ? std::llround(std::clamp(m, -0x1p57, 0x1p57)) : 0;
        int64_t &sum = result.node[size_t(model.first[size_t(node)] + i)];
        sum = narrow(Total(sum) + to[i]);
      }
    };
    int64_t *m = &result.message[result.messageAt[e]];
    take(toU(int(e)), edge.table->rows, m, edge.u);
    take(toV(int(e)), edge.table->columns, m + edge.table->rows, edge.v);
  }
  result.least.assign(model.edges.size(), 0);
  for (size_t e = 0; e < model.edges.size(); ++e) {
    const Table &table = *model.edges[e].table;
    const int64_t *m = &result.message[result.messageAt[e]];
    const int64_t *entry = table.byRow.data();
    Total least = Total(1) << 100;
    for (int i = 0; i < table.rows; ++i)
      for (int j = 0; j < table.columns; ++j, ++entry)
        if (*entry < kInfinity)
          least = std::min(least, (Total(*entry) << result.fraction) - m[i] - m[table.rows + j]);
    result.least[e] = narrow(least);
    result.constant += result.least[e];
  }
  result.valid = fits;
  return result;
}

Total Dual::certify() const {
  Potentials potential = potentials();
  if (!potential.valid)
    return 0;
  Total value = potential.constant;
  for (int u = 0; u < model.nodes; ++u)
    value += *std::min_element(potential.node.begin() + model.first[size_t(u)],
                               potential.node.begin() + model.first[size_t(u) + 1]);
  Total one = Total(1) << potential.fraction;
  return value > 0 ? (value + one - 1) >> potential.fraction : Total(0);
}

} // namespace ampc::search
