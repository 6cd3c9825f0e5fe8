// Contiguous placement: exact over all ideals where they can be listed, else over families of ideals around
// the best chain. Non-contiguous placement starts from that and moves items.
#include "cheap_cuts.h"
#include "ideals.h"
#include "packing.h"
#include "random.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

namespace ampc::search {

namespace {

/// Ideals are listed only so many that the table of (ideal, devices used) stays within this.
constexpr size_t kTableBytes = size_t(1) << 30;
/// And so many that they themselves stay within this.
constexpr size_t kIdealBytes = size_t(1) << 30;
/// Prefixes of one topological order that a first chain may cut at.
constexpr size_t kMostPrefixes = 3000;
/// Families of ideals with more members (over all ideals) than this are made smaller: graphs of very many items.
constexpr size_t kFamilyMembers = 20'000'000;
/// Ideals listed around each cut of the best chain.
constexpr size_t kFamily = 1500;
/// Cuts listed below a limit close to the bound, and decisions per cut that the listing may take.
constexpr size_t kMostCuts = 200'000;
constexpr int64_t kStepsPerIdeal = 200;
/// The bound is no longer raised in steps smaller than this; a smaller gap counts as none.
constexpr double kLeastStep = 1e-4, kClosed = 1e-12;

using Set = std::vector<uint64_t>;

class Placer {
public:
  Placer(const PlacementProblem &problem, const PlacementOptions &options)
      : problem(problem), settings(options), begin(std::chrono::steady_clock::now()),
        items(placementItems(problem, true)), ideals(items) {
    stop = [this] {
      return (settings.cancel && settings.cancel->load(std::memory_order_relaxed)) ||
             (settings.timeLimitSeconds > 0 && seconds() >= settings.timeLimitSeconds);
    };
  }

  PlacementSolution run() {
    PlacementSolution solution;
    bound = placementLoadBound(problem, items);
    bool complete = false;
    Chain chain = contiguous(complete);
    solution.ideals = looked;
    solution.bound = bound;
    if (!chain.exists()) {
      solution.provenInfeasible = complete && !settings.nonContiguous;
      solution.reason =
          complete ? "no contiguous chain of the devices holds all nodes: a part must fit the memory of "
                     "an accelerator, and nodes that need a CPU must find one"
                   : "no placement was found within the time limit";
    } else {
      place(chain, solution);
      if (complete && !settings.nonContiguous)
        solution.bound = solution.maxLoad;
    }
    if (settings.nonContiguous)
      moveFreely(solution);
    solution.bound = std::min(solution.bound, solution.feasible ? solution.maxLoad : solution.bound);
    solution.seconds = seconds();
    return solution;
  }

private:
  double seconds() const {
    std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    return passed.count() + settings.elapsedSeconds;
  }

  static void insert(Set &set, int item) { set[size_t(item) / 64] |= uint64_t(1) << (item % 64); }
  static void erase(Set &set, int item) { set[size_t(item) / 64] &= ~(uint64_t(1) << (item % 64)); }
  static bool contains(const Set &set, int item) { return set[size_t(item) / 64] >> (item % 64) & 1; }

  /// Prefixes of a topological order: `depthFirst` finishes branches before it starts others.
  void addPrefixes(Ideals &family, bool depthFirst, bool reversed) {
    const auto &before = reversed ? items.successors : items.predecessors;
    const auto &after = reversed ? items.predecessors : items.successors;
    std::vector<int> missing(static_cast<size_t>(items.count)), ready, order;
    for (int i = items.count; i-- > 0;) {
      missing[size_t(i)] = int(before[size_t(i)].size());
      if (missing[size_t(i)] == 0)
        ready.push_back(i);
    }
    for (size_t head = 0; order.size() < size_t(items.count);) {
      int item = depthFirst ? ready.back() : ready[head++];
      if (depthFirst)
        ready.pop_back();
      order.push_back(item);
      for (int next : after[size_t(item)])
        if (--missing[size_t(next)] == 0)
          ready.push_back(next);
    }
    if (reversed)
      std::reverse(order.begin(), order.end());
    Set set(ideals.words, 0);
    family.add(set);
    const size_t stride = order.size() / sized(kMostPrefixes) + 1;
    for (size_t i = 0; i < order.size(); ++i) {
      insert(set, order[i]);
      if ((i + 1) % stride == 0 || i + 1 == order.size())
        family.add(set);
    }
  }

  /// `most` ideals, or fewer where each has very many members.
  size_t sized(size_t most, size_t members = kFamilyMembers) const {
    return std::clamp(members / size_t(items.count + 1), std::min<size_t>(most, 50), most);
  }

