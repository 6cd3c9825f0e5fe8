// Unifies named dimensions over all inputs; anonymous ones ("?", "", -1) stay apart.
#include "ir/onnx/input_binding.h"
#include "ir/diagnostic.h"
#include "ir/onnx/tensor_record.h"

#include <set>

namespace ampc {

namespace {

struct Dim {
  int64_t extent = -1; // -1: open
  std::string name;    // empty: anonymous
};

struct OpenInput {
  const onnx::ValueInfoProto *info = nullptr;
  DataType type = DataType::F32;
  bool hasRank = false;
  std::vector<Dim> dims;
};

class Binder {
public:
  Binder(const onnx::GraphProto &graph, const ImportOptions &options) : graph(graph), options(options) {}
  llvm::Expected<std::vector<BoundInput>> run();

private:
  llvm::Error open();
  llvm::Error checkNames();
  llvm::Error bind(OpenInput &input, const std::vector<int64_t> &shape, const std::string &option);
  void bindNamed();
  llvm::Error unbound();
  llvm::Expected<std::vector<BoundInput>> finish();

  const onnx::GraphProto &graph;
  const ImportOptions &options;
  std::vector<OpenInput> inputs;
  std::set<std::string> dimNames;
  std::map<std::string, int64_t> bound; // named dimensions
};

bool isAnonymous(const std::string &name) { return name.empty() || name == "?" || name == "-1"; }

llvm::Error Binder::open() {
  std::set<std::string> weights;
  for (const onnx::TensorProto &weight : graph.initializer())
    weights.insert(weight.name());
  for (const onnx::ValueInfoProto &info : graph.input()) {
    // An initializer is the default of an input; --value may still replace it.
    if (weights.count(info.name()) && !options.values.count(info.name()) &&
        !options.valueTexts.count(info.name()))
      continue;
    if (!info.type().has_tensor_type())
      return makeError(ErrorCode::UnsupportedType, "input `" + info.name() + "` is not a tensor");
    const onnx::TypeProto::Tensor &tensor = info.type().tensor_type();
    std::optional<DataType> type = fromOnnxType(tensor.elem_type());
    if (!type)
      return makeError(ErrorCode::UnsupportedType,
                       "input `" + info.name() + "` has element type " + onnxTypeName(tensor.elem_type()));
    OpenInput input{&info, *type, tensor.has_shape(), {}};
    for (const auto &dim : tensor.shape().dim()) {
      Dim &each = input.dims.emplace_back();
      if (dim.has_dim_value()) {
        if (dim.dim_value() < -1)
          return makeError(ErrorCode::InvalidModel, "input `" + info.name() + "` has the negative extent " +
                                                        llvm::Twine(dim.dim_value()));
        each.extent = dim.dim_value();
        if (llvm::Error error =
                checkTensorSize({*type, {std::max<int64_t>(each.extent, 0)}}, "input `" + info.name() + "`"))
          return error;
      } else if (!isAnonymous(dim.dim_param())) {
        each.name = dim.dim_param();
        dimNames.insert(each.name);
      }
    }
    inputs.push_back(std::move(input));
  }
  return llvm::Error::success();
}

llvm::Error Binder::checkNames() {
  auto isInput = [&](const std::string &name) {
    return llvm::any_of(inputs, [&](const OpenInput &input) { return input.info->name() == name; });
  };
  auto unknown = [&](const char *option, const std::string &name) {
    std::string known;
    for (const OpenInput &input : inputs)
      known += (known.empty() ? "" : ", ") + input.info->name();
    return makeError(ErrorCode::UnknownName,
                     llvm::Twine(option) + " names `" + name + "`, which is not an input of the model", {},
                     "its inputs are: " + known);
  };
  for (const auto &[name, shape] : options.shapes)
    if (!isInput(name))
      return unknown("--shape", name);
  for (const auto &[name, value] : options.values)
    if (!isInput(name))
      return unknown("--value", name);
  for (const auto &[name, text] : options.valueTexts)
    if (!isInput(name))
      return unknown("--value", name);
  for (const auto &[name, extent] : options.dims) {
    std::string known;
    for (const std::string &each : dimNames)
      known += (known.empty() ? "" : ", ") + each;
    if (!dimNames.count(name))
      return makeError(ErrorCode::UnknownName,
                       "--dim names `" + name + "`, which is not a dimension of an input", {},
                       known.empty() ? "no dimension of an input has a name; use --shape"
                                     : "named dimensions are: " + known);
    if (extent < 0)
      return makeError(ErrorCode::Usage, "--dim " + name + " is negative");
    bound[name] = extent;
  }
  return llvm::Error::success();
}

llvm::Error Binder::bind(OpenInput &input, const std::vector<int64_t> &shape, const std::string &option) {
  std::string what = option + " of input `" + input.info->name() + "`";
  if (input.hasRank && shape.size() != input.dims.size())
    return makeError(ErrorCode::Usage, what + " has rank " + llvm::Twine(shape.size()) +
                                           "; the input has rank " + llvm::Twine(input.dims.size()));
  input.hasRank = true;
  input.dims.resize(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) {
    Dim &dim = input.dims[d];
    if (shape[d] < 0)
      return makeError(ErrorCode::Usage, what + " has a negative dimension");
    // 0 is what some exporters write for an open dimension.
    if (dim.extent > 0 && dim.extent != shape[d])
      return makeError(ErrorCode::Usage, what + " has " + llvm::Twine(shape[d]) + " for dimension " +
                                             llvm::Twine(d) + "; the model fixes it to " +
                                             llvm::Twine(dim.extent));
    dim.extent = shape[d];
    if (dim.name.empty())
      continue;
    auto [entry, isNew] = bound.emplace(dim.name, shape[d]);
    if (!isNew && entry->second != shape[d])
      return makeError(ErrorCode::Usage, what + " binds dimension `" + dim.name + "` to " +
                                             llvm::Twine(shape[d]) + "; elsewhere it is " +
                                             llvm::Twine(entry->second));
  }
  return llvm::Error::success();
}

void Binder::bindNamed() {
  for (OpenInput &input : inputs)
    for (Dim &dim : input.dims)
      if (auto entry = bound.find(dim.name); dim.extent < 0 && entry != bound.end())
        dim.extent = entry->second;
}

llvm::Error Binder::unbound() {
  Facts facts;
  std::string remedy;
  std::set<std::string> offered;
  auto offer = [&](const std::string &option) {
    if (offered.insert(option).second)
      remedy += (remedy.empty() ? "" : " ") + option;
  };
  for (const OpenInput &input : inputs) {
    std::string shape, example;
    bool isOpen = !input.hasRank, needsShape = !input.hasRank;
    for (const Dim &dim : input.dims) {
      bool isAnonymousDim = dim.extent < 0 && dim.name.empty();
      std::string text = dim.extent >= 0 ? std::to_string(dim.extent) : dim.name.empty() ? "?" : dim.name;
      shape += (shape.empty() ? "" : "x") + text;
      example += (example.empty() ? "" : "x") + (dim.extent >= 0 ? text : "N");
      isOpen |= dim.extent < 0;
      needsShape |= isAnonymousDim;
    }
    if (!isOpen)
      continue;
    facts.push_back({"input `" + input.info->name() + "`", input.hasRank ? shape : "of unknown rank"});
    if (needsShape)
      offer("--shape " + input.info->name() + "=" + (input.hasRank ? example : "NxN"));
    else
      for (const Dim &dim : input.dims)
        if (dim.extent < 0)
          offer("--dim " + dim.name + "=N");
  }
  if (facts.empty())
    return llvm::Error::success();
  return makeError(ErrorCode::UnboundDimension, "an input has dimensions that are not bound to a number",
                   facts, "bind them: " + remedy);
}

llvm::Expected<std::vector<BoundInput>> Binder::finish() {
  std::vector<BoundInput> result;
  for (const OpenInput &input : inputs) {
    BoundInput &each = result.emplace_back();
    each.name = input.info->name();
    each.type.type = input.type;
    for (const Dim &dim : input.dims)
      each.type.shape.push_back(dim.extent);
    if (auto text = options.valueTexts.find(each.name); text != options.valueTexts.end()) {
      llvm::Expected<HostTensor> value = parseValue(text->second, each.type);
      if (!value)
        return withFacts(value.takeError(), {{"input", each.name}});
      each.value = std::move(*value);
    } else if (auto value = options.values.find(each.name); value != options.values.end()) {
      each.value = value->second;
    }
    if (llvm::Error error = checkTensorSize(each.type, "input `" + each.name + "`"))
      return error;
  }
  return result;
}

llvm::Expected<std::vector<BoundInput>> Binder::run() {
  if (llvm::Error error = open())
    return error;
  if (llvm::Error error = checkNames())
    return error;
  for (OpenInput &input : inputs) {
    const std::string &name = input.info->name();
    if (auto shape = options.shapes.find(name); shape != options.shapes.end())
      if (llvm::Error error = bind(input, shape->second, "--shape"))
        return error;
    if (auto value = options.values.find(name); value != options.values.end()) {
      if (value->second.type.type != input.type)
        return makeError(ErrorCode::Usage, "--value of input `" + name + "` has type " +
                                               std::string(ampc::name(value->second.type.type)) +
                                               "; the input has type " + std::string(ampc::name(input.type)));
      if (llvm::Error error = bind(input, value->second.type.shape, "--value"))
        return error;
    }
  }
  bindNamed();
  // A value as text fixes the dimensions that are still open.
  for (OpenInput &input : inputs)
    if (auto text = options.valueTexts.find(input.info->name()); text != options.valueTexts.end()) {
      TensorType type{input.type, {}};
      for (const Dim &dim : input.dims)
        type.shape.push_back(dim.extent);
      llvm::Expected<HostTensor> value = parseValue(text->second, type);
      if (!value)
        return withFacts(value.takeError(), {{"input", input.info->name()}});
      if (llvm::Error error = bind(input, value->type.shape, "--value"))
        return error;
    }
  bindNamed();
  if (llvm::Error error = unbound())
    return error;
  return finish();
}

} // namespace

llvm::Expected<std::vector<BoundInput>> bindInputs(const onnx::GraphProto &graph,
                                                   const ImportOptions &options) {
  return Binder(graph, options).run();
}

} // namespace ampc
