// The order of things: shrink, exact elimination, then rounds in which one task raises the bound and the
// other improves assignments with what the bound has taught; branch and bound closes small gaps.
#include "solve.h"
#include "branch_bound.h"
#include "eliminate.h"
#include "finer_units.h"
#include "memory_proof.h"
#include "price_ascent.h"
#include "search_worker.h"
#include "shrink.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace ampc::search {

namespace {

/// Table entries looked at per second, roughly; only decides how long a round lasts, never a result's
/// meaning.
constexpr double kFirstRoundWork = 3e6;
constexpr double kLongestRoundWork = 2e8;
/// Without a time limit, per unit of effort: at least so much work, and at least so many sweeps of the whole
/// model. While a repair is cut short by its round and nothing is feasible yet, more by this factor.
constexpr double kWorkPerEffort = 3e8;
constexpr double kSweepsPerEffort = 75;
constexpr double kUntilFeasible = 20;
/// Work of a round's search per work of its sweeps. A move jumps about in memory where a sweep reads along
/// it: with this share both take about as long.
constexpr double kSearchShare = 0.12;
/// With a time limit, the part of the time that goes into certificates of the bound.
constexpr double kCertifyShare = 0.05;
constexpr double kEndless = 1e300;
/// Work of a repair per choice of the model, at least, while nothing feasible is known.
constexpr int64_t kRepairPerChoice = 60;
/// Work of the rounds after which anything feasible is welcome.
constexpr double kLedNowhere = 1e9;
constexpr int kPatientRounds = 12;
/// Reductions may use this share of the time that is left, and no more than so many seconds and a share of the limit:
/// something feasible is wanted early.
constexpr double kReductionShare = 0.4, kReductionSeconds = 1.5, kReductionMore = 0.03;
constexpr int64_t kTrialSteps = 130;
/// So many times the work after which an assignment was found that no cost has guided, the search starts from it.
constexpr int64_t kBlindPatience = 16;

class Session {
public:
  Session(const Problem &problem, const SolveOptions &options, const CostScale &scale)
      : problem(problem), options(options), scale(scale), begin(std::chrono::steady_clock::now()),
        home(std::this_thread::get_id()), stop([this] {
          if (std::this_thread::get_id() == home)
            takePublished();
          return cancelled() || late(reserve);
        }) {}

  Solution run() {
    const double left = options.timeLimitSeconds - seconds();
    const double reductionsUntil =
        seconds() + std::min(kReductionShare * left, kReductionSeconds + kReductionMore * options.timeLimitSeconds);
    shrunk = shrink(
        problem, scale,
        [&] { return cancelled() || (options.timeLimitSeconds > 0 && seconds() >= reductionsUntil); }, stop);
    if (shrunk.infeasible)
      return infeasible(shrunk.reason);
    if (shrunk.stopped)
      return finish();
    const Model &model = shrunk.model;
    raiseBound(0);
    if (model.nodes == 0) {
      accept({Assignment(), 0});
      raiseBound(solutionCost);
      return finish();
    }
    try {
      if (!tryElimination())
        rounds();
    } catch (const std::bad_alloc &) {
      // What has been found until here stands.
      outOfMemory = true;
    }
    return finish();
  }

private:
  double seconds() const {
    std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    return passed.count() + options.elapsedSeconds;
  }
  bool cancelled() const { return options.cancel && options.cancel->load(std::memory_order_relaxed); }
  bool late(double before) const {
    return options.timeLimitSeconds > 0 && seconds() + before >= options.timeLimitSeconds;
  }

  double gap() const {
    if (!solution.feasible)
      return 1.0;
    if (solution.cost <= solution.bound)
      return 0.0;
    return double(solution.cost - solution.bound) / double(solution.cost);
  }

  void report() {
    if (options.progress)
      options.progress({solution.feasible, solution.cost, solution.bound, gap(), seconds()});
  }

  /// `cost` and `bound` below are in the model's unit, without the constant.
  void raiseBound(Total bound) {
    bound = std::max<Total>(bound, 0);
    if (solution.feasible)
      bound = std::min(bound, solutionCost);
    if (bound <= boundCost && boundKnown)
      return;
    boundKnown = true;
    boundCost = bound;
    solution.bound = scale.base + ((bound + shrunk.constant) << scale.shift);
  }

