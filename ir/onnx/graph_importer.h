// Walks an ONNX graph node by node and emits dialect operations: names resolved, functions inlined, control
// flow on known conditions unrolled, operators on known values evaluated at once. Not for checking files or
// binding inputs.
#pragma once

#include "ir/diagnostic.h"
#include "ir/dialect.h"
#include "ir/onnx/import.h"
#include "ir/onnx/input_binding.h"
#include "ir/onnx/limits.h"
#include "ir/onnx/model_check.h"
#include "ir/onnx/tensor_record.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <map>
#include <memory>

namespace onnx {
class OpSchema;
}

namespace ampc {

/// What a name of the ONNX graph stands for: a tensor, or a list of known length. Neither: absent.
struct Bound {
  mlir::Value tensor;
  std::shared_ptr<const std::vector<Bound>> sequence;

  Bound() = default;
  Bound(mlir::Value tensor) : tensor(tensor) {}
  bool isPresent() const { return tensor || sequence; }
};

using AttributeMap = std::map<std::string, const onnx::AttributeProto *>;

/// Names of one graph or function body. A subgraph sees those of the graph around it, a function body does
/// not.
struct Frame {
  llvm::StringMap<Bound> values;
  const Frame *outer = nullptr;
  const Opsets *opsets = nullptr;
  const AttributeMap *callAttributes = nullptr; // in a function body: what references mean
  std::string prefix;                           // of op names: "call/"
  int callDepth = 0;

  const Bound *find(llvm::StringRef name) const;
  Frame inner(const std::string &prefix) const;
};

/// One node with everything resolved.
struct NodeSite {
  const onnx::NodeProto *node = nullptr;
  const Frame *frame = nullptr;
  std::string name;   // unique, of its dialect operations
  std::string domain; // canonical
  int opset = 0;      // of the domain
  int version = 0;    // since_version of the schema; without one the opset of a foreign domain, else 0
  const onnx::OpSchema *schema = nullptr;
  AttributeMap attributes; // references resolved, defaults filled in
  std::vector<Bound> operands;
  std::vector<bool> isUsed; // per result

  const onnx::AttributeProto *attribute(const std::string &name) const;
  int64_t integer(const std::string &name, int64_t otherwise) const;
  std::vector<int64_t> integers(const std::string &name) const;
  const Bound *operand(size_t k) const; // null if absent
  Facts facts() const;
};

std::string functionKey(const std::string &domain, const std::string &name, const std::string &overload);

/// Which nodes of a list matter for the wanted results, and which names they use.
struct Liveness {
  std::vector<bool> isLive;
  llvm::StringSet<> used;

  template <typename Outputs>
  Liveness(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, const Outputs &outputs) {
    for (const auto &output : outputs)
      used.insert(output);
    markLive(nodes);
  }

private:
  void markLive(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes);
};

class GraphImporter {
public:
  GraphImporter(mlir::MLIRContext &context, const TensorRecords &records, const onnx::ModelProto &model,
                WeightStore &weights, const ImportOptions &options);

  /// Fills `module` with @main.
  llvm::Error run(mlir::ModuleOp module, std::vector<BoundInput> inputs, std::vector<ModelTensor> &outputs);