  /// How many ideals fit the memory allowed for them, with what Ideals::arrange() adds.
  size_t affordable(size_t most) const {
    size_t each = ideals.words * 16 + items.values.size() / 8 + 4 * std::min<size_t>(items.values.size(), 512) + 64;
    return std::min(most, kIdealBytes / each);
  }

  /// Ideals that differ from `start` by few items, nearest first.
  void addAround(Ideals &family, const Set &start) {
    Ideals near(items);
    near.add(start);
    Set set;
    for (size_t i = 0; i < near.size() && near.size() < sized(kFamily) && !stop(); ++i) {
      set.assign(near.row(i), near.row(i) + near.words);
      // Twice the family, so that a wide border does not decide it alone.
      for (int v = 0; v < items.count && near.size() < 2 * sized(kFamily); ++v) {
        bool inside = contains(set, v), border = true;
        if (inside)
          for (int next : items.successors[size_t(v)])
            border &= !contains(set, next);
        else
          border = near.closedWith(set, v);
        if (!border)
          continue;
        inside ? erase(set, v) : insert(set, v);
        near.add(set);
        inside ? insert(set, v) : erase(set, v);
      }
    }
    for (size_t i = 0; i < near.size(); ++i)
      family.add(Set(near.row(i), near.row(i) + near.words));
  }

  /// Better chains through families of ideals around the cuts of the best one, until that ends.
  void improveLocally(Chain &best) {
    bool done = false;
    while (best.exists() && !stop()) {
      Ideals family(items);
      for (const Set &cut : best.ideals)
        addAround(family, cut);
      if (!family.arrange(stop))
        return;
      Chain better = bestChain(problem, family, best.maxLoad * (1 - 1e-9), stop, done);
      if (!better.exists())
        return;
      best = better;
    }
  }

  /// A family of cuts that cross little, as many as `most` allows, and the best chain through it.
  void improveByCheapCuts(Chain &best, size_t most) {
    double low = 0, high = 0;
    for (const PlacementValue &value : items.values)
      high += value.cost;
    std::unique_ptr<Ideals> family;
    CutLimits limits;
    limits.below = best.maxLoad;
    limits.mostIdeals = most;
    limits.mostSteps = int64_t(most) * (kStepsPerIdeal / 4);
    limits.mostCrossing = high;
    for (int attempt = 0; attempt < 12 && !stop(); ++attempt) {
      auto listed = std::make_unique<Ideals>(items);
      bool all = listCuts(problem, limits, stop, *listed);
      if (all)
        family = std::move(listed);
      if (all && attempt == 0)
        break;
      (all ? low : high) = limits.mostCrossing;
      limits.mostCrossing = 0.5 * (low + high);
    }
    if (!family)
      return;
    if (!family->arrange(stop))
      return;
    bool done = false;
    Chain better = bestChain(problem, *family, best.maxLoad * (1 - 1e-9), stop, done);
    if (better.exists())
      best = better;
  }

  /// Too many ideals to list. For a limit close to the bound the cuts of every chain below it can often be
  /// listed, because what crosses them and what stays idle must fit in so little room. Nothing below a limit
  /// raises the bound; something is the optimum. True when proven.
  bool closeIn(Chain &best) {
    // The list was for counting; what is looked at from here on is others.
    ideals.clear();
    size_t states = size_t(usefulAccelerators(problem, items) + 1) * size_t(usefulCpus(problem, items) + 1);
    const size_t mostCuts = std::min(affordable(sized(kMostCuts, 10 * kFamilyMembers)), kTableBytes / (16 * states));
    size_t most = sized(kFamily) * 8;
    double step = 0.005;
    // No load reaches this: when nothing is below it, there is no chain at all.
    double beyondAll = 1;
    for (int i = 0; i < items.count; ++i)
      beyondAll += items.acceleratorTime[size_t(i)] + items.cpuTime[size_t(i)];
    for (const PlacementValue &value : items.values)
      beyondAll += 2 * value.cost;
    while (!stop()) {
      if (best.exists() && bound >= best.maxLoad * (1 - kClosed))
        return true;
      bool progress = false, cheap = false;
      if (step > kLeastStep) {
        CutLimits limits;
        limits.below = bound * (1 + step);
        limits.below = std::min(limits.below, best.exists() ? best.maxLoad : beyondAll);
        limits.mostIdeals = mostCuts;
        limits.mostSteps = int64_t(kMostCuts) * kStepsPerIdeal;
        Ideals family(items);
        if (bound > 0 && listCuts(problem, limits, stop, family)) {
          looked += int64_t(family.size());
          if (!family.arrange(stop))
            return false;
          bool done = false;
          Chain better = bestChain(problem, family, limits.below, stop, done);
          if (better.exists())
            best = better;
          if (!done)
            return false;
          if (better.exists()) {
            bound = best.maxLoad;
            return true;
          }
          bound = limits.below;
          if (bound >= beyondAll)
            return true;
          step *= 2;
          // Raising the bound costs little for now.
          cheap = family.size() < sized(kFamily) * 8 && most > sized(kFamily) * 8;
        } else {
          step /= 4;
        }
        progress = true;
      }
      if (most <= mostCuts && !cheap) {
        double before = best.maxLoad;
        improveByCheapCuts(best, most);
        if (best.maxLoad < before)
          improveLocally(best);
        most *= 2;
        progress = true;
      }
      if (!progress)
        return false;
    }
    return false;
  }