  /// Takes a candidate when it is better and an independent check agrees. `evenEqual` takes one of the same
  /// cost as well, so that what a round leaves does not depend on which task was first within it.
  bool accept(const Candidate &candidate, bool evenEqual = false) {
    if (candidate.cost >= kInfinity || (solution.feasible && candidate.cost >= solutionCost + evenEqual))
      return false;
    std::vector<int32_t> choice = shrunk.expand(candidate.choice);
    Verification verified = verify(problem, choice);
    // In a coarser unit the smaller sum may cost more.
    if (!verified.violation.empty() || (solution.feasible && verified.cost >= solution.cost + evenEqual))
      return false;
    bool better = !solution.feasible || candidate.cost < solutionCost;
    best = candidate;
    solutionCost = candidate.cost;
    solution.feasible = true;
    solution.choice = std::move(choice);
    solution.cost = verified.cost;
    if (better)
      report();
    return true;
  }

  /// From any thread, within a round: an improvement is safe and reported as soon as the solving thread looks.
  void publish(const Candidate &candidate) {
    if (std::this_thread::get_id() == home) {
      accept(candidate);
      return;
    }
    std::lock_guard<std::mutex> lock(publishing);
    if (candidate.cost < published.cost)
      published = candidate;
    anyPublished.store(true, std::memory_order_release);
    news.notify_one();
  }
  void takePublished() {
    if (!anyPublished.load(std::memory_order_acquire))
      return;
    Candidate taken;
    {
      std::lock_guard<std::mutex> lock(publishing);
      std::swap(taken, published);
      anyPublished.store(false, std::memory_order_relaxed);
    }
    accept(taken);
  }

  bool closed() const {
    return solution.feasible && (solutionCost <= boundCost || gap() <= options.gapTarget);
  }

  Solution infeasible(const std::string &reason) {
    solution.status = Status::Infeasible;
    solution.reason = reason;
    solution.seconds = seconds();
    return std::move(solution);
  }

  Solution finish() {
    if (solution.status == Status::Invalid || solution.status == Status::Infeasible) {
      solution.seconds = seconds();
      return std::move(solution);
    }
    if (!solution.feasible) {
      solution.status = Status::NotFound;
      solution.reason =
          cancelled()   ? "cancelled before anything feasible was found"
          : outOfMemory ? "memory ran out before anything feasible was found"
          : options.timeLimitSeconds > 0
              ? "nothing feasible was found within the time limit, and nothing proves that none exists"
              : "nothing feasible was found with this effort, and nothing proves that none exists";
      // Where it is tightest, as far as the attempt to prove it has come.
      const std::vector<int64_t> &room = shrunk.model.room;
      auto least = std::min_element(room.begin(), room.end());
      if (!room.empty())
        solution.reason += "; " + tightestTime(memoryProof ? memoryProof->tightest() : int(least - room.begin()));
    } else {
      // Costs were halved when they did not fit; then equality in the model's unit is not equality.
      if (solutionCost <= boundCost && scale.shift == 0)
        solution.bound = solution.cost;
      solution.status = solution.cost == solution.bound ? Status::Optimal : Status::Feasible;
      solution.gap = solution.cost == solution.bound || solution.cost == 0
                         ? 0.0
                         : double(solution.cost - solution.bound) / double(solution.cost);
    }
    solution.seconds = seconds();
    report();
    return std::move(solution);
  }

  /// True when that settles the problem.
  bool tryElimination() {
    EliminationLimits limits;
    limits.entriesPerTable = int64_t(1) << 20;
    limits.entriesInAll = int64_t(1) << 22;
    std::optional<Elimination> exact = eliminate(shrunk.model, limits, stop);
    if (!exact)
      return false;
    if (!exact->legal) {
      solution.status = Status::Infeasible;
      solution.reason = "every assignment of node " + std::to_string(shrunk.problemNode(exact->culprit)) +
                        " and the nodes joined with it contains a forbidden pair of choices";
      return true;
    }
    raiseBound(exact->cost);
    if (!fitsMemory(shrunk.model, exact->choice))
      return false;
    return accept({exact->choice, exact->cost});
  }

  /// What one round hands to the next.
  struct Exchange {
    std::vector<double> price;
    std::vector<Assignment> proposals;
  };

