// The compiler's side of compiler.h: translates options, compiles, streams the weights into the plan file. The files of
// this library are the only ones of the command line that see LLVM.
#include "tools/compiler.h"

#include "codegen/plan_writer.h"
#include "ir/diagnostic.h"
#include "ir/onnx/coverage.h"
#include "ir/op_table.h"
#include "passes/compile.h"
#include "runtime/plan/hash.h"
#include "tools/product_kernels.h"
#include "tools/stored_model.h"
#include "tools/weight_stream.h"

#include "llvm/Config/llvm-config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace ampc::tools {

namespace {

Failure failureOf(llvm::Error error) {
  Failure failure{ErrorCode::Internal, "the compiler failed", {}, ""};
  llvm::handleAllErrors(
      std::move(error),
      [&](const Diagnostic &diagnostic) {
        failure = {diagnostic.code, diagnostic.sentence, diagnostic.facts, diagnostic.remedy};
      },
      [&](const llvm::ErrorInfoBase &other) { failure.facts.emplace_back("reason", other.message()); });
  return failure;
}

CompileOptions compileOptionsOf(const CompileRequest &request) {
  const Options &options = *request.options;
  CompileOptions result;
  result.import.dims = options.dims;
  result.import.shapes = options.shapes;
  result.import.valueTexts = options.values;
  result.import.states = options.states;
  result.devices = int(request.cluster.numDevices());
  result.cluster = request.cluster;
  result.strategy = options.strategy == "data"       ? Strategy::Data
                    : options.strategy == "tensor"   ? Strategy::Tensor
                    : options.strategy == "pipeline" ? Strategy::Pipeline
                    : options.strategy == "random"   ? Strategy::Random
                                                     : Strategy::Auto;
  result.seed = options.seed;
  result.objective = options.objective == "throughput"  ? Objective::Throughput
                     : options.objective == "step-time" ? Objective::StepTime
                                                        : Objective::Latency;
  result.memoryLimitBytes = options.memoryLimitBytes;
  result.jobs = options.jobs;
  result.threadsPerDevice = int(request.cluster.devices.front().threads);
  result.target = {options.targetCpu, options.targetFeatures};
  result.timeLimitSeconds = options.timeLimitSeconds;
  result.generateCode = request.generateCode;
  result.stopAfter = options.stopAfter;
  result.dumpFolder = options.dumpFolder;
  result.progress = request.progress;
  result.searchProgress = request.searchProgress;
  result.searching = request.searching;
  return result;
}

std::string baseName(const std::string &path) { return path.substr(path.rfind('/') + 1); }

/// A plan knows weight files by base name and finds all of them in one folder.
Status refuseEqualBaseNames(const CompiledModel &model) {
  std::map<std::string, std::string> paths;
  for (uint32_t index : model.blobWeights) {
    const std::string &path = model.weights.weights[index].file;
    if (path.empty())
      continue;
    const std::string &other = paths.emplace(baseName(path), path).first->second;
    std::error_code unknown; // the weights have just been examined; if they are gone, reading them says so
    if (other != path && !std::filesystem::equivalent(other, path, unknown))
      return Failure{ErrorCode::Usage,
                     "--weights external needs weight files of different names",
                     {{"file", other}, {"other file", path}},
                     "leave the option out, so that the plan holds its weights, or rename one of the files"};
  }
  return std::nullopt;
}

/// Weights that stand in a file as they are need not be copied: base name, offset, hash. Others stay embedded.
plan::Status referToWeights(CompiledModel &model) {
  for (size_t i = 0; i < model.plan.blobs.size(); ++i) {
    const WeightReference &weight = model.weights.weights[model.blobWeights[i]];
    if (weight.file.empty())
      continue;
    plan::Hasher hasher;
    if (plan::Status error = streamWeight(weight, [&](const void *data, size_t size) {
          hasher.update(data, size);
          return true;
        }))
      return error;
    plan::Blob &blob = model.plan.blobs[i];
    blob.externalFile = baseName(weight.file);
    blob.fileOffset = weight.fileOffset;
    blob.hash = hasher.digest();
  }
  return std::nullopt;
}

Status write(CompiledModel &model, const std::string &path, bool externalWeights) {
  if (externalWeights) {
    if (Status failure = refuseEqualBaseNames(model))
      return failure;
    if (plan::Status error = referToWeights(model))
      return tools::failureOf(*error);
  }
  codegen::PlanContents contents;
  contents.plan = &model.plan;
  contents.blobs = [&](uint32_t index, const codegen::BlobSink &sink) {
    return streamWeight(model.weights.weights[model.blobWeights[index]], sink);
  };
  contents.kernels = {model.kernelLibrary.data(), model.kernelLibrary.size()};
  contents.model = model.strippedModel;
  if (plan::Status error = codegen::writePlan(path, contents))
    return tools::failureOf(*error);
  return std::nullopt;
}

/// Reports simulate the plan again: they need to know for what it was made. A plan without code says so, because one
/// whose kernels are all library kernels would look complete.
void record(plan::Plan &plan, const cost::Cluster &cluster, bool hasCode) {
  using Json = nlohmann::ordered_json;
  Json report = Json::parse(plan.reportJson, nullptr, false);
  if (!report.is_object())
    report = Json::object();
  if (!report.contains("cluster"))
    report["cluster"] = Json::parse(cost::writeCluster(cluster), nullptr, false);
  if (!hasCode)
    report[plannedOnlyKey] = true;
  plan.reportJson = report.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Compilation> compile(const CompileRequest &request, const std::string &planPath) {
  CompileOptions options = compileOptionsOf(request);
  if (request.isStoredModel)
    options.importModel = [&](mlir::MLIRContext &context, const ImportOptions &importing) {
      return importStoredModel(context, request.modelPath, request.options->weightsFolder, importing);
    };
  llvm::Expected<CompiledModel> compiled = compileModel(request.modelPath, options);
  if (!compiled) {
    Failure failure = failureOf(compiled.takeError());
    // The importer has said it; later stages do not know the file.
    if (llvm::none_of(failure.facts, [](const auto &fact) { return fact.first == "model"; }))
      failure.facts.insert(failure.facts.begin(), {"model", request.modelPath});
    return failure;
  }
  Compilation result;
  result.phases = compiled->phases;
  result.kernelBytes = compiled->kernelLibrary.size();
  if (request.options->stopAfter.empty())
    record(compiled->plan, request.cluster, request.generateCode);
  if (!planPath.empty())
    if (Status failure = write(*compiled, planPath, request.options->externalWeights))
      return *failure;
  result.plan = std::move(compiled->plan);
  return result;
}

std::vector<OperatorRow> operators() {
  std::vector<OperatorRow> rows;
  for (const OperatorCoverage &row : operatorCoverage())
    rows.push_back({row.domain, row.name, row.firstVersion, row.lastVersion, row.types, row.form, row.becomes, row.loops});
  return rows;
}

Result<ProductKernels> compileProducts(const std::vector<ProductShape> &shapes) {
  int jobs = int(std::max(1u, std::thread::hardware_concurrency()));
  llvm::Expected<KernelLibrary> library = compileProductKernels(shapes, jobs);
  if (!library)
    return failureOf(library.takeError());
  ProductKernels result;
  result.sharedObject = std::move(library->sharedObject);
  for (const KernelInfo &kernel : library->kernels) {
    result.workspaceBytes.push_back(kernel.workspaceBytes);
    result.rows.push_back(kernel.rows);
  }
  return result;
}

const char *versions() { return "LLVM and MLIR " LLVM_VERSION_STRING; }

} // namespace

extern "C" __attribute__((visibility("default"))) const CompilerModule *ampcCompilerModule() {
  static const CompilerModule module = {compile, operators, compileProducts, versions};
  return &module;
}

} // namespace ampc::tools
