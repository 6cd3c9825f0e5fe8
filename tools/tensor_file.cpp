// Opens tensor files, checks that the data has the length that the header promises, and brings it into the one form
// that tensors have: row-major, little-endian.
#include "tools/tensor_file.h"
#include "tools/files.h"
#include "tools/npy.h"
#include "tools/tensor_proto.h"

#include <algorithm>
#include <cstring>

namespace ampc::tools {

namespace {

/// Column-major data to row-major.
void transposeElements(const char *source, char *target, const std::vector<int64_t> &shape, size_t sizeBytes) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<int64_t> strides(shape.size(), 1), index(shape.size(), 0);
  for (size_t d = 1; d < shape.size(); ++d)
    strides[d] = strides[d - 1] * shape[d - 1];
  int64_t from = 0;
  for (int64_t to = 0; to < count; ++to) {
    std::memcpy(target + size_t(to) * sizeBytes, source + size_t(from) * sizeBytes, sizeBytes);
    for (size_t d = shape.size(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < shape[d])
        break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

Failure invalid(std::string sentence) { return {ErrorCode::InvalidTensor, std::move(sentence)}; }

} // namespace

Result<Tensor> parseNpy(std::string_view bytes) {
  auto header = parseNpyHeader(bytes);
  if (!header)
    return header.takeFailure();
  std::string_view data = bytes.substr(header->headerBytes);
  auto count = elementsOf(header->type, header->shape);
  if (!count)
    return invalid("the .npy file describes a tensor of impossible size");
  uint64_t wanted = uint64_t(sizeBytes(header->type, *count));
  if (data.size() != wanted)
    return invalid("the .npy file holds " + std::to_string(data.size()) + " bytes of data where " +
                   typeText(header->type, header->shape) + " needs " + std::to_string(wanted));
  auto tensor = allocateTensor(header->type, header->shape);
  if (!tensor)
    return invalid("there is not enough memory for this tensor");
  size_t size = bitWidth(header->type) / 8;
  if (header->isColumnMajor && header->shape.size() > 1 && wanted > 0)
    transposeElements(data.data(), tensor->bytes.data(), header->shape, size);
  else if (wanted > 0)
    std::memcpy(tensor->bytes.data(), data.data(), wanted);
  if (header->isBigEndian)
    for (uint64_t i = 0; i + size <= wanted; i += size)
      std::reverse(tensor->bytes.data() + i, tensor->bytes.data() + i + size);
  if (header->type == DataType::Bool)
    for (uint64_t i = 0; i < wanted; ++i)
      if (static_cast<unsigned char>(tensor->bytes.data()[i]) > 1)
        return invalid("the .npy file holds a boolean that is neither 0 nor 1");
  return std::move(*tensor);
}

Result<Tensor> readTensorFile(const std::string &path) {
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.takeFailure();
  std::string_view content(*bytes);
  bool isNpy = content.substr(0, npyMagic.size()) == npyMagic;
  bool isNamedNpy = path.size() > 4 && path.compare(path.size() - 4, 4, ".npy") == 0;
  auto tensor = isNpy || isNamedNpy ? parseNpy(content) : parseTensorProto(content);
  if (tensor)
    return tensor;
  Failure failure = tensor.takeFailure();
  failure.facts.insert(failure.facts.begin(), {"file", path});
  return failure;
}

bool canStore(TensorFormat format, DataType type) { return format == TensorFormat::Pb || type != DataType::BF16; }

Status writeTensorFile(const std::string &path, TensorFormat format, const Tensor &tensor, const std::string &name) {
  std::string header =
      format == TensorFormat::Npy ? writeNpyHeader(tensor.type, tensor.shape) : tensorProtoHeader(tensor, name);
  return writeFile(path, {header, std::string_view(tensor.bytes.data(), tensor.bytes.size())});
}

} // namespace ampc::tools
