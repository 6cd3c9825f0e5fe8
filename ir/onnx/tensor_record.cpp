// Checks and locates the payload of every tensor in a model; reads the small ones.
#include "ir/onnx/tensor_record.h"
#include "ir/diagnostic.h"
#include "ir/onnx/limits.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <limits>

using onnx::TensorProto;

namespace ampc {

std::optional<DataType> fromOnnxType(int onnxType) {
  switch (onnxType) {
  case TensorProto::FLOAT:
    return DataType::F32;
  case TensorProto::DOUBLE:
    return DataType::F64;
  case TensorProto::FLOAT16:
    return DataType::F16;
  case TensorProto::BFLOAT16:
    return DataType::BF16;
  case TensorProto::INT8:
    return DataType::I8;
  case TensorProto::INT16:
    return DataType::I16;
  case TensorProto::INT32:
    return DataType::I32;
  case TensorProto::INT64:
    return DataType::I64;
  case TensorProto::UINT8:
    return DataType::U8;
  case TensorProto::UINT16:
    return DataType::U16;
  case TensorProto::UINT32:
    return DataType::U32;
  case TensorProto::UINT64:
    return DataType::U64;
  case TensorProto::BOOL:
    return DataType::Bool;
  }
  return std::nullopt;
}

int toOnnxType(DataType type) {
  for (int onnxType = 1; onnxType <= TensorProto::DataType_MAX; ++onnxType)
    if (fromOnnxType(onnxType) == type)
      return onnxType;
  return TensorProto::UNDEFINED;
}

std::string onnxTypeName(int onnxType) {
  return TensorProto::DataType_IsValid(onnxType) ? TensorProto::DataType_Name(TensorProto::DataType(onnxType))
                                                 : "number " + std::to_string(onnxType);
}

std::optional<uint64_t> payloadNumber(const TensorProto &tensor) {
  const google::protobuf::UnknownFieldSet &fields = tensor.GetReflection()->GetUnknownFields(tensor);
  for (int k = 0; k < fields.field_count(); ++k)
    if (fields.field(k).number() == tensor_field::payloadNumber &&
        fields.field(k).type() == google::protobuf::UnknownField::TYPE_VARINT)
      return fields.field(k).varint();
  return std::nullopt;
}

llvm::Error checkTensorSize(const TensorType &type, const std::string &what) {
  if (int64_t(type.shape.size()) > limits::rank)
    return makeError(ErrorCode::LimitExceeded, what + " has rank " + llvm::Twine(type.shape.size()) +
                                                   "; the limit is " + llvm::Twine(limits::rank));
  // Each extent is bounded even when another one is 0, so that products of extents cannot overflow later.
  int64_t bytes = bitWidth(type.type) / 8;
  for (int64_t extent : type.shape) {
    if (extent < 0)
      return makeError(ErrorCode::InvalidModel, what + " has the negative extent " + llvm::Twine(extent));
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes) || bytes > limits::tensorBytes)
      return makeError(ErrorCode::LimitExceeded,
                       what + " is larger than " + llvm::Twine(limits::tensorBytes >> 30) + " GiB");
  }
  return llvm::Error::success();
}

// The TensorProto field in which elements of a type stand when they are not raw bytes.
static int typedField(DataType type) {
  switch (type) {
  case DataType::F32:
    return tensor_field::floatData;
  case DataType::F64:
    return tensor_field::doubleData;
  case DataType::I64:
    return tensor_field::int64Data;
  case DataType::U32:
  case DataType::U64:
    return tensor_field::uint64Data;
  default:
    return tensor_field::int32Data;
  }
}

static llvm::Error bad(const TensorRecord &record, const llvm::Twine &what) {
  return makeError(ErrorCode::InvalidModel, "tensor `" + record.name + "` " + what);
}

