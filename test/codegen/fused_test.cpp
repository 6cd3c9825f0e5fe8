// Kernels as the fusion pass forms them, against the reference evaluation, in handy and in odd sizes.
#include "test/codegen/kernel_case.h"

using namespace ampc;
using namespace ampc::test;

namespace {

std::string f32(const std::string &shape) { return "tensor<" + shape + (shape.empty() ? "" : "x") + "f32>"; }

/// Of x, or of x * x, by which the kernel begins.
std::string softmax(const std::string &rows, const std::string &width, const std::string &tail, int axis,
                    bool ofSquares = false) {
  std::string full = f32(rows + "x" + width + tail), reduced = f32(rows + "x1" + tail);
  std::string square = "%q = ampc.mul %x, %x {name = \"q\"} : (" + full + ", " + full + ") -> " + full + "\n";
  std::string x = ofSquares ? "%q" : "%x";
  std::string attributes =
      " {name = \"n\", axes = array<i64: " + std::to_string(axis) + ">, keepdims = 1 : i64} : (";
  return kernelText("%x: " + full, full,
                    (ofSquares ? square : "") + "%m = ampc.reduce_max " + x + attributes + full + ") -> " +
                        reduced + "\n" + "%s = ampc.sub " + x + ", %m {name = \"s\"} : (" + full + ", " + reduced + ") -> " + full +
                        "\n" + "%e = ampc.exp %s {name = \"e\"} : (" + full + ") -> " + full + "\n" +
                        "%t = ampc.reduce_sum %e" + attributes + full + ") -> " + reduced + "\n" +
                        "%r = ampc.div %e, %t {name = \"d\"} : (" + full + ", " + reduced + ") -> " + full +
                        "\n" + "return %r : " + full);
}

} // namespace

TEST(Fused, Softmax) {
  for (const char *width : {"128", "127", "16", "5", "1", "333"})
    checkKernel(softmax("3x4", width, "", 2));
  for (const char *tail : {"x768", "x33", "x7"})
    checkKernel(softmax("2", "19", tail, 1));
}

// The product is computed twice, for the largest value and for the differences from it: were one of them not rounded,
// they would differ by more than exp takes.
TEST(Fused, SoftmaxOfLargeProducts) {
  InputSpec spec;
  spec.low = 1e5;
  spec.high = 2e5;
  for (const char *width : {"128", "127", "5"})
    checkKernel(softmax("3x4", width, "", 2, /*ofSquares=*/true), spec);
}

// Rows of the softmax begin inside those of the operand.
TEST(Fused, SoftmaxOfSlice) {
  for (int width : {64, 37, 1}) {
    std::string w = std::to_string(width), x = f32("3x5x" + std::to_string(2 * width)), s = f32("3x4x" + w);
    std::string one = f32("3x4x1"), at = "starts = array<i64: 0, 1, " + w + ">, steps = array<i64: 1, 1, 1>";
    std::string attributes = " {name = \"n\", axes = array<i64: 2>, keepdims = 1 : i64} : (" + s + ") -> " + one + "\n";
    checkKernel(kernelText("%x: " + x, s,
                           "%p = ampc.slice %x {name = \"p\", shape = array<i64: 3, 4, " + w + ">, " + at + "} : (" +
                               x + ") -> " + s + "\n%m = ampc.reduce_max %p" +
                               attributes + "%d = ampc.sub %p, %m {name = \"d\"} : (" + s + ", " + one + ") -> " + s +
                               "\n%e = ampc.exp %d {name = \"e\"} : (" + s + ") -> " + s + "\n%t = ampc.reduce_sum %e" +
                               attributes + "%r = ampc.div %e, %t {name = \"r\"} : (" + s + ", " + one + ") -> " + s +
                               "\nreturn %r : " + s));
  }
}

TEST(Fused, Elementwise) {
  for (const char *shape : {"4x33x64", "7x3", "1", "2x3x5x7", "1000", "0x4", ""}) {
    std::string t = f32(shape);
    checkKernel(kernelText("%a: " + t + ", %b: " + t, t + ", " + t,
                           "%0 = ampc.add %a, %b {name = \"0\"} : (" + t + ", " + t + ") -> " + t +
                               "\n%1 = ampc.relu %0 {name = \"1\"} : (" + t + ") -> " + t +
                               "\n%2 = ampc.mul %1, %a {name = \"2\"} : (" + t + ", " + t + ") -> " + t +
                               "\nreturn %0, %2 : " + t + ", " + t));
  }
}

