// Polynomial and rational approximations (fitted for least largest relative error over the reduced range),
// and calls into libm and libmvec.
#include "codegen/vector_math.h"

#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/Module.h"

#include <cmath>
#include <limits>

using namespace llvm;

namespace ampc::codegen {

namespace {

class MathEmitter {
public:
  MathEmitter(IRBuilder<> &builder, const TargetInfo &target, Type *type)
      : b(builder), target(target), type(type) {
    auto *vector = dyn_cast<FixedVectorType>(type);
    lanes = vector ? vector->getNumElements() : 1;
    intType = vector ? cast<Type>(FixedVectorType::get(b.getInt32Ty(), lanes)) : b.getInt32Ty();
  }

  Value *real(double value) { return ConstantFP::get(type, value); }
  Value *integer(int64_t value) { return ConstantInt::get(intType, uint64_t(value), true); }
  Value *fma(Value *x, Value *y, Value *z) { return b.CreateIntrinsic(Intrinsic::fma, {type}, {x, y, z}); }
  Value *bits(Value *x) { return b.CreateBitCast(x, intType); }
  Value *fromBits(Value *x) { return b.CreateBitCast(x, type); }
  Value *unary(Intrinsic::ID id, Value *x) { return b.CreateUnaryIntrinsic(id, x); }
  // NaN stays NaN: the comparison is false.
  Value *atMost(Value *x, double limit) {
    return b.CreateSelect(b.CreateFCmpOGT(x, real(limit)), real(limit), x);
  }
  Value *atLeast(Value *x, double limit) {
    return b.CreateSelect(b.CreateFCmpOLT(x, real(limit)), real(limit), x);
  }

  Value *polynomial(Value *x, ArrayRef<double> coefficients) {
    Value *sum = real(coefficients.back());
    for (size_t k = coefficients.size() - 1; k-- > 0;)
      sum = fma(sum, x, real(coefficients[k]));
    return sum;
  }

  // e^x = 2^n e^r with |r| <= log(2) / 2; the power of two in two halves, so that results near the ends of
  // the range neither overflow early nor lose the subnormals.
  Value *exp(Value *x) {
    x = atLeast(atMost(x, 89), -104);
    constexpr double toInteger = 12582912; // 1.5 * 2^23: adding it rounds to an integer in the low bits
    Value *shifted = fma(x, real(1.4426950408889634), real(toInteger));
    Value *n = b.CreateSub(bits(shifted), bits(real(toInteger)));
    Value *rounded = b.CreateFSub(shifted, real(toInteger));
    Value *r = fma(rounded, real(-0.693145751953125), x);
    r = fma(rounded, real(-1.42860682030941723212e-6), r);
    Value *p = polynomial(r, {1, 1, 0.49999994, 0.16666521, 0.04166839, 0.008368745, 0.0013814539});
    Value *half = b.CreateAShr(n, integer(1)), *rest = b.CreateSub(n, half);
    auto power = [&](Value *k) { return fromBits(b.CreateShl(b.CreateAdd(k, integer(127)), integer(23))); };
    return b.CreateFMul(b.CreateFMul(p, power(half)), power(rest));
  }

  // x = 2^e m with m in [sqrt(1/2), sqrt(2)).
  Value *log(Value *x) {
    Value *tiny = b.CreateFCmpOLT(x, real(1.17549435e-38));
    Value *scaled = b.CreateSelect(tiny, b.CreateFMul(x, real(8388608)), x);
    Value *offset = b.CreateSub(bits(scaled), integer(0x3f3504f3));
    Value *e = b.CreateAShr(offset, integer(23));
    Value *m = fromBits(b.CreateAdd(b.CreateAnd(offset, integer(0x7fffff)), integer(0x3f3504f3)));
    e = b.CreateSub(e, b.CreateSelect(tiny, integer(23), integer(0)));
    Value *exponent = b.CreateSIToFP(e, type);
    Value *f = b.CreateFSub(m, real(1)), *square = b.CreateFMul(f, f);
    Value *p = polynomial(f, {0.3333333, -0.2500082, 0.20001227, -0.16623357, 0.14201757, -0.13160183,
                              0.12761576, -0.07634497});
    Value *low = fma(exponent, real(-2.12194440e-4), b.CreateFMul(b.CreateFMul(square, f), p));
    Value *sum = b.CreateFAdd(fma(square, real(-0.5), low), f);
    Value *result = fma(exponent, real(0.693359375), sum);
    double infinity = std::numeric_limits<double>::infinity();
    result = b.CreateSelect(b.CreateFCmpOEQ(x, real(0)), real(-infinity), result);
    result = b.CreateSelect(b.CreateFCmpOEQ(x, real(infinity)), real(infinity), result);
    return b.CreateSelect(b.CreateFCmpULT(x, real(0)), real(std::numeric_limits<double>::quiet_NaN()),
                          result);
  }