static llvm::Error parseExternal(const TensorProto &tensor, TensorRecord &record) {
  record.isExternal = true;
  bool hasLocation = false;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    uint64_t number = 0;
    bool isNumber = entry.key() == "offset" || entry.key() == "length";
    if (isNumber && llvm::StringRef(entry.value()).getAsInteger(10, number))
      return bad(record,
                 "has the external " + entry.key() + " `" + entry.value() + "`, which is not a number");
    if (entry.key() == "location")
      record.location = entry.value(), hasLocation = true;
    else if (entry.key() == "offset")
      record.externalOffset = number;
    else if (entry.key() == "length")
      record.externalLength = number;
  }
  return hasLocation ? llvm::Error::success() : bad(record, "is stored externally without a location");
}

llvm::Error TensorRecords::describe(const TensorProto &tensor, TensorRecord &record) {
  record.name = tensor.name();
  record.onnxType = tensor.data_type();
  if (tensor.has_segment())
    return bad(record, "is a segment of a tensor, which no ONNX version has defined");
  if (tensor.data_location() == TensorProto::EXTERNAL)
    if (llvm::Error error = parseExternal(tensor, record))
      return error;
  std::optional<DataType> type = fromOnnxType(record.onnxType);
  if (record.onnxType == TensorProto::UNDEFINED || !TensorProto::DataType_IsValid(record.onnxType))
    return bad(record, "has element type " + onnxTypeName(record.onnxType));
  record.isSupported = type.has_value();
  record.type = {type.value_or(DataType::F32), {tensor.dims().begin(), tensor.dims().end()}};
  if (!type)
    return llvm::Error::success();
  if (llvm::Error error = checkTensorSize(record.type, "tensor `" + record.name + "`"))
    return error;

  std::erase_if(record.payload.chunks, [](const PayloadChunk &chunk) { return chunk.size == 0; });
  const std::vector<PayloadChunk> &chunks = record.payload.chunks;
  if (record.isExternal)
    return chunks.empty() ? llvm::Error::success()
                          : bad(record, "is stored both externally and in the model");
  if (record.type.numElements() == 0)
    return chunks.empty() ? llvm::Error::success() : bad(record, "has no elements but data");
  if (chunks.empty())
    return weightsOptional ? llvm::Error::success() : bad(record, "has no data");
  int field = chunks[0].field;
  for (const PayloadChunk &chunk : chunks)
    if (chunk.field != field)
      return bad(record, "has data in more than one field");
  if (field == tensor_field::rawData) {
    uint64_t expected = uint64_t(record.type.sizeBytes());
    if (chunks.size() != 1 || !chunks[0].isPacked)
      return bad(record, "has more than one raw_data");
    if (chunks[0].size != expected)
      return bad(record, "has " + llvm::Twine(chunks[0].size) +
                             " bytes of raw data where its shape and type need " + llvm::Twine(expected));
    return llvm::Error::success();
  }
  if (field != typedField(*type))
    return bad(record, "stores its elements in the field of another type");
  return llvm::Error::success();
}

// --- Reading
// ------------------------------------------------------------------------------------------------------

static bool fits(DataType type, int64_t value) {
  switch (type) {
  case DataType::Bool:
    return value == 0 || value == 1;
  case DataType::I8:
    return value >= -128 && value <= 127;
  case DataType::U8:
    return value >= 0 && value <= 255;
  case DataType::I16:
    return value >= -32768 && value <= 32767;
  case DataType::U16:
  case DataType::F16:
  case DataType::BF16:
    return value >= 0 && value <= 65535;
  case DataType::U32:
    return value >= 0 && value <= int64_t(std::numeric_limits<uint32_t>::max());
  default:
    return true;
  }
}

