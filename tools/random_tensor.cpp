// The generator is SplitMix64, started from the seed and a hash of the input's name: the values of one input do not
// change when others come or go.
#include "tools/random_tensor.h"

#include <algorithm>
#include <cstring>

namespace ampc::tools {

namespace {

class Generator {
public:
  Generator(uint64_t seed, const std::string &name) : state(0xcbf29ce484222325) { // FNV-1a over name, then seed
    for (unsigned char c : name)
      state = (state ^ c) * 0x100000001b3;
    for (int i = 0; i < 8; ++i)
      state = (state ^ (seed >> (8 * i) & 0xff)) * 0x100000001b3;
  }
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return double(next() >> 11) * 0x1p-52 - 1.0; } // [-1, 1)

private:
  uint64_t state;
};

template <class T, class Value> void fill(Tensor &tensor, Value value) {
  int64_t count = tensor.elements();
  for (int64_t i = 0; i < count; ++i) {
    T element = T(value());
    std::memcpy(tensor.bytes.data() + i * int64_t(sizeof(T)), &element, sizeof(T));
  }
}

int64_t largest(DataType type) {
  switch (bitWidth(type)) {
  case 8:
    return isSignedInteger(type) ? 127 : 255;
  case 16:
    return isSignedInteger(type) ? 32767 : 65535;
  case 32:
    return isSignedInteger(type) ? 2147483647 : 4294967295;
  default:
    return INT64_MAX;
  }
}

} // namespace

void fillRandom(Tensor &tensor, uint64_t seed, const std::string &name, int64_t indexBound) {
  Generator generator(seed, name);
  auto real = [&] { return generator.uniform(); };
  switch (tensor.type) {
  case DataType::F64:
    return fill<double>(tensor, real);
  case DataType::F32:
    return fill<float>(tensor, real);
  case DataType::F16:
    return fill<uint16_t>(tensor, [&] { return floatToHalf(float(real())); });
  case DataType::BF16:
    return fill<uint16_t>(tensor, [&] { return floatToBfloat(float(real())); });
  default:
    break;
  }
  if (tensor.type == DataType::Bool)
    indexBound = 0;
  uint64_t bound = uint64_t(std::min(indexBound, largest(tensor.type)));
  auto integer = [&]() -> uint64_t { return bound == 0 ? 1 : generator.next() % bound; };
  switch (bitWidth(tensor.type)) {
  case 8:
    return fill<uint8_t>(tensor, integer);
  case 16:
    return fill<uint16_t>(tensor, integer);
  case 32:
    return fill<uint32_t>(tensor, integer);
  default:
    return fill<uint64_t>(tensor, integer);
  }
}

} // namespace ampc::tools