TEST(Fused, Broadcast) {
  std::string a = f32("4x1x9x5"), b = f32("3x9x1"), c = f32("4x3x9x5"), s = f32("");
  checkKernel(kernelText("%a: " + a + ", %b: " + b + ", %s: " + s, c,
                         "%0 = ampc.add %a, %b {name = \"0\"} : (" + a + ", " + b + ") -> " + c +
                             "\n%1 = ampc.mul %0, %s {name = \"1\"} : (" + c + ", " + s + ") -> " + c +
                             "\nreturn %1 : " + c));
}

TEST(Fused, ResultIsArgument) {
  std::string t = f32("3x5");
  checkKernel(kernelText("%a: " + t, t + ", " + t, "return %a, %a : " + t + ", " + t));
}

TEST(Fused, LayerNorm) {
  for (const char *width : {"768", "777", "17"}) {
    std::string w = width, x = f32("6x" + w), v = f32(w), one = f32("6x1"), s = f32("");
    std::string attributes =
        " {name = \"r\", axes = array<i64: 1>, keepdims = 1 : i64} : (" + x + ") -> " + one + "\n";
    auto binary = [&](std::string r, std::string op, std::string a, std::string b, std::string ta,
                      std::string tb, std::string tr) {
      return "%" + r + " = ampc." + op + " %" + a + ", %" + b + " {name = \"" + r + "\"} : (" + ta + ", " +
             tb + ") -> " + tr + "\n";
    };
    checkKernel(
        kernelText(
            "%x: " + x + ", %res: " + x + ", %g: " + v + ", %b: " + v + ", %n: " + s + ", %eps: " + s,
            x + ", " + x,
            binary("h", "add", "x", "res", x, x, x) + "%sum = ampc.reduce_sum %h" + attributes +
                binary("mean", "div", "sum", "n", one, s, one) + binary("c", "sub", "h", "mean", x, one, x) +
                binary("sq", "mul", "c", "c", x, x, x) + "%sv = ampc.reduce_sum %sq" + attributes +
                binary("var", "div", "sv", "n", one, s, one) +
                binary("ve", "add", "var", "eps", one, s, one) + "%sd = ampc.sqrt %ve {name = \"sd\"} : (" +
                one + ") -> " + one + "\n" + binary("norm", "div", "c", "sd", x, one, x) +
                binary("scaled", "mul", "norm", "g", x, v, x) + binary("out", "add", "scaled", "b", x, v, x) +
                "return %h, %out : " + x + ", " + x),
        {1, 2, 5, 3});
  }
}

TEST(Fused, Matmul) {
  for (auto [m, k, n] :
       {std::tuple(7, 13, 19), std::tuple(64, 64, 64), std::tuple(1, 100, 33), std::tuple(5, 1, 2)}) {
    auto shape = [&](int a, int b) { return f32("3x" + std::to_string(a) + "x" + std::to_string(b)); };
    std::string a = shape(m, k), b = shape(k, n), c = shape(m, n);
    checkKernel(kernelText("%a: " + a + ", %b: " + b, c,
                           "%0 = ampc.matmul %a, %b {name = \"0\"} : (" + a + ", " + b + ") -> " + c +
                               "\n%1 = ampc.relu %0 {name = \"1\"} : (" + c + ") -> " + c +
                               "\nreturn %1 : " + c));
  }
}

TEST(Fused, HeadSplitTranspose) {
  std::string x = f32("2x5x12"), r = f32("2x5x3x4"), t = f32("2x3x5x4");
  checkKernel(kernelText("%x: " + x + ", %y: " + x, t,
                         "%s = ampc.add %x, %y {name = \"s\"} : (" + x + ", " + x + ") -> " + x +
                             "\n%r = ampc.reshape %s {name = \"r\", shape = array<i64: 2, 5, 3, 4>} : (" + x +
                             ") -> " + r +
                             "\n%t = ampc.transpose %r {name = \"t\", perm = array<i64: 0, 2, 1, 3>} : (" +
                             r + ") -> " + t + "\nreturn %t : " + t));
}

TEST(Fused, Concat) {
  std::string a = f32("3x5x7"), b = f32("3x2x7"), c = f32("3x7x7");
  checkKernel(kernelText("%a: " + a + ", %b: " + b, c,
                         "%e = ampc.exp %a {name = \"e\"} : (" + a + ") -> " + a +
                             "\n%0 = ampc.concat %e, %b {name = \"0\", axis = 1 : i64} : (" + a + ", " + b +
                             ") -> " + c + "\nreturn %0 : " + c));
  std::string d = f32("3x20"), e = f32("3x33"), f = f32("3x73");
  checkKernel(kernelText("%a: " + d + ", %b: " + e, f,
                         "%0 = ampc.concat %a, %b, %a {name = \"0\", axis = 1 : i64} : (" + d + ", " + e +
                             ", " + d + ") -> " + f + "\nreturn %0 : " + f));
}

