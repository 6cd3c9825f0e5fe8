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
#include <thread>

namespace ampc::search {

namespace {

/// Table entries looked at per second, roughly; only decides how long a round lasts, never a result's
/// meaning.
constexpr double kFirstRoundWork = 3e6;
constexpr double kLongestRoundWork = 2e8;
/// Without a time limit, per unit of effort.
constexpr double kWorkPerEffort = 3e8;
/// A table entry costs a block move this much less often than a sweep: both tasks of a round take about as
/// long.
constexpr double kSearchShare = 0.12;
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
        stop([this] { return cancelled() || late(0.0); }) {}

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
    if (!tryElimination())
      rounds();
    return finish();
  }

private:
  double seconds() const {
    std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    return passed.count() + options.elapsedSeconds;
  }
  bool cancelled() const { return options.cancel && options.cancel->load(std::memory_order_relaxed); }
  bool late(double reserve) const {
    return options.timeLimitSeconds > 0 && seconds() + reserve >= options.timeLimitSeconds;
  }

  double gap() const {
    if (!best.exists() && !solution.feasible)
      return 1.0;
    if (solutionCost <= boundCost)
      return 0.0;
    return double(solutionCost - boundCost) / double(solutionCost);
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

  /// Takes a candidate when it is better and an independent check agrees.
  bool accept(const Candidate &candidate) {
    if (candidate.cost >= kInfinity || (solution.feasible && candidate.cost >= solutionCost))
      return false;
    std::vector<int32_t> choice = shrunk.expand(candidate.choice);
    Verification verified = verify(problem, choice);
    // In a coarser unit the smaller sum may cost more.
    if (!verified.violation.empty() || (solution.feasible && verified.cost >= solution.cost))
      return false;
    best = candidate;
    solutionCost = candidate.cost;
    solution.feasible = true;
    solution.choice = std::move(choice);
    solution.cost = verified.cost;
    return true;
  }

  bool closed() const { return solution.feasible && gap() <= options.gapTarget; }

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
          cancelled() ? "cancelled before anything feasible was found"
          : options.timeLimitSeconds > 0
              ? "nothing feasible was found within the time limit, and nothing proves that none exists"
              : "nothing feasible was found with this effort, and nothing proves that none exists";
      // Where it is tightest, as far as the attempt to prove it has come.
      const std::vector<int64_t> &room = shrunk.model.room;
      if (!room.empty())
        solution.reason += "; " + tightestTime(memoryProof ? memoryProof->tightest()
                                                           : int(std::min_element(room.begin(), room.end()) - room.begin()));
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

  void raise(PriceAscent &ascent, double work, Exchange &out, Candidate &natural) {
    double known = best.exists() ? double(best.cost) : PriceAscent::kNoCost;
    double spent = 0;
    out.proposals.clear();
    Total cheapest = 0;
    while (spent < work && !stop() && !ascent.stalled()) {
      ascent.step(known);
      spent += double(ascent.workPerStep());
      Total cost = costOf(shrunk.model, ascent.proposal());
      if (ascent.proposalFits() && cost < natural.cost)
        natural = {ascent.proposal(), cost};
      // Of those that do not fit, the cheapest legal one and the last are worth a repair.
      if (!ascent.proposalFits() && cost < kInfinity && (out.proposals.empty() || cost < cheapest)) {
        cheapest = cost;
        out.proposals.assign(1, ascent.proposal());
      }
    }
    out.proposals.push_back(ascent.proposal());
    out.price = ascent.bestPrice();
  }

  void searchRound(SearchWorker &worker, const Exchange &in, double work, bool fresh) {
    int64_t share = int64_t(work * kSearchShare);
    if (fresh || !best.exists())
      for (const Assignment &proposal : in.proposals)
        worker.adopt(proposal, in.price, share / (2 * int64_t(in.proposals.size())), stop);
    else
      worker.improve(best, in.price, share, stop);
  }

  /// True when the tree was searched to its end, or nothing feasible exists.
  bool branch(PriceAscent &ascent, int64_t work) {
    if (!solution.feasible && shrunk.model.times > 0 && tryMemoryProof(work))
      return true;
    if (!best.exists() && solution.feasible && work >= kBlindPatience * blindWork)
      best = {memoryProof->found(), solutionCost};
    ascent.settle(1);
    Total limit = solution.feasible ? solutionCost : Total(kInfinity);
    BranchResult result = branchAndBound(shrunk.model, ascent.dual(), limit, work, stop);
    if (!result.choice.empty())
      accept({result.choice, result.cost});
    if (!result.complete)
      return false;
    if (solution.feasible) {
      raiseBound(solutionCost);
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
    double round = kFirstRoundWork, spent = 0, certifySeconds = 0.05, nextCertify = 0,
           branchAt = kFirstRoundWork;
    const double budget =
        options.timeLimitSeconds > 0 ? 1e300 : kWorkPerEffort * std::max(0.0, options.effort);
    int quiet = 0;
    for (int number = 0; spent < budget && !closed() && !stop() && !late(2 * certifySeconds); ++number) {
      if (ascents.size() > 1 && ascents[0]->steps() >= kTrialSteps && ascents[1]->steps() >= kTrialSteps)
        ascents.erase(ascents.begin() + (ascents[0]->bestBound() >= ascents[1]->bestBound() ? 1 : 0));
      PriceAscent &ascent = *ascents[ascents.size() > 1 && ascents[1]->steps() < ascents[0]->steps() ? 1 : 0];
      Exchange next;
      Candidate natural;
      Total before = solution.feasible ? solutionCost : Total(kInfinity);
      double boundBefore = ascent.bestBound();
      bool raising = !ascent.stalled();
      // While the bound moves, every other round starts from what it proposes.
      bool fresh = raising && number % 2 == 0;
      auto other = [&] {
        if (raising)
          raise(ascent, round, next, natural);
        else
          searchRound(second, now, round, false);
      };
      if (options.threads >= 2) {
        std::thread thread(other);
        searchRound(first, now, round, fresh);
        thread.join();
      } else {
        other();
        searchRound(first, now, round, fresh);
      }
      bool better = accept(natural);
      better |= accept(first.best());
      better |= accept(second.best());
      if (raising)
        now = std::move(next);
      spent += 2 * round;
      if (raising && solution.feasible && (spent >= nextCertify || ascent.stalled())) {
        double from = seconds();
        ascent.settle(1);
        Total was = boundCost;
        raiseBound(ascent.dual().certify());
        better |= boundCost > was;
        certifySeconds = seconds() - from;
        nextCertify = spent * 1.5;
        certifySeconds = std::max(certifySeconds, 0.01);
      }
      if (better)
        report();
      if (!closed() && spent >= branchAt && !stop()) {
        branchAt = spent * 2;
        if (branch(ascent, int64_t(spent / 4)))
          return;
      }
      round = std::min(round * 1.3, kLongestRoundWork);
      bool bounded = ascent.bestBound() > boundBefore + 1e-5 * std::fabs(boundBefore);
      quiet = (solution.feasible && solutionCost < before) || bounded ? 0 : quiet + 1;
      if (options.timeLimitSeconds <= 0 && ascent.stalled() && quiet >= kPatientRounds)
        break;
    }
    if (closed() || cancelled() || late(certifySeconds))
      return;
    PriceAscent &highest =
        *ascents[ascents.size() > 1 && ascents[1]->bestBound() > ascents[0]->bestBound() ? 1 : 0];
    highest.settle(1);
    raiseBound(highest.dual().certify());
  }

  const Problem &problem;
  const SolveOptions &options;
  const CostScale &scale;
  std::chrono::steady_clock::time_point begin;
  std::function<bool()> stop;
  Shrunk shrunk;
  Solution solution;
  Candidate best;
  std::unique_ptr<MemoryProof> memoryProof;
  int64_t blindWork = 0; ///< done when the proof came upon an assignment that fits
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
  auto run = [&](const SolveOptions &options, const CostScale &scale) { return Session(problem, options, scale).run(); };
  return scale.shift == 0 ? run(timed, scale) : solveInFinerUnits(problem, timed, scale, run);
}

} // namespace ampc::search
