// Recurrences by the builtin kernel and by the library, with plain and packed weights, against the formulas in f64.
#include "runtime/kernels/builtin_kernels.h"
#include "runtime/kernels/library_kernels.h"
#include "runtime/kernels/recurrence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ampc::test {
namespace {

using plan::Kernel;

struct Case {
  std::string cell;
  int64_t steps, batch, inputs, hidden;
  bool reverse;
  int64_t gates() const { return cell == "lstm" ? 4 : cell.ends_with("gru") ? 3 : 1; }
  int64_t biases() const { return cell == "lbr_gru" ? 4 : gates(); }
  int states() const { return cell == "lstm" ? 2 : 1; }
};

std::ostream &operator<<(std::ostream &os, const Case &c) {
  return os << c.cell << " " << c.steps << " x " << c.batch << " x " << c.inputs << ", " << c.hidden
            << (c.reverse ? " reversed" : "");
}

Kernel kernelOf(const Case &c) {
  Kernel kernel;
  kernel.symbol = "recurrence";
  kernel.strings = {{"cell", c.cell}};
  kernel.integers = {{"reverse", {c.reverse}}};
  auto add = [](auto &list, std::vector<int64_t> shape) { list.push_back({DataType::F32, std::move(shape)}); };
  add(kernel.operands, {c.steps, c.batch, c.inputs});
  add(kernel.operands, {c.inputs, c.gates() * c.hidden});
  add(kernel.operands, {c.hidden, c.gates() * c.hidden});
  add(kernel.operands, {c.biases() * c.hidden});
  add(kernel.results, {c.steps, c.batch, c.hidden});
  for (int k = 0; k < c.states(); ++k) {
    add(kernel.operands, {c.batch, c.hidden});
    add(kernel.results, {c.batch, c.hidden});
  }
  return kernel;
}

using Buffers = std::vector<std::vector<float>>;

Buffers randomOperands(const Kernel &kernel) {
  std::mt19937 random(7);
  Buffers buffers;
  for (const plan::KernelOperand &operand : kernel.operands) {
    int64_t count = 1;
    for (int64_t size : operand.shape)
      count *= size;
    buffers.emplace_back(size_t(count));
    for (float &value : buffers.back())
      value = float(int(random() % 2001) - 1000) / 2000;
  }
  return buffers;
}

/// y, the last h, the last c, by the definitions of the ONNX operators.
Buffers expectedOf(const Case &c, const Buffers &in) {
  const int64_t H = c.hidden, width = c.gates() * H;
  Buffers out = {std::vector<float>(size_t(c.steps * c.batch * H)), std::vector<float>(size_t(c.batch * H)),
                 std::vector<float>(size_t(c.batch * H))};
  auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (int64_t n = 0; n < c.batch; ++n) {
    std::vector<double> h(in[4].begin() + n * H, in[4].begin() + (n + 1) * H), cell;
    if (c.cell == "lstm")
      cell.assign(in[5].begin() + n * H, in[5].begin() + (n + 1) * H);
    for (int64_t count = 0; count < c.steps; ++count) {
      const int64_t t = c.reverse ? c.steps - 1 - count : count;
      auto fromInput = [&](int64_t gate, int64_t j) {
        double sum = 0;
        for (int64_t i = 0; i < c.inputs; ++i)
          sum += double(in[0][size_t((t * c.batch + n) * c.inputs + i)]) * in[1][size_t(i * width + gate * H + j)];
        return sum;
      };
      auto fromState = [&](int64_t gate, int64_t j, const std::vector<double> &state) {
        double sum = 0;
        for (int64_t i = 0; i < H; ++i)
          sum += state[size_t(i)] * in[2][size_t(i * width + gate * H + j)];
        return sum;
      };
      auto bias = [&](int64_t gate, int64_t j) { return double(in[3][size_t(gate * H + j)]); };
      auto sum = [&](int64_t gate, int64_t j) { return fromInput(gate, j) + fromState(gate, j, h) + bias(gate, j); };
      std::vector<double> next(size_t(H), 0), reset(h);
      if (c.cell == "gru")
        for (int64_t j = 0; j < H; ++j)
          reset[size_t(j)] = h[size_t(j)] * sigmoid(sum(1, j));
      for (int64_t j = 0; j < H; ++j) {
        double &value = next[size_t(j)];
        if (c.cell == "lstm") {
          double &state = cell[size_t(j)];
          state = sigmoid(sum(1, j)) * state + sigmoid(sum(0, j)) * std::tanh(sum(2, j));
          value = sigmoid(sum(3, j)) * std::tanh(state);
        } else if (c.gates() == 3) {
          const double z = sigmoid(sum(0, j));
          const double candidate =
              c.cell == "gru" ? fromInput(2, j) + fromState(2, j, reset) + bias(2, j)
                              : fromInput(2, j) + bias(2, j) + sigmoid(sum(1, j)) * (fromState(2, j, h) + bias(3, j));
          value = (1 - z) * std::tanh(candidate) + z * h[size_t(j)];
        } else {
          value = c.cell == "rnn_tanh" ? std::tanh(sum(0, j)) : std::max(sum(0, j), 0.0);
        }
        out[0][size_t((t * c.batch + n) * H + j)] = float(value);
      }
      h = next;
    }
    std::copy(h.begin(), h.end(), out[1].begin() + n * H);
    std::copy(cell.begin(), cell.end(), out[2].begin() + n * H);
  }
  out.resize(size_t(1 + c.states()));
  return out;
}

void expectNear(const Buffers &got, const Buffers &expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t k = 0; k < got.size(); ++k)
    for (size_t i = 0; i < got[k].size(); ++i)
      ASSERT_NEAR(got[k][i], expected[k][i], 2e-5) << "result " << k << ", element " << i;
}

