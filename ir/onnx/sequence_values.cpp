// Sequences and optionals as lists known at compile time: no operation of the dialect ever sees one.
#include "ir/onnx/graph_importer.h"

namespace ampc {

using Results = std::vector<Bound>;

static llvm::Error notAList(const NodeSite &site) {
  return makeError(ErrorCode::InvalidModel, "the operator takes a sequence and is given none", site.facts());
}

// The position operand of SequenceAt, SequenceInsert and SequenceErase, counted from the end when negative.
static llvm::Expected<int64_t> normalizePosition(const NodeSite &site, int64_t position, int64_t size) {
  int64_t normal = position < 0 ? position + size : position;
  if (normal < 0 || normal >= size)
    return makeError(ErrorCode::InvalidModel,
                     "position " + llvm::Twine(position) + " is outside the sequence", site.facts());
  return normal;
}

// Operators that change a sequence copy it: a loop around one would otherwise work in the square of its trips.
llvm::Expected<Bound> GraphImporter::list(const NodeSite &site, Results elements) {
  for (const Bound &element : elements)
    if (!element.tensor)
      return makeError(ErrorCode::InvalidModel, "an element of a sequence is not a tensor", site.facts());
  listedElements += int64_t(elements.size());
  if (listedElements > limits::listedElements)
    return makeError(ErrorCode::LimitExceeded,
                     "the sequences of the model have more than " + llvm::Twine(limits::listedElements) +
                         " elements in all",
                     site.facts());
  Bound bound;
  bound.sequence = std::make_shared<const Results>(std::move(elements));
  return bound;
}

llvm::Expected<std::optional<Results>> GraphImporter::importSequenceOp(const NodeSite &site) {
  using Answer = std::optional<Results>;
  const std::string &op = site.node->op_type();
  const Bound *first = site.operand(0), *second = site.operand(1), *third = site.operand(2);
  auto scalar = [&](DataType type, int64_t value) {
    HostTensor tensor(TensorType{type, {}});
    tensor.setInteger(0, value);
    return Answer(Results{Bound(constant(std::move(tensor), site.name))});
  };
  auto position = [&](const Bound *bound, int64_t size) -> llvm::Expected<int64_t> {
    std::optional<int64_t> value = knownInteger(bound);
    if (value)
      return normalizePosition(site, *value, size);
    return bound && bound->tensor
               ? withFacts(
                     dataDependent("a position in a sequence is not known at compile time", bound->tensor),
                     site.facts())
               : notAList(site);
  };
  auto one = [](llvm::Expected<Bound> bound) -> llvm::Expected<Answer> {
    if (!bound)
      return bound.takeError();
    return Answer(Results{*bound});
  };
  if (op == "SequenceEmpty")
    return one(list(site, {}));
  if (op == "SequenceConstruct")
    return one(list(site, site.operands));
  if (op == "Optional")
    return Answer(Results{first ? *first : Bound()});
  if (op == "OptionalHasElement")
    return scalar(DataType::Bool, first != nullptr);
  if (op == "OptionalGetElement") {
    if (!first)
      return makeError(ErrorCode::InvalidModel, "an optional value without element is read", site.facts());
    return Answer(Results{*first});
  }
  if (op == "SplitToSequence") {
    llvm::Expected<Results> results = importSplitToSequence(site);
    if (!results)
      return results.takeError();
    return Answer(std::move(*results));
  }
  bool isListOp = op == "SequenceLength" || op == "SequenceAt" || op == "SequenceInsert" ||
                  op == "SequenceErase" || op == "ConcatFromSequence" || op == "SequenceMap";
  if (!isListOp)
    return Answer();
  if (!first || !first->sequence)
    return notAList(site);
  const std::vector<Bound> &elements = *first->sequence;
  int64_t size = int64_t(elements.size());
  if (op == "SequenceLength")
    return scalar(DataType::I64, size);
  if (op == "SequenceAt") {
    llvm::Expected<int64_t> at = position(second, size);
    if (!at)
      return at.takeError();
    return Answer(Results{elements[size_t(*at)]});
  }
  if (op == "SequenceInsert") {
    if (!second)
      return notAList(site);
    int64_t at = size;
    if (third) {
      std::optional<int64_t> value = knownInteger(third);
      llvm::Expected<int64_t> normal =
          value && *value == size ? llvm::Expected<int64_t>(size) : position(third, size);
      if (!normal)
        return normal.takeError();
      at = *normal;
    }
    Results longer = elements;
    longer.insert(longer.begin() + at, *second);
    return one(list(site, std::move(longer)));
  }
  if (op == "SequenceErase") {
    llvm::Expected<int64_t> at = second ? position(second, size) : normalizePosition(site, -1, size);
    if (!at)
      return at.takeError();
    Results shorter = elements;
    shorter.erase(shorter.begin() + *at);
    return one(list(site, std::move(shorter)));
  }
  if (op == "SequenceMap") {
    llvm::Expected<Results> results = importSequenceMap(site);
    if (!results)
      return results.takeError();
    return Answer(std::move(*results));
  }
  // ConcatFromSequence
  if (site.integer("new_axis", 0)) {
    int64_t rank =
        elements.empty() || !elements[0].tensor ? 0 : int64_t(typeOf(elements[0].tensor).shape.size());
    llvm::Expected<int64_t> axis = normalizeAxis(site.integer("axis", 0), rank + 1);
    if (!axis)
      return withFacts(axis.takeError(), site.facts());
    llvm::Expected<Bound> all = stack(site, elements, *axis);
    if (!all)
      return all.takeError();
    return Answer(Results{*all});
  }
  if (elements.empty())
    return makeError(ErrorCode::InvalidModel, "an empty sequence is concatenated", site.facts());
  llvm::Expected<mlir::Value> all =
      synthesize(site, "Concat", elements, {{"axis", site.integer("axis", 0)}}, "concat");
  if (!all)
    return all.takeError();
  return Answer(Results{Bound(*all)});
}

llvm::Expected<Results> GraphImporter::importSplitToSequence(const NodeSite &site) {
  const Bound *input = site.operand(0), *split = site.operand(1);
  if (!input || !input->tensor)
    return makeError(ErrorCode::InvalidModel, "the operand is absent", site.facts());
  std::vector<int64_t> shape = typeOf(input->tensor).shape;
  llvm::Expected<int64_t> axis = normalizeAxis(site.integer("axis", 0), int64_t(shape.size()));
  if (!axis)
    return withFacts(axis.takeError(), site.facts());
  int64_t extent = shape[size_t(*axis)];
  std::vector<int64_t> sizes;
  if (!split) {
    sizes.assign(size_t(std::min(extent, options.maxNodes)), 1);
  } else {
    const HostTensor *value = split->tensor ? known(split->tensor) : nullptr;
    if (!value)
      return withFacts(dataDependent("the sizes of a split are not known at compile time", split->tensor),
                       site.facts());
    sizes = value->integers();
    if (value->type.shape.empty()) {
      int64_t step = sizes[0];
      if (step < 1)
        return makeError(ErrorCode::InvalidModel, "the size of a split is not positive", site.facts());
      sizes.clear();
      for (int64_t begin = 0; begin < extent; begin += std::min(step, extent - begin)) {
        if (llvm::Error error = countNode())
          return error;
        sizes.push_back(std::min(step, extent - begin));
      }
    }
  }
  bool isSqueezed = !split && site.integer("keepdims", 1) == 0;
  Results parts;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > extent - begin)
      return makeError(ErrorCode::InvalidModel, "the sizes of a split exceed the dimension", site.facts());
    llvm::Expected<mlir::Value> part =
        isSqueezed ? synthesize(site, "Gather", {*input, integerLiteral(site, {begin}, true, "position")},
                                {{"axis", *axis}}, "part")
                   : synthesize(site, "Slice",
                                {*input, integerLiteral(site, {begin}, false, "begin"),
                                 integerLiteral(site, {begin + size}, false, "end"),
                                 integerLiteral(site, {*axis}, false, "axis")},
                                {}, "part");
    if (!part)
      return part.takeError();
    parts.push_back(*part);
    begin += size;
  }
  if (begin != extent)
    return makeError(ErrorCode::InvalidModel, "the sizes of a split do not cover the dimension",
                     site.facts());
  llvm::Expected<Bound> all = list(site, std::move(parts));
  if (!all)
    return all.takeError();
  return Results{*all};
}

