// Event-driven execution of a plan. Every (rank, queue) is a cursor over its steps; a cursor that cannot go
// on is parked at what it waits for and woken when that happens. Times depend only on the plan, so the order
// in which cursors are visited does not matter.
#include "cost_model/simulate.h"
#include "cost_model/collective.h"
#include "cost_model/step_times.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <tuple>
#include <unordered_map>

namespace ampc::cost {
namespace {

using plan::StepKind;
constexpr double unknown = -1;

/// Steps of a program by queue, and which step signals an event.
struct ProgramOrder {
  std::vector<std::vector<uint32_t>> queues;
  std::unordered_map<uint32_t, uint32_t> signalledBy;
};

struct Cursor {
  uint32_t rank = 0, queue = 0;
  uint32_t request = 0, position = 0;
  double freeSeconds = 0; // end of the last step in this queue
  bool arrived = false;   // at a communication, which will move the cursor on
};

/// Where the members of a group meet.
struct Meeting {
  double latestSeconds = 0;
  std::vector<uint32_t> cursors;
  std::vector<double> readySeconds;
};

/// What one request sends to one group: complete when all senders have posted.
struct Post {
  double latestSeconds = 0;
  size_t posted = 0;
  std::vector<uint32_t> waiting; // receivers that came before
};

class Simulation {
public:
  Simulation(const plan::Plan &plan, const Cluster &cluster, const SimulateOptions &options)
      : plan(plan), times(plan, cluster), options(options),
        handover(options.initPrograms ? 0 : handoverSeconds(uint32_t(plan.ranks.size()), cluster)) {}

  Timeline run() {
    if (!prepare())
      return std::move(timeline);
    for (uint32_t cursor = 0; cursor < cursors.size(); ++cursor)
      runnable.push_back(cursor);
    while (!runnable.empty()) {
      const uint32_t cursor = runnable.back();
      runnable.pop_back();
      while (advance(cursors[cursor], cursor)) {
      }
    }
    finish();
    return std::move(timeline);
  }

private:
  bool fail(std::string message) {
    timeline.error = std::move(message);
    return false;
  }

  uint32_t programOf(uint32_t rank) const {
    return options.initPrograms ? plan.ranks[rank].initProgram : plan.ranks[rank].forwardProgram;
  }

  const plan::Step &stepAt(uint32_t rank, uint32_t step) const {
    return plan.programs[programOf(rank)].steps[step];
  }

  std::string nameOf(uint32_t rank, uint32_t step) const {
    return "rank " + std::to_string(rank) + ", step '" + stepAt(rank, step).name + "'";
  }

  /// Checks indices and builds queues, cursors and event tables.
  bool prepare() {
    // State is updated in place, so that requests which carry it run one after the other, as in the runtime.
    const bool carriesState = !plan.entry.states.empty() ||
                              std::any_of(plan.ranks.begin(), plan.ranks.end(),
                                          [](const plan::RankTable &rank) { return rank.stateBytes > 0; });
    slots = options.initPrograms || carriesState ? 1 : std::max(plan.entry.slots, 1u);
    requests = options.requests;
    if (options.initPrograms)
      requests = 1;
    else if (requests == 0)
      requests = slots == 1 ? 1 : warmUp() + std::max(4u, slots);
    timeline.requests = requests;
    orders.resize(plan.programs.size());
    for (uint32_t rank = 0; rank < plan.ranks.size(); ++rank) {
      const uint32_t program = programOf(rank);
      if (program >= plan.programs.size())
        return fail("rank " + std::to_string(rank) + " has no program " + std::to_string(program));
      const bool serial = times.deviceOf(rank).queues < 2;
      ProgramOrder &order = orders[program];
      if (order.queues.empty() && !orderProgram(program, order, serial))
        return false;
      for (uint32_t queue = 0; queue < order.queues.size(); ++queue)
        cursors.push_back({rank, queue, 0, 0, 0, false});
      ends.emplace_back(size_t(slots) * plan.programs[program].steps.size(), unknown);
    }
    const size_t numRanks = plan.ranks.size();
    slotOwner.assign(numRanks * slots, 0);
    waiting.resize(numRanks);
    stepsLeft.assign(requests, 0);
    for (uint32_t rank = 0; rank < numRanks; ++rank)
      for (uint32_t request = 0; request < requests; ++request)
        stepsLeft[request] += plan.programs[programOf(rank)].steps.size();
    completion.assign(requests, unknown);
    lastEnd.assign(requests, 0);
    for (uint32_t request = 0; request < requests; ++request)
      if (stepsLeft[request] == 0)
        completion[request] = 0;
    timeline.busySeconds.assign(numRanks, 0);
    timeline.communicationSeconds.assign(numRanks, 0);
    timeline.hiddenSeconds.assign(numRanks, 0);
    overlaps.resize(numRanks);
    return true;
  }