std::vector<void *> pointers(Buffers &operands, Buffers &results) {
  std::vector<void *> list;
  for (Buffers *buffers : {&operands, &results})
    for (auto &buffer : *buffers)
      list.push_back(buffer.data());
  return list;
}

void runLibrary(const Kernel &kernel, std::vector<void *> buffers) {
  std::unique_ptr<LibraryKernel> prepared;
  auto error = createLibraryKernel(kernel, 1, prepared);
  ASSERT_FALSE(error) << error->message;
  std::vector<char> workspace(prepared->workspaceBytes() + 64);
  auto *aligned = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
  EXPECT_TRUE(prepared->run(buffers.data(), aligned));
}

Kernel packingOf(const Case &c) {
  Kernel cell = kernelOf(c), packing = cell;
  packing.symbol = "onednn.pack_recurrence";
  packing.integers.push_back({"shapeX", cell.operands[0].shape});
  packing.operands = {cell.operands[1], cell.operands[2]};
  packing.results = {{DataType::U8, {0}}};
  return packing;
}

Kernel packedOf(const Case &c, int64_t size) {
  Kernel kernel = kernelOf(c);
  kernel.symbol = "onednn.recurrence";
  kernel.integers.insert(kernel.integers.end(), {{"packed", {1}}, {"packed_bytes", {size}}});
  kernel.operands.erase(kernel.operands.begin() + 2);
  kernel.operands[1] = {DataType::U8, {size}};
  return kernel;
}

class Recurrences : public testing::TestWithParam<Case> {};

TEST_P(Recurrences, Builtin) {
  const Kernel kernel = kernelOf(GetParam());
  ASSERT_EQ(checkRecurrence(kernel), "");
  Buffers operands = randomOperands(kernel), expected = expectedOf(GetParam(), operands), results = expected;
  for (auto &result : results)
    std::fill(result.begin(), result.end(), NAN);
  runRecurrence(kernel, pointers(operands, results).data());
  expectNear(results, expected);
}

TEST_P(Recurrences, Library) {
  Kernel kernel = kernelOf(GetParam());
  kernel.symbol = "onednn.recurrence";
  Buffers operands = randomOperands(kernel), expected = expectedOf(GetParam(), operands), results = expected;
  for (auto &result : results)
    std::fill(result.begin(), result.end(), NAN);
  runLibrary(kernel, pointers(operands, results));
  expectNear(results, expected);
}

TEST_P(Recurrences, LibraryWithPackedWeights) {
  Kernel packing = packingOf(GetParam());
  LibraryKernelFacts facts;
  auto error = libraryKernelFacts(packing, 1, facts);
  ASSERT_FALSE(error) << error->message;
  const Case &c = GetParam();
  const int64_t plain = (c.inputs * c.gates() * c.hidden * 4 + 63) / 64 * 64 + c.hidden * c.gates() * c.hidden * 4;
  EXPECT_GE(int64_t(facts.packedBytes), plain);
  Buffers operands = randomOperands(kernelOf(c)), expected = expectedOf(c, operands);
  // As a plan for a library with another preferred form has it: room for the plain one only.
  for (int64_t size : {int64_t(facts.packedBytes), plain}) {
    packing.results[0].shape = {size};
    packing.integers.push_back({"packed_bytes", {size}});
    std::vector<float> packed(size_t(size) / 4 + 16);
    runLibrary(packing, {operands[1].data(), operands[2].data(), packed.data()});
    packing.integers.pop_back();
    Buffers results = expected;
    for (auto &result : results)
      std::fill(result.begin(), result.end(), NAN);
    std::vector<void *> buffers = {operands[0].data(), packed.data()};
    for (size_t k = 3; k < operands.size(); ++k)
      buffers.push_back(operands[k].data());
    for (auto &result : results)
      buffers.push_back(result.data());
    runLibrary(packedOf(c, size), buffers);
    expectNear(results, expected);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char *cell : {"lstm", "gru", "lbr_gru", "rnn_tanh", "rnn_relu"})
    for (bool reverse : {false, true}) {
      all.push_back({cell, 5, 3, 7, 13, reverse});
      all.push_back({cell, 4, 1, 64, 32, reverse});
    }
  all.push_back({"lstm", 1, 2, 16, 128, false});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Cells, Recurrences, testing::ValuesIn(cases()));