llvm::Expected<std::vector<char>> TensorRecords::decodeTyped(const TensorRecord &record) const {
  DataType type = record.type.type;
  size_t width = bitWidth(type) / 8, expected = size_t(record.type.numElements());
  bool isFixed = type == DataType::F32 || type == DataType::F64;
  std::vector<char> bytes;
  for (const PayloadChunk &chunk : record.payload.chunks) {
    std::string text(size_t(chunk.size), '\0');
    if (!file.read(chunk.offset, chunk.size, text.data()))
      return makeError(ErrorCode::FileSystem, "reading " + file.path() + " failed");
    WireReader reader(text);
    while (!reader.atEnd()) {
      uint64_t tag, value;
      if (!chunk.isPacked && !reader.varint(tag))
        return bad(record, "has damaged data");
      if (!(isFixed ? reader.fixed(int(width), value) : reader.varint(value)))
        return bad(record, "has damaged data");
      if (typedField(type) == tensor_field::int32Data)
        value = uint64_t(int64_t(int32_t(value)));
      if (!isFixed && !fits(type, int64_t(value)))
        return bad(record, "has the element " + llvm::Twine(int64_t(value)) + ", which is outside its type");
      if (bytes.size() == expected * width)
        return bad(record, "has more elements than its shape");
      bytes.insert(bytes.end(), reinterpret_cast<char *>(&value), reinterpret_cast<char *>(&value) + width);
    }
  }
  if (bytes.size() != expected * width)
    return bad(record, "has " + llvm::Twine(bytes.size() / width) + " elements where its shape needs " +
                           llvm::Twine(expected));
  return bytes;
}

// A boolean byte other than 0 and 1 means different things to different kernels.
static llvm::Error checkBooleans(const TensorRecord &record, const ModelFile &file, uint64_t offset,
                                 uint64_t size) {
  std::vector<char> window(size_t(std::min<uint64_t>(size, 1 << 20)));
  for (uint64_t done = 0; done < size;) {
    uint64_t count = std::min<uint64_t>(window.size(), size - done);
    if (!file.read(offset + done, count, window.data()))
      return makeError(ErrorCode::FileSystem, "reading " + file.path() + " failed");
    for (uint64_t k = 0; k < count; ++k)
      if (uint8_t(window[size_t(k)]) > 1)
        return bad(record,
                   "is boolean and has the byte " + llvm::Twine(unsigned(uint8_t(window[size_t(k)]))));
    done += count;
  }
  return llvm::Error::success();
}

llvm::Expected<WeightReference> TensorRecords::reference(const TensorRecord &record) const {
  WeightReference weight;
  weight.name = record.name;
  weight.type = record.type;
  weight.sizeBytes = uint64_t(record.type.sizeBytes());
  bool isBool = record.type.type == DataType::Bool;
  if (!record.sparseBytes.empty() || weight.sizeBytes == 0) {
    weight.bytes = record.sparseBytes;
    return weight;
  }
  if (record.isExternal) {
    if (record.externalLength && *record.externalLength != weight.sizeBytes)
      return bad(record, "has the external length " + llvm::Twine(*record.externalLength) +
                             " where its shape and type need " + llvm::Twine(weight.sizeBytes));
    weight.fileOffset = record.externalOffset;
    llvm::Expected<ModelFile> external = openBeside(folder, record.location);
    if (!external) {
      if (!weightsOptional)
        return withFacts(external.takeError(), {{"tensor", record.name}});
      llvm::consumeError(external.takeError());
      return weight;
    }
    if (record.externalOffset > external->size() ||
        weight.sizeBytes > external->size() - record.externalOffset)
      return bad(record, "ends beyond its external file `" + record.location + "`");
    weight.file = external->path();
    if (isBool)
      if (llvm::Error error = checkBooleans(record, *external, weight.fileOffset, weight.sizeBytes))
        return error;
    return weight;
  }
  const std::vector<PayloadChunk> &chunks = record.payload.chunks;
  if (chunks.empty())
    return weight; // a stripped model: describe() has allowed it
  // Packed f32 and f64 fields are raw bytes already.
  bool isRaw = chunks[0].field == tensor_field::rawData ||
               (chunks.size() == 1 && chunks[0].isPacked && chunks[0].size == weight.sizeBytes &&
                (record.type.type == DataType::F32 || record.type.type == DataType::F64));
  if (isRaw && !file.path().empty()) {
    weight.file = file.path();
    weight.fileOffset = chunks[0].offset;
    if (isBool)
      if (llvm::Error error = checkBooleans(record, file, weight.fileOffset, weight.sizeBytes))
        return error;
    return weight;
  }
  llvm::Expected<std::vector<char>> bytes = readBytes(record);
  if (!bytes)
    return bytes.takeError();
  weight.bytes = std::move(*bytes);
  return weight;
}

