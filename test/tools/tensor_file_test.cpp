// Tensor files: what is written is read back, NumPy's variants are understood, damage is found.
#include "tools/npy.h"
#include "tools/tensor_file.h"
#include "tools/tensor_proto.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace ampc::tools {

static const DataType allTypes[] = {DataType::F64, DataType::F32, DataType::F16, DataType::BF16, DataType::I8,
                                    DataType::I16, DataType::I32, DataType::I64, DataType::U8,   DataType::U16,
                                    DataType::U32, DataType::U64, DataType::Bool};

static Tensor sample(DataType type, const std::vector<int64_t> &shape) {
  Tensor tensor = *allocateTensor(type, shape);
  for (uint64_t i = 0; i < tensor.bytes.size(); ++i)
    tensor.bytes.data()[i] = char(type == DataType::Bool ? i % 2 : i * 37 + 11);
  return tensor;
}

static std::string npyBytes(const Tensor &tensor) {
  return writeNpyHeader(tensor.type, tensor.shape) + std::string(tensor.bytes.data(), tensor.bytes.size());
}

static std::string npy(const std::string &dictionary, const std::string &data, int version = 1) {
  std::string length(version == 1 ? 2 : 4, '\0');
  for (size_t i = 0; i < length.size(); ++i)
    length[i] = char(dictionary.size() >> (8 * i));
  return std::string(npyMagic) + char(version) + '\0' + length + dictionary + data;
}

static void expectEqual(Tensor &a, const Tensor &b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.shape, b.shape);
  ASSERT_EQ(a.bytes.size(), b.bytes.size());
  EXPECT_EQ(std::memcmp(a.bytes.data(), b.bytes.data(), b.bytes.size()), 0);
}

TEST(TensorFile, NpyRoundTrip) {
  for (DataType type : allTypes) {
    if (!canStore(TensorFormat::Npy, type))
      continue;
    for (const std::vector<int64_t> &shape : std::vector<std::vector<int64_t>>{{}, {1}, {5}, {2, 3}, {2, 0, 3}, {3, 1, 2, 2}}) {
      Tensor tensor = sample(type, shape);
      std::string bytes = npyBytes(tensor);
      EXPECT_EQ(writeNpyHeader(type, shape).size() % 64, 0u);
      auto read = parseNpy(bytes);
      ASSERT_TRUE(bool(read)) << read.takeFailure().sentence;
      expectEqual(*read, tensor);
    }
  }
}

TEST(TensorFile, PbRoundTrip) {
  for (DataType type : allTypes) {
    Tensor tensor = sample(type, {3, 2});
    std::string bytes = tensorProtoHeader(tensor, "x") + std::string(tensor.bytes.data(), tensor.bytes.size());
    auto read = parseTensorProto(bytes);
    ASSERT_TRUE(bool(read)) << read.takeFailure().sentence;
    expectEqual(*read, tensor);
  }
}

TEST(TensorFile, NpyVariants) {
  // Big-endian, column-major, versions 2 and 3, double quotes, no trailing comma.
  std::string data("\0\1\0\2\0\3\0\4\0\5\0\6", 12);
  auto big = parseNpy(npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n", data, 2));
  ASSERT_TRUE(bool(big));
  EXPECT_EQ(big->shape, (std::vector<int64_t>{2, 3}));
  const double expected[] = {1, 3, 5, 2, 4, 6};
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(big->real(i), expected[i]);
  auto third = parseNpy(npy("{\"shape\": (3,), \"descr\": \"|u1\", \"fortran_order\": False}", "abc", 3));
  ASSERT_TRUE(bool(third));
  EXPECT_EQ(third->real(2), 'c');
}

TEST(TensorFile, WrongNpyIsRefused) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  const std::string bad[] = {
      "",
      "\x93NUMPY",
      npy(good, "1234567"),   // a byte short
      npy(good, "123456789"), // a byte long
      npy(good, "12345678", 4),
      npy("", "12345678"),
      npy("{'descr': '<f4', 'shape': (2,), }", "12345678"),
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", "12345678"),
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "12345678"),
      npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "12345678"),
      npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "12345678"),
      npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "12345678"),
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "12345678"),
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "12345678"),
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", ""),
      npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "\1\2"),
      npy(good + "x", "12345678"),
  };
  for (const std::string &bytes : bad) {
    auto read = parseNpy(bytes);
    ASSERT_FALSE(bool(read)) << bytes;
    EXPECT_EQ(exitCode(read.takeFailure().code), 3);
  }
}

TEST(TensorFile, TypedProtoFields) {
  // dims 3, type i8 (3), int32_data -1 0 127
  std::string typed("\x08\x03\x10\x03\x2a\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x7f", 18);
  auto read = parseTensorProto(typed);
  ASSERT_TRUE(bool(read)) << read.takeFailure().sentence;
  EXPECT_EQ(read->real(0), -1);
  EXPECT_EQ(read->real(2), 127);
  // 128 does not fit
  std::string large("\x08\x01\x10\x03\x28\x80\x01", 7);
  EXPECT_FALSE(bool(parseTensorProto(large)));
  // A terabyte in ten bytes
  std::string huge("\x08\x80\x80\x80\x80\x80\x01\x10\x01", 9);
  EXPECT_FALSE(bool(parseTensorProto(huge)));
}

TEST(TensorFile, DamagedBytesNeverCrash) {
  std::mt19937 random(1);
  Tensor tensor = sample(DataType::F32, {2, 3});
  const std::string originals[] = {
      npyBytes(tensor), tensorProtoHeader(tensor, "x") + std::string(tensor.bytes.data(), tensor.bytes.size())};
  for (const std::string &original : originals) {
    for (int trial = 0; trial < 20000; ++trial) {
      std::string bytes = original.substr(0, trial % 3 == 0 ? random() % (original.size() + 1) : original.size());
      for (unsigned k = random() % 4; k > 0 && !bytes.empty(); --k)
        bytes[random() % bytes.size()] = char(random());
      auto asNpy = parseNpy(bytes);
      auto asProto = parseTensorProto(bytes);
      (void)asNpy;
      (void)asProto;
    }
  }
}

} // namespace ampc::tools
