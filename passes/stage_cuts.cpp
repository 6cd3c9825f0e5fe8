// Cuts of the operators' order into stages.
#include "passes/stage_cuts.h"

#include <algorithm>
#include <cmath>

namespace ampc {

/// Views and outputs stay with what they read, so that no stage is without work.
static bool staysWithProducer(const GraphOp &op) { return op.isView || op.isOutput; }

/// Outputs are written by the stage that has their value.
static void placeOutputs(const Graph &graph, std::vector<int> &stageOf) {
  for (size_t k = 0; k < graph.ops.size(); ++k)
    if (graph.ops[k].isOutput)
      stageOf[k] = graph.ops[k].sources[0].op < 0 ? 0 : stageOf[size_t(graph.ops[k].sources[0].op)];
}

int numStagesOf(const std::vector<int> &stageOf) {
  return stageOf.empty() ? 1 : *std::max_element(stageOf.begin(), stageOf.end()) + 1;
}

std::vector<int> randomStages(const Graph &graph, int stages, std::mt19937_64 &random) {
  size_t count = graph.ops.size();
  std::vector<int> stageOf(count, 0);
  if (stages == 1)
    return stageOf;
  std::vector<double> weight(count);
  double total = 1e-30;
  for (size_t k = 0; k < count; ++k) {
    weight[k] = std::uniform_real_distribution<double>(0, 1)(random);
    if (staysWithProducer(graph.ops[k]))
      weight[k] = 0;
    total += weight[k];
  }
  double sum = 0;
  int last = -1;
  for (size_t k = 0; k < count; ++k) {
    if (!staysWithProducer(graph.ops[k]))
      last = std::min({stages - 1, int((sum + weight[k] / 2) / total * stages), last + 1});
    stageOf[k] = std::max(last, 0);
    sum += weight[k];
  }
  placeOutputs(graph, stageOf);
  return stageOf;
}

namespace {

/// More places than this to cut at are thinned out.
constexpr size_t maxCuts = 256;

class Cutter {
public:
  Cutter(const Graph &graph, const ValueLifetimes &lifetimes, const StageCosts &costs, int64_t limitBytes)
      : graph(graph), costs(costs), lastReader(lifetimes.lastReader), limitBytes(limitBytes) {
    for (size_t k = 0; k < graph.ops.size(); ++k)
      for (const GraphSource &source : graph.ops[k].sources)
        if (source.op >= 0)
          reads.push_back({int(k), source.op});
  }
  std::vector<int> run(int stages);

private:
  /// Of a stage: how much it misses of its memory, then its time; of a plan: the worst of both, then all transfers.
  struct Cost {
    double missingBytes = 0, seconds = 0, transferSeconds = 0;
    bool operator<(const Cost &other) const {
      return std::tie(missingBytes, seconds, transferSeconds) <
             std::tie(other.missingBytes, other.seconds, other.transferSeconds);
    }
  };
  void choosePlaces();
  /// Costs of the stages that begin at places[first]: by the index of the place where they end.
  std::vector<Cost> stagesFrom(size_t first) const;