  Chain contiguous(bool &complete) {
    complete = false;
    Chain best;
    bool done = false;
    {
      Ideals simple(items);
      addPrefixes(simple, false, false);
      addPrefixes(simple, true, false);
      addPrefixes(simple, true, true);
      simple.arrange();
      best = bestChain(problem, simple, kNever, stop, done);
    }
    size_t states = size_t(usefulAccelerators(problem, items) + 1) * size_t(usefulCpus(problem, items) + 1);
    const size_t most = affordable(sized(settings.mostIdeals, 50 * kFamilyMembers));
    bool all = ideals.enumerate(std::min(most, kTableBytes / (16 * states)), stop);
    looked = int64_t(ideals.size());
    // A good chain first: whatever is proven below is proven the faster the closer the limit.
    if (!all || ideals.size() > kFamily)
      improveLocally(best);
    if (!all) {
      complete = closeIn(best);
      return best;
    }
    if (!ideals.arrange(stop))
      return best;
    // Nothing under a limit: that raises the bound; something: that is the optimum. Low limits leave few
    // chains.
    for (double step = ideals.size() > kFamily ? 0.005 : kNever; !complete; step *= 2) {
      double limit = std::min(best.maxLoad, bound * (1 + step));
      if (!(limit > 0) || !best.exists())
        limit = best.maxLoad;
      Chain better = bestChain(problem, ideals, limit, stop, done);
      if (!done) {
        if (better.exists() && better.maxLoad < best.maxLoad)
          best = better;
        break;
      }
      bound = std::max(bound, std::min(limit, best.maxLoad));
      complete = better.exists() || limit >= best.maxLoad;
      if (better.exists())
        best = better;
    }
    return best;
  }

  void place(const Chain &chain, PlacementSolution &solution) {
    std::vector<int> deviceOf(size_t(items.count), 0);
    int accelerator = 0, cpu = problem.accelerators;
    for (size_t d = 0; d + 1 < chain.ideals.size(); ++d) {
      int device = chain.onCpu[d] ? cpu++ : accelerator++;
      for (int i = 0; i < items.count; ++i)
        if (contains(chain.ideals[d + 1], i) && !contains(chain.ideals[d], i))
          deviceOf[size_t(i)] = device;
    }
    take(items, deviceOf, false, solution);
  }

  void take(const PlacementItems &of, const std::vector<int> &deviceOf, bool free,
            PlacementSolution &solution) {
    std::vector<int> device(problem.nodes.size());
    for (size_t v = 0; v < device.size(); ++v)
      device[v] = deviceOf[size_t(of.itemOf[v])];
    PlacementVerification verified = verifyPlacement(problem, device, free);
    if (!verified.violation.empty() || (solution.feasible && verified.maxLoad >= solution.maxLoad))
      return;
    solution.feasible = true;
    solution.maxLoad = verified.maxLoad;
    solution.device = std::move(device);
  }

  void moveFreely(PlacementSolution &solution);
  void improveFreely(const PlacementItems &loose, PlacementSolution &solution);

  const PlacementProblem &problem;
  const PlacementOptions &settings;
  std::chrono::steady_clock::time_point begin;
  std::function<bool()> stop;
  PlacementItems items;
  Ideals ideals;
  double bound = 0;
  int64_t looked = 0; ///< ideals
};

/// Loads of all devices under moves of single items.
class FreeLoads {
public:
  FreeLoads(const PlacementProblem &problem, const PlacementItems &items, std::vector<int> start)
      : problem(problem), items(items), device(std::move(start)), touching(static_cast<size_t>(items.count)) {
    for (size_t v = 0; v < items.values.size(); ++v) {
      touching[size_t(items.values[v].producer)].push_back(int(v));
      for (int c : items.values[v].consumers)
        touching[size_t(c)].push_back(int(v));
    }
    load.assign(size_t(problem.accelerators + problem.cpus), 0.0);
    bytes = load;
    for (int i = 0; i < items.count; ++i)
      own(i, 1);
    for (const PlacementValue &value : items.values)
      transfer(value, 1);
  }