llvm::Expected<std::vector<char>> TensorRecords::readBytes(const TensorRecord &record) const {
  if (!record.isExternal) {
    if (record.payload.chunks.empty())
      return record.sparseBytes;
    const PayloadChunk &first = record.payload.chunks[0];
    if (first.field != tensor_field::rawData)
      return decodeTyped(record);
    if (record.type.type == DataType::Bool)
      if (llvm::Error error = checkBooleans(record, file, first.offset, first.size))
        return error;
    std::vector<char> bytes(size_t(first.size));
    if (!file.read(first.offset, first.size, bytes.data()))
      return makeError(ErrorCode::FileSystem, "reading " + file.path() + " failed");
    return bytes;
  }
  llvm::Expected<WeightReference> weight = reference(record);
  if (!weight)
    return weight.takeError();
  llvm::Expected<ModelFile> external = openBeside(folder, record.location);
  if (!external)
    return external.takeError();
  std::vector<char> bytes(size_t(weight->sizeBytes));
  if (!external->read(weight->fileOffset, weight->sizeBytes, bytes.data()))
    return makeError(ErrorCode::FileSystem, "reading external data `" + record.location + "` failed");
  return bytes;
}

llvm::Expected<HostTensor> TensorRecords::decode(const TensorProto &tensor) {
  // The scanner and the checks are made for files: a tensor from elsewhere is written as one.
  std::string bytes;
  onnx::ModelProto model;
  *model.mutable_graph()->add_initializer() = tensor;
  model.SerializeToString(&bytes);
  ModelFile file = ModelFile::fromBytes(bytes);
  llvm::Expected<ScannedModel> scanned = scanModel(file);
  if (!scanned)
    return scanned.takeError();
  TensorRecords alone(file, "", false);
  alone.records.resize(1);
  TensorRecord &record = alone.records[0];
  record.payload = scanned->payloads.at(0);
  if (llvm::Error error = alone.describe(tensor, record))
    return error;
  if (!record.isSupported || record.isExternal)
    return makeError(ErrorCode::UnsupportedType, "a tensor of type " + onnxTypeName(record.onnxType));
  HostTensor value(record.type);
  if (value.bytes.empty())
    return value;
  llvm::Expected<std::vector<char>> content = alone.readBytes(record);
  if (!content)
    return content.takeError();
  value.bytes = std::move(*content);
  return value;
}

// --- Collecting
// ---------------------------------------------------------------------------------------------------

const TensorRecord *TensorRecords::find(const TensorProto &tensor) const {
  std::optional<uint64_t> number = payloadNumber(tensor);
  return number && *number < records.size() ? &records[size_t(*number)] : nullptr;
}

static bool isReadable(const TensorType &type) {
  return type.numElements() <= (isFloat(type.type) ? limits::readableFloats : limits::readableIntegers);
}