  void raise(PriceAscent &ascent, double work, const Candidate &base, Exchange &out, Candidate &natural) {
    double known = base.exists() ? double(base.cost) : PriceAscent::kNoCost;
    double spent = 0;
    out.proposals.clear();
    Total cheapest = 0;
    while (spent < work && !stop() && !ascent.stalled()) {
      ascent.step(known);
      spent += double(ascent.workPerStep());
      Total cost = costOf(shrunk.model, ascent.proposal());
      if (ascent.proposalFits() && cost < natural.cost) {
        natural = {ascent.proposal(), cost};
        if (cost < base.cost)
          publish(natural);
      }
      // Of those that do not fit, the cheapest legal one and the last are worth a repair.
      if (!ascent.proposalFits() && cost < kInfinity && (out.proposals.empty() || cost < cheapest)) {
        cheapest = cost;
        out.proposals.assign(1, ascent.proposal());
      }
    }
    out.proposals.push_back(ascent.proposal());
    out.price = ascent.bestPrice();
  }

  /// `base` is the best at the round's start: what comes within it depends on timing.
  void searchRound(SearchWorker &worker, const Candidate &base, const Exchange &in, double work, bool fresh,
                   bool anyhow) {
    int64_t share = int64_t(work * kSearchShare);
    if (base.exists() && !fresh) {
      worker.improve(base, in.price, share, stop);
      return;
    }
    int64_t each = share / (2 * int64_t(in.proposals.size()));
    if (!base.exists() && anyhow) {
      // What takes least memory fits, and need only become legal; a repair must be able to visit every node.
      // The prices are no guide there, so that is for when they alone have led nowhere.
      each = std::max(each, int64_t(shrunk.model.cost.size()) * kRepairPerChoice);
      worker.adopt(leastMemory(), in.price, each, stop);
    }
    for (const Assignment &proposal : in.proposals)
      worker.adopt(proposal, in.price, each, stop);
  }

  /// Every node's choice of least memory, the cheapest of those.
  Assignment leastMemory() const {
    const Model &model = shrunk.model;
    Assignment choice(size_t(model.nodes), 0);
    for (int u = 0; u < model.nodes; ++u) {
      const int first = model.first[size_t(u)];
      auto key = [&](int i) {
        return std::pair(model.memory[size_t(first + i)], model.cost[size_t(first + i)]);
      };
      for (int i = 1; i < model.choices(u); ++i)
        if (key(i) < key(choice[size_t(u)]))
          choice[size_t(u)] = i;
    }
    return choice;
  }

  /// Runs both on threads of their own where there are two; the solving thread takes what they publish.
  void runBoth(const std::function<void()> &other, const std::function<void()> &own) {
    if (options.threads < 2) {
      other();
      own();
      return;
    }
    std::exception_ptr failure;
    bool ended = false;
    {
      std::jthread thread;
      auto run = [&] {
        try {
          other();
        } catch (...) {
          failure = std::current_exception();
        }
        std::lock_guard<std::mutex> lock(publishing);
        ended = true;
        news.notify_one();
      };
      try {
        thread = std::jthread(run);
      } catch (const std::system_error &) {
        // The system gives no thread: the same, one after the other.
        run();
      }
      own();
      std::unique_lock<std::mutex> lock(publishing);
      while (!ended) {
        news.wait(lock, [&] { return ended || anyPublished; });
        lock.unlock();
        takePublished();
        lock.lock();
      }
    }
    if (failure)
      std::rethrow_exception(failure);
  }

  /// The certificate of the higher climb.
  void certify(std::vector<std::unique_ptr<PriceAscent>> &ascents) {
    PriceAscent &highest =
        *ascents[ascents.size() > 1 && ascents[1]->bestBound() > ascents[0]->bestBound() ? 1 : 0];
    double from = seconds();
    Total was = boundCost;
    raiseBound(highest.atBest([](const Dual &dual) { return dual.certify(); }));
    certifySeconds = seconds() - from;
    if (boundCost > was)
      report();
  }

