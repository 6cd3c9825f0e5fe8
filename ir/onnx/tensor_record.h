// Every tensor that the model file holds (initializers, Constant nodes, attributes) with its type and where
// its bytes are; small ones can be read as values, the others only become weight references.
#pragma once

#include "ir/host_tensor.h"
#include "ir/onnx/wire_scan.h"
#include "ir/weights.h"

#include <onnx/onnx_pb.h>

#include <optional>

namespace ampc {

/// ONNX element type to ours; nullopt for those ampc does not have.
std::optional<DataType> fromOnnxType(int onnxType);
int toOnnxType(DataType type);
std::string onnxTypeName(int onnxType); // "FLOAT8E4M3FN"

struct TensorRecord {
  std::string name;
  int onnxType = 0;
  TensorType type; // meaningful when isSupported
  bool isSupported = false;
  TensorPayload payload;
  bool isExternal = false;
  std::string location;
  uint64_t externalOffset = 0;
  std::optional<uint64_t> externalLength;
  std::vector<char> sparseBytes;   // a sparse tensor made dense
  std::optional<HostTensor> value; // of readable ones, after loadReadable
};

class TensorRecords {
public:
  TensorRecords(const ModelFile &file, std::string folder, bool weightsOptional)
      : file(file), folder(std::move(folder)), weightsOptional(weightsOptional) {}

  /// Makes a record of every tensor in the model, checks sizes and types, and loads the readable ones. In the
  /// model, readable tensors get their bytes as raw_data; the others keep shape and type only.
  llvm::Error collect(onnx::ModelProto &model, std::vector<TensorPayload> payloads);

  /// The record of a tensor of the model; null for tensors that come from elsewhere (schema function bodies).
  const TensorRecord *find(const onnx::TensorProto &tensor) const;
  /// Where its bytes are, checked against the file; typed fields are decoded.
  llvm::Expected<WeightReference> reference(const TensorRecord &record) const;

  /// A tensor outside the model file, as value.
  static llvm::Expected<HostTensor> decode(const onnx::TensorProto &tensor);

private:
  llvm::Error collectGraph(onnx::GraphProto &graph);
  llvm::Error collectNode(onnx::NodeProto &node);
  llvm::Error collectTensor(onnx::TensorProto &tensor);
  llvm::Error collectAttribute(onnx::AttributeProto &attribute);
  llvm::Error sparse(const onnx::SparseTensorProto &sparse, onnx::TensorProto &dense);
  llvm::Error describe(const onnx::TensorProto &tensor, TensorRecord &record);
  llvm::Expected<std::vector<char>> decodeTyped(const TensorRecord &record) const;
  llvm::Expected<std::vector<char>> readBytes(const TensorRecord &record) const;

  const ModelFile &file;
  std::string folder;
  bool weightsOptional;
  std::vector<TensorRecord> records;
};

/// Number of the payload that the scanner gave the tensor.
std::optional<uint64_t> payloadNumber(const onnx::TensorProto &tensor);

/// Elements and bytes with overflow checks; the error says which limit is exceeded.
llvm::Error checkTensorSize(const TensorType &type, const std::string &what);

} // namespace ampc