  uint32_t warmUp() const { return slots + uint32_t(plan.stages.size()); }

  bool orderProgram(uint32_t program, ProgramOrder &order, bool serial) {
    const std::vector<plan::Step> &steps = plan.programs[program].steps;
    order.queues.resize(1);
    for (uint32_t step = 0; step < steps.size(); ++step) {
      const plan::Step &what = steps[step];
      const std::string where = "program '" + plan.programs[program].name + "', step '" + what.name + "'";
      if (what.kind == StepKind::Launch && what.kernel >= plan.kernels.size())
        return fail(where + " names a kernel that does not exist");
      if (isCommunication(what.kind) && what.communication >= plan.communications.size())
        return fail(where + " names a communication that does not exist");
      if (what.queue >= plan::maxQueues)
        return fail(where + " names queue " + std::to_string(what.queue));
      const uint32_t queue = serial ? 0 : what.queue;
      if (queue >= order.queues.size())
        order.queues.resize(queue + 1);
      order.queues[queue].push_back(step);
      order.signalledBy[what.event] = step;
    }
    return true;
  }

  double &endOf(uint32_t rank, uint32_t request, uint32_t step) {
    const size_t steps = plan.programs[programOf(rank)].steps.size();
    return ends[rank][size_t(request % slots) * steps + step];
  }

  /// Moves a cursor over one step. False if it has to wait or is at its end.
  bool advance(Cursor &cursor, uint32_t index) {
    if (cursor.arrived || cursor.request >= requests)
      return false;
    const ProgramOrder &order = orders[programOf(cursor.rank)];
    const std::vector<uint32_t> &queue = order.queues[cursor.queue];
    if (cursor.position >= queue.size()) {
      cursor.position = 0;
      ++cursor.request;
      return !queue.empty();
    }
    double ready = cursor.freeSeconds;
    if (cursor.request >= slots) {
      const double slotFree = completion[cursor.request - slots];
      if (slotFree == unknown) {
        waitingForRequest[cursor.request - slots].push_back(index);
        return false;
      }
      ready = std::max(ready, slotFree);
    }
    claimSlot(cursor.rank, cursor.request);
    const uint32_t step = queue[cursor.position];
    const plan::Step &what = stepAt(cursor.rank, step);
    for (uint32_t event : what.waits) {
      const auto signal = order.signalledBy.find(event);
      if (signal == order.signalledBy.end())
        continue; // nothing signals it in this program; the loader rejects such plans
      const double end = endOf(cursor.rank, cursor.request, signal->second);
      if (end == unknown) {
        waiting[cursor.rank].push_back(index);
        return false;
      }
      ready = std::max(ready, end);
    }
    if (isCommunication(what.kind)) {
      const int32_t group = times.groupOf(what.communication, cursor.rank);
      if (group >= 0 && what.kind == StepKind::Send)
        return send(cursor, index, step, uint32_t(group), ready);
      if (group >= 0)
        return arrive(cursor, index, what.communication, uint32_t(group), ready);
    }
    const double seconds = times.stepSeconds(cursor.rank, programOf(cursor.rank), step);
    if (cursor.request == 0)
      timeline.busySeconds[cursor.rank] += seconds;
    complete(cursor, step, ready, ready, ready + seconds);
    return true;
  }