  /// True when the tree was searched to its end, or nothing feasible exists.
  bool branch(PriceAscent &ascent, int64_t work) {
    if (!solution.feasible && shrunk.model.times > 0 && tryMemoryProof(work))
      return true;
    if (!best.exists() && solution.feasible && work >= kBlindPatience * blindWork)
      best = {memoryProof->found(), solutionCost};
    Total limit = solution.feasible ? solutionCost : Total(kInfinity);
    BranchResult result = ascent.atBest(
        [&](const Dual &dual) { return branchAndBound(shrunk.model, dual, limit, work, stop); });
    if (!result.choice.empty())
      accept({result.choice, result.cost});
    if (!result.complete)
      return false;
    if (solution.feasible) {
      // In a coarser unit what the tree found may have been refused, because it costs more than it seems.
      raiseBound(result.choice.empty() ? solutionCost : std::min(solutionCost, result.cost));
    } else {
      solution.status = Status::Infeasible;
      solution.reason = shrunk.model.times > 0 ? whyTooLittleMemory(memoryProof->shortage())
                                               : "every assignment contains a forbidden pair of choices";
    }
    return true;
  }

  /// True when nothing fits, whatever it may cost.
  bool tryMemoryProof(int64_t work) {
    if (!memoryProof)
      memoryProof = std::make_unique<MemoryProof>(shrunk.model);
    MemoryProof::Outcome outcome = memoryProof->run(work, stop);
    if (outcome == MemoryProof::Outcome::Feasible &&
        accept({memoryProof->found(), costOf(shrunk.model, memoryProof->found())})) {
      // Costs played no part in it: something to show, but the search had rather start from its own proposals.
      best = Candidate();
      blindWork = work;
      report();
    }
    if (outcome != MemoryProof::Outcome::Infeasible)
      return false;
    solution.status = Status::Infeasible;
    solution.reason = whyTooLittleMemory(memoryProof->shortage());
    return true;
  }

  std::string tightestTime(int time) const {
    const size_t t = size_t(time);
    return "tightest is time point " + std::to_string(shrunk.model.timeOf[t]) + ", where the smallest choices leave " +
           std::to_string(shrunk.model.room[t]) + " of " + std::to_string(problem.memoryLimitBytes.value_or(0)) +
           " bytes";
  }

  std::string whyTooLittleMemory(const MemoryProof::Shortage &shortage) const {
    std::string time = std::to_string(shrunk.model.timeOf[size_t(shortage.time)]);
    int64_t limit = problem.memoryLimitBytes.value_or(0);
    std::string text =
        shortage.bytesOver > 0
            ? "time point " + time + " needs at least " + std::to_string(limit + shortage.bytesOver) + " bytes, " +
                  std::to_string(shortage.bytesOver) + " more than the limit of " + std::to_string(limit) +
                  ", whichever legal pairs of choices are taken"
            : "no assignment meets the memory limit and the forbidden pairs together; " + tightestTime(shortage.time);
    for (size_t i = 0; i < shortage.holders.size() && i < 5; ++i)
      text += (i == 0 ? "; above its smallest choice holds node " : ", node ") +
              std::to_string(shrunk.problemNode(shortage.holders[i].second)) + " " +
              std::to_string(shortage.holders[i].first) + " bytes";
    return text;
  }