// Channels-last forms are written as transpositions around the operator; they must cost nothing.
TEST(Fused, ChannelsLast) {
  std::string x = f32("2x9x11x20"), nchw = f32("2x20x9x11"), y = f32("2x5x6x20"), pooled = f32("2x20x5x6");
  std::string toFirst = "perm = array<i64: 0, 3, 1, 2>", toLast = "perm = array<i64: 0, 2, 3, 1>";
  checkKernel(kernelText(
      "%x: " + x, y,
      "%0 = ampc.transpose %x {name = \"0\", " + toFirst + "} : (" + x + ") -> " + nchw +
          "\n%1 = ampc.max_pool %0 {name = \"1\", kernel = array<i64: 3, 3>, strides = array<i64: 2, "
          "2>, pads = array<i64: 1, 1, 1, 1>} : (" +
          nchw + ") -> " + pooled + "\n%2 = ampc.transpose %1 {name = \"2\", " + toLast + "} : (" + pooled +
          ") -> " + y + "\nreturn %2 : " + y));
  std::string w = f32("20x1x3x3"), bias = f32("20x1x1");
  checkKernel(kernelText("%x: " + x + ", %w: " + w + ", %b: " + bias, x,
                         "%0 = ampc.transpose %x {name = \"0\", " + toFirst + "} : (" + x + ") -> " + nchw +
                             "\n%1 = ampc.conv %0, %w {name = \"1\", pads = array<i64: 1, 1, 1, 1>} : (" +
                             nchw + ", " + w + ") -> " + nchw + "\n%3 = ampc.add %1, %b {name = \"3\"} : (" +
                             nchw + ", " + bias + ") -> " + nchw + "\n%4 = ampc.relu %3 {name = \"4\"} : (" +
                             nchw + ") -> " + nchw + "\n%2 = ampc.transpose %4 {name = \"2\", " + toLast +
                             "} : (" + nchw + ") -> " + x + "\nreturn %2 : " + x));
}

// Nothing is shared by the loops of the two halves: the value between them is a buffer of the workspace.
TEST(Fused, WholeReductionThenBroadcast) {
  std::string x = f32("7x45"), one = f32("1x1"), v = f32("1x45");
  checkKernel(kernelText(
      "%x: " + x, x + ", " + one,
      "%0 = ampc.exp %x {name = \"0\"} : (" + x + ") -> " + x +
          "\n%1 = ampc.reduce_sum %0 {name = \"1\", axes = array<i64: 0, 1>, keepdims = 1 : i64} : (" + x +
          ") -> " + one + "\n%2 = ampc.div %0, %1 {name = \"2\"} : (" + x + ", " + one + ") -> " + x +
          "\nreturn %2, %1 : " + x + ", " + one));
  checkKernel(kernelText(
      "%x: " + x, x,
      "%0 = ampc.exp %x {name = \"0\"} : (" + x + ") -> " + x +
          "\n%1 = ampc.reduce_max %0 {name = \"1\", axes = array<i64: 0>, keepdims = 1 : i64} : (" + x +
          ") -> " + v +
          "\n%3 = ampc.reduce_sum %0 {name = \"3\", axes = array<i64: 1>, keepdims = 1 : "
          "i64} : (" +
          x + ") -> tensor<7x1xf32>\n%2 = ampc.div %0, %1 {name = \"2\"} : (" + x + ", " + v + ") -> " + x +
          "\n%4 = ampc.div %2, %3 {name = \"4\"} : (" + x + ", tensor<7x1xf32>) -> " + x +
          "\nreturn %4 : " + x));
}

TEST(Fused, LongChain) {
  std::string x = f32("9x31"), body, last = "%x";
  for (int k = 0; k < 120; ++k) {
    std::string next = "%v" + std::to_string(k);
    body += next + " = ampc." + (k % 5 == 4 ? "sigmoid " + last : "add " + last + ", %x") +
            " {name = \"n\"} : (" + x + (k % 5 == 4 ? "" : ", " + x) + ") -> " + x + "\n";
    last = next;
  }
  checkKernel(kernelText("%x: " + x, x, body + "return " + last + " : " + x));
}

