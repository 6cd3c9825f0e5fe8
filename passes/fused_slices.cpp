// A slice costs a launch, a pass over memory and a buffer. Read in place it costs none of them, but keeps its operand
// alive, and where its rows are short the vectors of its readers are not full.
#include "passes/fused_slices.h"

#include "ir/dialect.h"
#include "passes/graph.h"

using namespace mlir;

namespace ampc {

static constexpr int64_t lanes = 16; // of f32

/// Elements from the first that lie one behind the other in the operand (row-major).
static int64_t rowLength(Operation *op) {
  OpInstance instance = instanceOf(op);
  std::vector<int64_t> steps = instance.integers("steps");
  int64_t length = 1;
  for (size_t d = instance.out().size(); d-- > 0;) {
    if (instance.out()[d] > 1 && steps[d] != 1)
      break;
    length *= instance.out()[d];
    if (instance.out()[d] != instance.in(0)[d])
      break;
  }
  return length;
}

/// Kernels that walk the slice's copy merge its dimensions into one loop; rows in the operand end in a vector each.
static bool fillsVectors(Operation *op) {
  const int64_t elements = typeOf(op->getResult(0)).numElements(), length = rowLength(op);
  if (elements == 0)
    return true;
  const int64_t full = (elements + lanes - 1) / lanes;
  const int64_t inRows = elements / length * ((length + lanes - 1) / lanes);
  constexpr int64_t fewVectors = 16; // take less time than a launch
  return inRows - full <= std::max(full / 4, fewVectors);
}

/// The operand of a fused slice lives until the last reader, instead of the slice.
static bool keepsMemory(Operation *op) {
  Value operand = op->getOperand(0);
  const OpRow *row = OpTable::get().find(operand.getDefiningOp());
  if (isWeight(operand) || (row && row->opClass == OpClass::Storage))
    return true;
  constexpr int64_t smallBytes = 256 << 10;
  const int64_t bytes = typeOf(operand).sizeBytes();
  return bytes <= smallBytes || bytes <= 4 * typeOf(op->getResult(0)).sizeBytes();
}

bool isWorthFusing(Operation *op, size_t readers) {
  // Of a value that is cut into many pieces, as a sequence by the steps of a recurrence, every reader would become
  // code of its own: equal readers of equal pieces are compiled once.
  constexpr int64_t maxPieces = 16;
  constexpr size_t maxReaders = 8;
  return readers > 0 && readers <= maxReaders && llvm::count_if(op->getOperand(0).getUsers(), isSlice) <= maxPieces &&
         fillsVectors(op) && keepsMemory(op);
}

} // namespace ampc
