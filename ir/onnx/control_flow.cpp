// If, Loop and Scan: taken branches and unrolled bodies. A condition that depends on data becomes both
// branches and a selection; a trip count that depends on data is refused.
#include "ir/onnx/graph_importer.h"

namespace ampc {

static llvm::Expected<const onnx::GraphProto *> bodyOf(const NodeSite &site, const char *attribute) {
  const onnx::AttributeProto *found = site.attribute(attribute);
  if (!found || !found->has_g())
    return makeError(ErrorCode::InvalidModel,
                     llvm::Twine("attribute `") + attribute + "` with a graph is missing", site.facts());
  return &found->g();
}

static llvm::Error wrongArity(const NodeSite &site) {
  return makeError(ErrorCode::InvalidModel, "the body's inputs and outputs do not match the node's",
                   site.facts());
}

llvm::Expected<GraphImporter::Results> GraphImporter::runBody(const NodeSite &site,
                                                              const onnx::GraphProto &body,
                                                              const Results &inputs,
                                                              const std::string &prefix) {
  if (int64_t(inputs.size()) != body.input_size())
    return wrongArity(site);
  Frame frame = site.frame->inner(prefix);
  for (size_t k = 0; k < inputs.size(); ++k)
    frame.values[body.input(int(k)).name()] = inputs[k];
  return importGraph(body, frame);
}

llvm::Expected<GraphImporter::Results> GraphImporter::branch(const NodeSite &site, const char *attribute) {
  llvm::Expected<const onnx::GraphProto *> body = bodyOf(site, attribute);
  if (!body)
    return body.takeError();
  const char *name = attribute[0] == 't' ? "then" : "else";
  llvm::Expected<Results> results = runBody(site, **body, {}, site.name + "/" + name + "/");
  if (results && results->size() < site.isUsed.size())
    return wrongArity(site);
  return results;
}

llvm::Expected<GraphImporter::Results> GraphImporter::importIf(const NodeSite &site) {
  const Bound *condition = site.operand(0);
  if (!condition || !condition->tensor)
    return makeError(ErrorCode::InvalidModel, "the condition is absent", site.facts());
  if (typeOf(condition->tensor).numElements() != 1)
    return makeError(ErrorCode::InvalidModel, "the condition has more than one element", site.facts());
  if (std::optional<int64_t> value = knownInteger(condition))
    return branch(site, *value ? "then_branch" : "else_branch");

  llvm::Expected<Results> taken = branch(site, "then_branch");
  if (!taken)
    return taken.takeError();
  llvm::Expected<Results> other = branch(site, "else_branch");
  if (!other)
    return other.takeError();
  Results results(site.isUsed.size());
  for (size_t k = 0; k < results.size(); ++k) {
    if (!site.isUsed[k])
      continue;
    mlir::Value a = (*taken)[k].tensor, b = (*other)[k].tensor;
    if (!a || !b || typeOf(a) != typeOf(b))
      return withFacts(
          dataDependent("the branches of an If differ in type or shape and its condition is not known "
                        "at compile time",
                        condition->tensor),
          site.facts());
    // The condition may have the shape [1]; the selection must not gain a dimension from it.
    llvm::Expected<mlir::Value> scalar =
        typeOf(condition->tensor).shape.empty()
            ? llvm::Expected<mlir::Value>(condition->tensor)
            : synthesize(site, "Reshape", {*condition, integerLiteral(site, {}, false, "scalar_shape")}, {},
                         "scalar");
    if (!scalar)
      return scalar.takeError();
    llvm::Expected<mlir::Value> selected = synthesize(site, "Where", {*scalar, a, b}, {}, "select");
    if (!selected)
      return selected.takeError();
    results[k] = *selected;
  }
  return results;
}

llvm::Error GraphImporter::countTrip(const NodeSite &site, int64_t trips) {
  if (trips >= limits::loopTrips)
    return makeError(ErrorCode::LimitExceeded,
                     "a loop has " + llvm::Twine(trips) + " or more trips; up to " +
                         llvm::Twine(limits::loopTrips) + " are unrolled",
                     site.facts());
  return countNode();
}

// Loop: operands M, condition, carried values; body (iteration, condition, carried) -> (condition, carried,
// scanned).
llvm::Expected<GraphImporter::Results> GraphImporter::importLoop(const NodeSite &site) {
  llvm::Expected<const onnx::GraphProto *> body = bodyOf(site, "body");
  if (!body)
    return body.takeError();
  size_t numCarried = size_t(std::max(site.node->input_size() - 2, 0));
  if ((*body)->input_size() != int64_t(numCarried) + 2 || (*body)->output_size() < int64_t(numCarried) + 1 ||
      site.isUsed.size() + 1 > size_t((*body)->output_size()))
    return wrongArity(site);
  auto unknown = [&](const char *what, const Bound &bound) {
    return withFacts(
        dataDependent(llvm::Twine("the ") + what + " of a Loop is not known at compile time", bound.tensor),
        site.facts());
  };
  int64_t trips = std::numeric_limits<int64_t>::max();
  if (const Bound *limit = site.operand(0)) {
    std::optional<int64_t> value = knownInteger(limit);
    if (!value)
      return limit->tensor ? unknown("trip count", *limit) : wrongArity(site);
    trips = *value;
  }
  bool isGoing = true;
  if (const Bound *condition = site.operand(1)) {
    std::optional<int64_t> value = knownInteger(condition);
    if (!value)
      return condition->tensor ? unknown("condition", *condition) : wrongArity(site);
    isGoing = *value != 0;
  }
  Results carried(numCarried);
  for (size_t k = 0; k < numCarried; ++k)
    if (const Bound *operand = site.operand(k + 2))
      carried[k] = *operand;
  size_t numScanned = size_t((*body)->output_size()) - 1 - numCarried;
  std::vector<Results> scanned(numScanned);
  for (int64_t trip = 0; isGoing && trip < trips; ++trip) {
    if (llvm::Error error = countTrip(site, trips == std::numeric_limits<int64_t>::max() ? trip : trips))
      return error;
    std::string prefix = site.name + "/" + std::to_string(trip) + "/";
    HostTensor going(TensorType{DataType::Bool, {}});
    going.setInteger(0, 1);
    Results inputs{integerLiteral(site, {trip}, true, "iteration"),
                   constant(going, site.name + ".condition")};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    llvm::Expected<Results> outputs = runBody(site, **body, inputs, prefix);
    if (!outputs)
      return outputs.takeError();
    std::optional<int64_t> next = knownInteger(&(*outputs)[0]);
    if (!next)
      return (*outputs)[0].tensor ? unknown("condition", (*outputs)[0]) : wrongArity(site);
    isGoing = *next != 0;
    std::copy_n(outputs->begin() + 1, numCarried, carried.begin());
    for (size_t k = 0; k < numScanned; ++k)
      scanned[k].push_back((*outputs)[1 + numCarried + k]);
  }
  Results results = carried;
  for (size_t k = 0; k < numScanned; ++k) {
    llvm::Expected<Bound> stacked = numCarried + k < site.isUsed.size() && site.isUsed[numCarried + k]
                                        ? stack(site, scanned[k], 0)
                                        : llvm::Expected<Bound>(Bound());
    if (!stacked)
      return stacked.takeError();
    results.push_back(*stacked);
  }
  results.resize(site.isUsed.size());
  return results;
}

/// One tensor from the values of all iterations, along a new dimension.
llvm::Expected<Bound> GraphImporter::stack(const NodeSite &site, const Results &parts, int64_t axis) {
  if (parts.empty())
    return makeError(ErrorCode::Unsupported, "a loop without iterations has a scanned result", site.facts());
  Results rows;
  for (const Bound &part : parts) {
    if (!part.tensor)
      return makeError(ErrorCode::Unsupported, "a scanned result is not a tensor", site.facts());
    llvm::Expected<mlir::Value> row =
        synthesize(site, "Unsqueeze", {part, integerLiteral(site, {axis}, false, "axis")}, {}, "row");
    if (!row)
      return row.takeError();
    rows.push_back(*row);
  }
  llvm::Expected<mlir::Value> all = synthesize(site, "Concat", rows, {{"axis", axis}}, "stack");
  if (!all)
    return all.takeError();
  return Bound(*all);
}

// Scan (version 9 and later): states first, then scanned inputs, which are cut along an axis.
llvm::Expected<GraphImporter::Results> GraphImporter::importScan(const NodeSite &site) {
  if (site.version < 9)
    return makeError(ErrorCode::UnsupportedOperator, "Scan is supported from opset 9 on", site.facts());
  llvm::Expected<const onnx::GraphProto *> body = bodyOf(site, "body");
  if (!body)
    return body.takeError();
  int64_t numScans = site.integer("num_scan_inputs", 0), numInputs = int64_t(site.operands.size());
  int64_t numStates = numInputs - numScans, numStacked = (*body)->output_size() - numStates;
  if (numScans < 1 || numStates < 0 || numStacked < 0 || (*body)->input_size() != numInputs ||
      int64_t(site.isUsed.size()) > (*body)->output_size())
    return wrongArity(site);
  auto list = [&](const char *name, int64_t count) {
    std::vector<int64_t> values = site.integers(name);
    if (values.empty())
      values.assign(size_t(count), 0);
    return values;
  };
  std::vector<int64_t> inAxes = list("scan_input_axes", numScans),
                       outAxes = list("scan_output_axes", numStacked);
  std::vector<int64_t> inBackward = list("scan_input_directions", numScans);
  std::vector<int64_t> outBackward = list("scan_output_directions", numStacked);
  if (int64_t(inAxes.size()) != numScans || int64_t(inBackward.size()) != numScans ||
      int64_t(outAxes.size()) != numStacked || int64_t(outBackward.size()) != numStacked)
    return wrongArity(site);

  int64_t trips = -1;
  for (int64_t k = 0; k < numScans; ++k) {
    const Bound *input = site.operand(size_t(numStates + k));
    if (!input || !input->tensor)
      return wrongArity(site);
    std::vector<int64_t> shape = typeOf(input->tensor).shape;
    llvm::Expected<int64_t> axis = normalizeAxis(inAxes[size_t(k)], int64_t(shape.size()));
    if (!axis)
      return withFacts(axis.takeError(), site.facts());
    inAxes[size_t(k)] = *axis;
    if (trips >= 0 && trips != shape[size_t(*axis)])
      return makeError(ErrorCode::InvalidModel, "the scanned inputs differ in length", site.facts());
    trips = shape[size_t(*axis)];
  }
  Results states(site.operands.begin(), site.operands.begin() + numStates);
  std::vector<Results> stacked{size_t(numStacked)};
  for (int64_t trip = 0; trip < trips; ++trip) {
    if (llvm::Error error = countTrip(site, trips))
      return error;
    Results inputs = states;
    for (int64_t k = 0; k < numScans; ++k) {
      int64_t position = inBackward[size_t(k)] ? trips - 1 - trip : trip;
      llvm::Expected<mlir::Value> slice = synthesize(
          site, "Gather",
          {site.operands[size_t(numStates + k)], integerLiteral(site, {position}, true, "position")},
          {{"axis", inAxes[size_t(k)]}}, "slice");
      if (!slice)
        return slice.takeError();
      inputs.push_back(*slice);
    }
    llvm::Expected<Results> outputs =
        runBody(site, **body, inputs, site.name + "/" + std::to_string(trip) + "/");
    if (!outputs)
      return outputs.takeError();
    std::copy_n(outputs->begin(), numStates, states.begin());
    for (int64_t k = 0; k < numStacked; ++k)
      stacked[size_t(k)].push_back((*outputs)[size_t(numStates + k)]);
  }
  Results results = states;
  for (int64_t k = 0; k < numStacked; ++k) {
    Results &parts = stacked[size_t(k)];
    if (outBackward[size_t(k)])
      std::reverse(parts.begin(), parts.end());
    // A negative axis counts from the end of the result, which has one dimension more than a part.
    int64_t rank = parts.empty() || !parts[0].tensor ? 0 : int64_t(typeOf(parts[0].tensor).shape.size());
    llvm::Expected<int64_t> axis = normalizeAxis(outAxes[size_t(k)], rank + 1);
    if (!axis)
      return withFacts(axis.takeError(), site.facts());
    llvm::Expected<Bound> all = stack(site, parts, *axis);
    if (!all)
      return all.takeError();
    results.push_back(*all);
  }
  results.resize(site.isUsed.size());
  return results;
}

// --- Made-up nodes
// ------------------------------------------------------------------------------------------------

mlir::Value GraphImporter::integerLiteral(const NodeSite &site, std::vector<int64_t> values, bool isScalar,
                                          const std::string &suffix) {
  HostTensor tensor(
      TensorType{DataType::I64, isScalar ? std::vector<int64_t>() : std::vector{int64_t(values.size())}});
  for (size_t k = 0; k < values.size(); ++k)
    tensor.setInteger(int64_t(k), values[k]);
  return constant(std::move(tensor), site.name + "." + suffix);
}

llvm::Expected<mlir::Value>
GraphImporter::synthesize(const NodeSite &site, const std::string &op, const Results &operands,
                          const std::vector<std::pair<std::string, int64_t>> &attributes,
                          const std::string &suffix, int opset) {
  onnx::NodeProto node;
  node.set_op_type(op);
  node.set_name(site.node->name());
  node.add_output("result");
  for (const auto &[name, value] : attributes) {
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  Opsets opsets{{"", opset}};
  Frame frame;
  frame.opsets = &opsets;
  frame.callDepth = site.frame->callDepth;
  for (size_t k = 0; k < operands.size(); ++k) {
    node.add_input("operand" + std::to_string(k));
    frame.values[node.input(int(k))] = operands[k];
  }
  Liveness liveness({}, node.output());
  llvm::Expected<NodeSite> made = resolve(node, liveness, frame, 0);
  if (!made)
    return made.takeError();
  made->name = site.name + "." + suffix;
  llvm::Expected<Results> results = importNode(*made);
  if (!results)
    return results.takeError();
  if (results->empty() || !(*results)[0].tensor)
    return makeError(ErrorCode::Internal, "a made-up " + op + " has no result", site.facts());
  return (*results)[0].tensor;
}

} // namespace ampc
