// Collectives among threads: every member publishes its source, all meet, every member pulls what it needs in
// fixed member order, all meet again so that sources may be reused. Sends go through mailboxes instead.
#include "runtime/execute/communicator.h"

#include "runtime/execute/mailbox.h"
#include "runtime/execute/moves.h"
#include "runtime/execute/reduce.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace ampc {

namespace {
using plan::Communication;
using plan::StepKind;

/// Up to this size every member reduces everything itself: cheaper than a third meeting.
constexpr int64_t smallAllReduceBytes = 16 * 1024;

/// What one member receives: moves with their source, in member order; those of one group write the same
/// elements.
struct Incoming {
  struct Part {
    uint32_t sourceMember;
    PreparedMove move;
  };
  struct Target {
    std::vector<Part> parts;
  };
  std::vector<Target> targets;
};

/// The meeting place of one group of one communication.
struct Meeting {
  explicit Meeting(size_t members) : sources(members), targets(members), rounds(members), rooms(members) {}
  ArrivalCounter arrivals;
  std::vector<std::atomic<const void *>> sources;
  std::vector<std::atomic<void *>> targets;
  std::vector<std::atomic<uint32_t>> rounds; // meetings that each member has entered
  /// What a member needs to combine: made with the meeting, so that no step allocates.
  struct Room {
    std::vector<const void *> sources;
    std::vector<int64_t> index;
  };
  std::vector<Room> rooms;
};

class ThreadsCommunicator final : public Communicator {
public:
  ThreadsCommunicator(const plan::Plan &plan, uint32_t slots) : plan(plan) {
    meetings.resize(plan.communications.size());
    mailboxes.resize(plan.communications.size());
    incoming.resize(plan.communications.size());
    isSender.resize(plan.communications.size());
    for (size_t c = 0; c < plan.communications.size(); ++c) {
      const Communication &communication = plan.communications[c];
      if (communication.kind != StepKind::AllReduce)
        prepareMoves(communication, incoming[c]);
      if (communication.kind == StepKind::Send)
        prepareMailboxes(communication, slots, mailboxes[c], isSender[c]);
      else
        for (const auto &group : communication.groups) {
          meetings[c].push_back(std::make_unique<Meeting>(group.size()));
          prepareRooms(communication, incoming[c], *meetings[c].back());
        }
    }
  }

  WaitResult run(const CommunicationPart &part, const void *source, void *target,
                 const std::atomic<bool> &interrupt, const WaitPolicy &policy) override {
    const Communication &communication = plan.communications[part.communication];
    if (communication.kind == StepKind::Send)
      return send(part, source, target, interrupt, policy);
    Meeting &meeting = *meetings[part.communication][part.group];
    meeting.sources[part.member].store(source, std::memory_order_relaxed);
    meeting.targets[part.member].store(target, std::memory_order_relaxed);
    auto meet = [&] { return enter(meeting, part.member, interrupt, policy); };
    if (WaitResult result = meet(); result != WaitResult::Done)
      return result;
    switch (communication.kind) {
    case StepKind::AllReduce: return allReduce(communication, meeting, part.member, target, meet);
    case StepKind::ReduceScatter:
      combineMoves(communication, meeting, incoming[part.communication][part.member], meeting.rooms[part.member],
                   target);
      break;
    default: pullMoves(meeting.sources, incoming[part.communication][part.member], target);
    }
    return meet();
  }

  uint32_t missingRank(const CommunicationPart &part) const override {
    const auto &group = plan.communications[part.communication].groups[part.group];
    if (plan.communications[part.communication].kind == StepKind::Send) {
      const Mailbox &mailbox = *mailboxes[part.communication][part.group];
      for (size_t member = 0; member < group.size(); ++member)
        if (isSender[part.communication][member] && mailbox.isBehind(uint32_t(member), part.member))
          return group[member];
      return group[part.member];
    }
    const Meeting &meeting = *meetings[part.communication][part.group];
    uint32_t own = meeting.rounds[part.member].load();
    for (size_t member = 0; member < group.size(); ++member)
      if (int32_t(meeting.rounds[member].load() - own) < 0)
        return group[member];
    return group[part.member];
  }

  void wake() override {
    for (auto &groups : meetings)
      for (auto &meeting : groups)
        meeting->arrivals.wake();
    for (auto &groups : mailboxes)
      for (auto &mailbox : groups)
        mailbox->wake();
  }

  void reset() override {
    for (auto &groups : meetings)
      for (auto &meeting : groups) {
        meeting->arrivals.reset();
        for (auto &round : meeting->rounds)
          round.store(0);
      }
    for (auto &groups : mailboxes)
      for (auto &mailbox : groups)
        mailbox->reset();
  }

private:
  static WaitResult enter(Meeting &meeting, uint32_t member, const std::atomic<bool> &interrupt,
                          const WaitPolicy &policy) {
    const auto members = uint32_t(meeting.sources.size());
    const uint32_t round = meeting.rounds[member].load(std::memory_order_relaxed) + 1;
    meeting.rounds[member].store(round, std::memory_order_relaxed);
    const uint32_t target = round * members;
    meeting.arrivals.arrive(target);
    return meeting.arrivals.waitFor(target, interrupt, policy);
  }