TEST(Fused, ManyRowsOfReductions) {
  std::string x = f32("6x40"), one = f32("6x1"), body, last = "%x";
  for (int k = 0; k < 12; ++k) {
    std::string n = std::to_string(k);
    body += "%r" + n + " = ampc.reduce_max " + last +
            " {name = \"r\", axes = array<i64: 1>, keepdims = 1 : i64} : (" + x + ") -> " + one + "\n%s" + n +
            " = ampc.sub " + last + ", %r" + n + " {name = \"s\"} : (" + x + ", " + one + ") -> " + x +
            "\n%e" + n + " = ampc.exp %s" + n + " {name = \"e\"} : (" + x + ") -> " + x + "\n";
    last = "%e" + n;
  }
  checkKernel(kernelText("%x: " + x, x, body + "return " + last + " : " + x));
}

TEST(Fused, SpecialValues) {
  // Infinities and NaN come out of divisions by zero.
  std::string x = f32("64"), body = "%z = ampc.sub %x, %x {name = \"z\"} : (" + x + ", " + x + ") -> " + x +
                                    "\n%i = ampc.div %x, %z {name = \"i\"} : (" + x + ", " + x + ") -> " + x +
                                    "\n%n = ampc.div %z, %z {name = \"n\"} : (" + x + ", " + x + ") -> " + x +
                                    "\n";
  for (const char *op : {"exp", "log", "tanh", "erf", "sigmoid", "relu", "softplus"})
    for (const char *value : {"%i", "%n"})
      checkKernel(kernelText("%x: " + x, x,
                             body + "%r = ampc." + op + " " + value + " {name = \"r\"} : (" + x + ") -> " +
                                 x + "\nreturn %r : " + x));
}

TEST(Fused, RowsAreThoseOfAnOuterLoop) {
  auto rowsOf = [](const std::string &text) -> int64_t {
    llvm::Expected<KernelLibrary> library = compileKernels(KernelRequest{"k", text}, {}, 1);
    if (library)
      return library->kernels[0].rows;
    ADD_FAILURE() << llvm::toString(library.takeError());
    return -1;
  };
  EXPECT_EQ(rowsOf(softmax("384", "1024", "", 1)), 384);
  std::string full = f32("512x512"), one = f32("1x1");
  std::string all = "%s = ampc.reduce_sum %x {name = \"s\", axes = array<i64: 0, 1>, keepdims = 1 : i64} : (" + full +
                    ") -> " + one + "\n";
  auto unary = [&](const std::string &row, const std::string &of) {
    return "%r = ampc." + row + " " + of + " {name = \"r\"} : (" + full + ") -> " + full + "\nreturn %r : " + full;
  };
  EXPECT_GT(rowsOf(kernelText("%x: " + full, full, unary("tanh", "%x"))), 8);
  // Too small to be worth it; one result; results that need all rows of what was computed before.
  EXPECT_EQ(rowsOf(softmax("8", "16", "", 1)), 0);
  EXPECT_EQ(rowsOf(kernelText("%x: " + full, one, all + "return %s : " + one)), 0);
  EXPECT_EQ(rowsOf(kernelText("%x: " + full, full,
                              all + "%d = ampc.div %x, %s {name = \"d\"} : (" + full + ", " + one + ") -> " + full +
                                  "\nreturn %d : " + full)),
            0);
}

TEST(Fused, SameBytesWhateverTheJobs) {
  std::vector<KernelRequest> requests;
  for (int k = 0; k < 6; ++k)
    requests.push_back({"k" + std::to_string(k), softmax("3", std::to_string(10 + k), "", 1)});
  llvm::Expected<KernelLibrary> one = compileKernels(requests, {}, 1), two = compileKernels(requests, {}, 2);
  ASSERT_TRUE(bool(one)) << llvm::toString(one.takeError());
  ASSERT_TRUE(bool(two)) << llvm::toString(two.takeError());
  EXPECT_TRUE(one->sharedObject == two->sharedObject);
}

TEST(Fused, BadRequestsAreErrors) {
  for (const char *text :
       {"", "module {}", "module { func.func @kernel(%a: tensor<2xf32>) -> tensor<2xf32> }",
        "module { func.func @kernel() { ampc.nothing : () -> () return } }",
        "module { func.func @kernel() -> tensor<2xf32> { %a = ampc.input {name = \"a\", index = 0 : "
        "i64} : () -> tensor<2xf32> return %a : tensor<2xf32> } }"}) {
    llvm::Expected<KernelLibrary> library = compileKernels(KernelRequest{"k", text}, {}, 1);
    EXPECT_FALSE(bool(library));
    llvm::consumeError(library.takeError());
  }
  llvm::Expected<KernelLibrary> library = compileKernels({}, {"no-such-cpu", {}}, 1);
  EXPECT_FALSE(bool(library));
  llvm::consumeError(library.takeError());
}