  const Graph &graph;
  const StageCosts &costs;
  const std::vector<int> &lastReader;
  int64_t limitBytes;
  std::vector<std::pair<int, int>> reads; // reader, producer
  std::vector<int> places;                // operators before which a stage may begin; then the end
};

} // namespace

/// Every operator with a kernel, or of several neighbours the one with the least to transfer.
void Cutter::choosePlaces() {
  int count = int(graph.ops.size());
  std::vector<double> crossing(size_t(count) + 1, 0);
  for (int k = 0; k < count; ++k)
    if (lastReader[size_t(k)] > k) {
      crossing[size_t(k) + 1] += costs.transferSeconds[size_t(k)];
      crossing[size_t(lastReader[size_t(k)]) + 1 > size_t(count) ? size_t(count) : size_t(lastReader[size_t(k)]) + 1] -=
          costs.transferSeconds[size_t(k)];
    }
  std::vector<int> all;
  double sum = 0;
  for (int k = 0; k < count; ++k) {
    sum += crossing[size_t(k)];
    crossing[size_t(k)] = sum;
    if (!staysWithProducer(graph.ops[size_t(k)]))
      all.push_back(k);
  }
  size_t width = (all.size() + maxCuts - 1) / maxCuts;
  for (size_t begin = 0; begin < all.size(); begin += width) {
    auto first = all.begin() + long(begin), last = all.begin() + long(std::min(begin + width, all.size()));
    places.push_back(begin == 0 ? all[0] : *std::min_element(first, last, [&](int a, int b) {
      return crossing[size_t(a)] < crossing[size_t(b)];
    }));
  }
  if (!places.empty())
    places[0] = 0;
  places.push_back(count);
}

std::vector<Cutter::Cost> Cutter::stagesFrom(size_t first) const {
  std::vector<Cost> result(places.size());
  double seconds = 0, received = 0, sent = 0;
  int64_t weightBytes = 0, liveBytes = 0;
  std::vector<char> isReceived(graph.ops.size(), 0);
  std::vector<std::vector<int>> endsAt(graph.ops.size() + 1); // values made here, by last reader
  size_t read = size_t(std::lower_bound(reads.begin(), reads.end(), std::pair(places[first], -1)) - reads.begin());
  for (size_t end = first + 1; end < places.size(); ++end) {
    for (int k = places[end - 1]; k < places[end]; ++k) {
      seconds += costs.seconds[size_t(k)];
      weightBytes += costs.weightBytes[size_t(k)];
      liveBytes = std::max(liveBytes, costs.liveBytes[size_t(k)]);
      for (; read < reads.size() && reads[read].first == k; ++read) {
        int producer = reads[read].second;
        if (producer < places[first] && !isReceived[size_t(producer)] && !graph.ops[size_t(k)].isOutput) {
          isReceived[size_t(producer)] = 1;
          received += costs.transferSeconds[size_t(producer)];
        }
      }
      // Sent if its last reader is not in the stage.
      if (lastReader[size_t(k)] > k && !graph.ops[size_t(k)].isOutput) {
        sent += costs.transferSeconds[size_t(k)];
        endsAt[size_t(lastReader[size_t(k)])].push_back(k);
      }
      for (int value : endsAt[size_t(k)])
        sent -= costs.transferSeconds[size_t(value)];
    }
    double missing = limitBytes ? std::max(0.0, double(weightBytes + liveBytes - limitBytes)) : 0;
    result[end] = {missing, seconds + received + sent, received};
  }
  return result;
}

std::vector<int> Cutter::run(int stages) {
  choosePlaces();
  size_t count = places.size();
  stages = std::min<int>(stages, int(count) - 1);
  const Cost never{INFINITY, INFINITY, INFINITY};
  // best[s][j]: the first s stages end before places[j].
  std::vector<std::vector<Cost>> best(size_t(stages) + 1, std::vector<Cost>(count, never));
  std::vector<std::vector<size_t>> from(size_t(stages) + 1, std::vector<size_t>(count, 0));
  best[0][0] = {};
  for (size_t i = 0; i + 1 < count; ++i) {
    std::vector<Cost> own = stagesFrom(i);
    for (int s = 0; s < stages; ++s) {
      const Cost &before = best[size_t(s)][i];
      if (!(before < never))
        continue;
      for (size_t j = i + 1; j < count; ++j) {
        Cost together{std::max(before.missingBytes, own[j].missingBytes), std::max(before.seconds, own[j].seconds),
                      before.transferSeconds + own[j].transferSeconds};
        if (together < best[size_t(s) + 1][j]) {
          best[size_t(s) + 1][j] = together;
          from[size_t(s) + 1][j] = i;
        }
      }
    }
  }
  std::vector<int> stageOf(graph.ops.size(), 0);
  size_t end = count - 1;
  for (int s = stages; s > 0; --s) {
    size_t begin = from[size_t(s)][end];
    std::fill(stageOf.begin() + places[begin], stageOf.begin() + places[end], s - 1);
    end = begin;
  }
  placeOutputs(graph, stageOf);
  return stageOf;
}

std::vector<int> bestStages(const Graph &graph, const ValueLifetimes &lifetimes, const StageCosts &costs, int stages,
                            int64_t limitBytes) {
  bool hasWork = std::any_of(graph.ops.begin(), graph.ops.end(), [](const GraphOp &op) { return !staysWithProducer(op); });
  if (stages <= 1 || !hasWork)
    return std::vector<int>(graph.ops.size(), 0);
  return Cutter(graph, lifetimes, costs, limitBytes).run(stages);
}

} // namespace ampc
