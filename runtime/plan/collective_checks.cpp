// Collectives of all ranks, walked side by side: one order on all members of a group, but for those that send without
// waiting; moves inside the buffers, no element written twice.
#include "runtime/plan/move_checks.h"
#include "runtime/plan/plan_checks.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace ampc::plan {

namespace {
bool combines(StepKind kind) { return kind == StepKind::AllReduce || kind == StepKind::ReduceScatter; }

Error invalid(std::string message, const Communication &communication) {
  return {ErrorCode::Invalid,
          "the plan is inconsistent: " + std::move(message),
          {{"op", std::string(name(communication.kind))}, {"axes", communication.axes}}};
}

/// What holds for a communication whoever executes it.
Status checkCommunication(const Plan &plan, const Communication &communication,
                          std::vector<uint32_t> &lastSeen, uint32_t mark) {
  if (!isCommunication(communication.kind))
    return invalid("a communication has the kind of a local step", communication);
  size_t members = communication.groups.empty() ? 0 : communication.groups[0].size();
  if (members == 0)
    return invalid("a communication has no members", communication);
  for (const auto &group : communication.groups) {
    if (group.size() != members)
      return invalid("the groups of a communication differ in size", communication);
    for (uint32_t rank : group) {
      if (rank >= plan.ranks.size() || lastSeen[rank] == mark)
        return invalid("a rank of a communication does not exist or takes part twice", communication);
      lastSeen[rank] = mark;
    }
  }
  if (combines(communication.kind) && communication.reduction == Reduction::None)
    return invalid("a communication that combines has no reduction", communication);
  if (communication.elements < 0 || communication.elements > (int64_t(1) << 48) ||
      (communication.kind == StepKind::AllReduce && !communication.moves.empty()))
    return invalid("an all_reduce has an impossible number of elements, or moves", communication);
  for (const Move &move : communication.moves)
    if (move.sourceMember >= members || move.targetMember >= members || rangeOf(move).overflows)
      return invalid("a move names a member that does not exist, or has impossible counts or strides",
                     communication);
  if (communication.kind == StepKind::Send) {
    std::vector<bool> sends(members), receives(members);
    for (const Move &move : communication.moves)
      sends[move.sourceMember] = receives[move.targetMember] = true;
    for (size_t member = 0; member < members; ++member)
      if (sends[member] && receives[member])
        return invalid("a member of a send both sends and receives", communication);
  }
  return {};
}

/// What a rank sends is read when its receivers come to it: nothing later in the program may write there.
Status checkSent(const Program &program) {
  std::vector<const Step *> sends;
  std::set<uint32_t> sent;
  for (const Step &step : program.steps) {
    std::vector<Buffer> writes = step.writes;
    writes.push_back(step.workspace);
    for (const Step *send : sends)
      for (const Buffer &write : writes)
        if (overlap(send->reads[0], write))
          return Error{ErrorCode::Invalid,
                       "the plan is inconsistent: a step writes over what an earlier one sends",
                       {{"program", program.name}, {"step", step.name}, {"sent by", send->name}}};
    if (step.kind == StepKind::Send && program.role == ProgramRole::Init)
      return Error{ErrorCode::Invalid,
                   "the plan is inconsistent: an init program sends without waiting for the receiver",
                   {{"program", program.name}, {"step", step.name}}};
    // A mailbox has one entry per request.
    if (step.kind == StepKind::Send && !sent.insert(step.communication).second)
      return Error{ErrorCode::Invalid,
                   "the plan is inconsistent: a program takes part in a send twice",
                   {{"program", program.name}, {"step", step.name}}};
    if (step.kind == StepKind::Send && !step.reads.empty())
      sends.push_back(&step);
  }
  return {};
}

struct Walk {
  const Plan &plan;
  ProgramRole role;
  SingleWrites &singleWrites;
  std::vector<std::vector<uint32_t>> sequence = {}; // per rank: its collective steps
  std::vector<size_t> position = {};
  std::unordered_map<uint64_t, uint32_t> arrivals = {}; // communication and group -> members that stand there
  std::vector<std::vector<MoveRange>> ranges = {};      // per communication, made when first needed
  /// What is known of a send that not all members have come to: whoever sends goes on at once.
  struct Post {
    std::vector<const Step *> steps; // by member, null before it has come
    size_t missingMembers = 0, missingSenders = 0;
    std::vector<uint32_t> waiting; // ranks that came to receive before all senders
  };
  std::unordered_map<uint64_t, Post> posts = {};          // by communication and group
  std::unordered_map<uint32_t, std::vector<bool>> senders = {}; // by communication and member

