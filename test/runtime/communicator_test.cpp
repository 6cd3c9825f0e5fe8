// The threads communicator with random moves, groups and reductions, many rounds on few cores, against a
// plain evaluation of the same moves.
#include "runtime/execute/communicator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

namespace ampc::test {
namespace {

using plan::Communication;
using plan::StepKind;

struct Bench {
  plan::Plan plan;
  std::vector<std::vector<float>> sources, targets, expected; // by rank
};

/// `groups` groups of `members` ranks, interleaved.
Bench makeBench(std::mt19937 &random, StepKind kind, uint32_t groups, uint32_t members, int64_t elements) {
  Bench bench;
  Communication communication;
  communication.kind = kind;
  communication.reduction = Reduction::Sum;
  for (uint32_t g = 0; g < groups; ++g) {
    communication.groups.emplace_back();
    for (uint32_t m = 0; m < members; ++m)
      communication.groups.back().push_back(m * groups + g);
  }
  const uint32_t ranks = groups * members;
  for (uint32_t r = 0; r < ranks; ++r) {
    bench.sources.emplace_back(static_cast<size_t>(elements));
    for (float &value : bench.sources.back())
      value = float(int(random() % 2000) - 1000);
    bench.targets.emplace_back(static_cast<size_t>(elements), -1.0f);
  }
  bench.expected = bench.targets;
  if (kind == StepKind::AllReduce) {
    communication.elements = elements;
    for (const auto &group : communication.groups)
      for (uint32_t rank : group)
        for (size_t i = 0; i < size_t(elements); ++i) {
          bench.expected[rank][i] = 0;
          for (uint32_t source : group)
            bench.expected[rank][i] += bench.sources[source][i];
        }
  } else {
    // Every target member gets disjoint pieces; for a reduction every piece comes from several members.
    const int64_t piece = elements / 4;
    for (uint32_t target = 0; target < members; ++target)
      for (int64_t p = 0; p < 4; ++p) {
        const uint32_t copies = kind == StepKind::ReduceScatter ? 1 + random() % members : 1;
        const uint32_t first = random() % members;
        const bool strided = random() % 2;
        for (uint32_t c = 0; c < copies; ++c) {
          plan::Move move;
          move.sourceMember = (first + c) % members;
          move.targetMember = target;
          move.targetOffset = p * piece;
          const int64_t half = piece / 2;
          move.sourceOffset = int64_t(random() % uint64_t(elements - piece));
          move.dims = strided ? std::vector<plan::MoveDim>{{2, 1, half}, {half, 2, 1}}
                              : std::vector<plan::MoveDim>{{2 * half, 1, 1}};
          communication.moves.push_back(move);
        }
      }
    std::vector<std::vector<char>> written(ranks, std::vector<char>(static_cast<size_t>(elements), 0));
    for (uint32_t member = 0; member < members; ++member)
      for (const plan::Move &move : communication.moves) {
        if (move.sourceMember != member)
          continue;
        for (const auto &group : communication.groups) {
          uint32_t source = group[move.sourceMember], target = group[move.targetMember];
          const auto &dims = move.dims;
          for (int64_t i = 0; i < dims[0].count; ++i)
            for (int64_t j = 0; j < (dims.size() > 1 ? dims[1].count : 1); ++j) {
              size_t from = size_t(move.sourceOffset + i * dims[0].sourceStride +
                                   (dims.size() > 1 ? j * dims[1].sourceStride : 0));
              size_t to = size_t(move.targetOffset + i * dims[0].targetStride +
                                 (dims.size() > 1 ? j * dims[1].targetStride : 0));
              float value = bench.sources[source][from];
              bool add = kind == StepKind::ReduceScatter && written[target][to];
              bench.expected[target][to] = add ? bench.expected[target][to] + value : value;
              written[target][to] = 1;
            }
        }
      }
  }
  bench.plan.communications = {communication};
  bench.plan.ranks.resize(ranks);
  return bench;
}

void runBench(Bench &bench, bool inPlace, int rounds) {
  auto communicator = makeThreadsCommunicator(bench.plan, 1);
  const Communication &communication = bench.plan.communications[0];
  WaitPolicy policy;
  policy.spinIterations = 20;
  std::atomic<bool> interrupt{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (uint32_t g = 0; g < communication.groups.size(); ++g)
    for (uint32_t m = 0; m < communication.groups[g].size(); ++m)
      threads.emplace_back([&, g, m] {
        const uint32_t rank = communication.groups[g][m];
        std::vector<float> source;
        for (int round = 0; round < rounds; ++round) {
          source = bench.sources[rank];
          std::fill(bench.targets[rank].begin(), bench.targets[rank].end(), -1.0f);
          void *target = inPlace ? source.data() : bench.targets[rank].data();
          if (communicator->run({0, g, m}, source.data(), target, interrupt, policy) != WaitResult::Done)
            ++failures;
          if (inPlace)
            bench.targets[rank] = source;
          if (bench.targets[rank] != bench.expected[rank])
            ++failures;
          if (!inPlace && source != bench.sources[rank])
            ++failures;
        }
      });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
}

TEST(Communicator, AllReduce) {
  std::mt19937 random(1);
  for (auto [groups, members] : {std::pair(1u, 1u), {1u, 2u}, {2u, 2u}, {1u, 3u}, {1u, 8u}, {2u, 4u}})
    for (int64_t elements : {1, 100, 4096, 4097, 20001})
      for (bool inPlace : {false, true}) {
        Bench bench = makeBench(random, StepKind::AllReduce, groups, members, elements);
        runBench(bench, inPlace, 5);
      }
}

TEST(Communicator, MovesAndScatters) {
  std::mt19937 random(2);
  for (StepKind kind : {StepKind::AllGather, StepKind::AllToAll, StepKind::Exchange, StepKind::ReduceScatter})
    for (auto [groups, members] : {std::pair(1u, 2u), {2u, 2u}, {1u, 3u}, {1u, 8u}, {2u, 3u}})
      for (int64_t elements : {16, 1000}) {
        Bench bench = makeBench(random, kind, groups, members, elements);
        runBench(bench, false, 5);
      }
}

/// Two senders with half of the data each, two receivers that want all of it, one that wants nothing.
plan::Plan sendPlan(int64_t half) {
  Communication communication;
  communication.kind = StepKind::Send;
  communication.groups = {{0, 1, 2, 3, 4}};
  for (uint32_t target : {2u, 3u})
    for (uint32_t source : {0u, 1u})
      communication.moves.push_back({source, target, 0, int64_t(source) * half, {{half, 1, 1}}});
  plan::Plan plan;
  plan.communications = {communication};
  plan.ranks.resize(5);
  return plan;
}

TEST(Communicator, SendersRunAheadByTheNumberOfSlots) {
  constexpr int64_t half = 500;
  constexpr uint32_t slots = 3;
  constexpr int requests = 200;
  const plan::Plan plan = sendPlan(half);
  auto communicator = makeThreadsCommunicator(plan, slots);
  WaitPolicy policy;
  policy.spinIterations = 20;
  std::atomic<bool> interrupt{false};
  std::atomic<int> failures{0}, received[2] = {0, 0};
  std::vector<std::vector<float>> sources(2 * slots, std::vector<float>(half));
  // The senders alone: nobody waits for a receiver.
  auto send = [&](uint32_t member, int request) {
    std::vector<float> &source = sources[size_t(request) % slots * 2 + member];
    std::fill(source.begin(), source.end(), float(10 * request + int(member)));
    failures += communicator->run({0, 0, member}, source.data(), nullptr, interrupt, policy) != WaitResult::Done;
  };
  for (int request = 0; request < int(slots); ++request)
    for (uint32_t member : {0u, 1u})
      send(member, request);
  std::vector<std::thread> threads;
  for (uint32_t member : {0u, 1u})
    threads.emplace_back([&, member] {
      for (int request = slots; request < requests; ++request) {
        while (std::min(received[0].load(), received[1].load()) <= request - int(slots))
          std::this_thread::yield();
        send(member, request);
      }
    });
  for (uint32_t member : {2u, 3u, 4u})
    threads.emplace_back([&, member] {
      std::vector<float> target(2 * half, -1);
      for (int request = 0; request < requests; ++request) {
        failures += communicator->run({0, 0, member}, nullptr, target.data(), interrupt, policy) != WaitResult::Done;
        for (size_t i = 0; i < target.size(); ++i)
          failures += target[i] != (member == 4 ? -1 : float(10 * request + int(i / half)));
        if (member != 4)
          ++received[member - 2];
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
}

TEST(Communicator, AReceiverNamesTheSenderThatDoesNotCome) {
  const plan::Plan plan = sendPlan(4);
  auto communicator = makeThreadsCommunicator(plan, 2);
  WaitPolicy policy;
  policy.deadline = std::chrono::milliseconds(30);
  std::atomic<bool> interrupt{false};
  std::vector<float> data(8);
  EXPECT_EQ(communicator->run({0, 0, 0}, data.data(), nullptr, interrupt, policy), WaitResult::Done);
  EXPECT_EQ(communicator->run({0, 0, 2}, nullptr, data.data(), interrupt, policy), WaitResult::TimedOut);
  EXPECT_EQ(communicator->missingRank({0, 0, 2}), 1u);
}

TEST(Communicator, DeadlineInterruptAndReset) {
  std::mt19937 random(3);
  Bench bench = makeBench(random, StepKind::AllReduce, 1, 2, 10);
  auto communicator = makeThreadsCommunicator(bench.plan, 1);
  WaitPolicy policy;
  policy.deadline = std::chrono::milliseconds(30);
  std::atomic<bool> interrupt{false};
  CommunicationPart part{0, 0, 0};
  EXPECT_EQ(communicator->run(part, bench.sources[0].data(), bench.targets[0].data(), interrupt, policy),
            WaitResult::TimedOut);
  EXPECT_EQ(communicator->missingRank(part), 1u);
  communicator->reset();
  policy.deadline = std::chrono::seconds(60);
  auto begin = std::chrono::steady_clock::now();
  std::thread waker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    interrupt = true;
    communicator->wake();
  });
  EXPECT_EQ(communicator->run(part, bench.sources[0].data(), bench.targets[0].data(), interrupt, policy),
            WaitResult::Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  waker.join();
  communicator->reset();
  runBench(bench, false, 3);
}

} // namespace
} // namespace ampc::test