  /// The first step of a request on a rank forgets the events of the request that had the slot before.
  void claimSlot(uint32_t rank, uint32_t request) {
    uint32_t &owner = slotOwner[size_t(rank) * slots + request % slots];
    if (owner == request / slots)
      return;
    owner = request / slots;
    const size_t steps = plan.programs[programOf(rank)].steps.size();
    auto first = ends[rank].begin() + ptrdiff_t(size_t(request % slots) * steps);
    std::fill(first, first + ptrdiff_t(steps), unknown);
  }

  bool arrive(Cursor &cursor, uint32_t index, uint32_t communication, uint32_t group, double ready) {
    Meeting &meeting = meetings[uint64_t(communication) << 32 | group];
    meeting.latestSeconds = std::max(meeting.latestSeconds, ready);
    meeting.cursors.push_back(index);
    meeting.readySeconds.push_back(ready);
    cursor.arrived = true;
    if (meeting.cursors.size() < plan.communications[communication].groups[group].size())
      return false;
    const double seconds = times.communicationSeconds(communication, group);
    const Meeting held = std::move(meeting);
    meeting = Meeting();
    for (size_t i = 0; i < held.cursors.size(); ++i) {
      Cursor &member = cursors[held.cursors[i]];
      member.arrived = false;
      const uint32_t step = orders[programOf(member.rank)].queues[member.queue][member.position];
      if (member.request == 0)
        timeline.communicationSeconds[member.rank] += seconds;
      complete(member, step, held.readySeconds[i], held.latestSeconds, held.latestSeconds + seconds);
      if (held.cursors[i] != index)
        runnable.push_back(held.cursors[i]);
    }
    return true;
  }

  /// Senders go on at once; a receiver waits for all of them, then copies.
  bool send(Cursor &cursor, uint32_t index, uint32_t step, uint32_t group, double ready) {
    const uint32_t communication = stepAt(cursor.rank, step).communication;
    const std::vector<uint32_t> &members = plan.communications[communication].groups[group];
    const Roles &roles = rolesOf(communication);
    const size_t member = size_t(std::find(members.begin(), members.end(), cursor.rank) - members.begin());
    Post &post = posts[{communication, group, cursor.request}];
    if (roles.receives[member] && post.posted < roles.numSenders) {
      post.waiting.push_back(index);
      return false;
    }
    double start = ready, seconds = 0;
    if (roles.sends[member]) {
      ++post.posted;
      post.latestSeconds = std::max(post.latestSeconds, ready);
      runnable.insert(runnable.end(), post.waiting.begin(), post.waiting.end());
      post.waiting.clear();
    } else if (roles.receives[member]) {
      start = std::max(ready, post.latestSeconds);
      seconds = times.communicationSeconds(communication, group);
    }
    if (cursor.request == 0)
      timeline.communicationSeconds[cursor.rank] += seconds;
    complete(cursor, step, ready, start, start + seconds);
    return true;
  }

  /// Who sends and who receives in a Send, by member.
  struct Roles {
    std::vector<bool> sends, receives;
    size_t numSenders = 0;
  };
  const Roles &rolesOf(uint32_t communication) {
    auto [known, isNew] = roles.try_emplace(communication);
    if (isNew) {
      const plan::Communication &what = plan.communications[communication];
      known->second.sends.resize(what.groups[0].size());
      known->second.receives.resize(what.groups[0].size());
      for (const plan::Move &move : what.moves) {
        known->second.sends[move.sourceMember] = true;
        known->second.receives[move.targetMember] = true;
      }
      known->second.numSenders =
          size_t(std::count(known->second.sends.begin(), known->second.sends.end(), true));
    }
    return known->second;
  }