TEST(Recurrence, RefusesWhatDoesNotFit) {
  const Case c = {"lstm", 5, 3, 7, 13, false};
  auto isRefused = [](Kernel kernel) {
    kernel.symbol = "onednn.recurrence";
    LibraryKernelFacts facts;
    return checkRecurrence(kernel) != "" && libraryKernelFacts(kernel, 1, facts).has_value();
  };
  for (size_t k = 0; k < 6; ++k) {
    Kernel kernel = kernelOf(c);
    kernel.operands[k].shape.back() += 1;
    EXPECT_TRUE(isRefused(kernel)) << k;
    kernel = kernelOf(c);
    kernel.operands[k].type = DataType::F64;
    EXPECT_TRUE(isRefused(kernel)) << k;
    kernel = kernelOf(c);
    kernel.operands[k].shape.clear();
    EXPECT_TRUE(isRefused(kernel)) << k;
  }
  Kernel kernel = kernelOf(c);
  kernel.results.pop_back();
  EXPECT_TRUE(isRefused(kernel));
  kernel = kernelOf(c);
  kernel.strings = {{"cell", "sru"}};
  EXPECT_TRUE(isRefused(kernel));
  kernel = kernelOf(c);
  kernel.operands[0].shape[0] = int64_t(1) << 40;
  kernel.results[0].shape[0] = int64_t(1) << 40;
  EXPECT_TRUE(isRefused(kernel));

  for (std::vector<int64_t> x : {std::vector<int64_t>{0, int64_t(1) << 62, 7}, {int64_t(1) << 24, int64_t(1) << 24, 1 << 8}}) {
    kernel = kernelOf(c);
    kernel.operands[0].shape = x;
    EXPECT_TRUE(isRefused(kernel));
    Kernel packing = packingOf(c);
    packing.integers.back().second = x;
    LibraryKernelFacts facts;
    EXPECT_TRUE(libraryKernelFacts(packing, 1, facts));
  }
  kernel = kernelOf(c);
  for (size_t k : {2, 4, 5})
    kernel.operands[k].shape = {0, int64_t(1) << 62};
  EXPECT_TRUE(isRefused(kernel));

  LibraryKernelFacts facts;
  EXPECT_TRUE(libraryKernelFacts(packedOf(c, 64), 1, facts)) << "packed weights in too small a buffer";
  kernel = packedOf(c, 1 << 20);
  kernel.operands[1].shape = {64};
  EXPECT_TRUE(libraryKernelFacts(kernel, 1, facts)) << "a buffer smaller than packed_bytes";
}

TEST(Recurrence, PackedWeightsHaveASize) {
  const Case c = {"gru", 5, 3, 7, 13, false};
  Kernel packing = packingOf(c);
  LibraryKernelFacts facts;
  ASSERT_FALSE(libraryKernelFacts(packing, 1, facts));
  std::unique_ptr<LibraryKernel> prepared;
  EXPECT_TRUE(createLibraryKernel(packing, 1, prepared)); // no packed_bytes: the compiler asks so, a plan does not
  packing.integers.push_back({"packed_bytes", {int64_t(facts.packedBytes)}});
  EXPECT_TRUE(createLibraryKernel(packing, 1, prepared)); // a buffer of no bytes
  packing.results[0].shape = {int64_t(facts.packedBytes)};
  EXPECT_FALSE(createLibraryKernel(packing, 1, prepared));
}

TEST(Recurrence, ThreadsAndRepetitionsGiveEqualBits) {
  const Case c = {"lstm", 9, 16, 64, 64, false};
  Kernel kernel = kernelOf(c);
  kernel.symbol = "onednn.recurrence";
  Buffers operands = randomOperands(kernel), first;
  for (uint32_t threads : {2, 2, 2, 1}) {
    std::unique_ptr<LibraryKernel> prepared;
    ASSERT_FALSE(createLibraryKernel(kernel, threads, prepared));
    std::vector<char> workspace(prepared->workspaceBytes() + 64);
    auto *aligned = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 * 64);
    for (int repetition = 0; repetition < 10; ++repetition) {
      Buffers results = expectedOf(c, operands);
      ASSERT_TRUE(prepared->run(pointers(operands, results).data(), aligned));
      if (threads == 2 && !first.empty()) {
        ASSERT_EQ(results, first);
      }
      if (first.empty())
        first = results;
      expectNear(results, first);
    }
  }
}

} // namespace
} // namespace ampc::test
