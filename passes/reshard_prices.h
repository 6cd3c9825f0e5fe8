// What reshards cost, fast enough for a search that asks for every pair of shardings of every value: equal to
// reshardSeconds (reshard.h), put together from what single dimensions say.
#pragma once

#include "passes/reshard.h"

#include "llvm/ADT/DenseMap.h"

#include <map>

namespace ampc {

class ReshardPrices {
public:
  ReshardPrices(const Grid &grid, const cost::Cluster &cluster);

  /// Number of a canonical sharding; equal shardings of equal shapes have equal numbers.
  uint32_t form(const Sharding &sharding);
  const Sharding &sharding(uint32_t form) const { return forms[form].sharding; }
  /// The same without partial results.
  uint32_t combined(uint32_t form);
  bool isPartial(uint32_t form) const { return forms[form].partialAxes != 0; }
  /// True if every device that has the value in form `from` has it in form `to` too, or more of it.
  bool isGathered(uint32_t from, uint32_t to) { return coverage(from, to).gather; }
  /// True if the devices need not have every element: nothing is made from such a form.
  bool hasReach(uint32_t form) const { return forms[form].sharding.hasReach(); }
  int64_t localElements(uint32_t form) const { return forms[form].localElements; }

  /// Seconds between two forms inside a stage.
  double seconds(uint32_t from, uint32_t to, DataType type);
  /// Seconds from one stage to the next, whose grid is the same; `to` is not partial.
  double transferSeconds(uint32_t from, uint32_t to, DataType type);
  /// Seconds of copying what one device holds of a value.
  double copySeconds(uint32_t form, DataType type) const;

private:
  struct Form {
    Sharding sharding;
    std::vector<uint32_t> dims; // numbers of DimShardings
    uint32_t splitAxes = 0, partialAxes = 0;
    int64_t localElements = 1;
    int64_t combined = -1;
  };
  struct Dim {
    Sharding sharding; // of this dimension alone
    uint32_t axes = 0;
  };
  struct Coverage {
    bool slice = true, gather = true;
  };
  /// Of one dimension: per device, elements of the target's tile, and those of them that the source's tile has.
  struct Overlap {
    std::vector<int64_t> needed, present;
  };

  uint32_t dim(const DimSharding &sharding);
  Coverage dimCoverage(uint32_t from, uint32_t to);
  Coverage coverage(uint32_t from, uint32_t to);
  uint32_t involvedAxes(const Form &from, const Form &to) const;
  const Overlap &overlap(uint32_t from, uint32_t to);
  std::vector<uint32_t> groupAlong(uint32_t axes) const;
  /// Devices that stand for all: the first along every axis that is not among `axes`.
  const std::vector<size_t> &representativesOf(uint32_t axes);
  double collective(plan::StepKind kind, int64_t bytes, uint32_t axes);
  double exchange(uint32_t from, uint32_t to, DataType type, uint32_t axes);
  double compute(uint32_t from, uint32_t to, DataType type);

  Grid grid;
  const cost::Cluster &cluster;
  std::vector<Form> forms;
  std::map<std::string, uint32_t> formNumbers, dimNumbers;
  std::vector<Dim> dims;
  // Asked for millions of times.
  llvm::DenseMap<uint64_t, Coverage> coverages;
  llvm::DenseMap<uint64_t, Overlap> overlaps;
  llvm::DenseMap<uint64_t, double> pairs;
  std::vector<int64_t> neededElements, presentElements; // of `exchange`, by representative
  std::vector<std::vector<size_t>> representatives;     // by set of axes: see representativesOf
  std::map<std::tuple<plan::StepKind, int64_t, uint32_t>, double> collectives;
  std::map<std::tuple<int64_t, int64_t, uint32_t>, double> exchanges; // tile bytes, missing bytes, axes
};

} // namespace ampc
