// One-way communication: senders leave the addresses of what they send and go on; receivers wait for them and copy.
// What was sent stays where it is until its request has ended (plan_checks), and no rank is more requests ahead than
// there are slots (session), so one entry per slot is enough and nobody ever waits for a receiver.
#pragma once

#include "runtime/execute/waiting.h"

#include <memory>
#include <vector>

namespace ampc {

/// The mailbox of one group of one communication.
class Mailbox {
public:
  struct Entry {
    ArrivalCounter posts;
    std::vector<std::atomic<const void *>> sources; // by member
  };

  Mailbox(size_t members, uint32_t numSenders, uint32_t slots)
      : numSenders(numSenders), entries(slots), rounds(members) {
    for (auto &entry : entries) {
      entry = std::make_unique<Entry>();
      entry->sources = std::vector<std::atomic<const void *>>(members);
    }
  }

  void post(uint32_t member, const void *source) {
    const uint64_t round = enter(member);
    Entry &entry = entryOf(round);
    entry.sources[member].store(source, std::memory_order_relaxed);
    entry.posts.arrive(targetOf(round));
  }

  /// Until all senders have posted; then the entry is theirs of this member's round.
  WaitResult receive(uint32_t member, const Entry *&entry, const std::atomic<bool> &interrupt, const WaitPolicy &policy) {
    const uint64_t round = enter(member);
    entry = &entryOf(round);
    return entryOf(round).posts.waitFor(targetOf(round), interrupt, policy);
  }

  /// Has `other` still to post what `member` is waiting for?
  bool isBehind(uint32_t other, uint32_t member) const { return rounds[other].load() < rounds[member].load(); }

  void wake() {
    for (auto &entry : entries)
      entry->posts.wake();
  }
  void reset() {
    for (auto &entry : entries)
      entry->posts.reset();
    for (auto &round : rounds)
      round.store(0);
  }

private:
  uint64_t enter(uint32_t member) {
    const uint64_t round = rounds[member].load(std::memory_order_relaxed);
    rounds[member].store(round + 1, std::memory_order_relaxed);
    return round;
  }
  Entry &entryOf(uint64_t round) { return *entries[round % entries.size()]; }
  /// Posts that the entry has seen when those of this round are complete; wraps around like the counter.
  uint32_t targetOf(uint64_t round) const { return uint32_t((round / entries.size() + 1) * numSenders); }

  uint32_t numSenders;
  std::vector<std::unique_ptr<Entry>> entries; // by slot
  std::vector<std::atomic<uint64_t>> rounds;   // rounds that each member has entered
};

} // namespace ampc
