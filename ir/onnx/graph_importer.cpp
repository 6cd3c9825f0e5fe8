// The walk itself: main function, graphs, node lists, and which of the ways to import a node is taken.
#include "ir/onnx/graph_importer.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <onnx/defs/schema.h>

using namespace mlir;

namespace ampc {

GraphImporter::GraphImporter(MLIRContext &context, const TensorRecords &records,
                             const onnx::ModelProto &model, WeightStore &weights, const ImportOptions &options)
    : builder(&context), records(records), model(model), weights(weights), options(options) {
  for (const onnx::FunctionProto &function : model.functions())
    localFunctions[functionKey(function.domain(), function.name(), function.overload())] = &function;
}

std::string GraphImporter::uniqueName(const std::string &wanted) {
  auto [entry, isNew] = usedNames.try_emplace(wanted, 1);
  if (isNew)
    return wanted;
  unsigned &count = entry->second; // entries do not move
  while (true) {
    std::string candidate = wanted + "_" + std::to_string(++count);
    if (usedNames.try_emplace(candidate, 1).second)
      return candidate;
  }
}

llvm::Error GraphImporter::countNode() {
  if (++numNodes <= options.maxNodes)
    return llvm::Error::success();
  return makeError(ErrorCode::LimitExceeded,
                   "the model has more than " + llvm::Twine(options.maxNodes) +
                       " operations after functions are inlined and loops unrolled");
}

// --- The module
// ---------------------------------------------------------------------------------------------------

llvm::Error GraphImporter::run(ModuleOp module, std::vector<BoundInput> inputs,
                               std::vector<ModelTensor> &outputs) {
  llvm::Expected<Opsets> opsets = opsetsOf(model.opset_import());
  if (!opsets)
    return opsets.takeError();
  modelOpsets = std::move(*opsets);
  if (modelOpsets.empty())
    modelOpsets[""] = 1; // before IR version 3 there was nothing to declare

  builder.setInsertionPointToEnd(module.getBody());
  auto function =
      func::FuncOp::create(builder, builder.getUnknownLoc(), "main", builder.getFunctionType({}, {}));
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);

  // What users see keeps its name; operators give way.
  const onnx::GraphProto &graph = model.graph();
  for (const BoundInput &input : inputs)
    usedNames[input.name] = 1;
  std::vector<std::string> outputNames;
  for (const onnx::ValueInfoProto &output : graph.output())
    outputNames.push_back(usedNames.try_emplace(output.name(), 1).second ? output.name()
                                                                         : uniqueName(output.name()));
  Frame frame;
  frame.opsets = &modelOpsets;
  int64_t index = 0;
  for (BoundInput &input : inputs) {
    Operation *op;
    if (input.value) {
      frame.values[input.name] = constant(std::move(*input.value), input.name);
      continue;
    }
    op = createOp(builder, "input", input.name, {},
                  builder.getNamedAttr("index", builder.getI64IntegerAttr(index++)), input.type);
    frame.values[input.name] = Bound(op->getResult(0));
  }
  llvm::Expected<Results> results = importGraph(graph, frame);
  if (!results)
    return results.takeError();
  for (size_t k = 0; k < results->size(); ++k) {
    const onnx::ValueInfoProto &info = graph.output(int(k));
    Value value = (*results)[k].tensor;
    if (!value)
      return makeError(ErrorCode::UnsupportedType, "output `" + info.name() + "` is not a tensor");
    TensorType type = typeOf(value);
    int declared = info.type().tensor_type().elem_type();
    if (info.type().has_tensor_type() && declared != toOnnxType(type.type))
      return makeError(ErrorCode::InvalidModel, "output `" + info.name() + "` is declared as " +
                                                    onnxTypeName(declared) + " and computed as " +
                                                    onnxTypeName(toOnnxType(type.type)));
    createOp(builder, "output", outputNames[k], value,
             builder.getNamedAttr("index", builder.getI64IntegerAttr(int64_t(k))), {});
    outputs.push_back({info.name(), type});
  }
  func::ReturnOp::create(builder, builder.getUnknownLoc());
  removeDead(*block);
  return llvm::Error::success();
}

// --- Graphs and nodes
// ---------------------------------------------------------------------------------------------

