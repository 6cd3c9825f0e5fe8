// LLVM IR for one block of loop points: the nodes of a point program at several unrolled places, each either
// one scalar or a vector along the vectorized loop. Loops are made elsewhere.
#pragma once

#include "codegen/emit_scalar.h"
#include "codegen/stage_plan.h"

#include <map>

namespace ampc::codegen {

/// The places that are computed together: vector i of tile row j.
struct Block {
  int laneVariable = -1;
  unsigned lanes = 1;
  std::vector<unsigned> active = {1}; // per vector, how many lanes count (the last one may be partial)
  int tileVariable = -1;
  unsigned tile = 1;
  std::vector<llvm::Value *> base; // per variable, its value at place (0, 0); null if not in a loop yet
};

struct Place {
  unsigned vector = 0, tile = 0;
};

/// Where a tensor's elements are. Row buffers of a group that is vectorized along an outer loop hold, per row
/// element, tile x width places.
struct Buffer {
  llvm::Value *pointer = nullptr;
  unsigned tile = 0, width = 0; // 0: dense elements
};

class PointEmitter {
public:
  PointEmitter(llvm::IRBuilder<> &builder, ScalarEmitter &scalar, const Schedule &schedule,
               const std::vector<Buffer> &buffers, const PointProgram &program, const Block &block)
      : b(builder), scalar(scalar), schedule(schedule), buffers(buffers), program(program), block(block) {}

  /// Scalar if the node does not vary along the lanes.
  llvm::Value *value(int node, Place place);
  /// The same as a vector, if the block has lanes.
  llvm::Value *spread(llvm::Value *value);
  /// Stores a value of register form at element `index` of `tensor`.
  void store(int tensor, const Index &index, llvm::Value *value, Place place);
  /// Mask of the lanes that count; null if all do.
  llvm::Value *activeMask(Place place);
  bool failed() const { return failure; }

private:
  llvm::IRBuilder<> &b;
  ScalarEmitter &scalar;
  const Schedule &schedule;
  const std::vector<Buffer> &buffers;
  const PointProgram &program;
  const Block &block;
  std::map<std::tuple<int, unsigned, unsigned>, llvm::Value *> done; // nodes, and atoms as -1 - atom
  std::map<std::pair<const PointNode *, unsigned>, std::vector<llvm::Value *>>
      transposed; // (load, vector) -> tile
  bool failure = false;

  bool variesAlongLanes(uint64_t loops) const {
    return block.laneVariable >= 0 && block.lanes > 1 && (loops >> block.laneVariable & 1);
  }
  Place canonical(uint64_t loops, Place place) const;
  llvm::Value *emitNode(const PointNode &node, Place place);
  llvm::Value *emitLoad(const PointNode &node, Place place);
  llvm::Value *atom(int number, Place place);
  llvm::Value *indexValue(const Index &index, Place place);
  llvm::Value *uniformPart(const Index &index, Place place, bool withLaneTerm);
  llvm::Value *vectorPart(const Index &index, Place place);
  llvm::Value *stridedLoad(llvm::Value *pointer, llvm::Type *type, unsigned stride, llvm::Value *active);
  llvm::Value *transposedLoad(const PointNode &node, Place place);
  llvm::Value *elementPointer(const Buffer &buffer, llvm::Type *type, llvm::Value *index);
  llvm::Value *rowPointer(int tensor, llvm::Type *type, const Index &index, Place place);
  bool hasVaryingAtoms(const Index &index) const;
  llvm::Type *vectorOf(llvm::Type *element) { return llvm::FixedVectorType::get(element, block.lanes); }
};

} // namespace ampc::codegen
