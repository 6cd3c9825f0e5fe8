// How a value is spread over the devices of a stage. Plain structs, no MLIR: search, passes and plan builder share
// them. What a sharding costs is not known here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ampc {

/// How the partial results of several devices (or of several loop iterations) combine.
enum class Reduction : uint8_t { None = 0, Sum = 1, Max = 2, Min = 3, Product = 4 };

/// The devices of one stage as a grid: axis 0 is outermost. Rank within the stage = mixed-radix number of the
/// coordinates. A grid without axes is one device.
struct Grid {
  std::vector<int64_t> axisSizes;

  int64_t numDevices() const;
  std::vector<int64_t> coordinates(int64_t rank) const;
  /// The ranks that differ from `rank` only along `axes`, in increasing order (contains `rank`).
  std::vector<int64_t> group(int64_t rank, const std::vector<int> &axes) const;
  bool operator==(const Grid &) const = default;
};

struct Interval {
  int64_t begin = 0, end = 0; // half-open
  int64_t size() const { return end - begin; }
  bool operator==(const Interval &) const = default;
};

/// The one placement function: the part of [0, extent) that belongs to `coordinate` of `parts`. Balanced: the first
/// extent % parts shards are one longer. May be empty.
Interval shardRange(int64_t extent, int64_t parts, int64_t coordinate);

/// A dimension is a product of factors, major first; each factor may be split by grid axes (major first).
/// Example: heads x head size with the heads split over axis 0 is {12:[0], 64:[]}.
struct Factor {
  int64_t extent = 1;
  std::vector<int> axes;
  bool operator==(const Factor &) const = default;
};

/// The part of a dimension that a range [b, e) of another index reads: from floor(scale * b / divisor) + low to
/// floor(scale * (e - 1) / divisor) + high, both included, as far as the dimension goes. A window of 3 with stride 2 and
/// padding 1 reads {2, 1, -1, 1}. Parts of neighbours may overlap, and together need not cover the dimension.
struct Reach {
  int64_t scale = 1, divisor = 1, low = 0, high = 0;
  int64_t extent = 1; // of the dimension
  bool operator==(const Reach &) const = default;
  Interval of(Interval range) const;
  /// floor(scale * index / divisor).
  int64_t floorAt(int64_t index) const;
};

struct DimSharding {
  std::vector<Factor> factors;
  /// If set, `factors` is the one index whose ranges read this dimension.
  std::optional<Reach> reach;
  bool operator==(const DimSharding &) const = default;
  bool isSplit() const;
};

struct Sharding {
  std::vector<DimSharding> dims;
  std::vector<int> partialAxes; // sorted; the value is a partial result along these axes
  Reduction partialKind = Reduction::None;

  static Sharding replicated(const std::vector<int64_t> &shape);
  bool isReplicated() const;
  bool isPartial() const { return !partialAxes.empty(); }
  bool operator==(const Sharding &) const = default;

  /// Merges unsplit neighbours and evenly split leading factors, so that equal placements compare equal.
  void canonicalize(const Grid &grid);

  /// The same without reaches: such dimensions are split evenly by the same axes. Its tiles cover the value.
  Sharding covering() const;
  bool hasReach() const;

  /// "[12:0x64 | * | 16:1 reach(2/1 -1 1 of 33)] sum(0)"; `parse` reads it back. `*` is an unsplit dimension and needs
  /// `shape`.
  std::string str() const;
  static std::optional<Sharding> parse(std::string_view text, const std::vector<int64_t> &shape);

  std::vector<int64_t> globalShape() const;
  /// Shape of the shard at `coordinates`; a dimension may be 0.
  std::vector<int64_t> localShape(const Grid &grid, const std::vector<int64_t> &coordinates) const;
  /// Per dimension, the sorted disjoint intervals of global indices that the shard holds, in storage order.
  std::vector<std::vector<Interval>> tile(const Grid &grid, const std::vector<int64_t> &coordinates) const;
};

int64_t numElements(const std::vector<int64_t> &shape);

} // namespace ampc
