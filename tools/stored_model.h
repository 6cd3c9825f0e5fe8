// The model that a plan stores without its weights, imported again with the weights of the plan.
#pragma once

#include "ir/onnx/import.h"

#include <string>

namespace ampc::tools {

/// `weightsFolder`: of external weights; empty is the folder of the plan.
llvm::Expected<ImportedModel> importStoredModel(mlir::MLIRContext &context, const std::string &planPath,
                                                const std::string &weightsFolder, const ImportOptions &options);

} // namespace ampc::tools
