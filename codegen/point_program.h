// What one loop point of a fused kernel computes: the bodies of its operators substituted into each other
// down to loads from buffers, with equal nodes shared and everything decided that the ranges of the loops
// decide. No LLVM IR is made here.
#pragma once

#include "codegen/index_space.h"
#include "codegen/kernel_graph.h"

#include <functional>
#include <map>

namespace ampc::codegen {

struct PointNode {
  enum class Kind : uint8_t {
    Load,     // element `index` of buffer `buffer`; undefined where `mask` is false
    Index,    // the i64 value of `index`
    Constant, // real or integer
    Compute,  // op on args
  };
  Kind kind = Kind::Constant;
  ScalarOp op = ScalarOp::Constant;
  DataType type = DataType::F32; // of the value; for a load the type in memory
  std::vector<int> args;
  int buffer = -1; // tensor
  int mask = -1;   // node of type bool, -1 for none
  Index index;
  double real = 0;
  int64_t integer = 0;
  uint64_t loops = 0; // bit set of the loops that the value depends on; not part of the identity
};

struct PointProgram {
  IndexSpace space;
  std::vector<PointNode> nodes; // topological order
  /// Undecided conditions index >= 0 over loops alone: where they change, a loop may be cut.
  std::vector<Index> conditions;
};

/// Where a buffer-backed tensor's elements lie.
struct Layout {
  enum class Kind : uint8_t { None, Full, Row } kind = Kind::None;
  DataType type = DataType::F32; // in memory
  std::vector<int64_t> strides;  // Full: per dimension; Row: per loop of the producing operator
  int64_t numElements = 0;
};

/// One read of a buffer-backed tensor that an operator of the kernel produces.
struct ProducerRead {
  int tensor;
  std::vector<Index> loops; // the producer's loops at the point read
};

class PointBuilder {
public:
  PointBuilder(const KernelGraph &graph, const std::vector<Layout> &layouts, llvm::ArrayRef<Range> loops)
      : graph(graph), layouts(layouts) {
    program.space = IndexSpace(loops);
  }

  PointProgram program;
  std::vector<ProducerRead> reads;
  /// Loops whose iterations each have their own Row buffers: a load from one depends on them.
  uint64_t rowLoops = 0;

  /// The body of `op` at the given values of its loops, before any reduction.
  int opAt(int op, const std::vector<Index> &loops);
  /// From now on a read of `tensor` at exactly these loops is the value of `node`, not a load.
  void forward(int tensor, const std::vector<Index> &loops, int node);
  int cast(int node, DataType type);
  /// Element index of `tensor` at its producer's loops.
  Index address(int tensor, const std::vector<Index> &loops);
  /// More than any kernel should hold: what is beyond is left out, and the caller must refuse the program.
  static constexpr size_t maxNodes = 20000;
  bool isTooLarge() const { return program.nodes.size() > maxNodes; }

private:
  struct BodyState;

  const KernelGraph &graph;
  const std::vector<Layout> &layouts;
  std::map<int, std::pair<std::vector<Index>, int>> forwarded;
  std::map<std::tuple<int, std::vector<Index>, int>, int> values; // (tensor, index, mask) -> node
  std::map<std::tuple<int, int, int, std::vector<int>, int, int, Index, double, int64_t>, int> known;

  int valueAt(int tensor, const std::vector<Index> &index, int mask);
  int opAt(int op, const std::vector<Index> &loops, int mask);
  int evaluate(BodyState &state, int node, int mask);
  int operandAt(const KernelOp &op, int operand, const std::vector<Index> &loops, int mask);
  int loadAt(BodyState &state, const ScalarNode &node, int mask);
  int readAt(const KernelOp &op, int operand, const std::vector<Index> &index, int mask, DataType type);
  std::vector<Index> loopsAt(const KernelOp &op, const std::vector<Index> &index);

  int add(PointNode node);
  int constant(DataType type, double real, int64_t integer);
  int indexNode(const Index &index);
  int compute(ScalarOp op, DataType type, std::vector<int> args);
  int both(int a, int b); // conjunction; -1 is true
  const Index *asIndex(int node) const;
  std::optional<bool> asBool(int node) const;
  Range rangeOf(int node) const;
};

/// True if every element of the result comes from exactly one point, which its index gives.
bool isInvertible(const KernelOp &op, const std::vector<int64_t> &resultShape);

} // namespace ampc::codegen