  /// Adds up when a rank communicates and computes at the same time. Steps come in order of time in each queue, so that
  /// only those that another queue may still meet are kept.
  void hide(const Cursor &cursor, bool communicates, double start, double end) {
    if (orders[programOf(cursor.rank)].queues.size() < 2)
      return;
    Overlap &overlap = overlaps[cursor.rank];
    std::deque<std::pair<double, double>> &others = communicates ? overlap.computes : overlap.communicates;
    while (!others.empty() && others.front().second <= start)
      others.pop_front();
    for (const auto &[otherStart, otherEnd] : others)
      timeline.hiddenSeconds[cursor.rank] += std::max(0.0, std::min(end, otherEnd) - std::max(start, otherStart));
    (communicates ? overlap.communicates : overlap.computes).emplace_back(start, end);
  }

  void complete(Cursor &cursor, uint32_t step, double ready, double start, double end) {
    const uint32_t request = cursor.request;
    endOf(cursor.rank, request, step) = end;
    cursor.freeSeconds = end;
    ++cursor.position;
    if (options.recordSteps)
      timeline.steps.push_back({cursor.rank, request, programOf(cursor.rank), step, ready, start, end});
    lastEnd[request] = std::max(lastEnd[request], end);
    if (request == 0 && end > start)
      hide(cursor, isCommunication(stepAt(cursor.rank, step).kind), start, end);
    runnable.insert(runnable.end(), waiting[cursor.rank].begin(), waiting[cursor.rank].end());
    waiting[cursor.rank].clear();
    if (--stepsLeft[request] == 0) {
      completion[request] = lastEnd[request];
      if (auto it = waitingForRequest.find(request); it != waitingForRequest.end()) {
        runnable.insert(runnable.end(), it->second.begin(), it->second.end());
        waitingForRequest.erase(it);
      }
    }
  }

  /// Explains a cursor that stands still: of the earliest request, because later ones may merely wait for its slot.
  void explainDeadlock() {
    std::vector<Cursor> byRequest = cursors;
    std::stable_sort(byRequest.begin(), byRequest.end(),
                     [](const Cursor &a, const Cursor &b) { return a.request < b.request; });
    for (const Cursor &cursor : byRequest) {
      const ProgramOrder &order = orders[programOf(cursor.rank)];
      if (cursor.request >= requests || cursor.position >= order.queues[cursor.queue].size())
        continue;
      const uint32_t step = order.queues[cursor.queue][cursor.position];
      const plan::Step &what = stepAt(cursor.rank, step);
      std::string reason = "an event is never signalled";
      if (what.kind == StepKind::Send) {
        reason = "a sender does not come";
      } else if (cursor.arrived) {
        const int32_t group = times.groupOf(what.communication, cursor.rank);
        const Meeting &meeting = meetings[uint64_t(what.communication) << 32 | uint32_t(group)];
        const size_t all = plan.communications[what.communication].groups[size_t(group)].size();
        reason = "only " + std::to_string(meeting.cursors.size()) + " of " + std::to_string(all) +
                 " members arrive";
      }
      fail("the plan stops at " + nameOf(cursor.rank, step) + ": " + reason);
      return;
    }
    fail("the plan stops before its last step");
  }