  // log(1 + x) with the rounding error of 1 + x put back.
  Value *log1p(Value *x) {
    Value *u = b.CreateFAdd(x, real(1));
    Value *lost = b.CreateFSub(x, b.CreateFSub(u, real(1)));
    Value *result = b.CreateFAdd(log(u), b.CreateFDiv(lost, u));
    Value *exact = b.CreateOr(b.CreateFCmpOEQ(u, real(1)),
                              b.CreateFCmpOEQ(x, real(std::numeric_limits<double>::infinity())));
    result = b.CreateSelect(exact, x, result);
    return b.CreateSelect(b.CreateFCmpOEQ(x, real(-1)), real(-std::numeric_limits<double>::infinity()),
                          result);
  }

  // x P(x^2) / Q(x^2), and exactly 1 or -1 beyond `limit`: what is multiplied by 1 - f(x) must vanish there.
  Value *oddRational(Value *x, double limit, ArrayRef<double> p, ArrayRef<double> q) {
    Value *near = atLeast(atMost(x, limit), -limit);
    Value *square = b.CreateFMul(near, near);
    Value *result = b.CreateFDiv(b.CreateFMul(near, polynomial(square, p)), polynomial(square, q));
    result = b.CreateSelect(b.CreateFCmpOGT(x, real(limit)), real(1), atMost(result, 1));
    return b.CreateSelect(b.CreateFCmpOLT(x, real(-limit)), real(-1), atLeast(result, -1));
  }

  Value *tanh(Value *x) {
    return oddRational(
        x, 9, {1.0, 0.13786326348781586, 0.00400973716750741, 3.1615836633136496e-05, 5.085667709181507e-08},
        {1.0, 0.47119659185409546, 0.027741950005292892, 0.0004209630424156785, 1.6195649550354574e-06,
         7.393495815577467e-10});
  }

  Value *erf(Value *x) {
    return oddRational(x, 3.9,
                       {1.128379225730896, 0.18510644137859344, 0.05422104150056839, 0.003835006384178996,
                        0.00037589925343308117, 4.586465820466401e-06, -1.2676890648322114e-08},
                       {1.0, 0.49737972021102905, 0.11384491622447968, 0.015419756062328815,
                        0.0012996443547308445, 6.218554335646331e-05});
  }

  Value *library(StringRef name, ArrayRef<Value *> args);

private:
  IRBuilder<> &b;
  const TargetInfo &target;
  Type *type, *intType;
  unsigned lanes;