// The body sees one element of each sequence and every tensor as it is.
llvm::Expected<Results> GraphImporter::importSequenceMap(const NodeSite &site) {
  const onnx::AttributeProto *attribute = site.attribute("body");
  if (!attribute || !attribute->has_g())
    return makeError(ErrorCode::InvalidModel, "attribute `body` with a graph is missing", site.facts());
  const onnx::GraphProto &body = attribute->g();
  size_t numResults = site.isUsed.size();
  if (numResults > size_t(body.output_size()))
    return makeError(ErrorCode::InvalidModel, "the body has too few outputs", site.facts());
  std::vector<Results> lists(numResults);
  for (size_t trip = 0; trip < site.operands[0].sequence->size(); ++trip) {
    Results inputs;
    for (const Bound &operand : site.operands) {
      if (operand.sequence && trip >= operand.sequence->size())
        return makeError(ErrorCode::InvalidModel, "the sequences differ in length", site.facts());
      inputs.push_back(operand.sequence ? (*operand.sequence)[trip] : operand);
    }
    llvm::Expected<Results> outputs =
        runBody(site, body, inputs, site.name + "/" + std::to_string(trip) + "/");
    if (!outputs)
      return outputs.takeError();
    for (size_t k = 0; k < numResults; ++k)
      lists[k].push_back((*outputs)[k]);
  }
  Results results;
  for (Results &elements : lists) {
    llvm::Expected<Bound> all = list(site, std::move(elements));
    if (!all)
      return all.takeError();
    results.push_back(*all);
  }
  return results;
}

} // namespace ampc
