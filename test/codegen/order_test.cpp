// Kernels whose operands and results lie in memory in another order of dimensions than their shapes say.
#include "test/codegen/kernel_case.h"

using namespace ampc;
using namespace ampc::test;

namespace {

const std::string last4 = "array<i64: 0, 2, 3, 1>", last3 = "array<i64: 0, 2, 1>", last5 = "array<i64: 0, 2, 3, 4, 1>",
                  plain = "array<i64>", weightsLast = "array<i64: 1, 2, 3, 0>";

std::string tensor(const std::string &shape, const std::string &type = "f32") {
  return "tensor<" + shape + "x" + type + ">";
}

std::string list(const std::vector<std::string> &orders) {
  std::string text;
  for (const std::string &order : orders)
    text += (text.empty() ? "" : ", ") + order;
  return "[" + text + "]";
}

/// Every combination of the two orders for the operands and the result of one operator.
void checkAllOrders(const std::string &op, const std::vector<std::string> &operands, const std::string &result,
                    const std::vector<std::string> &otherOrders) {
  std::string arguments, types, names;
  for (size_t k = 0; k < operands.size(); ++k) {
    std::string comma = k ? ", " : "", name = "%a" + std::to_string(k);
    arguments += comma + name + ": " + operands[k];
    types += comma + operands[k];
    names += comma + name;
  }
  size_t space = op.find(' ');
  std::string body = "%r = ampc." + op.substr(0, space) + " " + names + " {name = \"r\"" +
                     (space == std::string::npos ? "" : ", " + op.substr(space + 1)) + "} : (" + types + ") -> " + result +
                     "\nreturn %r : " + result;
  for (unsigned bits = 0; bits < 1u << otherOrders.size(); ++bits) {
    std::vector<std::string> orders;
    for (size_t k = 0; k < otherOrders.size(); ++k)
      orders.push_back(bits >> k & 1 ? otherOrders[k] : plain);
    checkKernel(kernelText(arguments, result, body, list(orders)));
  }
}

} // namespace

TEST(Order, Elementwise) {
  for (const char *shape : {"2x5x3x7", "1x16x9x4", "3x1x4x4", "2x40x1x1", "2x33x6x5"}) {
    std::string t = tensor(shape);
    checkAllOrders("add", {t, t}, t, {last4, last4, last4});
    checkAllOrders("sigmoid", {t}, t, {last4, last4});
  }
  std::string t = tensor("2x19x31"), v = tensor("2x17x3x2x5");
  checkAllOrders("relu", {t}, t, {last3, last3});
  checkAllOrders("relu", {v}, v, {last5, last5});
}

TEST(Order, Broadcast) {
  std::string x = tensor("2x19x4x5"), perChannel = tensor("19x1x1"), perImage = tensor("2x19x1x1"), row = tensor("5"),
              plane = tensor("1x1x4x5");
  checkAllOrders("mul", {x, perChannel}, x, {last4, "array<i64>", last4});
  checkAllOrders("mul", {x, perImage}, x, {last4, last4, last4});
  checkAllOrders("mul", {x, row}, x, {last4, "array<i64>", last4});
  checkAllOrders("mul", {x, plane}, x, {last4, last4, last4});
}

TEST(Order, Transpose) {
  for (const char *shape : {"2x24x5x33", "1x7x3x64", "4x3x20x20"}) {
    std::string t = tensor(shape);
    checkAllOrders("transpose perm = array<i64: 0, 1, 2, 3>", {t}, t, {last4, last4});
  }
  for (const char *type : {"i64", "i1", "bf16"}) {
    std::string t = tensor("2x24x5x33", type);
    checkAllOrders("transpose perm = array<i64: 0, 1, 2, 3>", {t}, t, {last4, last4});
  }
  checkAllOrders("transpose perm = array<i64: 0, 2, 3, 1>", {tensor("2x9x4x5")}, tensor("2x4x5x9"), {last4, last4});
}

TEST(Order, Convolution) {
  std::string pads = "pads = array<i64: 1, 1, 1, 1>";
  // Depthwise: the weights' channels innermost.
  checkAllOrders("conv " + pads, {tensor("2x21x7x9"), tensor("21x1x3x3")}, tensor("2x21x7x9"),
                 {last4, weightsLast, last4});
  checkAllOrders("conv strides = array<i64: 2, 2>, " + pads, {tensor("1x40x9x9"), tensor("40x1x3x3")},
                 tensor("1x40x5x5"), {last4, weightsLast, last4});
  // Grouped and plain.
  checkAllOrders("conv " + pads, {tensor("2x6x5x5"), tensor("9x2x3x3")}, tensor("2x9x5x5"), {last4, weightsLast, last4});
  checkAllOrders("conv " + pads, {tensor("2x5x5x6"), tensor("9x5x3x3")}, tensor("2x9x5x6"), {last4, weightsLast, last4});
  checkAllOrders("conv pads = array<i64: 2, 2>", {tensor("2x20x11"), tensor("20x1x5")}, tensor("2x20x11"),
                 {last3, "array<i64: 1, 2, 0>", last3});
}

