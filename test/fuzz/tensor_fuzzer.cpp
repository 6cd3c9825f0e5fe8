// libFuzzer target for tensor files. What a reader accepts must have exactly the bytes that type and shape need, and
// must come back unchanged when it is written and read again.
#include "tools/npy.h"
#include "tools/tensor_file.h"
#include "tools/tensor_proto.h"

#include <cstdint>
#include <cstdlib>

using namespace ampc::tools;

static std::string bytesOf(const Tensor &tensor) { return {tensor.bytes.data(), tensor.bytes.size()}; }

static void check(const Tensor &tensor) {
  if (int64_t(tensor.bytes.size()) < ampc::sizeBytes(tensor.type, tensor.elements()))
    std::abort();
  std::string data = bytesOf(tensor);
  data.resize(size_t(ampc::sizeBytes(tensor.type, tensor.elements())));
  auto proto = parseTensorProto(tensorProtoHeader(tensor, "name") + data);
  if (!proto || proto->type != tensor.type || proto->shape != tensor.shape || bytesOf(*proto) != bytesOf(tensor))
    std::abort();
  if (!canStore(TensorFormat::Npy, tensor.type))
    return;
  auto npy = parseNpy(writeNpyHeader(tensor.type, tensor.shape) + data);
  if (!npy || npy->type != tensor.type || npy->shape != tensor.shape || bytesOf(*npy) != bytesOf(tensor))
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  auto tensor = bytes.substr(0, npyMagic.size()) == npyMagic ? parseNpy(bytes) : parseTensorProto(bytes);
  if (tensor)
    check(*tensor);
  return 0;
}
