// What the import function of an op-table row sees of a node.
#include "ir/onnx/graph_importer.h"

using namespace mlir;

namespace ampc {

namespace {

class NodeContext : public ImportContext {
public:
  NodeContext(GraphImporter &importer, const NodeSite &site) : importer(importer), site(site) {}

  int version() const override { return site.version; }
  size_t numOperands() const override { return site.operands.size(); }
  size_t numResults() const override {
    size_t count = site.isUsed.size();
    while (count && !site.isUsed[count - 1])
      --count;
    return count;
  }
  bool isResultUsed(size_t k) const override { return k < site.isUsed.size() && site.isUsed[k]; }
  Value operand(size_t k) override { return k < site.operands.size() ? site.operands[k].tensor : Value(); }
  TensorType type(Value value) const override { return typeOf(value); }

  std::optional<HostTensor> constant(size_t k) override {
    Value value = operand(k);
    if (!value)
      return std::nullopt;
    if (const HostTensor *found = importer.known(value))
      return *found;
    unknown = value;
    return std::nullopt;
  }

  bool hasAttribute(StringRef name) const override { return find(name); }
  int64_t integer(StringRef name, int64_t otherwise) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::INT);
    return found ? found->i() : otherwise;
  }
  double real(StringRef name, double otherwise) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::FLOAT);
    return found ? double(found->f()) : otherwise;
  }
  std::string string(StringRef name, StringRef otherwise) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::STRING);
    return found ? found->s() : otherwise.str();
  }
  std::vector<int64_t> integers(StringRef name) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::INTS);
    return found ? std::vector<int64_t>(found->ints().begin(), found->ints().end()) : std::vector<int64_t>();
  }
  std::vector<double> reals(StringRef name) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::FLOATS);
    return found ? std::vector<double>(found->floats().begin(), found->floats().end())
                 : std::vector<double>();
  }
  std::vector<std::string> strings(StringRef name) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::STRINGS);
    return found ? std::vector<std::string>(found->strings().begin(), found->strings().end())
                 : std::vector<std::string>();
  }
  std::optional<HostTensor> tensor(StringRef name) const override {
    const onnx::AttributeProto *found = find(name, onnx::AttributeProto::TENSOR);
    return found && found->has_t() ? importer.attributeTensor(found->t()) : std::nullopt;
  }

  llvm::Expected<SmallVector<Value>> build(StringRef row, ArrayRef<Value> operands,
                                           ArrayRef<NamedAttribute> attributes, StringRef suffix) override {
    return importer.emit(row, operands, attributes, named(suffix));
  }
  Value literal(const HostTensor &value, StringRef suffix) override {
    return importer.constant(value, named(suffix));
  }
  Builder &attributes() override { return importer.opBuilder(); }
  bool keepsRecurrence(int64_t steps) const override { return importer.keepsRecurrence(site.name, steps); }

  // A row that could not get a value it asked for refuses because of that value.
  llvm::Error unsupported(const llvm::Twine &why) override {
    return unknown ? importer.dataDependent(why, unknown) : makeError(ErrorCode::Unsupported, why);
  }
  llvm::Error invalid(const llvm::Twine &why) override { return makeError(ErrorCode::InvalidModel, why); }

  /// For operators without a schema, once imported: an attribute that the row never asked for would be ignored, one of
  /// another kind was taken as absent.
  llvm::Error checkAttributes() const {
    for (const auto &[name, attribute] : site.attributes)
      if (mistyped.contains(name))
        return makeError(ErrorCode::InvalidModel, "attribute `" + name + "` has a kind that the operator does not take");
      else if (!asked.contains(name))
        return makeError(ErrorCode::Unsupported, "attribute `" + name + "` of the operator is not supported");
    return llvm::Error::success();
  }

private:
  const onnx::AttributeProto *
  find(StringRef name, onnx::AttributeProto::AttributeType kind = onnx::AttributeProto::UNDEFINED) const {
    asked.insert(name);
    const onnx::AttributeProto *found = site.attribute(name.str());
    bool fits = kind == onnx::AttributeProto::UNDEFINED || !found || found->type() == kind ||
                found->type() == onnx::AttributeProto::UNDEFINED; // old models do not say
    if (fits)
      return found;
    mistyped.insert(name);
    return nullptr;
  }

  std::string named(StringRef suffix) const {
    return suffix.empty() ? site.name : site.name + "." + suffix.str();
  }

  GraphImporter &importer;
  const NodeSite &site;
  Value unknown;
  mutable llvm::StringSet<> asked, mistyped;
};

} // namespace

// No attribute counts beyond this; rows may multiply two of them. Slice's bounds (version 1) are clamped by
// meaning.
static llvm::Error checkAttributeRange(const NodeSite &site) {
  constexpr int64_t limit = int64_t(1) << 31;
  if (site.node->op_type() == "Slice")
    return llvm::Error::success();
  for (const auto &[name, attribute] : site.attributes) {
    auto isTooLarge = [&](int64_t value) { return value > limit || value < -limit; };
    if (isTooLarge(attribute->i()) || llvm::any_of(attribute->ints(), isTooLarge))
      return makeError(ErrorCode::InvalidModel, "attribute `" + name + "` is larger than any tensor",
                       site.facts());
  }
  return llvm::Error::success();
}

llvm::Expected<GraphImporter::Results> GraphImporter::importByRow(const NodeSite &site, const OnnxRow &row) {
  for (const Bound &operand : site.operands)
    if (operand.sequence)
      return makeError(ErrorCode::InvalidModel, "the operator takes tensors and is given a sequence",
                       site.facts());
  if (llvm::Error error = checkAttributeRange(site))
    return error;
  Inference inference;
  if (llvm::Error error = inferByOnnx(site, inference))
    return error;
  NodeContext context(*this, site);
  llvm::Expected<SmallVector<Value>> values = SmallVector<Value>();
  try {
    values = row.import(context);
  } catch (const std::exception &) { // a literal of absurd size
    llvm::consumeError(values.takeError());
    return makeError(ErrorCode::LimitExceeded, "importing the operator takes more memory than there is",
                     site.facts());
  }
  if (!values)
    return withFacts(values.takeError(), site.facts());
  if (!site.schema)
    if (llvm::Error error = context.checkAttributes())
      return withFacts(std::move(error), site.facts());
  Results results(values->begin(), values->end());
  if (llvm::Error error = checkAgainst(inference, site, row, results))
    return error;
  return results;
}

} // namespace ampc