  // --- for importing one node ---
  bool keepsRecurrence(const std::string &node, int64_t steps) const {
    return !options.wholeRecurrences || options.wholeRecurrences->count(node) || steps > options.unrolledSteps;
  }
  using Results = std::vector<Bound>;
  mlir::OpBuilder &opBuilder() { return builder; }
  std::string uniqueName(const std::string &wanted);
  /// The value if it is known at compile time: constants and small weights.
  const HostTensor *known(mlir::Value value) const;
  mlir::Value constant(HostTensor value, const std::string &name);
  /// A tensor attribute's value if it is small; nullopt otherwise.
  std::optional<HostTensor> attributeTensor(const onnx::TensorProto &tensor) const;
  /// Emits `ampc.<row>` or, when all operands are known and the work is small, evaluates it.
  llvm::Expected<llvm::SmallVector<mlir::Value>> emit(llvm::StringRef row,
                                                      llvm::ArrayRef<mlir::Value> operands,
                                                      llvm::ArrayRef<mlir::NamedAttribute> attributes,
                                                      const std::string &name);
  /// Error for a value that must be known at compile time, with the inputs that would have to be bound.
  llvm::Error dataDependent(const llvm::Twine &sentence, mlir::Value value);

private:
  llvm::Expected<Results> importGraph(const onnx::GraphProto &graph, Frame &frame);
  llvm::Error importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                          const Liveness &liveness, Frame &frame);
  llvm::Expected<NodeSite> resolve(const onnx::NodeProto &node, const Liveness &liveness, const Frame &frame,
                                   size_t position);
  llvm::Expected<Results> importNode(const NodeSite &site);
  llvm::Expected<Results> importByRow(const NodeSite &site, const OnnxRow &row);
  llvm::Expected<Results> importConstant(const NodeSite &site);
  llvm::Expected<Bound> importTensor(const onnx::TensorProto &tensor, const std::string &name);
  llvm::Error checkTypes(const NodeSite &site);
  /// ONNX's own inference: before the row, so that absurd sizes stop here; its refusal counts after the
  /// row's.
  struct Inference {
    std::vector<onnx::TypeProto> results;
    std::string refusal;
  };
  llvm::Error inferByOnnx(const NodeSite &site, Inference &inference);
  llvm::Error checkAgainst(const Inference &inference, const NodeSite &site, const OnnxRow &row,
                           const Results &results);
  llvm::Error countNode();
  llvm::Error countTrip(const NodeSite &site, int64_t trips);
  /// A sequence of these elements: tensors, and no more of them than the model may list in all.
  llvm::Expected<Bound> list(const NodeSite &site, std::vector<Bound> elements);

  // function_body.cpp
  const onnx::FunctionProto *localFunction(const NodeSite &site) const;
  bool hasSchemaFunction(const NodeSite &site) const;
  llvm::Expected<Results> importSchemaFunction(const NodeSite &site);
  llvm::Expected<Results> inlineFunction(const NodeSite &site, const onnx::FunctionProto &function);

  // control_flow.cpp
  llvm::Expected<Results> importIf(const NodeSite &site);
  llvm::Expected<Results> importLoop(const NodeSite &site);
  llvm::Expected<Results> importScan(const NodeSite &site);
  llvm::Expected<Results> branch(const NodeSite &site, const char *attribute);
  llvm::Expected<Results> runBody(const NodeSite &site, const onnx::GraphProto &body, const Results &inputs,
                                  const std::string &prefix);

  llvm::Expected<Bound> stack(const NodeSite &site, const Results &parts, int64_t axis);

  // sequence_values.cpp
  llvm::Expected<std::optional<Results>> importSequenceOp(const NodeSite &site);
  llvm::Expected<Results> importSequenceMap(const NodeSite &site);
  llvm::Expected<Results> importSplitToSequence(const NodeSite &site);

  /// Imports one made-up ONNX node of the standard domain at `opset`.
  llvm::Expected<mlir::Value> synthesize(const NodeSite &site, const std::string &op, const Results &operands,
                                         const std::vector<std::pair<std::string, int64_t>> &attributes,
                                         const std::string &suffix, int opset = 18);
  mlir::Value integerLiteral(const NodeSite &site, std::vector<int64_t> values, bool isScalar,
                             const std::string &suffix);
  std::optional<int64_t> knownInteger(const Bound *bound) const;

  llvm::Expected<std::optional<std::vector<HostTensor>>> evaluateKnown(const OpInstance &instance,
                                                                       llvm::ArrayRef<mlir::Value> operands);
  void removeDead(mlir::Block &block);

  mlir::OpBuilder builder;
  const TensorRecords &records;
  const onnx::ModelProto &model;
  WeightStore &weights;
  Opsets modelOpsets;
  llvm::StringMap<const onnx::FunctionProto *> localFunctions; // key: functionKey
  llvm::StringMap<unsigned> usedNames;
  llvm::DenseMap<mlir::Value, HostTensor> constants; // until finishConstants the operations hold no value
  llvm::DenseMap<mlir::Value, const TensorRecord *> parameterRecords;
  llvm::DenseMap<const TensorRecord *, mlir::Value> parameters;
  const ImportOptions &options;
  int64_t numNodes = 0, listedElements = 0, foldedPoints = 0;
};

} // namespace ampc
