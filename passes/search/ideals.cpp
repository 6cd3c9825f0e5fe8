// Enumeration of ideals and the dynamic programme over chains of them.
#include "ideals.h"

#include <algorithm>
#include <numeric>

namespace ampc::search {

Ideals::Ideals(const PlacementItems &items)
    : items(items), words(size_t(items.count + 63) / 64 + (items.count == 0)) {
  buckets.assign(1 << 12, -1);
}

size_t Ideals::add(const std::vector<uint64_t> &set) {
  uint64_t hash = 0x9E3779B97F4A7C15ull;
  for (uint64_t w : set) {
    hash = (hash ^ w) * 0xFF51AFD7ED558CCDull;
    hash ^= hash >> 31;
  }
  if ((size() + 1) * 2 > buckets.size())
    rehash();
  size_t at = hash & (buckets.size() - 1);
  while (buckets[at] >= 0) {
    if (std::equal(set.begin(), set.end(), row(size_t(buckets[at]))))
      return size_t(buckets[at]);
    at = (at + 1) & (buckets.size() - 1);
  }
  size_t index = size();
  buckets[at] = int64_t(index);
  hashes.push_back(hash);
  bits.insert(bits.end(), set.begin(), set.end());
  double a = 0, c = 0, m = 0;
  int unsupported = 0, members = 0;
  for (int i = 0; i < items.count; ++i)
    if (set[size_t(i) / 64] >> (i % 64) & 1) {
      a += items.acceleratorTime[size_t(i)];
      c += items.cpuTime[size_t(i)];
      m += items.bytes[size_t(i)];
      unsupported += !items.onAccelerator[size_t(i)];
      ++members;
    }
  acc.push_back(a);
  cpu.push_back(c);
  bytes.push_back(m);
  cpuOnly.push_back(unsupported);
  count.push_back(members);
  return index;
}

bool Ideals::enumerate(size_t limit, const std::function<bool()> &stop) {
  std::vector<uint64_t> set(words, 0);
  add(set);
  for (size_t i = 0; i < size(); ++i) {
    if (size() > limit || ((i & 15) == 0 && stop && stop()))
      return false;
    set.assign(row(i), row(i) + words);
    for (int v = 0; v < items.count && size() <= limit; ++v)
      if (!(set[size_t(v) / 64] >> (v % 64) & 1) && closedWith(set, v)) {
        set[size_t(v) / 64] |= uint64_t(1) << (v % 64);
        add(set);
        set[size_t(v) / 64] &= ~(uint64_t(1) << (v % 64));
      }
  }
  return true;
}

bool Ideals::closedWith(const std::vector<uint64_t> &set, int v) const {
  for (int p : items.predecessors[size_t(v)])
    if (!(set[size_t(p) / 64] >> (p % 64) & 1))
      return false;
  return true;
}

void Ideals::clear() {
  acc = {}, cpu = {}, bytes = {};
  cpuOnly = {}, count = {}, crossing = {};
  crossed = {}, bits = {}, hashes = {};
  firstCrossing = {};
  buckets.assign(1 << 12, -1);
  buckets.shrink_to_fit();
}

void Ideals::rehash() {
  buckets.assign(buckets.size() * 4, -1);
  for (size_t i = 0; i < size(); ++i) {
    size_t at = hashes[i] & (buckets.size() - 1);
    while (buckets[at] >= 0)
      at = (at + 1) & (buckets.size() - 1);
    buckets[at] = int64_t(i);
  }
}

bool Ideals::arrange(const std::function<bool()> &stop) {
  size_t n = size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (acc[a] != acc[b])
      return acc[a] < acc[b];
    return count[a] != count[b] ? count[a] < count[b] : a < b;
  });
  auto permute = [&](auto &values) {
    auto old = values;
    for (size_t i = 0; i < n; ++i)
      values[i] = old[order[i]];
  };
  permute(acc);
  permute(cpu);
  permute(bytes);
  permute(cpuOnly);
  permute(count);
  permute(hashes);
  std::vector<uint64_t> old = bits;
  for (size_t i = 0; i < n; ++i)
    std::copy_n(&old[order[i] * words], words, &bits[i * words]);
  buckets.clear(); // positions are no longer those of the table
  size_t values = items.values.size();
  valueWords = values / 64 + 1;
  crossed.assign(n * valueWords, 0);
  firstCrossing.assign(1, 0);
  for (size_t i = 0; i < n; ++i) {
    if ((i & 15) == 0 && stop && stop())
      return false;
    for (size_t v = 0; v < values; ++v) {
      const PlacementValue &value = items.values[v];
      bool inside = has(i, value.producer), crosses = false;
      for (size_t c = 0; c < value.consumers.size() && !crosses; ++c)
        crosses = has(i, value.consumers[c]) != inside;
      if (crosses) {
        crossed[i * valueWords + v / 64] |= uint64_t(1) << (v % 64);
        crossing.push_back(int(v));
      }
    }
    firstCrossing.push_back(crossing.size());
  }
  return true;
}

