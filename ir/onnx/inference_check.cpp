// A second opinion on every operator that a row imports: ONNX's own type and shape inference must agree. It
// refuses invalid nodes that a row lets through, and a wrong row shows at once.
#include "ir/onnx/graph_importer.h"

#include "llvm/ADT/StringExtras.h"

#include <onnx/defs/schema.h>

namespace ampc {

namespace {

void describe(const TensorType &type, onnx::TypeProto &proto) {
  onnx::TypeProto::Tensor &tensor = *proto.mutable_tensor_type();
  tensor.set_elem_type(toOnnxType(type.type));
  onnx::TensorShapeProto &shape = *tensor.mutable_shape();
  for (int64_t extent : type.shape)
    shape.add_dim()->set_dim_value(extent);
}

/// What the inference function of a schema sees: only attributes that the node has, all types, small values. That of
/// STFT takes an absent `onesided` for 0, against schema and node tests: it sees the default.
class SiteInference : public onnx::InferenceContext {
public:
  SiteInference(const GraphImporter &importer, const NodeSite &site) : site(site) {
    size_t count = site.operands.size();
    // ONNX's own functions (AffineGrid) call Range with tensors of shape [1], which its inference refuses
    // when it sees their values.
    bool showsValues = site.node->op_type() != "Range";
    types.resize(count);
    values.resize(count);
    results.resize(size_t(site.node->output_size()));
    for (size_t k = 0; k < count; ++k) {
      mlir::Value tensor = site.operands[k].tensor;
      if (!tensor)
        continue;
      describe(typeOf(tensor), types[k].emplace());
      const HostTensor *known = importer.known(tensor);
      if (!known || !showsValues || known->type.numElements() > maxValueElements)
        continue;
      onnx::TensorProto &value = values[k].emplace();
      value.set_data_type(toOnnxType(known->type.type));
      value.mutable_dims()->Assign(known->type.shape.begin(), known->type.shape.end());
      value.set_raw_data(known->bytes.data(), known->bytes.size());
    }
  }

  const onnx::AttributeProto *getAttribute(const std::string &name) const override {
    const onnx::AttributeProto *found = site.attribute(name);
    auto formal = site.schema->attributes().find(name);
    bool isDefault = formal != site.schema->attributes().end() && found == &formal->second.default_value;
    return isDefault && site.node->op_type() != "STFT" ? nullptr : found;
  }
  size_t getNumInputs() const override { return types.size(); }
  const onnx::TypeProto *getInputType(size_t k) const override {
    return k < types.size() && types[k] ? &*types[k] : nullptr;
  }
  const onnx::TensorProto *getInputData(size_t k) const override {
    return k < values.size() && values[k] ? &*values[k] : nullptr;
  }
  size_t getNumOutputs() const override { return results.size(); }
  onnx::TypeProto *getOutputType(size_t k) override { return k < results.size() ? &results[k] : nullptr; }
  bool hasOutput(size_t k) override { return k < results.size() && !site.node->output(int(k)).empty(); }
  onnx::GraphInferencer *getGraphAttributeInferencer(const std::string &) override { return nullptr; }
  const onnx::SparseTensorProto *getInputSparseData(size_t) const override { return nullptr; }
  const onnx::TensorShapeProto *getSymbolicInput(size_t) const override { return nullptr; }

  std::vector<onnx::TypeProto> results;

private:
  static constexpr int64_t maxValueElements = 1024;
  const NodeSite &site;
  std::vector<std::optional<onnx::TypeProto>> types;
  std::vector<std::optional<onnx::TensorProto>> values;
};

bool agrees(const TensorType &ours, const onnx::TypeProto &theirs, bool comparesExtents) {
  if (!theirs.has_tensor_type())
    return true; // nothing inferred
  const onnx::TypeProto::Tensor &tensor = theirs.tensor_type();
  if (tensor.elem_type() != onnx::TensorProto::UNDEFINED && tensor.elem_type() != toOnnxType(ours.type))
    return false;
  if (!tensor.has_shape())
    return true;
  if (tensor.shape().dim_size() != int(ours.shape.size()))
    return false;
  for (int d = 0; comparesExtents && d < tensor.shape().dim_size(); ++d)
    if (tensor.shape().dim(d).has_dim_value() && tensor.shape().dim(d).dim_value() != ours.shape[size_t(d)])
      return false;
  return true;
}

} // namespace

/// ONNX's inference of Einsum never ends at a character that is neither a letter nor of an ellipsis, and that of GatherND
/// reads in front of the shape where batch_dims is negative: the rows refuse those.
static bool endsInOnnx(const NodeSite &site) {
  if (site.node->op_type() == "GatherND")
    if (const onnx::AttributeProto *batch = site.attribute("batch_dims"); batch && batch->i() < 0)
      return false;
  const onnx::AttributeProto *attribute = site.node->op_type() == "Einsum" ? site.attribute("equation") : nullptr;
  if (!attribute)
    return true;
  std::string equation = attribute->s();
  llvm::erase(equation, ' ');
  llvm::SmallVector<llvm::StringRef> terms;
  llvm::StringRef(equation).split("->").first.split(terms, ',');
  return llvm::all_of(terms, [](llvm::StringRef term) {
    auto [before, after] = term.split("...");
    return llvm::all_of(before, llvm::isAlpha) && llvm::all_of(after, llvm::isAlpha);
  });
}

llvm::Error GraphImporter::inferByOnnx(const NodeSite &site, Inference &inference) {
  if (!site.schema || !site.schema->has_type_and_shape_inference_function() || !endsInOnnx(site))
    return llvm::Error::success();
  SiteInference view(*this, site);
  try {
    site.schema->GetTypeAndShapeInferenceFunction()(view);
  } catch (const std::exception &failure) {
    std::string text = failure.what();
    inference.refusal = text.substr(0, text.find('\n'));
    return llvm::Error::success();
  }
  inference.results = std::move(view.results);
  for (const onnx::TypeProto &result : inference.results) {
    if (!result.has_tensor_type() || !result.tensor_type().has_shape())
      continue;
    TensorType type{fromOnnxType(result.tensor_type().elem_type()).value_or(DataType::Bool), {}};
    for (const auto &dim : result.tensor_type().shape().dim())
      type.shape.push_back(dim.has_dim_value() ? dim.dim_value() : 1);
    if (llvm::Error error = checkTensorSize(type, "a result of the operator"))
      return withFacts(std::move(error), site.facts());
  }
  return llvm::Error::success();
}

llvm::Error GraphImporter::checkAgainst(const Inference &inference, const NodeSite &site, const OnnxRow &row,
                                        const Results &results) {
  if (!inference.refusal.empty())
    return makeError(ErrorCode::InvalidModel, "ONNX refuses the node: " + inference.refusal, site.facts());
  for (size_t k = 0; k < results.size() && k < inference.results.size(); ++k) {
    if (!results[k].tensor || agrees(typeOf(results[k].tensor), inference.results[k], !row.extentsMayDiffer))
      continue;
    Facts facts = site.facts();
    facts.push_back({"result " + std::to_string(k), inference.results[k].ShortDebugString()});
    return makeError(ErrorCode::Unsupported,
                     "ONNX infers another type or shape for a result than is computed", facts);
  }
  return llvm::Error::success();
}

} // namespace ampc
