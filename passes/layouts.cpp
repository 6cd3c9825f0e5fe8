// Enumerates factorisations of the device count.
#include "passes/layouts.h"

#include <algorithm>

namespace ampc {

std::string layoutText(int stages, const std::vector<int64_t> &axisSizes) {
  std::string text = stages > 1 ? "pipeline " + std::to_string(stages) : "";
  for (int64_t size : axisSizes)
    text += (text.empty() ? "grid " : " x ") + std::to_string(size);
  return text.empty() ? "one device" : text;
}

std::vector<int> divisorsOf(int devices) {
  std::vector<int> divisors;
  for (int divisor = devices; divisor >= 1; --divisor)
    if (devices % divisor == 0)
      divisors.push_back(divisor);
  return divisors;
}

/// All ordered factorisations of `count` into exactly `axes` sizes of at least 2.
static void factorise(int64_t count, int axes, std::vector<int64_t> &prefix, std::vector<std::vector<int64_t>> &out) {
  if (axes == 0) {
    if (count == 1)
      out.push_back(prefix);
    return;
  }
  for (int64_t size = count; size >= 2; --size)
    if (count % size == 0) {
      prefix.push_back(size);
      factorise(count / size, axes - 1, prefix, out);
      prefix.pop_back();
    }
}

static int numPrimeFactors(int64_t count) {
  int factors = 0;
  for (int64_t prime = 2; count > 1; ++prime)
    for (; count % prime == 0; count /= prime)
      ++factors;
  return factors;
}

/// True if every border between faster and slower links is a border between axes.
static bool followsLinks(const std::vector<int64_t> &axisSizes, const cost::Cluster &cluster) {
  int64_t devices = 1;
  for (int64_t size : axisSizes)
    devices *= size;
  for (const cost::LinkTier &tier : cluster.tiers) {
    int64_t inner = 1;
    bool isBorder = int64_t(tier.groupSize) >= devices || tier.groupSize == 1;
    for (size_t axis = axisSizes.size(); axis-- > 0;) {
      inner *= axisSizes[axis];
      isBorder |= inner == int64_t(tier.groupSize);
    }
    if (!isBorder)
      return false;
  }
  return true;
}

std::vector<Layout> finestLayouts(int devices, int stages, const cost::Cluster &cluster, size_t limit) {
  int perStage = devices / stages;
  std::vector<std::vector<int64_t>> grids;
  std::vector<int64_t> prefix;
  factorise(perStage, std::min(maxGridAxes, numPrimeFactors(perStage)), prefix, grids);
  auto rank = [&](const std::vector<int64_t> &sizes) {
    int64_t largest = 1, smallest = perStage;
    for (int64_t size : sizes) {
      largest = std::max(largest, size);
      smallest = std::min(smallest, size);
    }
    return std::pair(!followsLinks(sizes, cluster), double(largest) / double(smallest));
  };
  std::stable_sort(grids.begin(), grids.end(), [&](const auto &a, const auto &b) { return rank(a) < rank(b); });
  if (grids.size() > limit)
    grids.resize(limit);
  std::vector<Layout> layouts;
  for (std::vector<int64_t> &sizes : grids)
    layouts.push_back({stages, std::move(sizes)});
  return layouts;
}

std::vector<Layout> allLayouts(int devices, int fromStages, int toStages, int maxAxes) {
  std::vector<Layout> layouts;
  for (int stages = fromStages; stages <= toStages; ++stages) {
    if (devices % stages)
      continue;
    int perStage = devices / stages;
    for (int axes = perStage == 1 ? 0 : 1; axes <= (perStage == 1 ? 0 : maxAxes); ++axes) {
      std::vector<std::vector<int64_t>> grids;
      std::vector<int64_t> prefix;
      factorise(perStage, axes, prefix, grids);
      for (std::vector<int64_t> &sizes : grids)
        layouts.push_back({stages, std::move(sizes)});
    }
  }
  return layouts;
}

} // namespace ampc