namespace {

class ChainSearch {
public:
  ChainSearch(const PlacementProblem &problem, const Ideals &ideals, double below,
              const std::function<bool()> &stopped)
      : problem(problem), items(ideals.items), ideals(ideals),
        accelerators(usefulAccelerators(problem, items)), cpus(usefulCpus(problem, items)), below(below),
        stopped(stopped) {}

  /// The best chain through the ideals with a largest load under `below`; `complete` false when stopped.
  Chain run(bool &complete) {
    size_t n = ideals.size();
    int states = (accelerators + 1) * (cpus + 1);
    best.assign(n * size_t(states), kNever);
    previous.assign(n * size_t(states), -1);
    const size_t full = n - 1, empty = 0;
    best[empty * size_t(states)] = 0;
    double total = ideals.acc[full], ratio = 0;
    for (int i = 0; i < items.count; ++i)
      if (items.acceleratorTime[size_t(i)] > 0)
        ratio = std::max(ratio, items.cpuTime[size_t(i)] > 0
                                    ? items.acceleratorTime[size_t(i)] / items.cpuTime[size_t(i)]
                                    : kNever);
    complete = true;
    int across = cpus + 1;
    // What crosses an ideal is paid for behind it at least once, unless a CPU is left.
    std::vector<double> crossing(n, 0.0);
    for (size_t i = 0; i < n; ++i)
      for (size_t c = ideals.firstCrossing[i]; c < ideals.firstCrossing[i + 1]; ++c)
        crossing[i] += items.values[size_t(ideals.crossing[c])].cost;
    for (size_t low = 0; low < n; ++low) {
      if (((low & 15) == 0 || items.count > 1000) && stopped && stopped()) {
        complete = false;
        break;
      }
      double least = kNever, needed = kNever;
      double *have = &best[low * size_t(states)];
      for (int s = 0; s < states; ++s) {
        // What is left must fit the devices that are left.
        int a = accelerators - s / across, c = cpus - s % across;
        double left = total - ideals.acc[low] + (c == 0 ? crossing[low] : 0.0);
        if (have[s] < kNever && left > room(a, c, ratio) * (1 + 1e-12) + 1e-9 * total)
          have[s] = kNever;
        least = std::min(least, have[s]);
        // One device more must get so far that the others can do the rest.
        if (have[s] < below)
          needed =
              std::min(needed, total - std::max(room(a - 1, c, ratio), room(a, c - 1, ratio)) * (1 + 1e-12));
      }
      if (!(least < below))
        continue;
      const uint64_t *lowRow = ideals.row(low);
      size_t from =
          size_t(std::lower_bound(ideals.acc.begin(), ideals.acc.end(), needed) - ideals.acc.begin());
      for (size_t high = std::max(low + 1, from); high < n; ++high) {
        double accelerated = ideals.acc[high] - ideals.acc[low], onCpu = ideals.cpu[high] - ideals.cpu[low];
        if (accelerated >= below && (cpus == 0 || (ratio > 0 && accelerated / ratio >= below)))
          break;
        bool canCpu = cpus > 0 && onCpu < below;
        bool canAccelerate =
            accelerated < below && accelerators > 0 && ideals.cpuOnly[high] == ideals.cpuOnly[low] &&
            (problem.bytesPerAccelerator <= 0 ||
             ideals.bytes[high] - ideals.bytes[low] <= problem.bytesPerAccelerator * (1 + 1e-12));
        if (!canCpu && !canAccelerate)
          continue;
        const uint64_t *highRow = ideals.row(high);
        bool subset = true;
        for (size_t w = 0; w < ideals.words && subset; ++w)
          subset = (lowRow[w] & ~highRow[w]) == 0;
        if (!subset)
          continue;
        double load = canAccelerate ? accelerated + transfers(low, high, below - accelerated) : kNever;
        canAccelerate = load < below;
        if (!canCpu && !canAccelerate)
          continue;
        double *into = &best[high * size_t(states)];
        for (int s = 0; s < states; ++s) {
          if (!(have[s] < below))
            continue;
          if (canAccelerate && s / across < accelerators)
            relax(into, high, s + across, std::max(have[s], load), low, s);
          if (canCpu && s % across < cpus)
            relax(into, high, s + 1, std::max(have[s], onCpu), low, s);
        }
      }
    }
    return trace(full, empty, states);
  }

private:
  /// Accelerator time that so many devices can take under the limit.
  double room(int a, int c, double ratio) const {
    if (a < 0 || c < 0)
      return -kNever;
    double devices = double(a) + (c > 0 && ratio > 0 ? double(c) * ratio : 0.0);
    return devices > 0 ? devices * below : 0.0; // the limit may be infinite
  }