  static void prepareRooms(const Communication &communication, const std::vector<Incoming> &members, Meeting &meeting) {
    for (size_t member = 0; member < meeting.rooms.size(); ++member) {
      Meeting::Room &room = meeting.rooms[member];
      if (communication.kind == StepKind::AllReduce)
        room.sources.resize(meeting.sources.size());
      if (communication.kind == StepKind::ReduceScatter)
        for (const Incoming::Target &target : members[member].targets) {
          room.sources.resize(std::max(room.sources.size(), target.parts.size()));
          room.index.resize(std::max(room.index.size(), target.parts[0].move.dims.size()));
        }
    }
  }

  static void prepareMailboxes(const Communication &communication, uint32_t slots,
                               std::vector<std::unique_ptr<Mailbox>> &mailboxes, std::vector<bool> &isSender) {
    const size_t members = communication.groups[0].size();
    isSender.resize(members);
    for (const plan::Move &move : communication.moves)
      isSender[move.sourceMember] = true;
    const auto numSenders = uint32_t(std::count(isSender.begin(), isSender.end(), true));
    for (size_t group = 0; group < communication.groups.size(); ++group)
      mailboxes.push_back(std::make_unique<Mailbox>(members, numSenders, slots));
  }

  WaitResult send(const CommunicationPart &part, const void *source, void *target,
                  const std::atomic<bool> &interrupt, const WaitPolicy &policy) {
    Mailbox &mailbox = *mailboxes[part.communication][part.group];
    if (isSender[part.communication][part.member]) {
      mailbox.post(part.member, source);
      return WaitResult::Done;
    }
    const Incoming &moves = incoming[part.communication][part.member];
    if (moves.targets.empty()) // a copy of the value that nobody asked for, or an empty shard
      return WaitResult::Done;
    const Mailbox::Entry *entry = nullptr;
    WaitResult result = mailbox.receive(part.member, entry, interrupt, policy);
    if (result == WaitResult::Done)
      pullMoves(entry->sources, moves, target);
    return result;
  }