  void finish() {
    if (std::any_of(completion.begin(), completion.end(), [](double end) { return end == unknown; }))
      return explainDeadlock();
    timeline.latencySeconds = completion.front() + handover;
    timeline.secondsPerRequest = timeline.latencySeconds;
    if (slots > 1 && requests > 1) {
      const uint32_t first = std::min(warmUp(), requests - 1) - (requests - 1 <= warmUp() ? 1 : 0);
      timeline.secondsPerRequest = (completion.back() - completion[first]) / double(requests - 1 - first);
    }
    timeline.totalSeconds = *std::max_element(completion.begin(), completion.end());
    for (size_t rank = 0; rank < plan.ranks.size(); ++rank)
      timeline.waitSeconds.push_back(std::max(0.0, completion.front() - timeline.busySeconds[rank] -
                                                       timeline.communicationSeconds[rank] +
                                                       timeline.hiddenSeconds[rank]));
    std::sort(timeline.steps.begin(), timeline.steps.end(), [](const TimelineStep &a, const TimelineStep &b) {
      return std::tuple(a.rank, a.startSeconds, a.request, a.step) <
             std::tuple(b.rank, b.startSeconds, b.request, b.step);
    });
  }

  const plan::Plan &plan;
  StepTimes times;
  const SimulateOptions &options;
  const double handover; // seconds
  Timeline timeline;

  uint32_t slots = 1, requests = 1;
  std::vector<ProgramOrder> orders; // by program
  std::vector<Cursor> cursors;
  std::vector<uint32_t> runnable;             // cursors that may be able to go on
  std::vector<std::vector<double>> ends;      // by rank, then slot and step
  std::vector<uint32_t> slotOwner;            // by rank and slot: how often the slot was given away
  std::vector<std::vector<uint32_t>> waiting; // by rank: cursors that wait for an event
  std::unordered_map<uint32_t, std::vector<uint32_t>> waitingForRequest;
  std::unordered_map<uint64_t, Meeting> meetings; // by communication and group
  std::map<std::array<uint32_t, 3>, Post> posts;  // by communication, group and request
  std::unordered_map<uint32_t, Roles> roles;      // by communication
  /// Of a rank in the first request: times of its steps that later steps of the other kind may meet.
  struct Overlap {
    std::deque<std::pair<double, double>> computes, communicates;
  };
  std::vector<Overlap> overlaps; // by rank
  std::vector<size_t> stepsLeft;
  std::vector<double> completion, lastEnd; // by request
};

} // namespace

Timeline simulate(const plan::Plan &plan, const Cluster &cluster, const SimulateOptions &options) {
  Timeline timeline;
  if (cluster.devices.empty() || cluster.tiers.empty())
    timeline.error = "the cluster has no devices or links";
  else if (plan.ranks.empty())
    timeline.error = "the plan has no ranks";
  else if (plan.ranks.size() > cluster.devices.size())
    timeline.error = "the plan has " + std::to_string(plan.ranks.size()) + " ranks, the cluster only " +
                     std::to_string(cluster.devices.size()) + " devices";
  if (!timeline.error.empty())
    return timeline;
  return Simulation(plan, cluster, options).run();
}

std::vector<std::vector<double>> predictSteps(const plan::Plan &plan, const Cluster &cluster) {
  std::vector<std::vector<double>> seconds(plan.programs.size());
  for (size_t program = 0; program < plan.programs.size(); ++program)
    seconds[program].assign(plan.programs[program].steps.size(), 0.0);
  if (cluster.devices.empty() || cluster.tiers.empty())
    return seconds;
  StepTimes times(plan, cluster);
  std::vector<bool> done(plan.programs.size(), false);
  for (uint32_t rank = 0; rank < plan.ranks.size(); ++rank)
    for (uint32_t program : {plan.ranks[rank].initProgram, plan.ranks[rank].forwardProgram}) {
      if (program >= plan.programs.size() || done[program])
        continue;
      done[program] = true;
      for (uint32_t step = 0; step < plan.programs[program].steps.size(); ++step) {
        const plan::Step &what = plan.programs[program].steps[step];
        double &entry = seconds[program][step];
        if (!isCommunication(what.kind))
          entry = times.stepSeconds(rank, program, step);
        else if (what.communication < plan.communications.size())
          for (uint32_t group = 0; group < plan.communications[what.communication].groups.size(); ++group)
            entry = std::max(entry, times.communicationSeconds(what.communication, group));
      }
    }
  return seconds;
}

} // namespace ampc::cost