  const Program &program(uint32_t rank) const {
    const RankTable &table = plan.ranks[rank];
    return plan.programs[role == ProgramRole::Init ? table.initProgram : table.forwardProgram];
  }
  const Step &current(uint32_t rank) const { return program(rank).steps[sequence[rank][position[rank]]]; }

  Error fail(uint32_t rank, std::string message) const { return fail(rank, current(rank), std::move(message)); }
  Error fail(uint32_t rank, const Step &step, std::string message) const {
    return {ErrorCode::Invalid,
            "the plan is inconsistent: " + std::move(message),
            {{"rank", std::to_string(rank)},
             {"program", program(rank).name},
             {"step", step.name},
             {"op", std::string(name(step.kind))},
             {"nodes", step.nodes}}};
  }

  /// All members have come to the communication, each at its step: their buffers against its moves.
  Status checkMembers(const Communication &communication, const std::vector<uint32_t> &group,
                      const std::vector<const Step *> &steps) {
    const uint64_t elementBytes = bitWidth(communication.type) / 8;
    auto elements = [&](const std::vector<Buffer> &buffers) {
      return buffers.empty() ? uint64_t(0) : buffers[0].sizeBytes / elementBytes;
    };
    for (size_t member = 0; member < group.size(); ++member) {
      const Step &step = *steps[member];
      const uint32_t rank = group[member];
      bool both = !step.reads.empty() && !step.writes.empty();
      if (communication.kind == StepKind::AllReduce) {
        if (elements(step.reads) < uint64_t(communication.elements) ||
            elements(step.writes) < uint64_t(communication.elements))
          return fail(rank, step, "a buffer is smaller than the communication");
        if (both && overlap(step.reads[0], step.writes[0]) &&
            (step.reads[0].offsetBytes != step.writes[0].offsetBytes))
          return fail(rank, step, "source and target of an all_reduce overlap without being the same");
      } else if (both && overlap(step.reads[0], step.writes[0])) {
        return fail(rank, step, "source and target of a collective overlap");
      }
    }
    auto &moveRanges = ranges[uint32_t(&communication - plan.communications.data())];
    const bool isFirst = moveRanges.empty();
    if (isFirst)
      for (const Move &move : communication.moves)
        moveRanges.push_back(rangeOf(move));
    for (size_t i = 0; i < moveRanges.size(); ++i) {
      const Move &move = communication.moves[i];
      const MoveRange &range = moveRanges[i];
      if (range.isEmpty)
        continue;
      const Step &source = *steps[move.sourceMember], &target = *steps[move.targetMember];
      if (range.sourceFirst < 0 || uint64_t(range.sourceLast) >= elements(source.reads))
        return fail(group[move.sourceMember], source, "a move reads outside the source of a collective");
      if (range.targetFirst < 0 || uint64_t(range.targetLast) >= elements(target.writes))
        return fail(group[move.targetMember], target, "a move writes outside the target of a collective");
    }
    if (isFirst)
      if (auto member = singleWrites.memberWrittenTwice(communication.moves,
                                                        communication.kind == StepKind::ReduceScatter))
        return fail(group[*member], *steps[*member], "a collective writes an element of its target twice");
    return {};
  }

  const std::vector<bool> &sendersOf(uint32_t index) {
    auto [known, isNew] = senders.try_emplace(index);
    if (isNew) {
      const Communication &communication = plan.communications[index];
      known->second.resize(communication.groups[0].size());
      for (const Move &move : communication.moves)
        known->second[move.sourceMember] = true;
    }
    return known->second;
  }

