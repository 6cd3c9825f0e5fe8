// Loads, stores, index arithmetic and computation for a block of places.
#include "codegen/emit_points.h"

#include "llvm/IR/Intrinsics.h"

using namespace llvm;

namespace ampc::codegen {

// Places that cannot differ share one value.
Place PointEmitter::canonical(uint64_t loops, Place place) const {
  if (block.laneVariable < 0 || !(loops >> block.laneVariable & 1))
    place.vector = 0;
  if (block.tileVariable < 0 || !(loops >> block.tileVariable & 1))
    place.tile = 0;
  return place;
}

Value *PointEmitter::value(int node, Place place) {
  const PointNode &n = program.nodes[node];
  place = canonical(n.loops, place);
  auto key = std::tuple(node, place.vector, place.tile);
  if (auto at = done.find(key); at != done.end())
    return at->second;
  Value *result = emitNode(n, place);
  if (!result) {
    failure = true;
    result = PoisonValue::get(scalar.valueType(n.type));
  }
  return done[key] = result;
}

Value *PointEmitter::spread(Value *value) {
  return block.lanes > 1 && !value->getType()->isVectorTy() ? b.CreateVectorSplat(block.lanes, value) : value;
}

Value *PointEmitter::activeMask(Place place) {
  if (block.lanes == 1 || block.active[place.vector] == block.lanes)
    return nullptr;
  SmallVector<Constant *> bits;
  for (unsigned k = 0; k < block.lanes; ++k)
    bits.push_back(b.getInt1(k < block.active[place.vector]));
  return ConstantVector::get(bits);
}

Value *PointEmitter::emitNode(const PointNode &node, Place place) {
  switch (node.kind) {
  case PointNode::Kind::Constant:
    return scalar.constant(node.type, node.real, node.integer);
  case PointNode::Kind::Index:
    return indexValue(node.index, place);
  case PointNode::Kind::Load:
    return emitLoad(node, place);
  case PointNode::Kind::Compute:
    break;
  }
  SmallVector<Value *, 3> args;
  SmallVector<DataType, 3> types;
  bool isVector = false;
  for (int arg : node.args) {
    args.push_back(value(arg, place));
    types.push_back(program.nodes[arg].type);
    isVector |= args.back()->getType()->isVectorTy();
  }
  if (isVector)
    for (Value *&arg : args)
      arg = spread(arg);
  return scalar.compute(node.op, node.type, args, types);
}

// --- Indices
// ---------------------------------------------------------------------------------------------------------

bool PointEmitter::hasVaryingAtoms(const Index &index) const {
  for (const Index::Term &term : index.terms)
    if (term.atom >= program.space.numLoops() && variesAlongLanes(program.space.atom(term.atom).loops))
      return true;
  return false;
}

Value *PointEmitter::atom(int number, Place place) {
  const IndexSpace::Atom &a = program.space.atom(number);
  if (a.kind == IndexSpace::Kind::Value)
    return value(a.node, place);
  place = canonical(a.loops, place);
  auto key = std::tuple(-1 - number, place.vector, place.tile);
  if (auto at = done.find(key); at != done.end())
    return at->second;
  // Shifted to be non-negative, so that unsigned division is floor division.
  int64_t low = program.space.range(a.of).low;
  int64_t shift = low < 0 ? (-low + a.divisor - 1) / a.divisor : 0;
  Value *of = indexValue(a.of + Index(shift * a.divisor), place);
  Value *divisor = ConstantInt::get(of->getType(), uint64_t(a.divisor));
  Value *result;
  if (a.kind == IndexSpace::Kind::Quotient)
    result = b.CreateSub(b.CreateUDiv(of, divisor), ConstantInt::get(of->getType(), uint64_t(shift)));
  else
    result = b.CreateURem(of, divisor);
  return done[key] = result;
}

// Constant, loops and uniform atoms; the vectorized loop at lane 0 if asked for.
Value *PointEmitter::uniformPart(const Index &index, Place place, bool withLaneTerm) {
  int64_t constant = index.constant;
  Value *sum = nullptr;
  auto addTerm = [&](Value *value, int64_t coefficient) {
    if (auto *known = dyn_cast<ConstantInt>(value)) {
      constant += known->getSExtValue() * coefficient;
      return;
    }
    if (coefficient != 1)
      value = b.CreateNSWMul(value, b.getInt64(uint64_t(coefficient)));
    sum = sum ? b.CreateNSWAdd(sum, value) : value;
  };
  for (const Index::Term &term : index.terms) {
    if (term.atom < program.space.numLoops()) {
      bool isLane = term.atom == block.laneVariable;
      if (isLane && !withLaneTerm)
        continue;
      addTerm(block.base[term.atom], term.coefficient);
      if (isLane)
        constant += int64_t(place.vector) * block.lanes * term.coefficient;
      if (term.atom == block.tileVariable)
        constant += int64_t(place.tile) * term.coefficient;
    } else if (!variesAlongLanes(program.space.atom(term.atom).loops)) {
      addTerm(atom(term.atom, place), term.coefficient);
    }
  }
  if (!sum)
    return b.getInt64(uint64_t(constant));
  return constant ? b.CreateNSWAdd(sum, b.getInt64(uint64_t(constant))) : sum;
}

// What varies between lanes, beyond lane 0 of the vectorized loop: null if nothing does.
Value *PointEmitter::vectorPart(const Index &index, Place place) {
  Value *sum = nullptr;
  auto addTerm = [&](Value *value, int64_t coefficient) {
    if (coefficient != 1)
      value = b.CreateMul(value, b.CreateVectorSplat(block.lanes, b.getInt64(uint64_t(coefficient))));
    sum = sum ? b.CreateAdd(sum, value) : value;
  };
  for (const Index::Term &term : index.terms) {
    if (term.atom == block.laneVariable && block.lanes > 1) {
      SmallVector<Constant *> lanes;
      for (unsigned k = 0; k < block.lanes; ++k)
        lanes.push_back(b.getInt64(uint64_t(int64_t(k) * term.coefficient)));
      addTerm(ConstantVector::get(lanes), 1);
    } else if (term.atom >= program.space.numLoops() &&
               variesAlongLanes(program.space.atom(term.atom).loops)) {
      addTerm(spread(atom(term.atom, place)), term.coefficient);
    }
  }
  return sum;
}

Value *PointEmitter::indexValue(const Index &index, Place place) {
  Value *uniform = uniformPart(index, place, true);
  Value *varying = vectorPart(index, place);
  return varying ? b.CreateAdd(spread(uniform), varying) : uniform;
}

// --- Memory
// ----------------------------------------------------------------------------------------------------------

Value *PointEmitter::elementPointer(const Buffer &buffer, Type *type, Value *index) {
  // The constant goes last, into the instruction's displacement.
  if (auto *sum = dyn_cast<BinaryOperator>(index); sum && sum->getOpcode() == Instruction::Add)
    if (auto *constant = dyn_cast<ConstantInt>(sum->getOperand(1)))
      return b.CreateInBoundsGEP(type, b.CreateInBoundsGEP(type, buffer.pointer, sum->getOperand(0)),
                                 constant);
  return b.CreateInBoundsGEP(type, buffer.pointer, index);
}

Value *PointEmitter::rowPointer(int tensor, Type *type, const Index &index, Place place) {
  const Buffer &buffer = buffers[tensor];
  Value *row = uniformPart(index, place, true);
  Value *element = b.CreateNSWMul(row, b.getInt64(uint64_t(buffer.tile) * buffer.width));
  element = b.CreateNSWAdd(
      element, b.getInt64(uint64_t(place.tile) * buffer.width + uint64_t(place.vector) * block.lanes));
  return b.CreateInBoundsGEP(type, buffer.pointer, element);
}

Value *PointEmitter::emitLoad(const PointNode &node, Place place) {
  const Buffer &buffer = buffers[node.buffer];
  Type *type = scalar.memoryType(node.type);
  Align align(std::max(1u, bitWidth(node.type) / 8));
  if (buffer.width) {
    Type *loaded = block.lanes > 1 ? vectorOf(type) : type;
    return scalar.fromMemory(
        b.CreateAlignedLoad(loaded, rowPointer(node.buffer, type, node.index, place), align), node.type);
  }
  Value *mask = node.mask >= 0 ? value(node.mask, place) : nullptr;
  int64_t stride = node.index.coefficient(block.laneVariable);
  bool isGather = hasVaryingAtoms(node.index);
  if (!variesAlongLanes(program.space.loopsOf(node.index)) && !isGather) {
    // One element. Where no lane wants it, element 0 is read instead.
    Value *index = uniformPart(node.index, place, true);
    if (mask) {
      if (mask->getType()->isVectorTy())
        mask = b.CreateOrReduce(mask);
      index = b.CreateSelect(mask, index, b.getInt64(0));
    }
    return scalar.fromMemory(b.CreateAlignedLoad(type, elementPointer(buffer, type, index), align),
                             node.type);
  }
  Value *active = activeMask(place);
  if (mask)
    active = active ? b.CreateAnd(active, spread(mask)) : spread(mask);
  // At the ends of a row that is known while compiling, masks are constants.
  if (auto *known = dyn_cast_or_null<Constant>(active); known && known->isAllOnesValue())
    active = nullptr;
  Type *vector = vectorOf(type);
  Value *result;
  // Where no lane wants anything, the address is one inside the buffer: a masked load outside mapped memory (the rows
  // above an image at the beginning of the arena) faults and is taken back, which costs microseconds.
  auto startIndex = [&] {
    Value *index = uniformPart(node.index, place, true);
    bool isUniform = mask && !mask->getType()->isVectorTy() && !isa<Constant>(mask);
    return isUniform ? b.CreateSelect(mask, index, b.getInt64(0)) : index;
  };
  if (!isGather && stride == 1) {
    Value *pointer = elementPointer(buffer, type, startIndex());
    result =
        active
            ? cast<Value>(b.CreateMaskedLoad(vector, pointer, align, active, Constant::getNullValue(vector)))
            : b.CreateAlignedLoad(vector, pointer, align);
  } else if (!isGather && stride >= 2 && stride <= 4) {
    result = stridedLoad(elementPointer(buffer, type, startIndex()), type, unsigned(stride), active);
  } else if (!isGather && node.mask < 0 && block.tile > 1 &&
             node.index.coefficient(block.tileVariable) == 1) {
    result = transposedLoad(node, place);
  } else {
    Value *start = elementPointer(buffer, type, uniformPart(node.index, place, true));
    Value *pointers = b.CreateInBoundsGEP(type, start, vectorPart(node.index, place));
    if (!active)
      active = Constant::getAllOnesValue(vectorOf(b.getInt1Ty()));
    result = b.CreateMaskedGather(vector, pointers, align, active, Constant::getNullValue(vector));
  }
  return scalar.fromMemory(result, node.type);
}

// Every stride-th element from `pointer`; nothing beyond the last wanted element is touched.
Value *PointEmitter::stridedLoad(Value *pointer, Type *type, unsigned stride, Value *active) {
  unsigned lanes = block.lanes, span = lanes * stride;
  Align align(std::max(1u, type->getScalarSizeInBits() / 8));
  SmallVector<int> kept;
  if (active) {
    // Lane k of the mask guards element k * stride; the elements between are left out.
    SmallVector<int> widen;
    for (unsigned k = 0; k < span; ++k)
      widen.push_back(int(k % stride == 0 ? k / stride : lanes));
    Value *mask = b.CreateShuffleVector(active, Constant::getNullValue(active->getType()), widen);
    auto *wide = FixedVectorType::get(type, span);
    Value *all = b.CreateMaskedLoad(wide, pointer, align, mask, Constant::getNullValue(wide));
    for (unsigned k = 0; k < lanes; ++k)
      kept.push_back(int(k * stride));
    return b.CreateShuffleVector(all, kept);
  }
  // Whole vectors, the last one shifted back to end with the last wanted element.
  Value *result = nullptr;
  for (unsigned part = 0; part < stride; ++part) {
    unsigned begin = part + 1 < stride ? part * lanes : (lanes - 1) * stride + 1 - lanes;
    Value *loaded =
        b.CreateAlignedLoad(vectorOf(type), b.CreateConstInBoundsGEP1_64(type, pointer, begin), align);
    // Lanes whose element lies in this part are taken from it, the others from what was collected before.
    SmallVector<int> take;
    for (unsigned k = 0; k < lanes; ++k) {
      bool inside = k * stride >= begin && k * stride < begin + lanes;
      take.push_back(inside ? int(lanes + k * stride - begin) : int(k));
    }
    result =
        result ? b.CreateShuffleVector(result, loaded, take) : b.CreateShuffleVector(loaded, loaded, take);
  }
  return result;
}

// A block that is contiguous along the tile but not along the lanes: one vector per lane, transposed in
// registers.
Value *PointEmitter::transposedLoad(const PointNode &node, Place place) {
  auto key = std::pair(&node, place.vector);
  std::vector<Value *> &rows = transposed[key];
  if (!rows.empty())
    return rows[place.tile];
  Type *type = scalar.memoryType(node.type), *vector = vectorOf(type);
  Align align(std::max(1u, bitWidth(node.type) / 8));
  int64_t stride = node.index.coefficient(block.laneVariable);
  SmallVector<Constant *> bits;
  for (unsigned k = 0; k < block.lanes; ++k)
    bits.push_back(b.getInt1(k < block.tile));
  Value *start = elementPointer(buffers[node.buffer], type, uniformPart(node.index, {place.vector, 0}, true));
  for (unsigned k = 0; k < block.lanes; ++k) {
    Value *pointer = b.CreateInBoundsGEP(type, start, b.getInt64(uint64_t(int64_t(k) * stride)));
    if (k >= block.active[place.vector])
      rows.push_back(Constant::getNullValue(vector));
    else if (block.tile < block.lanes)
      rows.push_back(b.CreateMaskedLoad(vector, pointer, align, ConstantVector::get(bits),
                                        Constant::getNullValue(vector)));
    else
      rows.push_back(b.CreateAlignedLoad(vector, pointer, align));
  }
  for (unsigned size = block.lanes / 2; size > 0; size /= 2) {
    // Swap the off-diagonal blocks of `size` between rows `size` apart.
    SmallVector<int> upper, lower;
    for (unsigned k = 0; k < block.lanes; ++k) {
      upper.push_back(int(k & size ? block.lanes + k - size : k));
      lower.push_back(int(k & size ? block.lanes + k : k + size));
    }
    for (unsigned k = 0; k < block.lanes; ++k)
      if (!(k & size)) {
        Value *above = rows[k], *below = rows[k + size];
        rows[k] = b.CreateShuffleVector(above, below, upper);
        rows[k + size] = b.CreateShuffleVector(above, below, lower);
      }
  }
  return rows[place.tile];
}

void PointEmitter::store(int tensor, const Index &index, Value *value, Place place) {
  const Buffer &buffer = buffers[tensor];
  DataType dataType = schedule.layouts[tensor].type;
  Type *type = scalar.memoryType(dataType);
  Align align(std::max(1u, bitWidth(dataType) / 8));
  bool varies = variesAlongLanes(program.space.loopsOf(index)) || hasVaryingAtoms(index);
  if (buffer.width || varies)
    value = spread(value);
  value = scalar.toMemory(value, dataType);
  if (buffer.width) {
    b.CreateAlignedStore(value, rowPointer(tensor, type, index, place), align);
    return;
  }
  Value *active = activeMask(place);
  Value *pointer = elementPointer(buffer, type, uniformPart(index, place, true));
  if (!varies) {
    b.CreateAlignedStore(value, pointer, align);
  } else if (index.coefficient(block.laneVariable) == 1 && !hasVaryingAtoms(index)) {
    if (active)
      b.CreateMaskedStore(value, pointer, align, active);
    else
      b.CreateAlignedStore(value, pointer, align);
  } else {
    Value *pointers = b.CreateInBoundsGEP(type, pointer, vectorPart(index, place));
    b.CreateMaskedScatter(value, pointers, align, active);
  }
}

} // namespace ampc::codegen
