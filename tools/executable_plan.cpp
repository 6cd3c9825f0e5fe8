// Compiles models for verbs that execute, and opens plans for them.
#include "tools/executable_plan.h"
#include "tools/cluster_choice.h"
#include "tools/compiler.h"
#include "tools/inputs.h"
#include "tools/temporary_path.h"
#include "tools/tensor_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace ampc::tools {

Result<bool> isPlanFile(const std::string &path) {
  auto beginning = readFileBeginning(path, 64);
  if (!beginning)
    return beginning.takeFailure();
  return plan::hasPlanMagic(std::as_bytes(std::span(beginning->data(), beginning->size())));
}

/// Shapes of inputs that the model leaves open are those of the given files.
static Result<Options> bindShapes(const Options &options, const ScannedModel &model,
                                  const std::map<std::string, std::string> &files) {
  Options bound = options;
  for (const ScannedInput &input : model.inputs) {
    auto file = files.find(input.name);
    bool isOpen = !input.hasShape || std::count(input.shape.begin(), input.shape.end(), -1) > 0;
    if (file == files.end() || !isOpen || options.values.count(input.name) || options.shapes.count(input.name))
      continue;
    auto tensor = readTensorFile(file->second);
    if (!tensor)
      return tensor.takeFailure();
    bound.shapes[input.name] = tensor->shape;
  }
  return bound;
}

/// The form that --value takes: nested brackets, so that the shape is part of it.
static std::string valueText(const Tensor &tensor, size_t dim, int64_t &index) {
  if (dim == tensor.shape.size()) {
    char text[40];
    std::snprintf(text, sizeof text, tensor.type == DataType::F64 ? "%.17g" : "%.9g", tensor.real(index));
    if (isInteger(tensor.type)) {
      int64_t bits = 0; // exact where a double is not
      std::memcpy(&bits, tensor.bytes.data() + index * 8, tensor.type == DataType::I64 ? 8 : 0);
      if (tensor.type == DataType::I64)
        std::snprintf(text, sizeof text, "%lld", static_cast<long long>(bits));
    }
    ++index;
    return text;
  }
  std::string list;
  for (int64_t i = 0; i < tensor.shape[dim]; ++i)
    list += (i == 0 ? "" : ",") + valueText(tensor, dim + 1, index);
  return "[" + list + "]";
}

/// Binds inputs that the failure says a shape or branch depends on to the values given for them: small ones, and floats
/// only where nothing else is left. States have no value before the model runs. False if there is none to bind.
static bool bindValues(Options &bound, const Failure &failure, const ScannedModel &model,
                       const std::map<std::string, std::string> &files) {
  if (failure.code != ErrorCode::DataDependent)
    return false;
  std::vector<std::pair<std::string, Tensor>> integers, floats;
  for (const auto &[key, name] : failure.facts) {
    auto isNamed = [&name = name](const auto &entry) { return entry.name == name; };
    auto isState = [&name = name](const auto &state) { return state.first == name; };
    auto file = files.find(name);
    if (key != "input" || file == files.end() || bound.values.count(name) ||
        std::none_of(model.inputs.begin(), model.inputs.end(), isNamed) ||
        std::any_of(bound.states.begin(), bound.states.end(), isState))
      continue;
    auto tensor = readTensorFile(file->second);
    if (tensor && tensor->elements() <= 64)
      (isFloat(tensor->type) ? floats : integers).emplace_back(name, std::move(*tensor));
  }
  const auto &chosen = integers.empty() ? floats : integers;
  for (const auto &[name, tensor] : chosen) {
    int64_t index = 0;
    bound.values[name] = valueText(tensor, 0, index);
    bound.shapes.erase(name);
  }
  return !chosen.empty();
}

ScannedModel scanStoredModel(const plan::PlanFile &file) {
  std::span<const std::byte> stored = file.model();
  return scanModel({reinterpret_cast<const char *>(stored.data()), stored.size()}).value_or(ScannedModel{});
}

static Failure uselessWeightsFolder(const std::string &what, const std::string &path) {
  return {ErrorCode::Usage, "--weights-dir says where the external weights of a plan are, but this is a " + what,
          {{"file", path}}, "leave the option out"};
}

Result<ExecutablePlan> ExecutablePlan::open(const std::string &operand, const Options &options) {
  auto isPlan = isPlanFile(operand);
  if (!isPlan)
    return isPlan.takeFailure();
  if (!*isPlan && options.has("weights-dir"))
    return uselessWeightsFolder("model", operand);
  ExecutablePlan result;
  result.planPath = operand;
  if (*isPlan) {
    if (Status failure = refuseCompileOptions(options, operand))
      return *failure;
  } else {
    auto cluster = chooseCluster(options, true);
    if (!cluster)
      return cluster.takeFailure();
    auto compiler = loadCompiler();
    if (!compiler)
      return compiler.takeFailure();
    ScannedModel model = scanModelFile(operand).value_or(ScannedModel{});
    auto files = findInputFiles(inputNames({}, model), model, options);
    if (!files)
      return files.takeFailure();
    auto bound = bindShapes(options, model, *files);
    if (!bound)
      return bound.takeFailure();
    result.temporary = std::make_unique<TemporaryFile>(temporaryPath("plan"));
    result.planPath = result.temporary->path();
    CompileRequest request{operand, false, &*bound, *cluster};
    auto compilation = (*compiler)->compile(request, result.planPath);
    while (!compilation) { // what is known of one input may show that another one decides something too
      Failure failure = compilation.takeFailure();
      if (!bindValues(*bound, failure, model, *files))
        return failure;
      compilation = (*compiler)->compile(request, result.planPath);
    }
  }
  auto file = openPlan(result.planPath, {.verifyBlobs = false, .openWeights = false});
  if (!file)
    return file.takeFailure();
  result.file = std::move(*file);
  auto isExternal = [](const plan::Blob &blob) { return !blob.externalFile.empty(); };
  if (options.has("weights-dir") && std::none_of(result.plan().blobs.begin(), result.plan().blobs.end(), isExternal))
    return uselessWeightsFolder("plan that holds its weights", operand);
  if (result.plan().reportJson.find("\"" + std::string(plannedOnlyKey) + "\":true") != std::string::npos)
    return Failure{ErrorCode::Unsupported, "this plan has no code: `ampc plan` wrote it to be looked at",
                   {{"plan", operand}}, "compile the model with `ampc MODEL.onnx`, without the verb plan"};
  result.scanned = scanStoredModel(*result.file);
  return result;
}

} // namespace ampc::tools
