// Compiles a kernel, loads it, runs it on random inputs and compares every result with the reference
// evaluation of the same graph, operator by operator.
#pragma once

#include "codegen/compile_kernels.h"
#include "ir/host_tensor.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "gtest/gtest.h"

namespace ampc::test {

/// A shared object opened from memory.
class LoadedLibrary {
public:
  explicit LoadedLibrary(const std::vector<char> &bytes);
  ~LoadedLibrary();
  LoadedLibrary(const LoadedLibrary &) = delete;
  KernelFunction *find(const std::string &symbol) const;
  std::string error;

private:
  void *handle = nullptr;
};

/// How inputs are drawn. Integers are uniform in [0, integerLimit), floats in [low, high].
struct InputSpec {
  double low = -2, high = 2;
  int64_t integerLimit = 5;
  uint64_t seed = 1;
};

/// "module { func.func @kernel(<arguments>) -> (...) { <body> } }": the text of a request from its parts.
/// `orders`: the orders in memory of arguments and results, "[array<i64: 0, 2, 1>, array<i64>]"; empty: row-major.
std::string kernelText(const std::string &arguments, const std::string &results, const std::string &body,
                       const std::string &orders = "");

std::vector<HostTensor> randomInputs(mlir::ModuleOp module, const InputSpec &spec);
/// Reference results of @kernel.
llvm::Expected<std::vector<HostTensor>> evaluateKernel(mlir::ModuleOp module,
                                                       const std::vector<HostTensor> &inputs);

/// The pairs of operand and result that may be the same bytes.
std::vector<plan::InPlacePair> inPlacePairs(const std::string &text);

/// Everything at once, also with results written over operands where they may be; fails the running test with a message
/// that names the first wrong element.
void checkKernel(const std::string &text, const InputSpec &spec = {}, double tolerance = 1e-5,
                 const TargetOptions &options = {});

} // namespace ampc::test