  void relax(double *into, size_t high, int state, double load, size_t low, int fromState) {
    if (load >= into[state] || load >= below)
      return;
    into[state] = load;
    int states = (accelerators + 1) * (cpus + 1);
    previous[high * size_t(states) + size_t(state)] = int64_t(low) * states + fromState;
  }

  Chain trace(size_t full, size_t empty, int states) {
    Chain chain;
    int state = -1;
    for (int s = 0; s < states; ++s)
      if (best[full * size_t(states) + size_t(s)] < chain.maxLoad) {
        chain.maxLoad = best[full * size_t(states) + size_t(s)];
        state = s;
      }
    if (state < 0)
      return chain;
    size_t at = full;
    while (true) {
      chain.ideals.insert(chain.ideals.begin(), {ideals.row(at), ideals.row(at) + ideals.words});
      int64_t before = previous[at * size_t(states) + size_t(state)];
      if (at == empty || before < 0)
        break;
      int stateBefore = int(before % states);
      chain.onCpu.insert(chain.onCpu.begin(), state - stateBefore == 1 && cpus > 0);
      at = size_t(before / states);
      state = stateBefore;
    }
    return chain;
  }

  /// Transfer time of the difference high \ low; may stop early above `enough`.
  double transfers(size_t low, size_t high, double enough) const {
    const uint64_t *lowRow = ideals.row(low), *highRow = ideals.row(high);
    auto within = [&](int item) { return ((highRow[item / 64] & ~lowRow[item / 64]) >> (item % 64)) & 1; };
    double sum = 0;
    auto consider = [&](const PlacementValue &value) {
      bool own = within(value.producer);
      for (int c : value.consumers)
        if (bool(within(c)) != own) {
          sum += value.cost;
          return;
        }
    };
    for (size_t i = ideals.firstCrossing[high]; i < ideals.firstCrossing[high + 1] && sum < enough; ++i)
      consider(items.values[size_t(ideals.crossing[i])]);
    const uint64_t *done = &ideals.crossed[high * ideals.valueWords];
    for (size_t i = ideals.firstCrossing[low]; i < ideals.firstCrossing[low + 1] && sum < enough; ++i) {
      int v = ideals.crossing[i];
      if (!(done[v / 64] >> (v % 64) & 1))
        consider(items.values[size_t(v)]);
    }
    return sum;
  }

  const PlacementProblem &problem;
  const PlacementItems &items;
  const Ideals &ideals;
  const int accelerators, cpus;
  const double below;
  const std::function<bool()> &stopped;
  std::vector<double> best;
  std::vector<int64_t> previous;
};

} // namespace

Chain bestChain(const PlacementProblem &problem, const Ideals &ideals, double below,
                const std::function<bool()> &stop, bool &complete) {
  return ChainSearch(problem, ideals, below, stop).run(complete);
}

} // namespace ampc::search
