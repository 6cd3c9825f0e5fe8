// ONNX model -> module at stage `imported`: checked, every node named, functions inlined, shapes known, weights by
// reference.
#pragma once

#include "ir/dialect.h"
#include "ir/onnx/limits.h"
#include "ir/weights.h"

#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ampc {

struct ImportOptions {
  std::map<std::string, int64_t> dims;                          // --dim NAME=VALUE
  std::map<std::string, std::vector<int64_t>> shapes;           // --shape INPUT=1x3x48x320
  std::map<std::string, HostTensor> values;                     // --value INPUT=VALUE, typed by the caller via parseValue
  std::map<std::string, std::string> valueTexts;                // the same as text, converted once the type is known
  std::vector<std::pair<std::string, std::string>> states;      // --state IN=OUT
  bool weightsOptional = false; // weights without data get references without file and bytes (planning only)
  int64_t maxNodes = limits::expandedNodes; // after functions are inlined and loops unrolled
  /// Nodes (by their unique names) that become one operator `recurrence` each; the other recurrences become a group of
  /// operators per time step. Not given: all that the row can express.
  std::optional<std::set<std::string>> wholeRecurrences;
  /// One with more steps stays whole whatever was listed; if it cannot, and has more than limits::unrolledSteps, it is
  /// refused.
  int64_t unrolledSteps = limits::unrolledSteps;
};

struct ModelTensor {
  std::string name;
  TensorType type;
};

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module; // func @main: input/parameter/constant ops, then the graph, then outputs
  WeightStore weights;
  std::vector<ModelTensor> inputs;  // those not bound by a value, in graph order = `index` of ampc.input
  std::vector<ModelTensor> outputs; // graph order = `index` of ampc.output
  std::map<std::string, std::string> metadata;
  std::string strippedModel; // ONNX bytes without weight payloads
};

/// Imports the file. Errors are Diagnostics.
llvm::Expected<ImportedModel> importOnnx(mlir::MLIRContext &context, const std::string &path,
                                         const ImportOptions &options);

/// Imports `ImportedModel::strippedModel` again. With the same options, module and weight numbers are the same;
/// the weights have neither file nor bytes.
llvm::Expected<ImportedModel> importStripped(mlir::MLIRContext &context, const std::string &bytes,
                                             const ImportOptions &options);

} // namespace ampc
