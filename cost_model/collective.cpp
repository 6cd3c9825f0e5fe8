// Collective times. Formulas: ring all-reduce takes 2(n-1) steps and moves 2(n-1)/n of the value per rank,
// gather and scatter half of that; a tree goes down and up once (public NCCL tuning model). The cheapest
// algorithm counts.
#include "cost_model/collective.h"
#include "cost_model/work.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

namespace ampc::cost {
namespace {

using plan::StepKind;

/// How a group lies in the tiers.
struct Shape {
  size_t numRanks = 0;
  size_t top = 0; // innermost tier that contains the group
  // Per tier up to top: how many groups of the tier the ranks touch, and the fewest ranks in one of them.
  std::vector<size_t> groups, fewestMembers;
};

Shape shapeOf(std::span<const uint32_t> ranks, const Cluster &cluster) {
  Shape shape;
  shape.numRanks = ranks.size();
  shape.top = cluster.tierOf(ranks);
  for (size_t tier = 0; tier <= shape.top; ++tier) {
    std::unordered_map<uint64_t, size_t> members;
    for (uint32_t rank : ranks)
      ++members[rank / cluster.tiers[tier].groupSize];
    size_t fewest = ranks.size();
    for (const auto &[group, count] : members)
      fewest = std::min(fewest, count);
    shape.groups.push_back(members.size());
    shape.fewestMembers.push_back(fewest);
  }
  return shape;
}

double contentionOf(const LinkTier &tier, double groupsSpanned) {
  return 1 + tier.contention * std::max(0.0, std::log2(std::max(groupsSpanned, 1.0)) - 1);
}

/// Steps of a ring that cross tier `tier`: what is not inside a group of the tier below.
double ringHops(const Shape &shape, size_t tier) {
  const double below = tier == 0 ? double(shape.numRanks) : double(shape.groups[tier - 1]);
  return below - double(shape.groups[tier]);
}

/// Bytes per second of one rank through `tier`, for collectives that every group of the tier joins.
double tierBandwidth(const Shape &shape, const Cluster &cluster, size_t tier) {
  const LinkTier &link = cluster.tiers[tier];
  switch (link.transport) {
  case Transport::SharedMemory:
    return link.bandwidthBytesPerSecond / 2; // a copied byte is read and written
  case Transport::Link:
    return link.bandwidthBytesPerSecond;
  case Transport::Network:
    return link.bandwidthBytesPerSecond /
           contentionOf(link, tier == 0 ? double(shape.numRanks) : double(shape.groups[tier - 1]));
  }
  return link.bandwidthBytesPerSecond;
}

/// Bytes per second that go around a ring over all tiers of the group. Every member of a node leads one ring
/// through its own adapter, so that a network tier carries as many rings as a node has members.
double ringBandwidth(const Shape &shape, const Cluster &cluster) {
  double bandwidth = INFINITY;
  for (size_t tier = 0; tier <= shape.top; ++tier)
    if (ringHops(shape, tier) > 0)
      bandwidth = std::min(bandwidth, tierBandwidth(shape, cluster, tier) *
                                          (tier == 0 ? 1.0 : double(shape.fewestMembers[tier - 1])));
  return bandwidth;
}

/// Seconds per byte of a rank's buffer in an all-to-all: every peer gets an n-th, through the tier it is
/// reached by.
double scatterSecondsPerByte(const Shape &shape, const Cluster &cluster) {
  double seconds = 0, reached = 1;
  for (size_t tier = 0; tier <= shape.top; ++tier) {
    const double within = tier == shape.top ? double(shape.numRanks) : double(shape.fewestMembers[tier]);
    seconds += std::max(0.0, within - reached) / double(shape.numRanks) / tierBandwidth(shape, cluster, tier);
    reached = std::max(reached, within);
  }
  return seconds;
}

/// The protocols that all tiers of the group have, with the base of the slowest and the step time of each
/// tier.
struct Route {
  double baseSeconds = 0, bandwidthFraction = 1;
  bool inSwitch = false;
  std::vector<double> stepSeconds; // per tier
};

std::vector<Route> routesOf(const Shape &shape, const Cluster &cluster) {
  std::vector<size_t> crossed;
  for (size_t tier = 0; tier <= shape.top; ++tier)
    if (ringHops(shape, tier) > 0)
      crossed.push_back(tier);
  std::vector<Route> routes;
  auto plain = [](const LinkTier &tier) { return Protocol{"", 0, tier.latencySeconds, 1, false}; };
  const LinkTier &first = cluster.tiers[crossed.front()];
  const std::vector<Protocol> candidates =
      first.protocols.empty() ? std::vector<Protocol>{plain(first)} : first.protocols;
  for (const Protocol &candidate : candidates) {
    Route route;
    route.stepSeconds.assign(shape.top + 1, 0);
    route.inSwitch = candidate.inSwitch;
    bool usable = true;
    for (size_t tier : crossed) {
      const LinkTier &link = cluster.tiers[tier];
      Protocol protocol = plain(link);
      if (!link.protocols.empty() && !candidate.name.empty()) {
        auto found = std::find_if(link.protocols.begin(), link.protocols.end(),
                                  [&](const Protocol &p) { return p.name == candidate.name; });
        usable &= found != link.protocols.end();
        if (!usable)
          break;
        protocol = *found;
      }
      route.baseSeconds = std::max(route.baseSeconds, protocol.baseSeconds);
      route.bandwidthFraction =
          std::min(tier == crossed.front() ? protocol.bandwidthFraction : route.bandwidthFraction,
                   protocol.bandwidthFraction);
      route.stepSeconds[tier] = protocol.stepSeconds;
    }
    if (usable)
      routes.push_back(std::move(route));
  }
  if (routes.empty()) { // tiers without a common protocol: latency and bandwidth only
    Route route;
    for (size_t tier = 0; tier <= shape.top; ++tier)
      route.stepSeconds.push_back(cluster.tiers[tier].latencySeconds);
    routes.push_back(std::move(route));
  }
  return routes;
}

double ringSteps(const Shape &shape, const Route &route, double rounds) {
  double seconds = 0;
  for (size_t tier = 0; tier <= shape.top; ++tier)
    seconds += rounds * std::max(0.0, ringHops(shape, tier)) * route.stepSeconds[tier];
  return seconds;
}

/// A chain inside the innermost groups, a binary tree above.
double treeSteps(const Shape &shape, const Route &route, double rounds) {
  double seconds = 0;
  for (size_t tier = 0; tier <= shape.top; ++tier) {
    const double below = tier == 0 ? double(shape.numRanks) : double(shape.groups[tier - 1]);
    const double fan = below / double(shape.groups[tier]);
    seconds +=
        rounds * (tier == 0 ? fan - 1 : std::ceil(std::log2(std::max(fan, 1.0)))) * route.stepSeconds[tier];
  }
  return seconds;
}

/// Part of the ring's bandwidth that a tree over nodes keeps at large sizes.
constexpr double treeBandwidthFraction = 0.6;

double messageSeconds(StepKind kind, double bytes, const Shape &shape, const Cluster &cluster) {
  const double n = double(shape.numRanks);
  const double secondsPerByte = 1 / ringBandwidth(shape, cluster);
  double best = INFINITY;
  for (const Route &route : routesOf(shape, cluster)) {
    auto consider = [&](double stepSeconds, double transferSeconds) {
      best = std::min(best, route.baseSeconds + stepSeconds + transferSeconds / route.bandwidthFraction);
    };
    if (route.inSwitch) {
      if (kind == StepKind::AllReduce)
        consider(0, 2 * bytes * (n - 1) / n * secondsPerByte);
      continue;
    }
    switch (kind) {
    case StepKind::AllReduce: {
      const double seconds = 2 * bytes * (n - 1) / n * secondsPerByte;
      consider(ringSteps(shape, route, 2), seconds);
      consider(treeSteps(shape, route, 2), seconds / treeBandwidthFraction);
      break;
    }
    case StepKind::AllGather:
      consider(ringSteps(shape, route, 1), bytes * (n - 1) * secondsPerByte);
      break;
    case StepKind::ReduceScatter:
      consider(ringSteps(shape, route, 1), bytes * (n - 1) / n * secondsPerByte);
      break;
    case StepKind::Broadcast:
      consider(ringSteps(shape, route, 1), bytes * secondsPerByte);
      consider(treeSteps(shape, route, 1), bytes * secondsPerByte / treeBandwidthFraction);
      break;
    case StepKind::AllToAll:
      // All sends are posted together: latencies overlap but for their start-up.
      consider(route.stepSeconds[shape.top] * (1 + 0.1 * (n - 2)),
               bytes * scatterSecondsPerByte(shape, cluster));
      break;
    default:
      break;
    }
  }
  return std::isfinite(best) ? best : 0;
}

/// Barriers of `n` threads: every arrival is a cache line that travels; threads that share a core wait for a
/// switch.
double rendezvousSeconds(double n, const LinkTier &tier, double coreShare) {
  return tier.latencySeconds * std::max(1.0, std::log2(n)) + tier.switchSeconds * (1 / coreShare - 1);
}

bool isPointToPoint(StepKind kind) { return kind == StepKind::Exchange || kind == StepKind::Send; }

/// Bytes that the busiest rank reads and writes when threads copy out of each other's buffers.
double copyTraffic(StepKind kind, double bytes, double n) {
  switch (kind) {
  case StepKind::AllGather:
    return 2 * bytes * n;
  case StepKind::ReduceScatter:
    return bytes + bytes / n;
  case StepKind::AllToAll:
  case StepKind::Broadcast:
  case StepKind::Exchange:
  case StepKind::Send:
    return 2 * bytes;
  default:
    return 0;
  }
}

double slowestShare(std::span<const uint32_t> ranks, const Cluster &cluster) {
  double share = 1;
  for (uint32_t rank : ranks)
    share = std::min(share, cluster.devices[std::min<size_t>(rank, cluster.devices.size() - 1)].coreShare);
  return share;
}

/// Ranks meet, copy `traffic` bytes (read + written), and meet again, so that nobody leaves while others still read;
/// after a send nobody has to know when it was read.
double copySeconds(StepKind kind, double traffic, std::span<const uint32_t> ranks, const LinkTier &tier,
                   const Cluster &cluster) {
  const double share = slowestShare(ranks, cluster);
  return (kind == StepKind::Send ? 1 : 2) * rendezvousSeconds(double(ranks.size()), tier, share) +
         traffic / (tier.bandwidthBytesPerSecond * share);
}

double sharedMemorySeconds(StepKind kind, double bytes, std::span<const uint32_t> ranks, const LinkTier &tier,
                           const Cluster &cluster) {
  const double n = double(ranks.size());
  if (kind != StepKind::AllReduce)
    return copySeconds(kind, copyTraffic(kind, bytes, n), ranks, tier, cluster);
  // Either everybody reduces everything, or an n-th and, after another meeting, copies the others' parts.
  const double split = bytes + bytes / n + 2 * bytes * (n - 1) / n;
  return std::min(copySeconds(kind, bytes * (n + 1), ranks, tier, cluster),
                  copySeconds(kind, split, ranks, tier, cluster) +
                      rendezvousSeconds(n, tier, slowestShare(ranks, cluster)));
}

} // namespace

double handoverSeconds(uint32_t devices, const Cluster &cluster) {
  std::vector<uint32_t> ranks(devices);
  std::iota(ranks.begin(), ranks.end(), 0u);
  if (devices < 2 || cluster.tiers.empty())
    return 0;
  const LinkTier &tier = cluster.tiers[cluster.tierOf(ranks)];
  if (tier.transport != Transport::SharedMemory)
    return 0;
  return 2 * rendezvousSeconds(double(devices), tier, slowestShare(ranks, cluster));
}

double collectiveSeconds(StepKind kind, double bytesPerRank, std::span<const uint32_t> ranks,
                         const Cluster &cluster) {
  if (ranks.size() < 2 || !isCommunication(kind) || cluster.devices.empty() || cluster.tiers.empty())
    return 0;
  const double bytes = std::max(bytesPerRank, 0.0);
  const LinkTier &tier = cluster.tiers[cluster.tierOf(ranks)];
  if (tier.transport == Transport::SharedMemory)
    return sharedMemorySeconds(kind, bytes, ranks, tier, cluster);
  if (isPointToPoint(kind)) {
    std::vector<PairBytes> ring;
    for (size_t i = 0; i < ranks.size(); ++i)
      ring.push_back({ranks[i], ranks[(i + 1) % ranks.size()], bytes});
    return exchangeSeconds(ring, cluster);
  }
  return messageSeconds(kind, bytes, shapeOf(ranks, cluster), cluster);
}

double exchangeSeconds(std::span<const PairBytes> pairs, const Cluster &cluster) {
  if (cluster.devices.empty() || cluster.tiers.empty())
    return 0;
  // Per rank: send and receive progress at the same time on links; in shared memory only the receiver works.
  struct Load {
    double sendSeconds = 0, receiveSeconds = 0, copySeconds = 0;
  };
  std::unordered_map<uint32_t, Load> loads;
  std::unordered_set<uint32_t> members;
  double latency = 0;
  const LinkTier *shared = nullptr;
  for (const PairBytes &pair : pairs) {
    const double bytes = std::max(pair.bytes, 0.0);
    members.insert(pair.source);
    members.insert(pair.target);
    const Device &target = cluster.devices[std::min<size_t>(pair.target, cluster.devices.size() - 1)];
    const LinkTier &tier = cluster.tierBetween(pair.source, pair.target);
    if (pair.source == pair.target) {
      loads[pair.target].copySeconds += 2 * bytes / (target.memoryBandwidthBytesPerSecond * target.coreShare);
    } else if (tier.transport == Transport::SharedMemory) {
      loads[pair.target].copySeconds += 2 * bytes / (tier.bandwidthBytesPerSecond * target.coreShare);
      shared = &tier;
    } else {
      loads[pair.source].sendSeconds += bytes / tier.bandwidthBytesPerSecond;
      loads[pair.target].receiveSeconds += bytes / tier.bandwidthBytesPerSecond;
      latency = std::max(latency, tier.latencySeconds);
    }
  }
  double busiest = 0;
  for (const auto &[rank, load] : loads)
    busiest = std::max(busiest, load.copySeconds + std::max(load.sendSeconds, load.receiveSeconds));
  if (shared) {
    const std::vector<uint32_t> ranks(members.begin(), members.end());
    latency += 2 * rendezvousSeconds(double(ranks.size()), *shared, slowestShare(ranks, cluster));
  }
  return latency + busiest;
}

namespace {

/// The buffer size that collectiveSeconds wants, from what the busiest rank sends.
double inputBytesOf(StepKind kind, double sent, double n) {
  switch (kind) {
  case StepKind::AllGather:
    return sent / (n - 1);
  case StepKind::ReduceScatter:
  case StepKind::AllToAll:
    return sent * n / (n - 1);
  default:
    return sent;
  }
}

} // namespace

double communicationSeconds(const plan::Communication &communication, size_t group, const Cluster &cluster) {
  if (group >= communication.groups.size())
    return 0;
  const std::vector<uint32_t> &ranks = communication.groups[group];
  const double n = double(ranks.size());
  if (ranks.size() < 2 || cluster.devices.empty() || cluster.tiers.empty())
    return 0;
  const StepKind kind = communication.kind;
  if (kind == StepKind::AllReduce && communication.elements > 0)
    return collectiveSeconds(kind, double(sizeBytes(communication.type, communication.elements)), ranks,
                             cluster);
  if (communication.moves.empty())
    return collectiveSeconds(kind, communication.bytesPerRank, ranks, cluster);

  std::vector<PairBytes> pairs;
  std::vector<double> sent(ranks.size(), 0.0), received(ranks.size(), 0.0);
  for (const plan::Move &move : communication.moves) {
    if (move.sourceMember >= ranks.size() || move.targetMember >= ranks.size())
      continue;
    const double bytes = elementsOf(move) * bitWidth(communication.type) / 8;
    received[move.targetMember] += bytes;
    if (move.sourceMember != move.targetMember)
      sent[move.sourceMember] += bytes;
    if (isPointToPoint(kind))
      pairs.push_back({ranks[move.sourceMember], ranks[move.targetMember], bytes});
  }
  const LinkTier &tier = cluster.tiers[cluster.tierOf(ranks)];
  if (tier.transport == Transport::SharedMemory) {
    const double busiest = *std::max_element(received.begin(), received.end());
    const double writtenPart = kind == StepKind::ReduceScatter ? 1 / n : 1; // n values read for one written
    return copySeconds(kind, busiest * (1 + writtenPart), ranks, tier, cluster);
  }
  if (isPointToPoint(kind))
    return exchangeSeconds(pairs, cluster);
  double busiest = *std::max_element(sent.begin(), sent.end());
  if (kind == StepKind::Broadcast)
    busiest /= n - 1; // the root's moves name every receiver
  return collectiveSeconds(kind, inputBytesOf(kind, busiest, n), ranks, cluster);
}

} // namespace ampc::cost
