// The iteration rule of an operator instance: named loops and, per operand and result, how its dimensions are
// indexed by them. Shapes, legal shardings, FLOPs, bytes, the generated code and the reference evaluation are all
// derived from it. Plain structs, no MLIR.
#pragma once

#include "ir/sharding.h"
#include "runtime/plan/data_type.h"

#include <string>
#include <vector>

namespace ampc {

struct TensorType {
  DataType type = DataType::F32;
  std::vector<int64_t> shape;
  int64_t numElements() const { return ampc::numElements(shape); }
  int64_t sizeBytes() const { return ampc::sizeBytes(type, numElements()); }
  bool operator==(const TensorType &) const = default;
};

/// The kind says what happens when the loop is sharded.
enum class LoopKind : uint8_t {
  Parallel, // every device computes its own results
  Reduce,   // every device holds a partial result (IterationRule::reduction)
  Whole,    // must not be sharded
  Window,   // every device computes its own results, and has of the operands what its loop points read (a halo)
};

struct Loop {
  std::string name; // unique within the rule, stable across instances ("b", "m", "k", "oh", "d0")
  int64_t extent = 1;
  LoopKind kind = LoopKind::Parallel;
  /// Indexes a dimension that is not exactly the product of its loops (a window, a slice): not sharded, unless it is a
  /// Window loop. Set by ruleOf.
  bool isCut = false;
  bool operator==(const Loop &) const = default;
};

/// index = offset + sum(coefficient * loop). Mixed-radix sums are products of loops ((h d): 64 h + d);
/// others are strided or windowed.
struct LinearTerm {
  int loop;
  int64_t coefficient = 1;
  bool operator==(const LinearTerm &) const = default;
};

/// Point p of a Window loop reads between floor(scale * p / divisor) + low and floor(scale * p / divisor) + high.
struct LoopReach {
  int loop = 0;
  int64_t scale = 1, divisor = 1, low = 0, high = 0;
  bool operator==(const LoopReach &) const = default;
};

struct DimAccess {
  std::vector<LinearTerm> terms; // major first
  int64_t offset = 0;
  bool indirect = false; // the body computes the index (ScalarProgram Load); the dimension must be unsplit, or
  std::optional<LoopReach> reach; // indirect: a Window loop decides in which part the index lies

  static DimAccess loop(int loop) { return {{{loop, 1}}, 0, false, {}}; }
  static DimAccess zero() { return {}; } // broadcast: always index 0 of an extent-1 dimension
  static DimAccess wholeDim() { return {{}, 0, true, {}}; }
  bool operator==(const DimAccess &) const = default;
};

struct Access {
  std::vector<DimAccess> dims;
  /// An index outside the operand reads this value instead (padding); without it such an index is an error.
  std::optional<double> outside;
  bool operator==(const Access &) const = default;
};

/// result[access] = reduce over all Reduce loops of body(operands[access]).
struct IterationRule {
  std::vector<Loop> loops;
  std::vector<Access> operands;
  std::vector<Access> results;
  Reduction reduction = Reduction::None; // Sum..Product when there are Reduce loops

  /// Floating-point operations per loop point; 0 for pure data movement.
  double flopsPerPoint = 0;

  bool operator==(const IterationRule &) const = default;

  /// All points of all loops.
  int64_t numPoints() const;
  /// Elements of operand `operand`, which has that shape, that all points together read, at most: what a slice leaves
  /// out is not counted.
  int64_t elementsRead(size_t operand, const std::vector<int64_t> &shape) const;
  /// True if the loop can be sharded over devices: not Whole, extent > 1, and every dimension that uses it is a product
  /// of loops or, for a Window loop, one that no other Window loop indexes.
  bool canShard(int loop) const;
  /// True if `dim` (an operand's or result's dimension of size `extent`) is exactly a product of loops.
  bool isProduct(const DimAccess &dim, int64_t extent) const;

  /// The sharding that an operand or result has when loops are split by `loopAxes` (one list of grid axes per loop,
  /// major first). For results, axes of Reduce loops become partial. A dimension of an operand that a split Window loop
  /// indexes otherwise than in a product gets a reach. Not canonicalized.
  Sharding operandSharding(int operand, const std::vector<int64_t> &shape,
                           const std::vector<std::vector<int>> &loopAxes) const;
  Sharding resultSharding(int result, const std::vector<int64_t> &shape,
                          const std::vector<std::vector<int>> &loopAxes) const;
};

} // namespace ampc