llvm::Expected<GraphImporter::Results> GraphImporter::importGraph(const onnx::GraphProto &graph,
                                                                  Frame &frame) {
  std::vector<std::string> outputs;
  for (const onnx::ValueInfoProto &output : graph.output())
    outputs.push_back(output.name());
  Liveness liveness(graph.node(), outputs);
  for (const onnx::TensorProto &weight : graph.initializer()) {
    if (frame.values.contains(weight.name()) || !liveness.used.contains(weight.name()))
      continue; // an input that a caller or --value binds; or not needed
    llvm::Expected<Bound> bound = importTensor(weight, frame.prefix + weight.name());
    if (!bound)
      return bound.takeError();
    frame.values[weight.name()] = *bound;
  }
  if (llvm::Error error = importNodes(graph.node(), liveness, frame))
    return error;
  Results results;
  for (const std::string &output : outputs) {
    const Bound *bound = frame.find(output);
    if (!bound || !bound->isPresent())
      return makeError(ErrorCode::InvalidModel, "graph output `" + output + "` is not computed by any node");
    results.push_back(*bound);
  }
  return results;
}

llvm::Error GraphImporter::importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                                       const Liveness &liveness, Frame &frame) {
  for (int k = 0; k < nodes.size(); ++k) {
    if (!liveness.isLive[size_t(k)])
      continue;
    if (llvm::Error error = countNode())
      return error;
    llvm::Expected<NodeSite> site = resolve(nodes[k], liveness, frame, size_t(k));
    if (!site)
      return site.takeError();
    llvm::Expected<Results> results = importNode(*site);
    if (!results)
      return results.takeError();
    for (int r = 0; r < nodes[k].output_size(); ++r) {
      const std::string &name = nodes[k].output(r);
      bool isPresent = size_t(r) < results->size() && (*results)[size_t(r)].isPresent();
      bool mayBeAbsent = nodes[k].op_type() == "Optional";
      if ((isPresent || mayBeAbsent) && !name.empty())
        frame.values[name] = size_t(r) < results->size() ? (*results)[size_t(r)] : Bound();
      else if (site->isUsed[size_t(r)] && !isPresent)
        return makeError(ErrorCode::Unsupported,
                         "result " + llvm::Twine(r) + " (`" + name + "`) of the operator is not available",
                         site->facts());
    }
  }
  return llvm::Error::success();
}

llvm::Expected<GraphImporter::Results> GraphImporter::importNode(const NodeSite &site) {
  if (const onnx::FunctionProto *function = localFunction(site))
    return inlineFunction(site, *function);
  if (llvm::Error error = checkTypes(site))
    return error;
  const std::string &op = site.node->op_type();
  if (site.domain.empty()) {
    if (op == "Constant")
      return importConstant(site);
    if (op == "Identity" && site.operand(0))
      return Results{*site.operand(0)};
    if (op == "If")
      return importIf(site);
    if (op == "Loop")
      return importLoop(site);
    if (op == "Scan")
      return importScan(site);
    llvm::Expected<std::optional<Results>> results = importSequenceOp(site);
    if (!results)
      return results.takeError();
    if (*results)
      return std::move(**results);
  }
  const OnnxRow *row = OpTable::get().findOnnx(site.domain, op, site.version);
  bool hasBody = hasSchemaFunction(site);
  if (row) {
    llvm::Expected<Results> results = importByRow(site, *row);
    if (results || !hasBody)
      return results;
    // A form that the row does not have may still be expressed by the operator's definition.
    std::unique_ptr<Diagnostic> refusal;
    llvm::Error rest = llvm::handleErrors(results.takeError(), [&](std::unique_ptr<Diagnostic> diagnostic) {
      refusal = std::move(diagnostic);
    });
    if (rest)
      return rest;
    if (refusal->code != ErrorCode::Unsupported)
      return llvm::Error(std::move(refusal));
    llvm::Expected<Results> inlined = importSchemaFunction(site);
    if (inlined)
      return inlined;
    llvm::consumeError(inlined.takeError());
    return llvm::Error(std::move(refusal));
  }
  if (hasBody)
    return importSchemaFunction(site);
  return makeError(ErrorCode::UnsupportedOperator,
                   site.schema ? "the operator is not supported" : "the operator is unknown", site.facts(),
                   site.schema
                       ? "see `ampc ops` for what is; or export the model without this operator"
                       : "add the operator to the model as a function, or export the model without it");
}

// --- Constants
// ----------------------------------------------------------------------------------------------------

