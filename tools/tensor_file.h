// Tensor files: NumPy's .npy (format versions 1 to 3) and ONNX's TensorProto (.pb). Every byte that is read may be
// wrong; nothing here trusts a length, and what is damaged is an InvalidTensor failure.
#pragma once

#include "tools/failure.h"
#include "tools/tensor.h"

#include <string>
#include <string_view>

namespace ampc::tools {

/// Reads a file of either format, told apart by its first bytes. Codes: FileSystem, InvalidTensor, UnsupportedType.
Result<Tensor> readTensorFile(const std::string &path);

/// The formats from memory. The sentence of the failure names no file: readTensorFile adds it.
Result<Tensor> parseNpy(std::string_view bytes);
Result<Tensor> parseTensorProto(std::string_view bytes);

enum class TensorFormat { Npy, Pb };

/// True if the format has this element type (.npy has no bf16).
bool canStore(TensorFormat format, DataType type);

/// Writes to `path`, which should be a temporary name: a failure leaves a partial file.
Status writeTensorFile(const std::string &path, TensorFormat format, const Tensor &tensor, const std::string &name);

} // namespace ampc::tools
