// Inlines functions: those of the model, and the definitions that ONNX gives to operators for which the op
// table has no row. ONNX's own inliner is not used: it forgets schema defaults and fails on absent operands.
#include "ir/onnx/graph_importer.h"

#include <onnx/defs/schema.h>

namespace ampc {

const onnx::FunctionProto *GraphImporter::localFunction(const NodeSite &site) const {
  return localFunctions.lookup(functionKey(site.domain, site.node->op_type(), site.node->overload()));
}

bool GraphImporter::hasSchemaFunction(const NodeSite &site) const {
  if (!site.schema)
    return false;
  auto covers = [&](const std::vector<int> &versions) {
    return llvm::any_of(versions, [&](int version) { return version <= site.opset; });
  };
  return covers(site.schema->function_opset_versions()) ||
         covers(site.schema->context_dependent_function_opset_versions());
}

// The body is written for `written`; it may be used at `wanted` when every operator in it is the same there.
static bool isSameAt(const onnx::FunctionProto &body, int written, int wanted) {
  return llvm::all_of(body.node(), [&](const onnx::NodeProto &node) {
    if (!canonicalDomain(node.domain()).empty())
      return true;
    const onnx::OpSchema *a = onnx::OpSchemaRegistry::Schema(node.op_type(), written, "");
    const onnx::OpSchema *b = onnx::OpSchemaRegistry::Schema(node.op_type(), wanted, "");
    return a && b && a->since_version() == b->since_version();
  });
}

// The node as the body's builder wants it: references resolved, defaults filled in.
static onnx::NodeProto completeNode(const NodeSite &site) {
  onnx::NodeProto node;
  *node.mutable_input() = site.node->input();
  *node.mutable_output() = site.node->output();
  node.set_op_type(site.node->op_type());
  node.set_domain(site.node->domain());
  node.set_name(site.node->name());
  for (const auto &[name, attribute] : site.attributes) {
    onnx::AttributeProto &copy = *node.add_attribute();
    copy = *attribute;
    copy.set_name(name);
  }
  return node;
}

static std::vector<onnx::TypeProto> operandTypes(const NodeSite &site) {
  std::vector<onnx::TypeProto> types(size_t(site.node->input_size()));
  for (size_t k = 0; k < site.operands.size(); ++k) {
    if (!site.operands[k].tensor)
      continue;
    TensorType type = typeOf(site.operands[k].tensor);
    onnx::TypeProto::Tensor &tensor = *types[k].mutable_tensor_type();
    tensor.set_elem_type(toOnnxType(type.type));
    onnx::TensorShapeProto &shape = *tensor.mutable_shape();
    for (int64_t extent : type.shape)
      shape.add_dim()->set_dim_value(extent);
  }
  return types;
}

llvm::Expected<GraphImporter::Results> GraphImporter::importSchemaFunction(const NodeSite &site) {
  const onnx::OpSchema &schema = *site.schema;
  auto refuse = [&](const char *why) {
    return makeError(ErrorCode::UnsupportedOperator,
                     llvm::Twine("the operator is only supported through its ONNX function, ") + why,
                     site.facts());
  };
  try {
    // The newest body that is not newer than the opset.
    std::optional<int> written;
    for (int version : schema.context_dependent_function_opset_versions())
      if (version <= site.opset && version > written.value_or(0))
        written = version;
    if (!written) {
      const onnx::FunctionProto *fixed = schema.GetFunction(site.opset, /*validate=*/false);
      return fixed ? inlineFunction(site, *fixed) : refuse("which this opset does not have");
    }
    for (const Bound &operand : site.operands)
      if (operand.sequence)
        return refuse("which does not take sequences here");
    onnx::NodeProto node = completeNode(site); // the context keeps pointers into it
    onnx::FunctionBodyBuildContextImpl context(node, operandTypes(site));
    onnx::FunctionProto body;
    if (!schema.BuildContextDependentFunction(context, body, site.opset))
      return refuse("which does not exist for this form of it");
    if (!isSameAt(body, *written, site.opset)) {
      body.Clear();
      if (!schema.BuildContextDependentFunction(context, body, *written))
        return refuse("which does not exist for this form of it");
    }
    return inlineFunction(site, body);
  } catch (const std::exception &failure) {
    std::string text = failure.what();
    return makeError(ErrorCode::UnsupportedOperator,
                     "the operator's ONNX function cannot be built: " + text.substr(0, text.find('\n')),
                     site.facts());
  }
}

llvm::Expected<GraphImporter::Results> GraphImporter::inlineFunction(const NodeSite &site,
                                                                     const onnx::FunctionProto &function) {
  const Frame &caller = *site.frame;
  if (caller.callDepth >= limits::callDepth)
    return makeError(ErrorCode::LimitExceeded,
                     "functions call each other more than " + llvm::Twine(limits::callDepth) + " levels deep",
                     site.facts());
  if (int64_t(site.operands.size()) > function.input_size() ||
      site.node->output_size() > function.output_size())
    return makeError(ErrorCode::InvalidModel,
                     "a call of function `" + function.name() + "` has " + llvm::Twine(site.operands.size()) +
                         " operands and " + llvm::Twine(site.node->output_size()) +
                         " results; the function is declared with " + llvm::Twine(function.input_size()) +
                         " and " + llvm::Twine(function.output_size()),
                     site.facts());
  llvm::Expected<Opsets> opsets = opsetsOf(function.opset_import());
  if (!opsets)
    return withFacts(opsets.takeError(), site.facts());
  opsets->insert(caller.opsets->begin(), caller.opsets->end());

  AttributeMap attributes = site.attributes;
  for (const onnx::AttributeProto &attribute : function.attribute_proto())
    attributes.emplace(attribute.name(), &attribute);
  Frame frame;
  frame.opsets = &*opsets;
  frame.callAttributes = &attributes;
  frame.prefix = site.name + "/";
  frame.callDepth = caller.callDepth + 1;
  for (int k = 0; k < function.input_size(); ++k)
    frame.values[function.input(k)] = size_t(k) < site.operands.size() ? site.operands[size_t(k)] : Bound();

  std::vector<std::string> wanted;
  for (size_t k = 0; k < site.isUsed.size(); ++k)
    if (site.isUsed[k])
      wanted.push_back(function.output(int(k)));
  Liveness liveness(function.node(), wanted);
  if (llvm::Error error = importNodes(function.node(), liveness, frame))
    return withFacts(std::move(error), {{"inlined into", site.name}});
  Results results(site.isUsed.size());
  for (size_t k = 0; k < results.size(); ++k)
    if (const Bound *bound = site.isUsed[k] ? frame.find(function.output(int(k))) : nullptr)
      results[k] = *bound;
  return results;
}

} // namespace ampc