llvm::Error TensorRecords::collectTensor(TensorProto &tensor) {
  std::optional<uint64_t> number = payloadNumber(tensor);
  if (!number || *number >= records.size())
    return makeError(ErrorCode::Internal, "a tensor of the model was not scanned");
  TensorRecord &record = records[size_t(*number)];
  if (llvm::Error error = describe(tensor, record))
    return error;
  tensor.clear_external_data();
  tensor.clear_data_location();
  bool isStripped = record.payload.chunks.empty() && !record.isExternal && record.sparseBytes.empty();
  if (!record.isSupported || !isReadable(record.type) || (isStripped && record.type.numElements() != 0))
    return llvm::Error::success();
  HostTensor value(record.type);
  if (!value.bytes.empty()) {
    llvm::Expected<std::vector<char>> bytes = readBytes(record);
    if (!bytes && record.isExternal && weightsOptional) {
      llvm::consumeError(bytes.takeError());
      return llvm::Error::success();
    }
    if (!bytes)
      return bytes.takeError();
    value.bytes = std::move(*bytes);
  }
  tensor.set_raw_data(value.bytes.data(), value.bytes.size());
  record.value = std::move(value);
  return llvm::Error::success();
}

// Reads the two halves of a sparse tensor and turns it into a dense one with a record of its own.
static llvm::Expected<TensorProto> makeDense(const onnx::SparseTensorProto &sparse, const HostTensor &values,
                                             const HostTensor &indices, std::vector<char> &bytes) {
  TensorProto dense;
  dense.set_name(sparse.values().name());
  dense.set_data_type(sparse.values().data_type());
  *dense.mutable_dims() = sparse.dims();
  TensorType type{values.type.type, {sparse.dims().begin(), sparse.dims().end()}};
  if (llvm::Error error = checkTensorSize(type, "sparse tensor `" + dense.name() + "`"))
    return error;
  if (type.sizeBytes() > limits::denseSparseBytes)
    return makeError(ErrorCode::LimitExceeded,
                     "sparse tensor `" + dense.name() + "` is too large to be made dense");
  size_t width = bitWidth(type.type) / 8, rank = type.shape.size();
  size_t count = size_t(values.type.numElements());
  bool isLinear = indices.type.shape.size() == 1;
  if (values.type.shape.size() != 1 || indices.type.type != DataType::I64 || type.shape.empty() ||
      indices.type.numElements() != int64_t(isLinear ? count : count * rank))
    return makeError(ErrorCode::InvalidModel,
                     "sparse tensor `" + dense.name() + "` has indices of a wrong shape");
  bytes.assign(size_t(type.sizeBytes()), 0);
  std::vector<int64_t> numbers = indices.integers();
  for (size_t k = 0; k < count; ++k) {
    int64_t position = 0;
    for (size_t d = isLinear ? rank - 1 : 0; d < rank; ++d) {
      int64_t index = isLinear ? numbers[k] : numbers[k * rank + d];
      int64_t extent = isLinear ? type.numElements() : type.shape[d];
      if (index < 0 || index >= extent)
        return makeError(ErrorCode::InvalidModel,
                         "sparse tensor `" + dense.name() + "` has an index out of range");
      position = isLinear ? index : position * extent + index;
    }
    std::copy_n(&values.bytes[k * width], width, &bytes[size_t(position) * width]);
  }
  return dense;
}

