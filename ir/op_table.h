// The op table: one row per operator of the dialect, and one per ONNX operator that maps to it. Everything else about
// an operator (verifier, shapes, shardings, cost, lowering, reference evaluation) is derived from its row.
#pragma once

#include "ir/host_tensor.h"
#include "ir/iteration.h"
#include "ir/scalar_program.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <deque>
#include <functional>
#include <optional>

namespace ampc {

struct OpRow;

/// An operator with its attributes and types: what rules and bodies are computed from.
struct OpInstance {
  const OpRow *row = nullptr;
  mlir::DictionaryAttr attributes;
  std::vector<TensorType> operands, results;

  int64_t integer(llvm::StringRef name, int64_t otherwise = 0) const;
  double real(llvm::StringRef name, double otherwise = 0) const;
  std::vector<int64_t> integers(llvm::StringRef name) const; // empty if absent
  llvm::StringRef string(llvm::StringRef name, llvm::StringRef otherwise = "") const;
  bool has(llvm::StringRef name) const { return attributes && attributes.get(name); }
  /// Shapes of operand and result k.
  const std::vector<int64_t> &in(size_t k) const { return operands[k].shape; }
  const std::vector<int64_t> &out(size_t k = 0) const { return results[k].shape; }
};

/// Handed to a row's body: operands in compute type (f16 and bf16 are read as f32), attributes, loop indices.
class Body {
public:
  Body(const OpInstance &instance, ScalarBuilder &builder) : instance(instance), builder(builder) {}
  const OpInstance &instance;
  ScalarBuilder &builder;

  /// Operand k at the rule's access.
  Scalar operator()(int k);
  /// Operand k at computed indices (i64), for `indirect` dimensions.
  Scalar load(int k, const std::vector<Scalar> &indices);
  Scalar loop(int number) { return builder.loopIndex(number); }
  Scalar index(int64_t value) { return builder.integer(DataType::I64, value); }
  Scalar constant(DataType type, double value) { return builder.constant(type, value); }
};

/// f16 and bf16 are computed in f32, everything else in itself.
DataType computeType(DataType type);

using InferFn = std::function<llvm::Expected<std::vector<TensorType>>(const OpInstance &)>; // results empty on entry
using RuleFn = std::function<IterationRule(const OpInstance &)>;
using BodyFn = std::function<Scalar(Body &)>;

/// Where the part that one device computes lies in the whole: global index of the first local element, per dimension (of
/// a dimension with a reach or of a plain split one).
struct LocalPart {
  std::vector<int64_t> resultOrigin;
  std::vector<std::vector<int64_t>> operandOrigins;
};
/// Integer lists that replace attributes of the same name. `local` has local types and still the global attributes.
using LocalizeFn = std::function<std::vector<std::pair<std::string, std::vector<int64_t>>>(const OpInstance &local,
                                                                                           const LocalPart &part)>;

enum class OpClass : uint8_t {
  Storage,     // input, parameter, constant, output
  Elementwise, // every access is loops in order (or broadcast)
  Reduction,
  Contraction, // matmul-like: candidates for library products
  Convolution,
  Movement,    // results are copies of operand elements
  Builtin,     // no body: executed by runtime/kernels/<builtin>, `rule` gives the shardable loops
};

struct OpRow {
  std::string name; // "relu" for ampc.relu
  OpClass opClass = OpClass::Elementwise;
  int minOperands = 1, maxOperands = 1; // maxOperands -1: any number
  InferFn infer;
  RuleFn rule;
  BodyFn body;         // empty for Storage and Builtin
  std::string builtin; // Builtin: name of the runtime kernel
  /// The result is operand 0's bytes in another shape, when local shards are dense (reshape): no kernel is needed.
  bool isView = false;
  /// Rows with Window loops: attributes that say something about positions (padding, starts), for one device's part.
  LocalizeFn localize = {};
  /// Operand types and attributes of a typical instance, "(tensor<4x3xf32>) {axis = 1 : i64}": for listings of loops.
  /// Empty where the class says enough.
  const char *example = "";

