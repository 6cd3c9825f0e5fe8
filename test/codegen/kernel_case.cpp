// The comparison of compiled kernels with the reference evaluation.
#include "test/codegen/kernel_case.h"
#include "ir/dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/DenseMap.h"

#include <cmath>
#include <dlfcn.h>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

namespace ampc::test {

LoadedLibrary::LoadedLibrary(const std::vector<char> &bytes) {
  int file = memfd_create("kernels", 0);
  if (file < 0 || write(file, bytes.data(), bytes.size()) != ssize_t(bytes.size())) {
    error = "cannot write the library to memory";
    return;
  }
  handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    error = dlerror();
  close(file);
}

LoadedLibrary::~LoadedLibrary() {
  if (handle)
    dlclose(handle);
}

KernelFunction *LoadedLibrary::find(const std::string &symbol) const {
  return handle ? reinterpret_cast<KernelFunction *>(dlsym(handle, symbol.c_str())) : nullptr;
}

std::string kernelText(const std::string &arguments, const std::string &results, const std::string &body,
                       const std::string &orders) {
  return "module { func.func @kernel(" + arguments + ") -> (" + results + ")" +
         (orders.empty() ? "" : " attributes {orders = " + orders + "}") + " {\n" + body + "\n} }";
}

static mlir::func::FuncOp kernelOf(mlir::ModuleOp module) {
  return module.lookupSymbol<mlir::func::FuncOp>("kernel");
}

std::vector<HostTensor> randomInputs(mlir::ModuleOp module, const InputSpec &spec) {
  std::mt19937_64 generator(spec.seed);
  std::vector<HostTensor> inputs;
  for (mlir::Value argument : kernelOf(module).getArguments()) {
    HostTensor tensor(typeOf(argument));
    for (int64_t k = 0; k < tensor.type.numElements(); ++k) {
      if (isFloat(tensor.type.type))
        tensor.setReal(k, std::uniform_real_distribution<double>(spec.low, spec.high)(generator));
      else if (tensor.type.type == DataType::Bool)
        tensor.setInteger(k, int64_t(generator() % 2));
      else
        tensor.setInteger(k, int64_t(generator() % uint64_t(spec.integerLimit)));
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

llvm::Expected<std::vector<HostTensor>> evaluateKernel(mlir::ModuleOp module,
                                                       const std::vector<HostTensor> &inputs) {
  mlir::func::FuncOp function = kernelOf(module);
  llvm::DenseMap<mlir::Value, HostTensor> values;
  for (auto [argument, input] : llvm::zip(function.getArguments(), inputs))
    values[argument] = input;
  std::vector<HostTensor> results;
  for (mlir::Operation &op : function.getBody().front()) {
    std::vector<HostTensor> operands;
    for (mlir::Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    if (mlir::isa<mlir::func::ReturnOp>(op))
      return operands;
    llvm::Expected<std::vector<HostTensor>> result = evaluate(instanceOf(&op), operands);
    if (!result)
      return result.takeError();
    values[op.getResult(0)] = std::move((*result)[0]);
  }
  return results;
}

// Order in memory of argument or result `number`; empty: row-major.
static std::vector<int64_t> orderOf(mlir::ModuleOp module, size_t number) {
  auto orders = kernelOf(module)->getAttrOfType<mlir::ArrayAttr>("orders");
  return orders ? mlir::cast<mlir::DenseI64ArrayAttr>(orders[unsigned(number)]).asArrayRef().vec()
                : std::vector<int64_t>();
}

// The bytes of a row-major tensor in `order`; with `back` from there to row-major.
static void reorder(const TensorType &type, const std::vector<int64_t> &order, const char *from, char *to, bool back) {
  size_t rank = type.shape.size(), element = bitWidth(type.type) / 8;
  std::vector<int64_t> strides(rank), index(rank, 0);
  int64_t stride = 1;
  for (size_t k = rank; k-- > 0; stride *= type.shape[size_t(order[k])])
    strides[size_t(order[k])] = stride;
  for (int64_t k = 0; k < type.numElements(); ++k) {
    int64_t stored = 0;
    for (size_t d = 0; d < rank; ++d)
      stored += index[d] * strides[d];
    std::memcpy(to + (back ? k : stored) * int64_t(element), from + (back ? stored : k) * int64_t(element), element);
    for (size_t d = rank; d-- > 0 && ++index[d] == type.shape[d];)
      index[d] = 0;
  }
}

// Rounding to the result type costs up to half a unit in its last place, on top of the tolerance.
static double typeTolerance(DataType type) {
  return type == DataType::BF16 ? 1.6e-2 : type == DataType::F16 ? 2e-3 : 0;
}

static std::string compare(const HostTensor &expected, const HostTensor &actual, double tolerance) {
  double scale = 0;
  DataType type = expected.type.type;
  for (int64_t k = 0; k < expected.type.numElements(); ++k)
    if (isFloat(type) && std::isfinite(expected.real(k)))
      scale = std::max(scale, std::fabs(expected.real(k)));
  for (int64_t k = 0; k < expected.type.numElements(); ++k) {
    bool same;
    if (isFloat(type)) {
      double e = expected.real(k), a = actual.real(k);
      double limit =
          tolerance * std::max(std::fabs(e), 1e-2 * scale) + typeTolerance(type) * std::fabs(e) + 1e-30;
      same = std::isnan(e) ? std::isnan(a) : e == a || std::fabs(e - a) <= limit;
    } else {
      same = expected.integer(k) == actual.integer(k);
    }
    if (!same)
      return "element " + std::to_string(k) + " of " + std::to_string(expected.type.numElements()) + " is " +
             std::to_string(actual.real(k)) + ", expected " + std::to_string(expected.real(k));
  }
  return "";
}

std::vector<plan::InPlacePair> inPlacePairs(const std::string &text) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadDialects(context);
  llvm::Expected<std::vector<plan::InPlacePair>> pairs = inPlacePairsOf(text, context);
  if (!pairs) {
    ADD_FAILURE() << text << llvm::toString(pairs.takeError());
    return {};
  }
  return *pairs;
}

// Every pair that the kernel may have in place, one after the other: the same bits as apart, also when its rows are
// taken in any order.
static void checkInPlace(const std::string &text, const std::vector<HostTensor> &inputs,
                         const std::vector<std::vector<char>> &expected, size_t guard, const TargetOptions &options) {
  const std::vector<plan::InPlacePair> pairs = inPlacePairs(text);
  if (pairs.empty())
    return;
  llvm::Expected<KernelLibrary> library =
      compileKernels({{"k", text, 1e300, pairs}, {"divided", text, 0, pairs}}, options, 1);
  ASSERT_TRUE(bool(library)) << llvm::toString(library.takeError());
  LoadedLibrary loaded(library->sharedObject);
  const std::vector<KernelFunction *> kernels = {loaded.find("k"), loaded.find("divided")};
  ASSERT_TRUE(kernels[0] && kernels[1]) << loaded.error;
  for (const plan::InPlacePair &pair : pairs)
    for (size_t which : {0, 1})
      for (int64_t wanted : {int64_t(1), int64_t(3), library->kernels[which].rows}) {
        const int64_t rows = library->kernels[which].rows, parts = std::max<int64_t>(wanted, 1);
        std::vector<HostTensor> operands = inputs;
        std::vector<std::vector<char>> results = expected;
        std::vector<void *> buffers;
        for (HostTensor &operand : operands)
          buffers.push_back(operand.bytes.data());
        for (size_t r = 0; r < results.size(); ++r) {
          std::fill(results[r].begin(), results[r].end(), char(0x5a));
          buffers.push_back(r == pair.result ? buffers[pair.operand] : results[r].data() + guard);
        }
        std::vector<char> workspace(library->kernels[which].workspaceBytes + 64, char(0x5a));
        void *aligned = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
        for (int64_t part = parts; part-- > 0;)
          if (int64_t begin = rows * part / parts, end = rows * (part + 1) / parts; begin < end || rows == 0) {
            kernels[which](buffers.data(), nullptr, aligned, begin, end);
            if (rows == 0)
              break;
          }
        std::memcpy(results[pair.result].data() + guard, operands[pair.operand].bytes.data(),
                    operands[pair.operand].bytes.size());
        for (size_t r = 0; r < results.size(); ++r)
          ASSERT_TRUE(results[r] == expected[r])
              << "result " << r << " when result " << pair.result << " is written over operand " << pair.operand
              << ", in " << parts << " parts of " << rows << " rows";
      }
}

void checkKernel(const std::string &text, const InputSpec &spec, double tolerance,
                 const TargetOptions &options) {
  SCOPED_TRACE(text);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  std::vector<HostTensor> inputs = randomInputs(*module, spec);
  llvm::Expected<std::vector<HostTensor>> expected = evaluateKernel(*module, inputs);
  ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());

  // Also as a kernel that is divided however small it is.
  llvm::Expected<KernelLibrary> library = compileKernels({{"k", text, 1e300}, {"divided", text, 0}}, options, 1);
  ASSERT_TRUE(bool(library)) << llvm::toString(library.takeError());
  LoadedLibrary loaded(library->sharedObject);
  KernelFunction *kernel = loaded.find("k"), *divided = loaded.find("divided");
  ASSERT_TRUE(kernel && divided) << loaded.error;

  // Bytes around every result show a store outside it.
  constexpr size_t guard = 64;
  std::vector<void *> buffers;
  for (size_t k = 0; k < inputs.size(); ++k) {
    HostTensor plain = inputs[k];
    if (std::vector<int64_t> order = orderOf(*module, k); !order.empty())
      reorder(plain.type, order, plain.bytes.data(), inputs[k].bytes.data(), false);
    buffers.push_back(inputs[k].bytes.data());
  }
  std::vector<std::vector<char>> results;
  for (const HostTensor &result : *expected) {
    results.emplace_back(result.bytes.size() + 2 * guard, char(0x5a));
    buffers.push_back(results.back().data() + guard);
  }
  auto call = [&](size_t which, int64_t begin, int64_t end) {
    std::vector<char> workspace(library->kernels[which].workspaceBytes + 64, char(0x5a));
    void *aligned = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
    (which == 0 ? kernel : divided)(buffers.data(), nullptr, aligned, begin, end);
  };
  ASSERT_EQ(library->kernels[0].rows, 0);
  call(0, 0, 0);
  std::vector<std::vector<char>> whole = results;
  const int64_t rows = library->kernels[1].rows;
  for (int64_t parts : {int64_t(1), int64_t(3), rows}) {
    for (std::vector<char> &result : results)
      std::fill(result.begin(), result.end(), char(0x5a));
    if (rows == 0)
      call(1, 0, 0);
    for (int64_t part = rows == 0 ? 0 : parts; part-- > 0;)
      if (int64_t begin = rows * part / parts, end = rows * (part + 1) / parts; begin < end)
        call(1, begin, end);
    for (size_t r = 0; r < results.size(); ++r)
      ASSERT_TRUE(results[r] == whole[r]) << "result " << r << " in " << parts << " parts of " << rows << " rows";
  }
  ASSERT_NO_FATAL_FAILURE(checkInPlace(text, inputs, whole, guard, options));

  for (size_t r = 0; r < results.size(); ++r) {
    HostTensor actual((*expected)[r].type);
    if (std::vector<int64_t> order = orderOf(*module, inputs.size() + r); order.empty())
      std::memcpy(actual.bytes.data(), results[r].data() + guard, actual.bytes.size());
    else
      reorder(actual.type, order, results[r].data() + guard, actual.bytes.data(), true);
    EXPECT_EQ(compare((*expected)[r], actual, tolerance), "") << "result " << r;
    for (size_t k = 0; k < guard; ++k) {
      ASSERT_EQ(results[r][k], char(0x5a)) << "store before result " << r;
      ASSERT_EQ(results[r][results[r].size() - 1 - k], char(0x5a)) << "store after result " << r;
    }
  }
}

} // namespace ampc::test
