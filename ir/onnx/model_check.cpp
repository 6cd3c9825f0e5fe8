// Own checks first (names, versions, reference attributes), then the ONNX checker.
#include "ir/onnx/model_check.h"
#include "ir/diagnostic.h"
#include "ir/op_table.h"

#include "llvm/Support/ConvertUTF.h"

#include <onnx/checker.h>
#include <onnx/defs/schema.h>

#include <set>

namespace ampc {

std::string canonicalDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

llvm::Expected<Opsets> opsetsOf(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports) {
  Opsets opsets;
  const auto &known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  for (const onnx::OperatorSetIdProto &import : imports) {
    std::string domain = canonicalDomain(import.domain());
    int64_t version = import.version();
    auto range = known.find(domain);
    Facts facts = {{"domain", domain.empty() ? "ai.onnx" : domain}, {"opset", std::to_string(version)}};
    if (version < 1 || version > 1 << 30)
      return makeError(ErrorCode::InvalidModel, "the model imports an impossible opset version", facts);
    if (range != known.end() && version > range->second.second)
      return makeError(ErrorCode::Unsupported,
                       "the model uses an opset newer than " + llvm::Twine(range->second.second), facts,
                       "export the model with an older opset");
    if (!opsets.emplace(domain, int(version)).second)
      return makeError(ErrorCode::InvalidModel, "the model imports the opset of one domain twice", facts);
  }
  return opsets;
}

namespace {

class Walk {
public:
  explicit Walk(const Opsets &opsets) : modelOpsets(opsets), opsets(&opsets) {}
  llvm::Error model(onnx::ModelProto &model);
  std::vector<onnx::NodeProto *> deprecated; // those that a row imports all the same

private:
  llvm::Error graph(onnx::GraphProto &graph, bool isMain, bool inFunction);
  llvm::Error node(onnx::NodeProto &node, bool inFunction);
  llvm::Error knownOperator(const onnx::NodeProto &node);
  bool isDeprecatedRow(const onnx::NodeProto &node) const;
  llvm::Error name(const std::string &text, const char *what);
  void hideShape(onnx::TensorProto &tensor);
  static void ensureShape(onnx::ValueInfoProto &value);

  const Opsets &modelOpsets;
  const Opsets *opsets;                                    // of the model or of the function that is walked
  std::set<std::pair<std::string, std::string>> functions; // domain, name
};

llvm::Error Walk::name(const std::string &text, const char *what) {
  const llvm::UTF8 *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  if (text.find('\0') == std::string::npos && llvm::isLegalUTF8String(&begin, begin + text.size()))
    return llvm::Error::success();
  return makeError(ErrorCode::InvalidModel, llvm::Twine("the name of a ") + what + " is not UTF-8 text");
}

// The checker wants a payload for every element; a tensor without elements needs none.
void Walk::hideShape(onnx::TensorProto &tensor) {
  if (tensor.has_raw_data())
    return;
  tensor.clear_dims();
  tensor.add_dims(0);
}

// Models in the wild leave the shape of outputs out; the checker insists on the field.
void Walk::ensureShape(onnx::ValueInfoProto &value) {
  if (value.type().has_tensor_type() && !value.type().tensor_type().has_shape())
    value.mutable_type()->mutable_tensor_type()->mutable_shape();
}

// The checker calls an operator that the standard domain does not have invalid; models use those of newer
// versions and of runtimes.
llvm::Error Walk::knownOperator(const onnx::NodeProto &node) {
  std::string domain = canonicalDomain(node.domain());
  auto opset = opsets->find(domain);
  if (node.op_type().empty() || opset == opsets->end() || functions.count({domain, node.op_type()}) ||
      onnx::OpSchemaRegistry::Schema(node.op_type(), opset->second, domain))
    return llvm::Error::success();
  const auto &known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  if (!known.count(domain))
    return llvm::Error::success(); // the importer refuses it, unless it is dead
  return makeError(ErrorCode::UnsupportedOperator, "the operator is unknown",
                   {{"node", node.name()},
                    {"op", (domain.empty() ? "ai.onnx" : domain) + "." + node.op_type()},
                    {"opset", std::to_string(opset->second)}},
                   "add the operator to the model as a function, or export the model without it");
}

bool Walk::isDeprecatedRow(const onnx::NodeProto &node) const {
  std::string domain = canonicalDomain(node.domain());
  auto opset = opsets->find(domain);
  if (opset == opsets->end() || functions.count({domain, node.op_type()}))
    return false;
  const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(node.op_type(), opset->second, domain);
  if (!schema || !schema->Deprecated())
    return false;
  const OnnxRow *row = OpTable::get().findOnnx(domain, node.op_type(), schema->since_version());
  return row && row->evenDeprecated;
}

llvm::Error Walk::node(onnx::NodeProto &node, bool inFunction) {
  if (llvm::Error error = name(node.name(), "node"))
    return error;
  if (llvm::Error error = name(node.op_type(), "operator"))
    return error;
  if (llvm::Error error = name(node.domain(), "domain"))
    return error;
  for (const std::string &output : node.output())
    if (llvm::Error error = name(output, "value"))
      return error;
  if (llvm::Error error = knownOperator(node))
    return error;
  if (isDeprecatedRow(node))
    deprecated.push_back(&node);
  for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
    if (!attribute.ref_attr_name().empty() && !inFunction)
      return makeError(ErrorCode::InvalidModel,
                       "attribute `" + attribute.name() +
                           "` refers to a function's attribute outside a function",
                       {{"node", node.name()}, {"op", node.op_type()}});
    if (attribute.has_t())
      hideShape(*attribute.mutable_t());
    for (onnx::TensorProto &tensor : *attribute.mutable_tensors())
      hideShape(tensor);
    if (attribute.has_g())
      if (llvm::Error error = graph(*attribute.mutable_g(), false, inFunction))
        return error;
    for (onnx::GraphProto &inner : *attribute.mutable_graphs())
      if (llvm::Error error = graph(inner, false, inFunction))
        return error;
  }
  return llvm::Error::success();
}

llvm::Error Walk::graph(onnx::GraphProto &graph, bool isMain, bool inFunction) {
  for (auto *values : {graph.mutable_input(), graph.mutable_output()})
    for (onnx::ValueInfoProto &value : *values) {
      if (llvm::Error error = name(value.name(), "value"))
        return error;
      if (isMain)
        ensureShape(value);
    }
  for (const onnx::ValueInfoProto &value : graph.value_info())
    for (const auto &dim : value.type().tensor_type().shape().dim())
      if (dim.has_dim_value() && dim.dim_value() < -1)
        return makeError(ErrorCode::InvalidModel, "value `" + value.name() + "` has the negative extent " +
                                                      llvm::Twine(dim.dim_value()));
  for (onnx::TensorProto &tensor : *graph.mutable_initializer()) {
    if (llvm::Error error = name(tensor.name(), "weight"))
      return error;
    hideShape(tensor);
  }
  for (onnx::NodeProto &each : *graph.mutable_node())
    if (llvm::Error error = node(each, inFunction))
      return error;
  return llvm::Error::success();
}

llvm::Error Walk::model(onnx::ModelProto &model) {
  for (const onnx::FunctionProto &function : model.functions())
    functions.insert({canonicalDomain(function.domain()), function.name()});
  if (llvm::Error error = graph(*model.mutable_graph(), true, false))
    return error;
  for (onnx::FunctionProto &function : *model.mutable_functions()) {
    if (llvm::Error error = name(function.name(), "function"))
      return error;
    llvm::Expected<Opsets> own = opsetsOf(function.opset_import());
    if (!own)
      return withFacts(own.takeError(), {{"function", function.name()}});
    opsets = &*own;
    for (onnx::AttributeProto &attribute : *function.mutable_attribute_proto())
      if (attribute.has_t())
        hideShape(*attribute.mutable_t());
    for (onnx::NodeProto &each : *function.mutable_node())
      if (llvm::Error error = node(each, true))
        return error;
    opsets = &modelOpsets;
  }
  return llvm::Error::success();
}

} // namespace