llvm::Expected<Bound> GraphImporter::importTensor(const onnx::TensorProto &tensor, const std::string &name) {
  const TensorRecord *record = records.find(tensor);
  if (!record) {
    llvm::Expected<HostTensor> value = TensorRecords::decode(tensor);
    if (!value)
      return value.takeError();
    return Bound(constant(std::move(*value), name));
  }
  if (!record->isSupported)
    return makeError(ErrorCode::UnsupportedType,
                     "tensor `" + name + "` has element type " + onnxTypeName(record->onnxType));
  if (Value existing = parameters.lookup(record))
    return Bound(existing);
  Value result;
  // Numbers are literals; what may be trained or is large is a parameter.
  int64_t count = record->type.numElements();
  if (record->value && count <= (isFloat(record->type.type) ? 1 : 64)) {
    result = constant(*record->value, name);
  } else {
    llvm::Expected<WeightReference> weight = records.reference(*record);
    if (!weight)
      return weight.takeError();
    weight->name = uniqueName(name);
    auto index = builder.getI64IntegerAttr(int64_t(weights.weights.size()));
    result =
        createOp(builder, "parameter", weight->name, {}, builder.getNamedAttr("weight", index), record->type)
            ->getResult(0);
    weights.weights.push_back(std::move(*weight));
    parameterRecords[result] = record;
  }
  parameters[record] = result;
  return Bound(result);
}

llvm::Expected<GraphImporter::Results> GraphImporter::importConstant(const NodeSite &site) {
  std::string name = site.node->output_size() ? site.frame->prefix + site.node->output(0) : site.name;
  if (const onnx::AttributeProto *value = site.attribute("value"); value && value->has_t()) {
    llvm::Expected<Bound> bound = importTensor(value->t(), name);
    if (!bound)
      return withFacts(bound.takeError(), site.facts());
    return Results{*bound};
  }
  auto integers = [&](llvm::ArrayRef<int64_t> values, bool isScalar) {
    HostTensor tensor(
        TensorType{DataType::I64, isScalar ? std::vector<int64_t>() : std::vector{int64_t(values.size())}});
    for (size_t k = 0; k < values.size(); ++k)
      tensor.setInteger(int64_t(k), values[k]);
    return Results{Bound(constant(std::move(tensor), name))};
  };
  auto reals = [&](llvm::ArrayRef<float> values, bool isScalar) {
    HostTensor tensor(
        TensorType{DataType::F32, isScalar ? std::vector<int64_t>() : std::vector{int64_t(values.size())}});
    for (size_t k = 0; k < values.size(); ++k)
      tensor.setReal(int64_t(k), double(values[k]));
    return Results{Bound(constant(std::move(tensor), name))};
  };
  if (const onnx::AttributeProto *value = site.attribute("value_int"))
    return integers({value->i()}, true);
  if (const onnx::AttributeProto *value = site.attribute("value_float"))
    return reals({value->f()}, true);
  if (site.attribute("value_ints"))
    return integers(site.integers("value_ints"), false);
  if (const onnx::AttributeProto *value = site.attribute("value_floats"))
    return reals(std::vector<float>(value->floats().begin(), value->floats().end()), false);
  return makeError(ErrorCode::UnsupportedType, "constants of this kind are not supported", site.facts());
}

// Operand types against the schema: the ONNX checker compares only counts.
llvm::Error GraphImporter::checkTypes(const NodeSite &site) {
  if (!site.schema || site.schema->inputs().empty())
    return llvm::Error::success();
  const auto &formals = site.schema->inputs();
  std::map<std::string, DataType> variables;
  for (size_t k = 0; k < site.operands.size(); ++k) {
    const auto &formal = formals[std::min(k, formals.size() - 1)];
    if (!site.operands[k].isPresent()) {
      if (formal.GetOption() == onnx::OpSchema::Single)
        return makeError(ErrorCode::InvalidModel, "operand " + llvm::Twine(k) + " is required and absent",
                         site.facts());
      continue;
    }
    if (!site.operands[k].tensor)
      continue;
    DataType type = typeOf(site.operands[k].tensor).type;
    std::string spelled = "tensor(" + llvm::StringRef(onnxTypeName(toOnnxType(type))).lower() + ")";
    auto mismatch = [&](const llvm::Twine &why) {
      Facts facts = site.facts();
      facts.push_back(
          {"operand", std::to_string(k) + " (" + formal.GetName() + "): " + std::string(ampc::name(type))});
      return makeError(ErrorCode::InvalidModel, "an operand has a type that the operator does not take" + why,
                       facts);
    };
    if (llvm::none_of(formal.GetTypes(), [&](onnx::DataType allowed) { return *allowed == spelled; }))
      return mismatch("");
    bool isVariable = formal.GetOption() != onnx::OpSchema::Variadic || formal.GetIsHomogeneous();
    if (isVariable && formal.GetTypeStr().find('(') == std::string::npos) {
      auto [entry, isNew] = variables.emplace(formal.GetTypeStr(), type);
      if (!isNew && entry->second != type)
        return mismatch(" together with " + std::string(ampc::name(entry->second)));
    }
  }
  return llvm::Error::success();
}

} // namespace ampc