TEST(Order, Windows) {
  std::string attributes = "kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>";
  for (const char *channels : {"3", "20", "64"}) {
    std::string c = channels;
    checkAllOrders("max_pool " + attributes, {tensor("2x" + c + "x9x11")}, tensor("2x" + c + "x5x6"), {last4, last4});
  }
}

TEST(Order, Reductions) {
  std::string x = tensor("2x37x5x6");
  checkAllOrders("reduce_sum axes = array<i64: 2, 3>, keepdims = 1 : i64", {x}, tensor("2x37x1x1"), {last4, last4});
  checkAllOrders("reduce_max axes = array<i64: 1>, keepdims = 1 : i64", {x}, tensor("2x1x5x6"), {last4, last4});
  checkAllOrders("reduce_sum axes = array<i64: 0, 1, 2, 3>, keepdims = 0 : i64", {x}, "tensor<f32>", {last4, plain});
}

TEST(Order, Concat) {
  checkAllOrders("concat axis = 1 : i64", {tensor("2x16x3x4"), tensor("2x5x3x4")}, tensor("2x21x3x4"),
                 {last4, last4, last4});
  checkAllOrders("concat axis = 2 : i64", {tensor("2x5x3x4"), tensor("2x5x2x4")}, tensor("2x5x5x4"),
                 {last4, last4, last4});
}

TEST(Order, SoftmaxOverChannels) {
  std::string full = tensor("2x19x4x5"), reduced = tensor("2x1x4x5");
  std::string attributes = " {name = \"n\", axes = array<i64: 1>, keepdims = 1 : i64} : (";
  std::string body = "%m = ampc.reduce_max %x" + attributes + full + ") -> " + reduced + "\n" +
                     "%s = ampc.sub %x, %m {name = \"s\"} : (" + full + ", " + reduced + ") -> " + full + "\n" +
                     "%e = ampc.exp %s {name = \"e\"} : (" + full + ") -> " + full + "\n" +
                     "%t = ampc.reduce_sum %e" + attributes + full + ") -> " + reduced + "\n" +
                     "%r = ampc.div %e, %t {name = \"d\"} : (" + full + ", " + reduced + ") -> " + full + "\n" +
                     "return %r, %t : " + full + ", " + reduced;
  for (const std::string &in : {last4, plain})
    for (const std::string &out : {last4, plain})
      checkKernel(kernelText("%x: " + full, full + ", " + reduced, body, list({in, out, out})));
}

// A result that is an argument is a copy in another order.
TEST(Order, Copy) {
  std::string t = tensor("2x9x5x6");
  checkKernel(kernelText("%a: " + t, t + ", " + t, "return %a, %a : " + t + ", " + t, list({last4, plain, last4})));
}

TEST(Order, BadOrdersAreErrors) {
  std::string t = tensor("2x3x4x5"), body = "%r = ampc.relu %a {name = \"r\"} : (" + t + ") -> " + t + "\nreturn %r : " + t;
  for (const char *orders : {"[array<i64: 0, 2, 3, 1>]", "[array<i64: 0, 2, 3>, array<i64>]",
                             "[array<i64: 0, 2, 2, 1>, array<i64>]", "[array<i64: 0, 2, 4, 1>, array<i64>]",
                             "[array<i64: 0, 2, -1, 1>, array<i64>]", "[1, 2]"}) {
    llvm::Expected<KernelLibrary> library =
        compileKernels(KernelRequest{"k", kernelText("%a: " + t, t, body, orders)}, {}, 1);
    EXPECT_FALSE(bool(library)) << orders;
    llvm::consumeError(library.takeError());
  }
}

// Halves of the channels, and a part of the image, as what follows them reads them.
TEST(Order, FusedSlices) {
  for (auto [channels, half] : {std::pair(32, 16), std::pair(10, 5), std::pair(80, 40)}) {
    const std::string x = tensor("2x" + std::to_string(channels) + "x6x5"),
                      part = tensor("2x" + std::to_string(half) + "x4x5");
    auto slice = [&](const std::string &name, int start) {
      return "%" + name + " = ampc.slice %x {name = \"" + name + "\", shape = array<i64: 2, " + std::to_string(half) +
             ", 4, 5>, starts = array<i64: 0, " + std::to_string(start) + ", 1, 0>, steps = array<i64: 1, 1, 1, 1>} "
             ": (" + x + ") -> " + part + "\n";
    };
    const std::string body = slice("a", 0) + slice("b", half) + "%s = ampc.sigmoid %a {name = \"s\"} : (" + part +
                             ") -> " + part + "\n%r = ampc.mul %s, %b {name = \"r\"} : (" + part + ", " + part +
                             ") -> " + part + "\nreturn %r : " + part;
    for (const std::string &from : {plain, last4})
      for (const std::string &to : {plain, last4})
        checkKernel(kernelText("%x: " + x, part, body, list({from, to})));
  }
}
