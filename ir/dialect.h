// The MLIR dialect `ampc`: one dynamic operation per row of the op table, plus the structural operations that later
// stages insert. Custom form: %r = ampc.add %a, %b {name = "n"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
#pragma once

#include "ir/op_table.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ExtensibleDialect.h"

namespace ampc {

class AmpcDialect : public mlir::ExtensibleDialect {
public:
  explicit AmpcDialect(mlir::MLIRContext *context);
  static constexpr llvm::StringLiteral getDialectNamespace() { return llvm::StringLiteral("ampc"); }
  /// Every op of the dialect is free of side effects except output and communication, which stay.
  void *getRegisteredInterfaceForOp(mlir::TypeID interfaceId, mlir::OperationName opName) override;
};

/// Loads the dialects that ampc's modules use (ampc, func, builtin).
void loadDialects(mlir::MLIRContext &context);

mlir::Type toMlir(mlir::MLIRContext *context, DataType type);
mlir::RankedTensorType toMlir(mlir::MLIRContext *context, const TensorType &type);
/// nullopt for types outside ampc's set or dynamic shapes.
std::optional<TensorType> fromMlir(mlir::Type type);
TensorType typeOf(mlir::Value value);

/// The unique name every op carries (attribute "name"), stable from import to trace.
llvm::StringRef nameOf(mlir::Operation *op);

/// Creates `ampc.<row>` with the given result types.
mlir::Operation *createOp(mlir::OpBuilder &builder, llvm::StringRef row, llvm::StringRef name,
                          llvm::ArrayRef<mlir::Value> operands, llvm::ArrayRef<mlir::NamedAttribute> attributes,
                          llvm::ArrayRef<TensorType> results);

/// `ampc.constant`: the literal as a dense attribute, and back.
mlir::Operation *createConstant(mlir::OpBuilder &builder, llvm::StringRef name, const HostTensor &value);
std::optional<HostTensor> constantValue(mlir::Value value);

} // namespace ampc

MLIR_DECLARE_EXPLICIT_TYPE_ID(ampc::AmpcDialect)