  mlir::StringAttr opName(mlir::MLIRContext *context) const; // "ampc.<name>"
};

/// What an ONNX row's import function sees: one node, its attributes with schema defaults filled in, its operands, and
/// the values of those that are known at compile time.
class ImportContext {
public:
  virtual ~ImportContext() = default;
  virtual int version() const = 0;          // since_version of the node's schema
  virtual size_t numOperands() const = 0;   // with trailing absent ones dropped
  virtual size_t numResults() const = 0;    // results the node names; trailing unused ones dropped
  virtual bool isResultUsed(size_t k) const = 0;
  virtual mlir::Value operand(size_t k) = 0; // null if absent
  virtual TensorType type(mlir::Value value) const = 0;
  /// Value of operand k if it is known at compile time and small enough to read.
  virtual std::optional<HostTensor> constant(size_t k) = 0;
  virtual bool hasAttribute(llvm::StringRef name) const = 0;
  virtual int64_t integer(llvm::StringRef name, int64_t otherwise = 0) const = 0;
  virtual double real(llvm::StringRef name, double otherwise = 0) const = 0;
  virtual std::string string(llvm::StringRef name, llvm::StringRef otherwise = "") const = 0;
  virtual std::vector<int64_t> integers(llvm::StringRef name) const = 0;
  virtual std::vector<double> reals(llvm::StringRef name) const = 0;
  virtual std::vector<std::string> strings(llvm::StringRef) const { return {}; }
  /// A tensor attribute (ConstantOfShape's value); nullopt if absent.
  virtual std::optional<HostTensor> tensor(llvm::StringRef /*name*/) const { return std::nullopt; }

  /// Builds dialect op `row` (results inferred) and returns its results; operators on constants are evaluated at
  /// once. `suffix` tells several ops of one node apart ("max", "sum"); empty for the one that is the node.
  virtual llvm::Expected<llvm::SmallVector<mlir::Value>>
  build(llvm::StringRef row, llvm::ArrayRef<mlir::Value> operands,
        llvm::ArrayRef<mlir::NamedAttribute> attributes = {}, llvm::StringRef suffix = "") = 0;
  /// Small literal tensor.
  virtual mlir::Value literal(const HostTensor &value, llvm::StringRef suffix) = 0;
  virtual mlir::Builder &attributes() = 0;
  /// Shall the node, a recurrence of so many steps, become one `recurrence`, if that row can say what it does? Otherwise it
  /// is unrolled over time.
  virtual bool keepsRecurrence(int64_t /*steps*/) const { return true; }

  /// Error for a form that is valid ONNX but not supported (exit 4), or invalid (exit 3).
  virtual llvm::Error unsupported(const llvm::Twine &why) = 0;
  virtual llvm::Error invalid(const llvm::Twine &why) = 0;
};

/// Returns one value per node result (null for an unused one).
using ImportFn = std::function<llvm::Expected<llvm::SmallVector<mlir::Value>>(ImportContext &)>;

struct OnnxRow {
  std::string domain; // "" is ai.onnx
  std::string name;
  int firstVersion = 1;       // since_versions accepted
  int lastVersion = 1 << 20;
  ImportFn import;
  std::string lowersTo; // for `ampc ops`: dialect ops it becomes
  /// Extents that ONNX's shape inference gives are not compared with those computed: for operators where it is known to
  /// differ from what runtimes compute (it rounds otherwise, or overlooks broadcasts). Types and ranks still are.
  bool extentsMayDiffer = false;
  /// Versions that ONNX calls deprecated are imported too: runtimes execute them.
  bool evenDeprecated = false;
};

class OpTable {
public:
  static const OpTable &get();
  const OpRow *find(llvm::StringRef name) const;                                       // "relu"
  const OpRow *find(mlir::Operation *op) const;                                        // null for foreign ops
  const OnnxRow *findOnnx(llvm::StringRef domain, llvm::StringRef name, int version) const;
  const std::deque<OpRow> &rows() const { return opRows; }
  const std::deque<OnnxRow> &onnxRows() const { return importRows; }