  Value *call(const Twine &name, Type *resultType, ArrayRef<Value *> args) {
    Module *module = b.GetInsertBlock()->getModule();
    SmallVector<Type *> types(args.size(), resultType);
    FunctionCallee callee =
        module->getOrInsertFunction(name.str(), FunctionType::get(resultType, types, false));
    auto *function = cast<Function>(callee.getCallee());
    function->setDoesNotThrow();
    function->setDoesNotAccessMemory();
    function->setWillReturn();
    // The registers that vectors travel in depend on the features.
    function->addFnAttr("target-cpu", target.cpu);
    function->addFnAttr("target-features", target.features);
    return b.CreateCall(callee, args);
  }
};

// libmvec names: _ZGV<isa>N<lanes>v_<name>; a wider vector is cut, a narrower one padded.
Value *MathEmitter::library(StringRef name, ArrayRef<Value *> args) {
  Type *element = type->getScalarType();
  bool isFloat = element->isFloatTy();
  std::string scalarName = (name + (isFloat ? "f" : "")).str();
  if (lanes == 1)
    return call(scalarName, type, args);
  unsigned width = target.vectorBits / (isFloat ? 32 : 64);
  char isa = target.vectorBits == 512 ? 'e' : target.vectorBits == 256 ? 'd' : 'b';
  std::string vectorName = std::string("_ZGV") + isa + "N" + std::to_string(width) +
                           std::string(args.size(), 'v') + "_" + scalarName;
  auto *wide = FixedVectorType::get(element, width);
  Value *result = nullptr;
  for (unsigned begin = 0; begin < lanes; begin += width) {
    SmallVector<Value *> parts;
    SmallVector<int> mask;
    for (unsigned k = 0; k < width; ++k)
      mask.push_back(int(std::min(begin + k, lanes - 1)));
    for (Value *arg : args)
      parts.push_back(lanes == width ? arg : b.CreateShuffleVector(arg, mask));
    Value *part = call(vectorName, wide, parts);
    if (lanes == width)
      return part;
    // Widen the part to the full vector and blend it in.
    SmallVector<int> spread(lanes, -1), blend;
    for (unsigned k = 0; k < lanes; ++k) {
      bool inside = k >= begin && k < begin + width;
      if (inside)
        spread[k] = int(k - begin);
      blend.push_back(int(inside ? lanes + k : k));
    }
    Value *full = b.CreateShuffleVector(part, spread);
    result = result ? b.CreateShuffleVector(result, full, blend) : full;
  }
  return result;
}

} // namespace

static StringRef libraryName(ScalarOp op) {
  switch (op) {
  case ScalarOp::Exp:
    return "exp";
  case ScalarOp::Log:
    return "log";
  case ScalarOp::Log1p:
    return "log1p";
  case ScalarOp::Sin:
    return "sin";
  case ScalarOp::Cos:
    return "cos";
  case ScalarOp::Tan:
    return "tan";
  case ScalarOp::Asin:
    return "asin";
  case ScalarOp::Acos:
    return "acos";
  case ScalarOp::Atan:
    return "atan";
  case ScalarOp::Sinh:
    return "sinh";
  case ScalarOp::Cosh:
    return "cosh";
  case ScalarOp::Tanh:
    return "tanh";
  case ScalarOp::Asinh:
    return "asinh";
  case ScalarOp::Acosh:
    return "acosh";
  case ScalarOp::Atanh:
    return "atanh";
  case ScalarOp::Erf:
    return "erf";
  case ScalarOp::Pow:
    return "pow";
  default:
    return "";
  }
}

Value *emitMath(IRBuilder<> &builder, const TargetInfo &target, ScalarOp op, ArrayRef<Value *> args) {
  Type *type = args[0]->getType();
  MathEmitter math(builder, target, type);
  switch (op) {
  case ScalarOp::Sqrt:
    return math.unary(Intrinsic::sqrt, args[0]);
  case ScalarOp::Rsqrt:
    return builder.CreateFDiv(math.real(1), math.unary(Intrinsic::sqrt, args[0]));
  case ScalarOp::Floor:
    return math.unary(Intrinsic::floor, args[0]);
  case ScalarOp::Ceil:
    return math.unary(Intrinsic::ceil, args[0]);
  case ScalarOp::RoundEven:
    return math.unary(Intrinsic::roundeven, args[0]);
  default:
    break;
  }
  if (type->getScalarType()->isFloatTy())
    switch (op) {
    case ScalarOp::Exp:
      return math.exp(args[0]);
    case ScalarOp::Log:
      return math.log(args[0]);
    case ScalarOp::Log1p:
      return math.log1p(args[0]);
    case ScalarOp::Tanh:
      return math.tanh(args[0]);
    case ScalarOp::Erf:
      return math.erf(args[0]);
    default:
      break;
    }
  StringRef name = libraryName(op);
  return name.empty() ? nullptr : math.library(name, args);
}

} // namespace ampc::codegen
