// Is this a valid model that we can try to import? ONNX's own checker on the stripped model, and what it lets
// through.
#pragma once

#include "llvm/Support/Error.h"

#include <onnx/onnx_pb.h>

#include <map>
#include <string>

namespace ampc {

using Opsets = std::map<std::string, int>; // domain ("" for ai.onnx) -> version

/// "" for both spellings of the standard domain.
std::string canonicalDomain(const std::string &domain);

/// The opset imports of a model or function; a domain may occur once.
llvm::Expected<Opsets> opsetsOf(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports);

/// Checks the model. It must hold no external data; tensors without payload get the shape [0] (their records
/// have the real one), value descriptions without a shape get an empty one.
llvm::Error checkModel(onnx::ModelProto &model);

} // namespace ampc
