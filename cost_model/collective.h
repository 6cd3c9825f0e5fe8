// Time of one collective over a group of ranks: rings and trees over the tiers of the cluster, or copies
// through shared memory where the ranks are threads of one process. Which steps wait for which is
// simulate.h's business.
#pragma once

#include "cost_model/cluster.h"
#include "runtime/plan/plan.h"

#include <span>

namespace ampc::cost {

/// `bytesPerRank` is the size of the buffer that every rank brings:
///   AllReduce      the value (equal on all ranks)
///   AllGather      one rank's shard (the largest); the result is n times as large
///   ReduceScatter  the partial value; the result is an n-th of it
///   AllToAll       one rank's shard; each rank keeps an n-th of it
///   Broadcast      the value
///   Exchange, Send what the busiest rank sends (no pairs known: to one neighbour in the ring)
/// Groups of fewer than two ranks, and other kinds of steps, cost 0.
double collectiveSeconds(plan::StepKind kind, double bytesPerRank, std::span<const uint32_t> ranks,
                         const Cluster &cluster);

struct PairBytes {
  uint32_t source = 0, target = 0; // global ranks; source == target is a local copy
  double bytes = 0;
};

/// Sends and receives that progress together: the busiest rank decides.
double exchangeSeconds(std::span<const PairBytes> pairs, const Cluster &cluster);

/// What it takes to hand a request to the threads of devices 0 to n - 1 of one process and to hear that all have ended:
/// two rendezvous. 0 for one device (of which every plan has the part that is left out) and for devices that are not
/// threads.
double handoverSeconds(uint32_t devices, const Cluster &cluster);

/// Time of one group of a communication of a plan, from its elements and moves; without them (an estimate)
/// from Communication::bytesPerRank as the buffer that every rank brings. An unknown group costs 0.
double communicationSeconds(const plan::Communication &communication, size_t group, const Cluster &cluster);

} // namespace ampc::cost
