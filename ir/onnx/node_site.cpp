// Resolves one node before it is imported: names, schema, attributes with references and defaults, operands;
// and finds out which nodes of a graph are needed at all.
#include "ir/onnx/graph_importer.h"

#include <onnx/defs/schema.h>

namespace ampc {

const Bound *Frame::find(llvm::StringRef name) const {
  for (const Frame *frame = this; frame; frame = frame->outer)
    if (auto entry = frame->values.find(name); entry != frame->values.end())
      return &entry->second;
  return nullptr;
}

Frame Frame::inner(const std::string &prefix) const {
  Frame frame;
  frame.outer = this;
  frame.opsets = opsets;
  frame.callAttributes = callAttributes;
  frame.prefix = prefix;
  frame.callDepth = callDepth;
  return frame;
}

const onnx::AttributeProto *NodeSite::attribute(const std::string &name) const {
  auto entry = attributes.find(name);
  return entry == attributes.end() ? nullptr : entry->second;
}

int64_t NodeSite::integer(const std::string &name, int64_t otherwise) const {
  const onnx::AttributeProto *found = attribute(name);
  return found ? found->i() : otherwise;
}

std::vector<int64_t> NodeSite::integers(const std::string &name) const {
  const onnx::AttributeProto *found = attribute(name);
  return found ? std::vector<int64_t>(found->ints().begin(), found->ints().end()) : std::vector<int64_t>();
}

const Bound *NodeSite::operand(size_t k) const {
  return k < operands.size() && operands[k].isPresent() ? &operands[k] : nullptr;
}

Facts NodeSite::facts() const {
  return {{"node", name},
          {"op", (domain.empty() ? "ai.onnx" : domain) + "." + node->op_type()},
          {"opset", std::to_string(opset)}};
}

std::string functionKey(const std::string &domain, const std::string &name, const std::string &overload) {
  return canonicalDomain(domain) + '\n' + name + '\n' + overload;
}

// Everything that a node's subgraphs mention may be a name of the graph around them.
static void useNames(const onnx::NodeProto &node, llvm::StringSet<> &used) {
  for (const std::string &input : node.input())
    used.insert(input);
  auto useGraph = [&](const onnx::GraphProto &graph) {
    for (const onnx::NodeProto &inner : graph.node())
      useNames(inner, used);
    for (const onnx::ValueInfoProto &output : graph.output())
      used.insert(output.name());
  };
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      useGraph(attribute.g());
    for (const onnx::GraphProto &graph : attribute.graphs())
      useGraph(graph);
  }
}

void Liveness::markLive(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes) {
  used.erase("");
  isLive.resize(size_t(nodes.size()));
  for (int k = nodes.size(); k-- > 0;) {
    isLive[size_t(k)] =
        llvm::any_of(nodes[k].output(), [&](const std::string &name) { return used.contains(name); });
    if (isLive[size_t(k)])
      useNames(nodes[k], used);
    used.erase("");
  }
}

llvm::Expected<NodeSite> GraphImporter::resolve(const onnx::NodeProto &node, const Liveness &liveness,
                                                const Frame &frame, size_t position) {
  NodeSite site;
  site.node = &node;
  site.frame = &frame;
  site.name =
      frame.prefix + (node.name().empty() ? node.op_type() + "_" + std::to_string(position) : node.name());
  site.domain = canonicalDomain(node.domain());
  auto opset = frame.opsets->find(site.domain);
  if (opset != frame.opsets->end())
    site.opset = opset->second;
  bool isLocal = localFunctions.contains(functionKey(site.domain, node.op_type(), node.overload()));
  if (opset == frame.opsets->end() && !isLocal)
    return makeError(ErrorCode::InvalidModel, "no opset is imported for the domain of a node", site.facts());
  if (!isLocal)
    site.schema = onnx::OpSchemaRegistry::Schema(node.op_type(), site.opset, site.domain);
  if (site.schema) {
    const OnnxRow *row = OpTable::get().findOnnx(site.domain, node.op_type(), site.schema->since_version());
    if (site.schema->Deprecated() && !(row && row->evenDeprecated))
      return makeError(ErrorCode::UnsupportedOperator, "the operator is deprecated in this opset",
                       site.facts(), "export the model with the operator's replacement");
    site.version = site.schema->since_version();
    for (const auto &[name, attribute] : site.schema->attributes())
      if (attribute.default_value.type() != onnx::AttributeProto::UNDEFINED)
        site.attributes[name] = &attribute.default_value;
  }
  else if (!isLocal && !site.domain.empty())
    site.version = site.opset; // a runtime's own operators
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      site.attributes[attribute.name()] = &attribute;
      continue;
    }
    // A reference to an attribute that the call leaves out: as if this one were left out.
    if (!frame.callAttributes)
      continue;
    auto meant = frame.callAttributes->find(attribute.ref_attr_name());
    if (meant != frame.callAttributes->end())
      site.attributes[attribute.name()] = meant->second;
  }
  for (const std::string &input : node.input()) {
    if (input.empty()) {
      site.operands.emplace_back();
      continue;
    }
    const Bound *bound = frame.find(input);
    if (!bound)
      return makeError(ErrorCode::InvalidModel, "a node uses `" + input + "`, which is not defined before it",
                       site.facts());
    site.operands.push_back(*bound);
  }
  while (!site.operands.empty() && !site.operands.back().isPresent())
    site.operands.pop_back();
  for (const std::string &output : node.output())
    site.isUsed.push_back(!output.empty() && liveness.used.contains(output));
  return site;
}

} // namespace ampc
