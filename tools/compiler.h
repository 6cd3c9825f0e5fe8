// The compiler as the command line sees it: plain structs, no MLIR. It lives in a library of its own that is opened
// when the first model has to be compiled, so that executing a plan costs neither its memory nor its start-up time.
#pragma once

#include "cost_model/cluster.h"
#include "passes/search_state.h"
#include "runtime/plan/plan.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/product_shapes.h"

#include <atomic>
#include <functional>

namespace ampc::tools {

struct CompileRequest {
  std::string modelPath;
  /// `modelPath` is a plan: the model that it stores is compiled, with the plan's weights.
  bool isStoredModel = false;
  const Options *options = nullptr;
  cost::Cluster cluster;
  bool generateCode = true;
  /// A phase of the compiler has ended.
  std::function<void(const std::string &phase, double seconds)> progress;
  /// The search has solved another layout.
  std::function<void(const SearchState &state)> searchProgress;
  /// The search begins (the flag ends it early when it becomes true) or is over.
  std::function<const std::atomic<bool> *(bool begins)> searching;
};

/// In the plan's report: `ampc plan` wrote it, there is no code.
inline constexpr const char *plannedOnlyKey = "planned_only";

struct Compilation {
  plan::Plan plan; // empty with --stop-after
  std::vector<std::pair<std::string, double>> phases;
  uint64_t kernelBytes = 0;
};

struct OperatorRow {
  std::string domain, name;
  int firstVersion = 1, lastVersion = 1;
  std::vector<DataType> types;
  std::string form, becomes, loops; // ir/onnx/coverage.h says what they mean
};

/// Generated code for single products: what the probe times.
struct ProductKernels {
  std::vector<char> sharedObject;       // kernel k is productSymbol(k)
  std::vector<uint64_t> workspaceBytes; // of each kernel
  std::vector<int64_t> rows;
};
inline std::string productSymbol(size_t index) { return "product" + std::to_string(index); }

struct CompilerModule {
  /// Compiles, and writes the plan to `planPath` if it is not empty.
  Result<Compilation> (*compile)(const CompileRequest &request, const std::string &planPath);
  std::vector<OperatorRow> (*operators)();
  /// For this machine.
  Result<ProductKernels> (*compileProducts)(const std::vector<ProductShape> &shapes);
  const char *(*versions)(); // "LLVM 22.1.8, ONNX 1.23.2"
};

/// Opens the library beside this program, once.
Result<const CompilerModule *> loadCompiler();

} // namespace ampc::tools