llvm::Error TensorRecords::sparse(const onnx::SparseTensorProto &sparse, TensorProto &dense) {
  HostTensor parts[2];
  const TensorProto *protos[2] = {&sparse.values(), &sparse.indices()};
  for (int k = 0; k < 2; ++k) {
    std::optional<uint64_t> number = payloadNumber(*protos[k]);
    if (!number || *number >= records.size())
      return makeError(ErrorCode::InvalidModel, "a sparse tensor lacks values or indices");
    TensorRecord &record = records[size_t(*number)];
    if (llvm::Error error = describe(*protos[k], record))
      return error;
    if (!record.isSupported)
      return makeError(ErrorCode::UnsupportedType, "sparse tensor `" + record.name + "` has element type " +
                                                       onnxTypeName(record.onnxType));
    if (record.payload.chunks.empty() && !record.isExternal && record.type.numElements() != 0)
      return makeError(ErrorCode::InvalidModel, "sparse tensor `" + record.name + "` has no data");
    parts[k].type = record.type;
    if (record.type.numElements() == 0)
      continue;
    llvm::Expected<std::vector<char>> bytes = readBytes(record);
    if (!bytes)
      return bytes.takeError();
    parts[k].bytes = std::move(*bytes);
  }
  std::vector<char> bytes;
  llvm::Expected<TensorProto> made = makeDense(sparse, parts[0], parts[1], bytes);
  if (!made)
    return made.takeError();
  dense = std::move(*made);
  dense.GetReflection()->MutableUnknownFields(&dense)->AddVarint(tensor_field::payloadNumber, records.size());
  TensorRecord &record = records.emplace_back();
  record.name = dense.name();
  record.onnxType = dense.data_type();
  record.isSupported = true;
  record.type = {parts[0].type.type, {dense.dims().begin(), dense.dims().end()}};
  record.sparseBytes = std::move(bytes);
  // The dense bytes go into the stripped model: it keeps no sparse form.
  dense.set_raw_data(record.sparseBytes.data(), record.sparseBytes.size());
  if (isReadable(record.type)) {
    record.value.emplace(record.type);
    record.value->bytes = record.sparseBytes;
  }
  return llvm::Error::success();
}

llvm::Error TensorRecords::collectNode(onnx::NodeProto &node) {
  for (onnx::AttributeProto &attribute : *node.mutable_attribute())
    if (llvm::Error error = collectAttribute(attribute))
      return error;
  return llvm::Error::success();
}

llvm::Error TensorRecords::collectAttribute(onnx::AttributeProto &attribute) {
  if (attribute.has_t())
    if (llvm::Error error = collectTensor(*attribute.mutable_t()))
      return error;
  for (TensorProto &tensor : *attribute.mutable_tensors())
    if (llvm::Error error = collectTensor(tensor))
      return error;
  if (attribute.sparse_tensors_size())
    return makeError(ErrorCode::Unsupported, "lists of sparse tensors as attributes are not supported");
  if (attribute.has_sparse_tensor() && !attribute.has_t()) {
    if (llvm::Error error = sparse(attribute.sparse_tensor(), *attribute.mutable_t()))
      return error;
    attribute.clear_sparse_tensor();
    attribute.set_type(onnx::AttributeProto::TENSOR);
    if (attribute.name() == "sparse_value")
      attribute.set_name("value");
  }
  if (attribute.has_g())
    if (llvm::Error error = collectGraph(*attribute.mutable_g()))
      return error;
  for (onnx::GraphProto &graph : *attribute.mutable_graphs())
    if (llvm::Error error = collectGraph(graph))
      return error;
  return llvm::Error::success();
}

llvm::Error TensorRecords::collectGraph(onnx::GraphProto &graph) {
  for (TensorProto &tensor : *graph.mutable_initializer())
    if (llvm::Error error = collectTensor(tensor))
      return error;
  for (const onnx::SparseTensorProto &tensor : graph.sparse_initializer())
    if (llvm::Error error = sparse(tensor, *graph.add_initializer()))
      return error;
  graph.clear_sparse_initializer();
  for (onnx::NodeProto &node : *graph.mutable_node())
    if (llvm::Error error = collectNode(node))
      return error;
  return llvm::Error::success();
}

llvm::Error TensorRecords::collect(onnx::ModelProto &model, std::vector<TensorPayload> payloads) {
  records.resize(payloads.size());
  for (size_t k = 0; k < payloads.size(); ++k)
    records[k].payload = std::move(payloads[k]);
  if (llvm::Error error = collectGraph(*model.mutable_graph()))
    return error;
  for (onnx::FunctionProto &function : *model.mutable_functions()) {
    for (onnx::AttributeProto &attribute : *function.mutable_attribute_proto())
      if (llvm::Error error = collectAttribute(attribute))
        return error;
    for (onnx::NodeProto &node : *function.mutable_node())
      if (llvm::Error error = collectNode(node))
        return error;
  }
  return llvm::Error::success();
}

} // namespace ampc
