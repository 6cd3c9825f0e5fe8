// Reads an ONNX file at protobuf wire level: the result is the model without tensor payloads and
// documentation, plus where each payload stands in the file. It knows the nesting of ONNX messages and
// nothing of their meaning.
#pragma once

#include "ir/onnx/model_file.h"

namespace ampc {

/// One stretch of a tensor's payload. `field` is the TensorProto field that holds it.
struct PayloadChunk {
  int field = 0;
  uint64_t offset = 0, size = 0;
  bool isPacked = false; // false: (tag, value) pairs, of the scalar fields
};

struct TensorPayload {
  std::vector<PayloadChunk> chunks;
};

namespace tensor_field {
constexpr int floatData = 4, int32Data = 5, stringData = 6, int64Data = 7, rawData = 9, doubleData = 10,
              uint64Data = 11;
/// Unknown to ONNX: holds the number of the payload in the stripped bytes. Never taken from the file.
constexpr int payloadNumber = 15000;
} // namespace tensor_field

struct ScannedModel {
  std::string stripped; // a ModelProto; every TensorProto carries tensor_field::payloadNumber
  std::vector<TensorPayload> payloads;
};

llvm::Expected<ScannedModel> scanModel(const ModelFile &file);

/// A cursor over protobuf's wire format in memory; every read says whether the bytes were there.
class WireReader {
public:
  explicit WireReader(std::string_view bytes) : bytes(bytes) {}
  bool atEnd() const { return position == bytes.size(); }
  bool varint(uint64_t &value);
  bool fixed(int width, uint64_t &value);

private:
  std::string_view bytes;
  size_t position = 0;
};

void appendVarint(std::string &to, uint64_t value);

} // namespace ampc
