// The compiler from end to end: model file -> plan and kernels. The pipeline in compile.cpp reads as prose.
#pragma once

#include "codegen/compile_kernels.h"
#include "cost_model/cluster.h"
#include "ir/onnx/import.h"
#include "passes/decision.h"
#include "passes/search_state.h"
#include "runtime/plan/plan.h"

#include <atomic>
#include <functional>

namespace ampc {

enum class Strategy : uint8_t { Auto, Data, Tensor, Pipeline, Random };
enum class Objective : uint8_t { Latency, Throughput, StepTime };

struct CompileOptions {
  ImportOptions import;
  /// Instead of importing the file: for `verify`, which takes the model from a plan.
  std::function<llvm::Expected<ImportedModel>(mlir::MLIRContext &, const ImportOptions &)> importModel;
  int devices = 1;
  cost::Cluster cluster; // at least `devices` devices
  Strategy strategy = Strategy::Auto;
  uint64_t seed = 0; // of Strategy::Random
  Objective objective = Objective::Latency;
  uint64_t memoryLimitBytes = 0; // per device; 0 = what the cluster says
  int jobs = 0;                  // compile threads; 0 = one per core
  int threadsPerDevice = 1;
  TargetOptions target; // an empty processor: this machine
  double timeLimitSeconds = 0; // of the search, from its beginning; 0 = none
  bool generateCode = true;                 // false: `ampc plan`
  std::string stopAfter;                    // stage name, or empty
  std::string dumpFolder;                   // numbered dumps of every stage, or empty
  std::function<void(std::string phase, double seconds)> progress; // a phase has ended
  std::function<void(const SearchState &state)> searchProgress;    // from several threads, one at a time
  /// Called when the search begins; what is returned ends it when it becomes true, and the best plan found until then
  /// is taken. Called again with false when the search is over.
  std::function<const std::atomic<bool> *(bool begins)> searching;
};

struct CompiledModel {
  plan::Plan plan;
  std::vector<char> kernelLibrary; // shared object; empty if no code was generated
  WeightStore weights;             // plan.blobs[k] is weights.weights[blobWeights[k]]
  std::vector<uint32_t> blobWeights;
  std::string strippedModel;
  /// Seconds per phase, in the order of their first times.
  std::vector<std::pair<std::string, double>> phases;
};

/// Errors are Diagnostics. With `stopAfter` the result's plan is empty.
llvm::Expected<CompiledModel> compileModel(const std::string &modelPath, const CompileOptions &options);

} // namespace ampc