  void move(int item, int to) {
    for (int v : touching[size_t(item)])
      transfer(items.values[size_t(v)], -1);
    own(item, -1);
    device[size_t(item)] = to;
    own(item, 1);
    for (int v : touching[size_t(item)])
      transfer(items.values[size_t(v)], 1);
  }
  bool allowed(int item, int to) const {
    return to >= problem.accelerators ||
           (items.onAccelerator[size_t(item)] &&
            (problem.bytesPerAccelerator <= 0 ||
             bytes[size_t(to)] + items.bytes[size_t(item)] <= problem.bytesPerAccelerator));
  }
  /// Largest load, with the sum of squares as the tie-breaker that leads across plateaus.
  std::pair<double, double> value() const {
    double most = 0, squares = 0;
    for (double l : load) {
      most = std::max(most, l);
      squares += l * l;
    }
    return {most, squares};
  }

  const PlacementProblem &problem;
  const PlacementItems &items;
  std::vector<int> device;
  std::vector<double> load, bytes;

private:
  void own(int item, double sign) {
    size_t d = size_t(device[size_t(item)]);
    bool accelerator = int(d) < problem.accelerators;
    load[d] += sign * (accelerator ? items.acceleratorTime : items.cpuTime)[size_t(item)];
    bytes[d] += sign * items.bytes[size_t(item)];
  }
  void transfer(const PlacementValue &value, double sign) {
    int home = device[size_t(value.producer)];
    seen.clear();
    for (int c : value.consumers) {
      int d = device[size_t(c)];
      if (d != home && std::find(seen.begin(), seen.end(), d) == seen.end())
        seen.push_back(d);
    }
    if (!seen.empty() && home < problem.accelerators)
      load[size_t(home)] += sign * value.cost;
    for (int d : seen)
      if (d < problem.accelerators)
        load[size_t(d)] += sign * value.cost;
  }

  std::vector<std::vector<int>> touching;
  std::vector<int> seen;
};

void Placer::moveFreely(PlacementSolution &solution) {
  PlacementItems loose = placementItems(problem, false);
  if (!solution.feasible) {
    // No chain holds everything, or none was found; without the order it may still fit.
    Packing packing = packItems(problem, loose, stop);
    if (!packing.device.empty())
      take(loose, packing.device, true, solution);
    solution.provenInfeasible = packing.impossible;
    solution.reason = packing.reason;
  }
  solution.bound = placementLoadBound(problem, loose);
  if (solution.feasible) {
    solution.reason.clear();
    improveFreely(loose, solution);
  }
}

void Placer::improveFreely(const PlacementItems &loose, PlacementSolution &solution) {
  std::vector<int> start(size_t(loose.count), 0);
  for (size_t v = 0; v < solution.device.size(); ++v)
    start[size_t(loose.itemOf[v])] = solution.device[v];
  FreeLoads state(problem, loose, start);
  int devices = problem.accelerators + problem.cpus;
  Random random(1);
  auto current = state.value(), best = current;
  double temperature = 0.02 * current.second;
  const int64_t moves = settings.timeLimitSeconds > 0 ? INT64_MAX : 200'000;
  for (int64_t step = 0; step < moves && loose.count > 0; ++step) {
    // Nothing is better than the bound.
    if (best.first <= solution.bound * (1 + kClosed) || ((step & 255) == 0 && stop()))
      break;
    int item = random.below(loose.count), to = random.below(devices), back = state.device[size_t(item)];
    if (to == back || !state.allowed(item, to))
      continue;
    state.move(item, to);
    auto now = state.value();
    temperature *= 0.99995;
    bool keep =
        now <= current || now.second - current.second < temperature * -std::log(1e-12 + random.real());
    if (!keep) {
      state.move(item, back);
      continue;
    }
    current = now;
    if (current.first < best.first * (1 - 1e-9)) {
      best = current;
      take(loose, state.device, true, solution);
    }
    if (temperature < 1e-6 * current.second)
      temperature = 0.01 * current.second;
  }
}

} // namespace

PlacementSolution solvePlacement(const PlacementProblem &problem, const PlacementOptions &options) {
  std::string wrong = check(problem);
  if (!wrong.empty()) {
    PlacementSolution solution;
    solution.reason = wrong;
    return solution;
  }
  return Placer(problem, options).run();
}

} // namespace ampc::search
