// Maps products and convolutions with their epilogues, and recurrences, to oneDNN calls.
#include "passes/library_kernel.h"

#include "ir/builtin_instance.h"
#include "ir/post_op.h"
#include "passes/orders.h"
#include "runtime/kernels/library_kernels.h"

#include "llvm/ADT/StringExtras.h"

#include <numeric>

using namespace mlir;

namespace ampc {

using Shape = std::vector<int64_t>;

bool isEpilogue(Operation *op, Operation *product, Value chained) {
  const OpRow *row = OpTable::get().find(op);
  if (!row || row->opClass != OpClass::Elementwise || op->getNumOperands() > 2 ||
      typeOf(op->getResult(0)).shape != typeOf(chained).shape)
    return false;
  // A convolution takes one value, one per channel, or one per element; what is broadcast otherwise (one per image and
  // channel) falls to the library's slow general code.
  bool isConvolution = OpTable::get().find(product)->opClass == OpClass::Convolution;
  if (isConvolution && op->getNumOperands() == 2) {
    TensorType other = typeOf(op->getOperand(op->getOperand(0) == chained ? 1 : 0)), full = typeOf(chained);
    size_t rank = other.shape.size(), channelDim = rank + 1 - full.shape.size();
    bool isPerChannel = rank + 1 >= full.shape.size() && other.shape[channelDim] == full.shape[1] &&
                        other.numElements() == full.shape[1];
    if (other.numElements() != 1 && !isPerChannel && other.shape != full.shape)
      return false;
  }
  for (size_t k = 0; k < op->getNumOperands(); ++k)
    if (op->getOperand(unsigned(k)) == chained &&
        (op->getNumOperands() == 1 || op->getOperand(unsigned(1 - k)) != chained))
      return postOpOf(instanceOf(op), k).has_value();
  return false;
}

/// `shape` with ones in front up to `rank`.
static Shape padded(Shape shape, size_t rank) {
  shape.insert(shape.begin(), rank - std::min(rank, shape.size()), 1);
  return shape;
}

/// Leading dimensions merged, [.., m, n] -> [M, n], for an operand broadcast against a result of shape `full`;
/// nothing if its own leading dimensions are neither all whole nor all 1.
static std::optional<Shape> flattened(const Shape &shape, const Shape &full) {
  Shape aligned = padded(shape, full.size());
  bool whole = true, one = true;
  for (size_t d = 0; d + 1 < full.size(); ++d) {
    whole &= aligned[d] == full[d];
    one &= aligned[d] == 1;
  }
  if (!whole && !one)
    return std::nullopt;
  int64_t rows = whole ? std::accumulate(full.begin(), full.end() - 1, int64_t(1), std::multiplies<>()) : 1;
  return Shape{rows, aligned.back()};
}

namespace {

class CallBuilder {
public:
  CallBuilder(Operation *kernel, uint32_t threads)
      : kernel(kernel), body(kernel->getRegion(0).front()), threads(threads) {}
  std::optional<LibraryCall> build();

private:
  bool matmul(Operation *product);
  bool convolution(Operation *product);
  bool epilogue(Operation *product);
  void add(Value value, Shape shape) {
    call.kernel.operands.push_back({typeOf(value).type, std::move(shape)});
    call.operandOrder.push_back(cast<BlockArgument>(value).getArgNumber());
  }
  static unsigned argumentNumber(Value value) { return cast<BlockArgument>(value).getArgNumber(); }
  /// True if the operand has the bytes that it has in the order of the result.
  bool isOrdered(Value value) const {
    Shape shape = typeOf(value).shape;
    if (shape.size() != resultShape.size()) // no more than one extent that is not 1
      return order.empty() || shape.empty() || numElements(shape) == *std::max_element(shape.begin(), shape.end());
    return sameBytes(shape, operandOrder(kernel, argumentNumber(value)), order);
  }
  /// Shape of a post-op's operand as the library sees it.
  std::optional<Shape> operandShape(const Shape &shape) const {
    return flatten ? flattened(shape, resultShape) : std::optional(storedShape(padded(shape, resultShape.size()), order));
  }