  void rounds() {
    const Model &model = shrunk.model;
    // Two ways to climb; after a trial the one that stands lower is given up.
    std::vector<std::unique_ptr<PriceAscent>> ascents;
    ascents.push_back(std::make_unique<PriceAscent>(model, PriceAscent::Mode::Direct));
    if (model.times > 0)
      ascents.push_back(std::make_unique<PriceAscent>(model, PriceAscent::Mode::Averaging));
    SearchWorker first(model, options.seed * 2), second(model, options.seed * 2 + 1);
    Exchange now;
    now.price = ascents[0]->bestPrice();
    now.proposals = {ascents[0]->proposal()};
    for (SearchWorker *worker : {&first, &second})
      worker->publish = [this](const Candidate &candidate) { publish(candidate); };
    double round = kFirstRoundWork, spent = 0, nextCertify = 0, branchAt = kFirstRoundWork;
    const bool timed = options.timeLimitSeconds > 0;
    const double budget = timed ? kEndless
                                : std::max(0.0, options.effort) *
                                      std::max(kWorkPerEffort,
                                               kSweepsPerEffort * double(ascents[0]->workPerStep()));
    auto mayGoOn = [&] {
      bool cut = !best.exists() && (first.repairCut() || second.repairCut());
      return spent < budget * (cut ? kUntilFeasible : 1.0) && !closed() && !stop();
    };
    int quiet = 0;
    for (int number = 0; mayGoOn(); ++number) {
      if (ascents.size() > 1 && ascents[0]->steps() >= kTrialSteps && ascents[1]->steps() >= kTrialSteps)
        ascents.erase(ascents.begin() + (ascents[0]->bestBound() >= ascents[1]->bestBound() ? 1 : 0));
      PriceAscent &ascent = *ascents[ascents.size() > 1 && ascents[1]->steps() < ascents[0]->steps() ? 1 : 0];
      Exchange next;
      Candidate natural;
      const Candidate base = best;
      double boundBefore = ascent.bestBound();
      // Without a limit the climb is over when its steps have become short; with one there is time for more.
      bool raising = !ascent.stalled() || (timed && ascent.restart());
      // While the bound moves, every other round starts from what it proposes.
      bool fresh = raising && number % 2 == 0;
      bool anyhow = spent >= std::min(kLedNowhere, budget / 2);
      runBoth(
          [&] {
            if (raising)
              raise(ascent, round, base, next, natural);
            else
              searchRound(second, base, now, round, false, anyhow);
          },
          [&] { searchRound(first, base, now, round, fresh, anyhow); });
      const Candidate *winner = &natural;
      for (const SearchWorker *worker : {&first, &second})
        if (worker->best().cost < winner->cost)
          winner = &worker->best();
      if (winner->cost < base.cost)
        accept(*winner, true);
      if (raising)
        now = std::move(next);
      spent += 2 * round;
      if (raising && ((timed ? seconds() : spent) >= nextCertify || ascent.stalled())) {
        certify(ascents);
        nextCertify = timed ? seconds() + certifySeconds / kCertifyShare : spent * 1.5;
        // The last certificate must still find its time.
        reserve = std::min(2 * certifySeconds, 0.2 * options.timeLimitSeconds);
      }
      if (!closed() && spent >= branchAt && !stop()) {
        branchAt = spent * 2;
        if (branch(ascent, int64_t(spent / 4)))
          return;
      }
      round = std::min(round * 1.3, kLongestRoundWork);
      bool bounded = ascent.bestBound() > boundBefore + 1e-5 * std::fabs(boundBefore);
      quiet = best.cost < base.cost || bounded ? 0 : quiet + 1;
      if (options.timeLimitSeconds <= 0 && ascent.stalled() && quiet >= kPatientRounds)
        break;
    }
    reserve = 0;
    if (!best.exists() && solution.feasible && !stop()) {
      // Only what no cost has guided: it is worth at least a search of its surroundings.
      first.improve({memoryProof->found(), solutionCost}, now.price, int64_t(kWorkPerEffort * kSearchShare), stop);
      accept(first.best());
    }
    if (!closed() && !stop())
      certify(ascents);
  }

  const Problem &problem;
  const SolveOptions &options;
  const CostScale &scale;
  std::chrono::steady_clock::time_point begin;
  const std::thread::id home;
  std::function<bool()> stop;
  /// Seconds that the rounds leave for the last certificate.
  double reserve = 0, certifySeconds = 0;
  std::mutex publishing;
  std::condition_variable news;
  std::atomic<bool> anyPublished = false;
  Candidate published;
  Shrunk shrunk;
  Solution solution;
  Candidate best;
  std::unique_ptr<MemoryProof> memoryProof;
  int64_t blindWork = 0; ///< done when the proof came upon an assignment that fits
  bool outOfMemory = false;
  Total solutionCost = kInfinity;
  Total boundCost = 0;
  bool boundKnown = false;
};

} // namespace

Solution solve(const Problem &problem, const SolveOptions &options) {
  SolveOptions timed = options;
  auto begin = std::chrono::steady_clock::now();
  Solution invalid;
  invalid.reason = check(problem);
  if (!invalid.reason.empty()) {
    invalid.status = Status::Invalid;
    return invalid;
  }
  CostScale scale = scaleFor(problem, std::nullopt);
  timed.elapsedSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  auto run = [&](const SolveOptions &some, const CostScale &unit) { return Session(problem, some, unit).run(); };
  return scale.shift == 0 ? run(timed, scale) : solveInFinerUnits(problem, timed, scale, run);
}

} // namespace ampc::search