// Only the first line: the checker appends the whole node as text.
static std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }

namespace {

/// While it lives, deprecated nodes stand in a domain of which the checker knows nothing but that it is imported: it
/// looks at their names and order and leaves the rest to the row. It refuses every deprecated operator otherwise.
class DeprecatedHidden {
public:
  DeprecatedHidden(onnx::ModelProto &model, const std::vector<onnx::NodeProto *> &nodes) : model(model) {
    for (onnx::NodeProto *node : nodes)
      domains.emplace_back(node, node->has_domain() ? std::optional(node->domain()) : std::nullopt);
    if (nodes.empty())
      return;
    for (onnx::NodeProto *node : nodes)
      node->set_domain(hidden);
    addTo(*model.mutable_opset_import());
    for (onnx::FunctionProto &function : *model.mutable_functions())
      addTo(*function.mutable_opset_import());
  }
  ~DeprecatedHidden() {
    if (domains.empty())
      return;
    for (auto &[node, domain] : domains)
      domain ? node->set_domain(*domain) : node->clear_domain();
    model.mutable_opset_import()->RemoveLast();
    for (onnx::FunctionProto &function : *model.mutable_functions())
      function.mutable_opset_import()->RemoveLast();
  }

private:
  static constexpr const char *hidden = "ampc.deprecated";
  static void addTo(google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports) {
    onnx::OperatorSetIdProto &entry = *imports.Add();
    entry.set_domain(hidden);
    entry.set_version(1);
  }

  onnx::ModelProto &model;
  std::vector<std::pair<onnx::NodeProto *, std::optional<std::string>>> domains;
};

} // namespace

llvm::Error checkModel(onnx::ModelProto &model) {
  if (!model.has_graph())
    return makeError(ErrorCode::InvalidModel, "not an ONNX model: it has no graph");
  if (model.ir_version() > onnx::Version::IR_VERSION)
    return makeError(ErrorCode::Unsupported, "the model has IR version " + llvm::Twine(model.ir_version()) +
                                                 "; the newest known is " +
                                                 llvm::Twine(int(onnx::Version::IR_VERSION)));
  if (model.opset_import().empty() && model.ir_version() >= 3)
    return makeError(ErrorCode::InvalidModel, "the model does not say which opset it uses");
  llvm::Expected<Opsets> opsets = opsetsOf(model.opset_import());
  if (!opsets)
    return opsets.takeError();
  Walk walk(*opsets);
  if (llvm::Error error = walk.model(model))
    return error;
  DeprecatedHidden hidden(model, walk.deprecated);
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception &failure) {
    return makeError(ErrorCode::InvalidModel,
                     "the ONNX checker refuses the model: " + firstLine(failure.what()));
  }
  return llvm::Error::success();
}

} // namespace ampc