  static void prepareMoves(const Communication &communication, std::vector<Incoming> &members) {
    members.resize(communication.groups[0].size());
    const unsigned elementBytes = bitWidth(communication.type) / 8;
    std::vector<const plan::Move *> ordered;
    for (const plan::Move &move : communication.moves)
      ordered.push_back(&move);
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](auto *a, auto *b) { return a->sourceMember < b->sourceMember; });
    // Moves of a reduce_scatter meet where offset, counts and target strides are equal.
    std::map<std::vector<int64_t>, size_t> known;
    for (const plan::Move *move : ordered) {
      Incoming &incoming = members[move->targetMember];
      size_t index = incoming.targets.size();
      PreparedMove prepared = prepareMove(*move, elementBytes);
      if (communication.kind == StepKind::ReduceScatter) {
        prepared = prepareElementwise(*move, elementBytes);
        std::vector<int64_t> key = {int64_t(move->targetMember), move->targetOffset};
        for (const plan::MoveDim &dim : move->dims)
          key.insert(key.end(), {dim.count, dim.targetStride});
        index = known.emplace(std::move(key), index).first->second;
      }
      if (index == incoming.targets.size())
        incoming.targets.emplace_back();
      incoming.targets[index].parts.push_back({move->sourceMember, std::move(prepared)});
    }
  }

  /// As prepareMove, but without reordering: parts of one target must walk it alike. The run is the innermost
  /// dimension where it is contiguous on both sides.
  static PreparedMove prepareElementwise(const plan::Move &move, unsigned elementBytes) {
    const int64_t element = elementBytes;
    PreparedMove result{move.sourceOffset * element, move.targetOffset * element, element, {}};
    for (const plan::MoveDim &dim : move.dims) {
      if (dim.count == 0)
        return {};
      result.dims.push_back({dim.count, dim.sourceStride * element, dim.targetStride * element});
    }
    return result;
  }

  static void pullMoves(const std::vector<std::atomic<const void *>> &sources, const Incoming &incoming, void *target) {
    for (const auto &group : incoming.targets)
      for (const auto &part : group.parts)
        copyMove(part.move, sources[part.sourceMember].load(std::memory_order_relaxed), target);
  }

  static void combineMoves(const Communication &communication, const Meeting &meeting, const Incoming &incoming,
                           Meeting::Room &room, void *target) {
    const unsigned elementBytes = bitWidth(communication.type) / 8;
    std::vector<int64_t> &index = room.index;
    for (const auto &group : incoming.targets) {
      const auto &dims = group.parts[0].move.dims;
      if (!group.parts[0].move.runBytes)
        continue;
      // The innermost dimension in one call where it is contiguous for all.
      bool contiguous = !dims.empty();
      for (const auto &part : group.parts)
        contiguous = contiguous && part.move.dims.back().sourceStride == int64_t(elementBytes) &&
                     part.move.dims.back().targetStride == int64_t(elementBytes);
      const size_t outer = dims.size() - (contiguous ? 1 : 0);
      const int64_t run = contiguous ? dims.back().count : 1;
      std::fill(index.begin(), index.end(), 0);
      const std::span sources(room.sources.data(), group.parts.size());
      for (bool more = true; more;) {
        for (size_t i = 0; i < sources.size(); ++i) {
          const Incoming::Part &part = group.parts[i];
          int64_t offset = part.move.sourceOffset;
          for (size_t d = 0; d < outer; ++d)
            offset += index[d] * part.move.dims[d].sourceStride;
          sources[i] =
              static_cast<const char *>(meeting.sources[part.sourceMember].load(std::memory_order_relaxed)) + offset;
        }
        int64_t offset = group.parts[0].move.targetOffset;
        for (size_t d = 0; d < outer; ++d)
          offset += index[d] * dims[d].targetStride;
        reduceElements(communication.type, communication.reduction, static_cast<char *>(target) + offset,
                       sources, run);
        size_t d = outer;
        while (d > 0 && ++index[d - 1] == dims[d - 1].count)
          index[--d] = 0;
        more = d > 0;
      }
    }
  }

  template <typename Meet>
  static WaitResult allReduce(const Communication &communication, Meeting &meeting, uint32_t member, void *target,
                              const Meet &meet) {
    const int64_t elementBytes = bitWidth(communication.type) / 8, elements = communication.elements;
    const auto members = int64_t(meeting.sources.size());
    std::vector<const void *> &sources = meeting.rooms[member].sources;
    if (elements * elementBytes <= smallAllReduceBytes) {
      for (size_t i = 0; i < sources.size(); ++i)
        sources[i] = meeting.sources[i].load(std::memory_order_relaxed);
      // Through a local buffer: source and target may be the same memory, which others still read.
      alignas(64) char local[smallAllReduceBytes];
      reduceElements(communication.type, communication.reduction, local, sources, elements);
      WaitResult result = meet();
      if (result == WaitResult::Done && elements)
        std::memcpy(target, local, size_t(elements * elementBytes));
      return result;
    }
    // Each member combines its own part, then fetches the others' parts. In place is safe: a member
    // overwrites in its own source only its own part, which nobody else reads, until all have combined.
    auto partBegin = [&](int64_t i) { return shareBegin(elements, members, i) * elementBytes; };
    for (size_t i = 0; i < sources.size(); ++i)
      sources[i] =
          static_cast<const char *>(meeting.sources[i].load(std::memory_order_relaxed)) + partBegin(member);
    reduceElements(communication.type, communication.reduction,
                   static_cast<char *>(target) + partBegin(member), sources,
                   (partBegin(member + 1) - partBegin(member)) / elementBytes);
    if (WaitResult result = meet(); result != WaitResult::Done)
      return result;
    for (int64_t i = 0; i < members; ++i) {
      // Start behind oneself, so that members do not all read the same one.
      int64_t other = (member + 1 + i) % members;
      void *theirs = meeting.targets[size_t(other)].load(std::memory_order_relaxed);
      if (other != int64_t(member) && theirs != target)
        std::memcpy(static_cast<char *>(target) + partBegin(other),
                    static_cast<char *>(theirs) + partBegin(other),
                    size_t(partBegin(other + 1) - partBegin(other)));
    }
    return meet();
  }

  static int64_t shareBegin(int64_t elements, int64_t members, int64_t member) {
    // Whole cache lines, so that neighbours do not write to the same one.
    int64_t share = (elements + members - 1) / members;
    return std::min(elements, (share + 63) / 64 * 64 * member);
  }

  const plan::Plan &plan;
  std::vector<std::vector<std::unique_ptr<Meeting>>> meetings;  // by communication and group; none for Send
  std::vector<std::vector<std::unique_ptr<Mailbox>>> mailboxes; // by communication and group; only for Send
  std::vector<std::vector<Incoming>> incoming;                  // by communication and member
  std::vector<std::vector<bool>> isSender;                      // by communication and member; only for Send
};

class NullCommunicator final : public Communicator {
public:
  WaitResult run(const CommunicationPart &, const void *, void *, const std::atomic<bool> &,
                 const WaitPolicy &) override {
    return WaitResult::Done;
  }
  uint32_t missingRank(const CommunicationPart &) const override { return 0; }
  void wake() override {}
  void reset() override {}
};
} // namespace

std::unique_ptr<Communicator> makeThreadsCommunicator(const plan::Plan &plan, uint32_t slots) {
  return std::make_unique<ThreadsCommunicator>(plan, slots);
}

std::unique_ptr<Communicator> makeNullCommunicator() { return std::make_unique<NullCommunicator>(); }

} // namespace ampc
