// ONNX's TensorProto at the level of its wire format: enough for tensor files and for the parts of a model that the
// command line looks at, without ONNX's library.
#pragma once

#include "runtime/plan/data_type.h"
#include "tools/tensor.h"

#include <optional>
#include <string>

namespace ampc::tools {

/// Element type of an ONNX type number; nothing for those that ampc does not have.
std::optional<DataType> dataTypeOfOnnx(int32_t number);
int32_t onnxNumberOf(DataType type);

/// Everything of the message up to the payload of raw_data, which follows as it is.
std::string tensorProtoHeader(const Tensor &tensor, const std::string &name);

} // namespace ampc::tools