  Operation *kernel;
  Block &body;
  uint32_t threads;
  LibraryCall call;
  Shape resultShape;
  Order order; // of the result and what is combined with it, in memory
  bool flatten = false; // batch dimensions of a product with plain weights become rows
};

} // namespace

bool CallBuilder::matmul(Operation *product) {
  Shape a = typeOf(product->getOperand(0)).shape, b = typeOf(product->getOperand(1)).shape;
  flatten = b.size() == 2;
  call.kernel.symbol = "onednn.matmul";
  Shape result = resultShape;
  if (flatten) {
    a = *flattened(a, a);
    result = *flattened(resultShape, resultShape);
  } else {
    a = padded(a, resultShape.size());
    b = padded(b, resultShape.size());
  }
  add(product->getOperand(0), a);
  add(product->getOperand(1), b);
  call.kernel.results = {{DataType::F32, result}};
  return true;
}

bool CallBuilder::convolution(Operation *product) {
  OpInstance instance = instanceOf(product);
  size_t rank = instance.in(0).size(), spatial = rank - 2;
  if (spatial < 1 || spatial > 3 || instance.in(1)[1] == 0)
    return false;
  order = resultOrder(kernel, 0);
  bool isChannelsLast = order == channelsLast(rank);
  if (!order.empty() && !isChannelsLast)
    return false;
  // With channels in front the library's grouped convolutions fall to a few GFLOP/s: generated code is faster.
  int64_t groups = instance.in(0)[1] / instance.in(1)[1];
  if (groups > 1 && !isChannelsLast)
    return false;
  auto orDefault = [&](const char *name, size_t count, int64_t otherwise) {
    std::vector<int64_t> values = instance.integers(name);
    return values.empty() ? std::vector<int64_t>(count, otherwise) : values;
  };
  std::vector<int64_t> pads = orDefault("pads", 2 * spatial, 0);
  plan::Kernel &k = call.kernel;
  k.symbol = "onednn.convolution";
  k.integers = {{"strides", orDefault("strides", spatial, 1)},
                {"dilations", orDefault("dilations", spatial, 1)},
                {"pads_begin", {pads.begin(), pads.begin() + int64_t(spatial)}},
                {"pads_end", {pads.begin() + int64_t(spatial), pads.end()}},
                {"groups", {groups}}};
  k.strings = {{"layout", isChannelsLast ? "nhwc" : "nchw"}};
  if (!isOrdered(product->getOperand(0)) || !operandOrder(kernel, argumentNumber(product->getOperand(1))).empty())
    return false;
  add(product->getOperand(0), storedShape(instance.in(0), order));
  add(product->getOperand(1), instance.in(1));
  k.results = {{DataType::F32, storedShape(resultShape, order)}};
  return true;
}

/// The operators after the product: a bias per column or channel first, then post-ops.
bool CallBuilder::epilogue(Operation *product) {
  bool isConvolution = call.kernel.symbol == "onednn.convolution";
  size_t channelDim = isConvolution ? 1 : resultShape.size() - 1;
  Value chained = product->getResult(0);
  std::string names;
  std::vector<double> numbers;
  for (Operation *op = product->getNextNode(); op != body.getTerminator(); op = op->getNextNode()) {
    if (!isEpilogue(op, product, chained))
      return false;
    size_t k = op->getOperand(0) == chained ? 0 : 1;
    PostOp post = *postOpOf(instanceOf(op), k);
    chained = op->getResult(0);
    if (post.takesOperand) {
      Value other = op->getOperand(unsigned(1 - k));
      if (!isa<BlockArgument>(other))
        return false;
      Shape shape = padded(typeOf(other).shape, resultShape.size());
      bool perChannel = shape[channelDim] == resultShape[channelDim] &&
                        typeOf(other).numElements() == resultShape[channelDim];
      bool first = op == product->getNextNode();
      if (first && post.name == "add" && perChannel) {
        call.kernel.integers.push_back({"bias", {1}});
        add(other, {resultShape[channelDim]});
        continue;
      }
      std::optional<Shape> seen = operandShape(typeOf(other).shape);
      if (!seen || !isOrdered(other))
        return false;
      add(other, *seen);
    }
    names += (names.empty() ? "" : ",") + post.name;
    numbers.push_back(post.alpha);
    numbers.push_back(post.beta);
  }
  if (!names.empty()) {
    call.kernel.strings.push_back({"post_ops", names});
    call.kernel.reals.push_back({"post_ops", numbers});
  }
  return true;
}

std::optional<LibraryCall> CallBuilder::build() {
  Operation *product = &body.front();
  const OpRow *row = OpTable::get().find(product);
  if (kernel->getNumResults() != 1 || !row || (row->name != "matmul" && row->name != "conv"))
    return std::nullopt;
  for (Value value : llvm::concat<Value>(product->getOperands(), product->getResults())) {
    TensorType type = typeOf(value);
    if (type.type != DataType::F32 || type.numElements() == 0)
      return std::nullopt;
  }
  if (!isa<BlockArgument>(product->getOperand(0)) || !isa<BlockArgument>(product->getOperand(1)))
    return std::nullopt;
  call.kernel.kind = plan::KernelKind::Library;
  resultShape = typeOf(product->getResult(0)).shape;
  bool known = row->name == "matmul" ? matmul(product) : row->name == "conv" && convolution(product);
  if (!known || !epilogue(product))
    return std::nullopt;
  LibraryKernelFacts facts;
  if (libraryKernelFacts(call.kernel, threads, facts) || facts.isReference)
    return std::nullopt;
  call.kernel.workspaceBytes = facts.workspaceBytes;
  return std::move(call);
}

std::optional<InPlaceSum> inPlaceSumOf(const plan::Kernel &kernel, uint32_t threads) {
  auto names = llvm::find_if(kernel.strings, [](const auto &entry) { return entry.first == "post_ops"; });
  if (names == kernel.strings.end())
    return std::nullopt;
  auto bias = llvm::find_if(kernel.integers, [](const auto &entry) { return entry.first == "bias"; });
  size_t operand = 2 + (bias != kernel.integers.end() && bias->second[0] != 0);
  SmallVector<StringRef> entries;
  StringRef(names->second).split(entries, ',');
  for (StringRef &entry : entries) {
    bool takesOperand = llvm::is_contained({"add", "sub", "mul", "div", "max", "min"}, entry);
    if (!takesOperand)
      continue;
    if (entry == "add" && operand < kernel.operands.size() && kernel.operands[operand].shape == kernel.results[0].shape) {
      InPlaceSum result{kernel, operand};
      entry = "sum";
      result.kernel.operands.erase(result.kernel.operands.begin() + int64_t(operand));
      result.kernel.strings[size_t(names - kernel.strings.begin())].second = llvm::join(entries, ",");
      LibraryKernelFacts facts;
      if (libraryKernelFacts(result.kernel, threads, facts) || facts.isReference)
        return std::nullopt;
      result.kernel.workspaceBytes = facts.workspaceBytes;
      return result;
    }
    ++operand;
  }
  return std::nullopt;
}

LibraryCall builtinCallOf(Operation *kernel) {
  Operation &op = kernel->getRegion(0).front().front();
  LibraryCall call{builtinKernelOf(instanceOf(&op)), {}};
  for (Value operand : op.getOperands())
    call.operandOrder.push_back(cast<BlockArgument>(operand).getArgNumber());
  return call;
}

/// With weights that are not packed, and GRUs and RNNs always, the library's cells call themselves a reference, which they
/// are around an optimized product.
static std::optional<LibraryCall> recurrenceCall(Operation *kernel, uint32_t threads) {
  LibraryCall call = builtinCallOf(kernel);
  call.kernel.kind = plan::KernelKind::Library;
  call.kernel.symbol = "onednn.recurrence";
  LibraryKernelFacts facts;
  if (libraryKernelFacts(call.kernel, threads, facts))
    return std::nullopt;
  call.kernel.workspaceBytes = facts.workspaceBytes;
  return call;
}

std::optional<LibraryCall> libraryCallOf(Operation *kernel, uint32_t threads) {
  const OpRow *row = OpTable::get().find(&kernel->getRegion(0).front().front());
  return row && row->name == "recurrence" ? recurrenceCall(kernel, threads) : CallBuilder(kernel, threads).build();
}

} // namespace ampc