  // For the row files (ir/ops/*.cpp):
  OpRow &add(OpRow row);
  /// Gives row `name` its example.
  void example(llvm::StringRef name, const char *text);
  void addOnnx(OnnxRow row);

private:
  std::deque<OpRow> opRows;
  std::deque<OnnxRow> importRows;
  llvm::StringMap<const OpRow *> byName;
};

// --- Deriving from rows ----------------------------------------------------------------------------------------

/// The instance behind an operation of the dialect.
OpInstance instanceOf(mlir::Operation *op);
/// Infers result types; the error is one sentence.
llvm::Expected<std::vector<TensorType>> inferResults(OpInstance instance);
IterationRule ruleOf(const OpInstance &instance);
/// The body with its result cast to compute type of the result; call only for rows with a body.
ScalarProgram bodyOf(const OpInstance &instance);
/// Evaluates one instance on the host, from rule and body (or the builtin kernel): slow, exact, for constants and
/// tests. The instance's results must be set.
llvm::Expected<std::vector<HostTensor>> evaluate(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands);

// --- Building rows (used by ir/ops/*.cpp) -----------------------------------------------------------------------

/// One loop per result dimension ("d0", "d1"...), operands broadcast against the result from the right.
IterationRule elementwiseRule(const OpInstance &instance);
/// NumPy broadcast of all operand shapes; result type is the first operand's (`resultType` overrides).
InferFn broadcastInfer(std::optional<DataType> resultType = std::nullopt);
/// Adds an elementwise dialect op and, for each ONNX name, the import row that maps it one to one (attributes
/// not copied). This is the one place to add an elementwise operator.
void addElementwise(OpTable &table, const char *name, int operands, std::vector<const char *> onnxNames, BodyFn body,
                    std::optional<DataType> resultType = std::nullopt, double flopsPerPoint = 1);
/// Import function that builds dialect op `row` from all operands of the node, without attributes.
ImportFn importAs(std::string row);
/// Normalizes a possibly negative axis; error sentence if out of range.
llvm::Expected<int64_t> normalizeAxis(int64_t axis, int64_t rank);

llvm::Error opError(const llvm::Twine &sentence);
/// Element type of an ONNX TensorProto.DataType number; nullopt for types outside ampc's set.
std::optional<DataType> fromOnnxType(int64_t number);

// Row families, each in ir/ops/<family>.cpp; called once by OpTable::get.
void addStorageRows(OpTable &table);
void addElementwiseRows(OpTable &table);
void addElementwiseFormRows(OpTable &table); // ONNX operators that become several elementwise ones
void addActivationRows(OpTable &table);
void addReductionRows(OpTable &table);
void addSoftmaxRows(OpTable &table);
void addContractionRows(OpTable &table);
void addEinsumRows(OpTable &table);
void addConvolutionRows(OpTable &table);
void addConvolutionTransposeRows(OpTable &table);
void addPoolingRows(OpTable &table);
void addNormalizationRows(OpTable &table);
void addBatchNormalizationRows(OpTable &table);
void addQuantizationRows(OpTable &table);
void addMovementRows(OpTable &table);
void addReshapeRows(OpTable &table);
void addMovementFormRows(OpTable &table); // ONNX operators that become movement rows
void addPadRows(OpTable &table);
void addIndexingRows(OpTable &table);
void addIndexingFormRows(OpTable &table); // ONNX operators that become indexing rows
void addResizeRows(OpTable &table);
void addGridSampleRows(OpTable &table);
void addSuppressionRows(OpTable &table);
void addSignalRows(OpTable &table); // Fourier transforms
void addAttentionRows(OpTable &table);
void addRotaryEmbeddingRows(OpTable &table);
void addRecurrenceRow(OpTable &table); // a whole sequence as one operator
void addRecurrentRows(OpTable &table);
void addPositionRows(OpTable &table); // one_hot, trilu...
void addSequenceRows(OpTable &table); // topk, cumsum, argmax...
void addScatterRows(OpTable &table);
void addRegionRows(OpTable &table);

} // namespace ampc
