// What row files use to expand one ONNX node into dialect operators: an ImportContext with a method per primitive and
// an error that sticks, so that a formula reads as a formula. It knows primitives, not ONNX operators.
#pragma once

#include "ir/op_table.h"

#include "llvm/ADT/StringMap.h"

#include <map>

namespace ampc {

using ImportResults = llvm::Expected<llvm::SmallVector<mlir::Value>>;

/// After the first error every method returns a null value and does nothing; `done` reports the error. Suffixes name
/// the operators of one node; pass "" for the operator that yields the node's first result.
class Expansion {
public:
  using Value = mlir::Value;
  using Shape = std::vector<int64_t>;

  explicit Expansion(ImportContext &context) : context(context) {}
  ~Expansion() { llvm::consumeError(std::move(error)); }
  Expansion(const Expansion &) = delete;
  Expansion &operator=(const Expansion &) = delete;

  ImportContext &context;

  bool failed() const { return hasFailed; }
  void fail(llvm::Error why);
  void invalid(const llvm::Twine &why) { fail(context.invalid(why)); }
  void unsupported(const llvm::Twine &why) { fail(context.unsupported(why)); }
  /// The node's results, or the first error. Call exactly once, at the end.
  ImportResults done(std::vector<Value> results);

  /// Null if absent.
  Value operand(size_t k) { return k < context.numOperands() ? context.operand(k) : Value(); }
  TensorType type(Value value) const { return value ? context.type(value) : TensorType{}; }
  Shape shape(Value value) const { return type(value).shape; }
  DataType element(Value value) const { return type(value).type; }
  int64_t rank(Value value) const { return int64_t(shape(value).size()); }
  /// Integers of operand k, known at compile time; fails (data dependent) otherwise.
  Shape knownIntegers(size_t k, llvm::StringRef what);
  /// Fails if operand k is known at compile time and one of its indices is outside [-extent, extent). Element n
  /// indexes a dimension of extent extents[n % extents.size()].
  void checkKnownIndices(size_t k, const Shape &extents);
  /// The value that every element of operand k has, if that is known at compile time.
  std::optional<double> knownSplat(size_t k);
  /// normalizeAxis with the error taken; 0 after an error.
  int64_t axis(int64_t axis, int64_t rank);

  Value build(llvm::StringRef row, llvm::ArrayRef<Value> operands, llvm::ArrayRef<mlir::NamedAttribute> attributes = {},
              std::optional<llvm::StringRef> suffix = std::nullopt);
  /// All results; none after an error.
  llvm::SmallVector<Value> buildAll(llvm::StringRef row, llvm::ArrayRef<Value> operands,
                                    llvm::ArrayRef<mlir::NamedAttribute> attributes, llvm::StringRef suffix);
  mlir::NamedAttribute attribute(llvm::StringRef name, int64_t value);
  mlir::NamedAttribute attribute(llvm::StringRef name, double value);
  mlir::NamedAttribute attribute(llvm::StringRef name, const Shape &value);
  mlir::NamedAttribute attribute(llvm::StringRef name, llvm::StringRef value);

  // Literals: a scalar, a tensor of integers, a tensor of numbers.
  Value number(DataType type, double value);
  Value literal(DataType type, const Shape &shape, const std::vector<double> &values, llvm::StringRef suffix);
  Value zeros(DataType type, const Shape &shape);

  // Elementwise; operands broadcast.
  Value unary(llvm::StringRef row, Value x, std::optional<llvm::StringRef> suffix = std::nullopt);
  Value binary(llvm::StringRef row, Value a, Value b, std::optional<llvm::StringRef> suffix = std::nullopt);
#define AMPC_BINARY(NAME, ROW)                                                                                         \
  Value NAME(Value a, Value b, llvm::StringRef suffix = ROW) { return binary(ROW, a, b, suffix); }                     \
  Value NAME(Value a, double b, llvm::StringRef suffix = ROW) {                                                        \
    return binary(ROW, a, number(element(a), b), suffix);                                                              \
  }
  AMPC_BINARY(add, "add")
  AMPC_BINARY(sub, "sub")
  AMPC_BINARY(mul, "mul")
  AMPC_BINARY(div, "div")
  AMPC_BINARY(min, "min")
  AMPC_BINARY(max, "max")
#undef AMPC_BINARY
  Value where(Value condition, Value then, Value otherwise, llvm::StringRef suffix = "where");
  Value cast(Value x, DataType type, llvm::StringRef suffix = "cast");
  /// f16 and bf16 become f32; others stay.
  Value toComputeType(Value x);
  /// max(lo, min(hi, x)).
  Value clip(Value x, double lo, double hi, llvm::StringRef suffix = "clip");

  // Reductions over `axes` (normalized, sorted or not).
  Value reduce(llvm::StringRef row, Value x, const Shape &axes, bool keepDims, llvm::StringRef suffix);
  Value reduceSum(Value x, const Shape &axes, bool keepDims = true, llvm::StringRef suffix = "sum");
  Value reduceMax(Value x, const Shape &axes, bool keepDims = true, llvm::StringRef suffix = "max");
  Value reduceMean(Value x, const Shape &axes, bool keepDims = true, llvm::StringRef suffix = "mean");
  Value matmul(Value a, Value b, llvm::StringRef suffix = "matmul");
  /// exp(x - max) / sum over `axes`, in compute type.
  Value softmax(Value x, const Shape &axes, llvm::StringRef suffix = "softmax");

  // Movement. What would change nothing builds nothing.
  Value transpose(Value x, const Shape &permutation, llvm::StringRef suffix = "transpose");
  Value swapLastTwo(Value x, llvm::StringRef suffix = "transpose");
  Value reshape(Value x, const Shape &shape, llvm::StringRef suffix = "reshape");
  Value expand(Value x, const Shape &shape, llvm::StringRef suffix = "expand");
  /// Elements start, start + step, ... (`count` of them) along one axis; step may be negative.
  Value slice(Value x, int64_t axis, int64_t start, int64_t count, int64_t step = 1, llvm::StringRef suffix = "slice");
  Value concat(llvm::ArrayRef<Value> values, int64_t axis, llvm::StringRef suffix = "concat");
  /// Constant padding of one axis; counts >= 0.
  Value pad(Value x, int64_t axis, int64_t before, int64_t after, double value = 0, llvm::StringRef suffix = "pad");

private:
  llvm::Error error = llvm::Error::success();
  bool hasFailed = false;
  llvm::StringMap<int> suffixUses;
  std::map<std::pair<DataType, double>, Value> numbers;

  /// Distinct among the operators of this node.
  std::string distinct(llvm::StringRef suffix);
};

/// All dimension numbers of a rank except the first `skip`.
std::vector<int64_t> axesFrom(int64_t skip, int64_t rank);

/// The element type behind ONNX's TensorProto.DataType number; nullopt for those outside ampc's set.
std::optional<DataType> onnxDataType(int64_t number);

/// The number that every element of the literal is; nullopt if they differ or there is none.
std::optional<double> splatOf(const HostTensor &tensor);

} // namespace ampc
