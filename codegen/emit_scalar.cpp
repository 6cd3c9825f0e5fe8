// Scalar semantics in LLVM IR: what ir/scalar_program.h promises, no more and no less.
#include "codegen/emit_scalar.h"
#include "codegen/vector_math.h"

#include "llvm/IR/Intrinsics.h"

#include <limits>

using namespace llvm;

namespace ampc::codegen {

// --- Types
// ---------------------------------------------------------------------------------------------------------

Type *ScalarEmitter::valueType(DataType type) {
  switch (type) {
  case DataType::F64:
    return b.getDoubleTy();
  case DataType::F32:
    return b.getFloatTy();
  case DataType::F16:
    return b.getHalfTy();
  case DataType::BF16:
    return b.getBFloatTy();
  case DataType::Bool:
    return b.getInt1Ty();
  default:
    return b.getIntNTy(bitWidth(type));
  }
}

Type *ScalarEmitter::memoryType(DataType type) {
  return type == DataType::Bool ? b.getInt8Ty() : valueType(type);
}

Type *ScalarEmitter::like(Value *shape, Type *element) {
  auto *vector = dyn_cast<FixedVectorType>(shape->getType());
  return vector ? static_cast<Type *>(FixedVectorType::get(element, vector->getNumElements())) : element;
}

Value *ScalarEmitter::fromMemory(Value *value, DataType type) {
  return type == DataType::Bool ? b.CreateICmpNE(value, Constant::getNullValue(value->getType())) : value;
}

Value *ScalarEmitter::toMemory(Value *value, DataType type) {
  return type == DataType::Bool ? b.CreateZExt(value, like(value, b.getInt8Ty())) : value;
}

Value *ScalarEmitter::constant(DataType type, double real, int64_t integer) {
  if (isFloat(type))
    return ConstantFP::get(valueType(type), real);
  return ConstantInt::get(valueType(type), uint64_t(type == DataType::Bool ? integer != 0 : integer), true);
}

// Round to nearest even by integer arithmetic; LLVM would call a library function.
Value *ScalarEmitter::toBfloat(Value *value) {
  if (target.hasBf16Conversion && value->getType()->isVectorTy())
    return b.CreateFPTrunc(value, like(value, b.getBFloatTy()));
  Type *wide = like(value, b.getInt32Ty()), *narrow = like(value, b.getInt16Ty());
  auto integer = [&](uint64_t v) { return ConstantInt::get(wide, v); };
  Value *bits = b.CreateBitCast(value, wide);
  Value *odd = b.CreateAnd(b.CreateLShr(bits, integer(16)), integer(1));
  Value *rounded = b.CreateAdd(bits, b.CreateAdd(odd, integer(0x7fff)));
  Value *quiet = b.CreateOr(bits, integer(0x400000));
  Value *result = b.CreateSelect(b.CreateFCmpUNO(value, value), quiet, rounded);
  return b.CreateBitCast(b.CreateTrunc(b.CreateLShr(result, integer(16)), narrow),
                         like(value, b.getBFloatTy()));
}

Value *ScalarEmitter::cast(Value *value, DataType from, DataType to) {
  if (from == to)
    return value;
  Type *type = like(value, valueType(to));
  if (to == DataType::Bool) {
    Value *zero = Constant::getNullValue(value->getType());
    return isFloat(from) ? b.CreateFCmpUNE(value, zero) : b.CreateICmpNE(value, zero);
  }
  if (isFloat(from) && isFloat(to)) {
    // The 16-bit formats only through f32; the fence keeps LLVM from joining two roundings into a library
    // call.
    if (from == DataType::F64 && bitWidth(to) == 16)
      value = b.CreateFPTrunc(value, like(value, b.getFloatTy()));
    if (isa<FPTruncInst>(value) && bitWidth(to) == 16)
      value = b.CreateArithmeticFence(value, value->getType());
    if (bitWidth(from) == 16 && bitWidth(to) == 16)
      value = b.CreateFPExt(value, like(value, b.getFloatTy()));
    if (to == DataType::BF16)
      return toBfloat(value);
    if (to == DataType::F16)
      return b.CreateFPTrunc(value, type);
    return bitWidth(from) < bitWidth(to) ? b.CreateFPExt(value, type) : b.CreateFPTrunc(value, type);
  }
  if (isFloat(from))
    return b.CreateIntrinsic(isSignedInteger(to) ? Intrinsic::fptosi_sat : Intrinsic::fptoui_sat,
                             {type, value->getType()}, {value});
  if (isFloat(to)) {
    if (to == DataType::BF16)
      return toBfloat(cast(value, from, DataType::F32));
    return isSignedInteger(from) ? b.CreateSIToFP(value, type) : b.CreateUIToFP(value, type);
  }
  return isSignedInteger(from) ? b.CreateSExtOrTrunc(value, type) : b.CreateZExtOrTrunc(value, type);
}

// --- Operations
// ------------------------------------------------------------------------------------------------------

static bool isComparison(ScalarOp op) { return op >= ScalarOp::Less && op <= ScalarOp::NotEqual; }

Value *ScalarEmitter::compute(ScalarOp op, DataType type, ArrayRef<Value *> args,
                              ArrayRef<DataType> argTypes) {
  if (op == ScalarOp::Cast)
    return cast(args[0], argTypes[0], type);
  if (op == ScalarOp::Select)
    return b.CreateSelect(args[0], args[1], args[2]);
  if (isComparison(op))
    return compare(op, argTypes[0], args[0], args[1]);
  if ((op == ScalarOp::IsNan || op == ScalarOp::IsInf) && !isFloat(argTypes[0]))
    return Constant::getNullValue(like(args[0], b.getInt1Ty()));
  if (op == ScalarOp::IsNan)
    return b.CreateFCmpUNO(args[0], args[0]);
  if (op == ScalarOp::IsInf) {
    Value *magnitude = b.CreateUnaryIntrinsic(Intrinsic::fabs, args[0]);
    return b.CreateFCmpOEQ(magnitude, ConstantFP::getInfinity(args[0]->getType()));
  }
  return isFloat(type) ? computeFloat(op, args) : computeInteger(op, type, args);
}

Value *ScalarEmitter::compare(ScalarOp op, DataType type, Value *x, Value *y) {
  if (isFloat(type))
    switch (op) {
    case ScalarOp::Less:
      return b.CreateFCmpOLT(x, y);
    case ScalarOp::LessEqual:
      return b.CreateFCmpOLE(x, y);
    case ScalarOp::Greater:
      return b.CreateFCmpOGT(x, y);
    case ScalarOp::GreaterEqual:
      return b.CreateFCmpOGE(x, y);
    case ScalarOp::Equal:
      return b.CreateFCmpOEQ(x, y);
    default:
      return b.CreateFCmpUNE(x, y);
    }
  bool isSigned = isSignedInteger(type);
  switch (op) {
  case ScalarOp::Less:
    return isSigned ? b.CreateICmpSLT(x, y) : b.CreateICmpULT(x, y);
  case ScalarOp::LessEqual:
    return isSigned ? b.CreateICmpSLE(x, y) : b.CreateICmpULE(x, y);
  case ScalarOp::Greater:
    return isSigned ? b.CreateICmpSGT(x, y) : b.CreateICmpUGT(x, y);
  case ScalarOp::GreaterEqual:
    return isSigned ? b.CreateICmpSGE(x, y) : b.CreateICmpUGE(x, y);
  case ScalarOp::Equal:
    return b.CreateICmpEQ(x, y);
  default:
    return b.CreateICmpNE(x, y);
  }
}

Value *ScalarEmitter::computeFloat(ScalarOp op, ArrayRef<Value *> args) {
  Value *x = args[0], *y = args.size() > 1 ? args[1] : nullptr;
  Type *type = x->getType();
  // An operator's result is rounded wherever it is computed again: only the sums of reductions take products that are not.
  IRBuilder<>::FastMathFlagGuard guard(b);
  if (op == ScalarOp::Add || op == ScalarOp::Sub)
    b.clearFastMathFlags();
  switch (op) {
  case ScalarOp::Add:
    return b.CreateFAdd(x, y);
  case ScalarOp::Sub:
    return b.CreateFSub(x, y);
  case ScalarOp::Mul:
    return b.CreateFMul(x, y);
  case ScalarOp::Div:
    return b.CreateFDiv(x, y);
  case ScalarOp::Rem:
    return b.CreateFRem(x, y);
  case ScalarOp::Min:
  case ScalarOp::Max: {
    // The order of the two zeros does not matter, and leaving it open saves instructions.
    FastMathFlags flags;
    flags.setNoSignedZeros();
    b.setFastMathFlags(flags);
    return b.CreateBinaryIntrinsic(op == ScalarOp::Min ? Intrinsic::minimum : Intrinsic::maximum, x, y);
  }
  case ScalarOp::Neg:
    return b.CreateFNeg(x);
  case ScalarOp::Abs:
    return b.CreateUnaryIntrinsic(Intrinsic::fabs, x);
  case ScalarOp::Sign: {
    Value *zero = Constant::getNullValue(type);
    Value *negative = b.CreateSelect(b.CreateFCmpOLT(x, zero), ConstantFP::get(type, -1), x);
    return b.CreateSelect(b.CreateFCmpOGT(x, zero), ConstantFP::get(type, 1), negative);
  }
  default:
    return emitMath(b, target, op, args);
  }
}

// Division by zero gives 0, the smallest integer by -1 wraps around: neither may reach the instruction.
Value *ScalarEmitter::divide(ScalarOp op, DataType type, Value *x, Value *y) {
  Constant *zero = Constant::getNullValue(x->getType()), *one = ConstantInt::get(x->getType(), 1);
  Value *isZero = b.CreateICmpEQ(y, zero);
  Value *divisor = b.CreateSelect(isZero, one, y);
  bool isQuotient = op == ScalarOp::Div;
  Value *result;
  if (!isSignedInteger(type)) {
    result = isQuotient ? b.CreateUDiv(x, divisor) : b.CreateURem(x, divisor);
  } else {
    Value *isMinusOne = b.CreateICmpEQ(y, Constant::getAllOnesValue(y->getType()));
    divisor = b.CreateSelect(isMinusOne, one, divisor);
    result = isQuotient ? b.CreateSDiv(x, divisor) : b.CreateSRem(x, divisor);
    result = b.CreateSelect(isMinusOne, isQuotient ? b.CreateNeg(x) : zero, result);
  }
  return b.CreateSelect(isZero, zero, result);
}

Value *ScalarEmitter::computeInteger(ScalarOp op, DataType type, ArrayRef<Value *> args) {
  Value *x = args[0], *y = args.size() > 1 ? args[1] : nullptr;
  bool isSigned = isSignedInteger(type);
  Constant *zero = Constant::getNullValue(x->getType());
  Constant *width = ConstantInt::get(x->getType(), type == DataType::Bool ? 1 : bitWidth(type));
  switch (op) {
  case ScalarOp::Add:
    return b.CreateAdd(x, y);
  case ScalarOp::Sub:
    return b.CreateSub(x, y);
  case ScalarOp::Mul:
    return b.CreateMul(x, y);
  case ScalarOp::Div:
  case ScalarOp::Rem:
    return divide(op, type, x, y);
  case ScalarOp::Min:
    return b.CreateBinaryIntrinsic(isSigned ? Intrinsic::smin : Intrinsic::umin, x, y);
  case ScalarOp::Max:
    return b.CreateBinaryIntrinsic(isSigned ? Intrinsic::smax : Intrinsic::umax, x, y);
  case ScalarOp::Neg:
    return b.CreateNeg(x);
  case ScalarOp::Abs:
    return isSigned ? b.CreateSelect(b.CreateICmpSLT(x, zero), b.CreateNeg(x), x) : x;
  case ScalarOp::Sign: {
    Value *positive = b.CreateSelect(b.CreateICmpEQ(x, zero), zero, ConstantInt::get(x->getType(), 1));
    return isSigned
               ? b.CreateSelect(b.CreateICmpSLT(x, zero), Constant::getAllOnesValue(x->getType()), positive)
               : positive;
  }
  case ScalarOp::And:
    return b.CreateAnd(x, y);
  case ScalarOp::Or:
    return b.CreateOr(x, y);
  case ScalarOp::Xor:
    return b.CreateXor(x, y);
  case ScalarOp::Not:
    return b.CreateNot(x);
  case ScalarOp::ShiftLeft:
  case ScalarOp::ShiftRight: {
    if (type == DataType::Bool) // a distance of 1 is the width already
      return b.CreateAnd(x, b.CreateNot(y));
    Value *tooFar = b.CreateICmpUGE(y, width);
    Value *distance = b.CreateSelect(tooFar, zero, y);
    if (op == ScalarOp::ShiftLeft)
      return b.CreateSelect(tooFar, zero, b.CreateShl(x, distance));
    if (!isSigned)
      return b.CreateSelect(tooFar, zero, b.CreateLShr(x, distance));
    Constant *last = ConstantInt::get(x->getType(), bitWidth(type) - 1);
    return b.CreateAShr(x, b.CreateSelect(tooFar, last, y));
  }
  case ScalarOp::Pow: {
    // Square and multiply over the bits of the exponent; a negative exponent gives 0.
    if (type == DataType::Bool)
      return nullptr;
    Constant *one = ConstantInt::get(x->getType(), 1);
    Value *result = one, *base = x, *exponent = y;
    for (unsigned bit = 0; bit < bitWidth(type); ++bit) {
      Value *isSet = b.CreateICmpNE(b.CreateAnd(exponent, one), zero);
      result = b.CreateSelect(isSet, b.CreateMul(result, base), result);
      base = b.CreateMul(base, base);
      exponent = b.CreateLShr(exponent, one);
    }
    return isSigned ? b.CreateSelect(b.CreateICmpSLT(y, zero), zero, result) : result;
  }
  default:
    return nullptr;
  }
}

// --- Reductions
// ------------------------------------------------------------------------------------------------------

Value *ScalarEmitter::identity(Reduction reduction, DataType type) {
  double infinity = std::numeric_limits<double>::infinity();
  bool isMax = reduction == Reduction::Max;
  if (reduction == Reduction::Sum || reduction == Reduction::Product)
    return constant(type, reduction == Reduction::Product, reduction == Reduction::Product);
  if (isFloat(type))
    return constant(type, isMax ? -infinity : infinity, 0);
  unsigned width = type == DataType::Bool ? 1 : bitWidth(type);
  if (isSignedInteger(type))
    return ConstantInt::get(valueType(type),
                            isMax ? APInt::getSignedMinValue(width) : APInt::getSignedMaxValue(width));
  return ConstantInt::get(valueType(type), isMax ? APInt::getZero(width) : APInt::getMaxValue(width));
}

Value *ScalarEmitter::combine(Reduction reduction, DataType type, Value *accumulator, Value *value) {
  switch (reduction) {
  case Reduction::Sum: {
    if (!isFloat(type))
      return b.CreateAdd(accumulator, value);
    return b.CreateFAdd(accumulator, value);
  }
  case Reduction::Product:
    return isFloat(type) ? b.CreateFMul(accumulator, value) : b.CreateMul(accumulator, value);
  default:
    return compute(reduction == Reduction::Max ? ScalarOp::Max : ScalarOp::Min, type, {accumulator, value},
                   {type, type});
  }
}

Value *ScalarEmitter::combineLanes(Reduction reduction, DataType type, Value *vector) {
  auto *vectorType = dyn_cast<FixedVectorType>(vector->getType());
  if (!vectorType)
    return vector;
  // Halves are combined until one lane is left: the order is fixed and every target has the shuffles.
  for (unsigned lanes = vectorType->getNumElements(); lanes > 1;) {
    unsigned half = (lanes + 1) / 2;
    SmallVector<int> low, high;
    for (unsigned k = 0; k < half; ++k) {
      low.push_back(int(k));
      high.push_back(int(half + k));
    }
    Value *left = b.CreateShuffleVector(vector, low), *right = b.CreateShuffleVector(vector, high);
    vector = combine(reduction, type, left, right);
    lanes = half;
  }
  return b.CreateExtractElement(vector, uint64_t(0));
}

} // namespace ampc::codegen