  /// A rank comes to a send: senders go on, receivers when all senders have come.
  Status post(uint32_t rank, uint32_t index, uint32_t groupIndex, uint32_t member, std::vector<uint32_t> &ready) {
    const Communication &communication = plan.communications[index];
    const std::vector<uint32_t> &group = communication.groups[groupIndex];
    const std::vector<bool> &sends = sendersOf(index);
    Post &post = posts[uint64_t(index) << 32 | groupIndex];
    if (post.steps.empty()) {
      post.steps.resize(group.size());
      post.missingMembers = group.size();
      post.missingSenders = size_t(std::count(sends.begin(), sends.end(), true));
    }
    if (post.steps[member])
      return fail(rank, "a rank comes to a send twice");
    post.steps[member] = &current(rank);
    --post.missingMembers;
    post.missingSenders -= sends[member];
    if (sends[member] || post.missingSenders == 0) {
      ++position[rank];
      ready.push_back(rank);
    } else {
      post.waiting.push_back(rank);
    }
    if (post.missingSenders == 0)
      for (; !post.waiting.empty(); post.waiting.pop_back()) {
        ++position[post.waiting.back()];
        ready.push_back(post.waiting.back());
      }
    return post.missingMembers == 0 ? checkMembers(communication, group, post.steps) : Status();
  }

  Status run() {
    const auto numRanks = uint32_t(plan.ranks.size());
    sequence.resize(numRanks);
    position.assign(numRanks, 0);
    ranges.resize(plan.communications.size());
    std::vector<uint32_t> ready; // ranks that have come to their next collective
    for (uint32_t rank = 0; rank < numRanks; ++rank) {
      const Program &steps = program(rank);
      for (uint32_t i = 0; i < steps.steps.size(); ++i)
        if (isCommunication(steps.steps[i].kind))
          sequence[rank].push_back(i);
      ready.push_back(rank);
    }
    while (!ready.empty()) {
      uint32_t rank = ready.back();
      ready.pop_back();
      if (position[rank] == sequence[rank].size())
        continue;
      uint32_t index = current(rank).communication;
      const Communication &communication = plan.communications[index];
      auto member = findMember(communication, rank);
      if (!member)
        return fail(rank, "a rank executes a communication in which it takes no part");
      const auto &group = communication.groups[member->first];
      if (communication.kind == StepKind::Send) {
        if (Status error = post(rank, index, member->first, member->second, ready))
          return error;
        continue;
      }
      if (++arrivals[uint64_t(index) << 32 | member->first] < group.size())
        continue;
      arrivals[uint64_t(index) << 32 | member->first] = 0;
      std::vector<const Step *> steps;
      for (uint32_t other : group)
        steps.push_back(&current(other));
      if (Status error = checkMembers(communication, group, steps))
        return error;
      for (uint32_t other : group) {
        ++position[other];
        ready.push_back(other);
      }
    }
    for (uint32_t rank = 0; rank < numRanks; ++rank)
      if (position[rank] != sequence[rank].size())
        return fail(rank,
                    "a rank would wait forever, because other members of the group come in another order");
    for (const auto &[key, post] : posts)
      for (const Step *step : post.steps)
        if (post.missingMembers > 0 && step)
          return invalid("a member of a send never comes", plan.communications[size_t(key >> 32)]);
    return {};
  }
};
} // namespace

std::optional<std::pair<uint32_t, uint32_t>> findMember(const Communication &communication, uint32_t rank) {
  for (uint32_t g = 0; g < communication.groups.size(); ++g) {
    const auto &group = communication.groups[g];
    auto found = std::find(group.begin(), group.end(), rank);
    if (found != group.end())
      return std::pair(g, uint32_t(found - group.begin()));
  }
  return std::nullopt;
}

Status checkCollectives(const Plan &plan) {
  std::vector<uint32_t> lastSeen(plan.ranks.size(), UINT32_MAX);
  for (uint32_t i = 0; i < plan.communications.size(); ++i)
    if (Status error = checkCommunication(plan, plan.communications[i], lastSeen, i))
      return error;
  for (const Program &program : plan.programs)
    if (Status error = checkSent(program))
      return error;
  SingleWrites singleWrites;
  for (ProgramRole role : {ProgramRole::Init, ProgramRole::Forward})
    if (Status error = Walk{plan, role, singleWrites}.run())
      return error;
  return {};
}

} // namespace ampc::plan
