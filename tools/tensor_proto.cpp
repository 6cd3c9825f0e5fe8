// Reads TensorProto messages in all forms that their fields allow, and writes the raw form.
#include "tools/tensor_proto.h"
#include "tools/tensor_file.h"
#include "tools/wire_fields.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include <cstring>
#include <limits>

namespace ampc::tools {

namespace {

struct OnnxType {
  int32_t number;
  DataType type;
};
constexpr OnnxType onnxTypes[] = {
    {1, DataType::F32},  {2, DataType::U8},   {3, DataType::I8},   {4, DataType::U16},  {5, DataType::I16},
    {6, DataType::I32},  {7, DataType::I64},  {9, DataType::Bool}, {10, DataType::F16}, {11, DataType::F64},
    {12, DataType::U32}, {13, DataType::U64}, {16, DataType::BF16},
};

Failure invalid(std::string why) { return {ErrorCode::InvalidTensor, "not a valid TensorProto: " + std::move(why)}; }

/// The fields of the message, values still encoded as their field says.
struct Fields {
  std::vector<int64_t> dims;
  int32_t type = 0;
  std::optional<std::string_view> raw;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int64_t> integers; // int32_data, int64_data
  std::vector<uint64_t> naturals;
  bool isExternal = false;
};

constexpr size_t maxRank = 64;

template <class Range, class Vector> void append(Range range, Vector &target) {
  for (auto it = range.begin(); it != range.end(); ++it)
    target.push_back(*it);
}

/// Repeated numbers stand packed or one by one, whatever the schema says.
template <class Vector, class Packed, class Single>
void readRepeated(protozero::pbf_reader &message, protozero::pbf_wire_type single, Vector &target, Packed packed,
                  Single one) {
  if (message.wire_type() == protozero::pbf_wire_type::length_delimited)
    append((message.*packed)(), target);
  else if (message.wire_type() == single)
    target.push_back((message.*one)());
  else
    message.skip();
}

std::string_view viewOf(protozero::data_view view) { return {view.data(), view.size()}; }

Fields readFields(std::string_view bytes) {
  using protozero::pbf_reader;
  using protozero::pbf_wire_type;
  Fields fields;
  pbf_reader message(bytes.data(), bytes.size());
  while (message.next()) {
    uint32_t tag = message.tag();
    if (tag == 1)
      readRepeated(message, pbf_wire_type::varint, fields.dims, &pbf_reader::get_packed_int64, &pbf_reader::get_int64);
    else if (tag == 4)
      readRepeated(message, pbf_wire_type::fixed32, fields.floats, &pbf_reader::get_packed_float,
                   &pbf_reader::get_float);
    else if (tag == 5 || tag == 7)
      readRepeated(message, pbf_wire_type::varint, fields.integers, &pbf_reader::get_packed_int64,
                   &pbf_reader::get_int64);
    else if (tag == 10)
      readRepeated(message, pbf_wire_type::fixed64, fields.doubles, &pbf_reader::get_packed_double,
                   &pbf_reader::get_double);
    else if (tag == 11)
      readRepeated(message, pbf_wire_type::varint, fields.naturals, &pbf_reader::get_packed_uint64,
                   &pbf_reader::get_uint64);
    else if (isNumber(message, 2))
      fields.type = message.get_int32();
    else if (isNumber(message, 14))
      fields.isExternal = message.get_int32() == 1;
    else if (isBlock(message, 9))
      fields.raw = viewOf(message.get_view());
    else
      message.skip();
  }
  return fields;
}

template <class Target, class Source> bool store(const std::vector<Source> &values, Tensor &tensor) {
  if (int64_t(values.size()) != tensor.elements())
    return false;
  char *target = tensor.bytes.data();
  for (const Source &value : values) {
    if constexpr (std::numeric_limits<Target>::is_integer) {
      if (value < Source(std::numeric_limits<Target>::min()) || value > Source(std::numeric_limits<Target>::max()))
        return false;
    }
    Target stored = Target(value);
    std::memcpy(target, &stored, sizeof stored);
    target += sizeof stored;
  }
  return true;
}

bool storeTyped(const Fields &fields, Tensor &tensor) {
  switch (tensor.type) {
  case DataType::F32:
    return store<float>(fields.floats, tensor);
  case DataType::F64:
    return store<double>(fields.doubles, tensor);
  case DataType::I8:
    return store<int8_t>(fields.integers, tensor);
  case DataType::I16:
    return store<int16_t>(fields.integers, tensor);
  case DataType::I32:
    return store<int32_t>(fields.integers, tensor);
  case DataType::I64:
    return store<int64_t>(fields.integers, tensor);
  case DataType::U8:
  case DataType::Bool:
    return store<uint8_t>(fields.integers, tensor);
  case DataType::U16:
  case DataType::F16: // the bits of the float
  case DataType::BF16:
    return store<uint16_t>(fields.integers, tensor);
  case DataType::U32:
    return store<uint32_t>(fields.naturals, tensor);
  case DataType::U64:
    return store<uint64_t>(fields.naturals, tensor);
  }
  return false;
}

Result<Tensor> build(const Fields &fields) {
  if (fields.isExternal)
    return Failure{ErrorCode::InvalidTensor, "the TensorProto keeps its data in another file", {},
                   "store the data in the tensor file itself"};
  if (fields.type == 0) // an empty file, or something else whose fields happen to have other numbers
    return invalid("it does not say the type of its elements");
  auto type = dataTypeOfOnnx(fields.type);
  if (!type)
    return Failure{ErrorCode::UnsupportedType,
                   "tensors of ONNX element type " + std::to_string(fields.type) + " are not supported", {}, ""};
  if (fields.dims.size() > maxRank)
    return invalid("it has " + std::to_string(fields.dims.size()) + " dimensions");
  auto count = elementsOf(*type, fields.dims);
  if (!count)
    return invalid("it describes a tensor of impossible size");
  uint64_t wanted = uint64_t(sizeBytes(*type, *count));
  // Decided before memory is taken: a few bytes may claim terabytes.
  uint64_t values = fields.floats.size() + fields.doubles.size() + fields.integers.size() + fields.naturals.size();
  bool fits = fields.raw ? fields.raw->size() == wanted : values == uint64_t(*count);
  if (!fits)
    return invalid("its data does not have the length of " + typeText(*type, fields.dims));
  auto tensor = allocateTensor(*type, fields.dims);
  if (!tensor)
    return invalid("there is not enough memory for it");
  if (fields.raw) {
    if (wanted > 0)
      std::memcpy(tensor->bytes.data(), fields.raw->data(), wanted);
  } else if (!storeTyped(fields, *tensor)) {
    return invalid("its values do not stand in the field of their type, or do not fit into it");
  }
  if (*type == DataType::Bool)
    for (uint64_t i = 0; i < wanted; ++i)
      if (static_cast<unsigned char>(tensor->bytes.data()[i]) > 1)
        return invalid("it holds a boolean that is neither 0 nor 1");
  return std::move(*tensor);
}

} // namespace

std::optional<DataType> dataTypeOfOnnx(int32_t number) {
  for (const OnnxType &entry : onnxTypes)
    if (entry.number == number)
      return entry.type;
  return std::nullopt;
}

int32_t onnxNumberOf(DataType type) {
  for (const OnnxType &entry : onnxTypes)
    if (entry.type == type)
      return entry.number;
  return 0;
}

Result<Tensor> parseTensorProto(std::string_view bytes) {
  try {
    return build(readFields(bytes));
  } catch (const protozero::exception &) {
    return invalid("its encoding is damaged");
  } catch (const std::bad_alloc &) {
    return invalid("there is not enough memory for it");
  }
}

std::string tensorProtoHeader(const Tensor &tensor, const std::string &name) {
  std::string header;
  protozero::pbf_writer writer(header);
  for (int64_t extent : tensor.shape)
    writer.add_int64(1, extent);
  writer.add_int32(2, onnxNumberOf(tensor.type));
  writer.add_string(8, name);
  // Tag and length of raw_data, whose bytes the caller appends.
  protozero::add_varint_to_buffer(&header, 9 << 3 | 2);
  protozero::add_varint_to_buffer(&header, tensor.bytes.size());
  return header;
}

} // namespace ampc::tools
