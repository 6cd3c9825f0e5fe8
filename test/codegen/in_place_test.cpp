// Which results may be written over an operand. That they then are the same bits is part of every checkKernel.
#include "test/codegen/kernel_case.h"

using namespace ampc;
using namespace ampc::test;

namespace {

using Pairs = std::vector<plan::InPlacePair>;

/// Lines of a body: "r = op a b attributes" with types looked up by name.
class Body {
public:
  Body &argument(const std::string &name, const std::string &type) {
    arguments += (arguments.empty() ? "%" : ", %") + name + ": " + type;
    types[name] = type;
    return *this;
  }
  Body &op(const std::string &result, const std::string &type, const std::string &name,
           const std::vector<std::string> &operands, const std::string &attributes = "") {
    std::string names, operandTypes;
    for (const std::string &operand : operands) {
      names += (names.empty() ? "%" : ", %") + operand;
      operandTypes += (operandTypes.empty() ? "" : ", ") + types.at(operand);
    }
    types[result] = type;
    lines += "%" + result + " = ampc." + name + " " + names + " {name = \"" + result + "\"" +
             (attributes.empty() ? "" : ", " + attributes) + "} : (" + operandTypes + ") -> " + type + "\n";
    return *this;
  }
  std::string returning(const std::vector<std::string> &results, const std::string &orders = "") const {
    std::string names, resultTypes;
    for (const std::string &result : results) {
      names += (names.empty() ? "%" : ", %") + result;
      resultTypes += (resultTypes.empty() ? "" : ", ") + types.at(result);
    }
    return kernelText(arguments, resultTypes, lines + "return " + names + " : " + resultTypes, orders);
  }

private:
  std::string arguments, lines;
  std::map<std::string, std::string> types;
};

std::string sums(int axis, bool keeps = true) {
  return "axes = array<i64: " + std::to_string(axis) + ">, keepdims = " + (keeps ? "1" : "0") + " : i64";
}

/// The pairs of a kernel whose results are right in every way of placing them.
Pairs pairsOf(const std::string &text) {
  checkKernel(text);
  return inPlacePairs(text);
}

const std::string t = "tensor<6x40xf32>", square = "tensor<40x40xf32>";

} // namespace

TEST(InPlace, Elementwise) {
  EXPECT_EQ(pairsOf(Body().argument("a", t).op("r", t, "relu", {"a"}).returning({"r"})), (Pairs{{0, 0}}));
  EXPECT_EQ(pairsOf(Body().argument("a", t).argument("b", t).op("r", t, "add", {"a", "b"}).returning({"r"})),
            (Pairs{{0, 0}, {1, 0}}));
  EXPECT_EQ(pairsOf(Body().argument("a", "tensor<f32>").op("r", "tensor<f32>", "exp", {"a"}).returning({"r"})),
            (Pairs{{0, 0}}));
}

// An element that is read twice is loaded once, before it is written.
TEST(InPlace, ReadTwiceAtOnePoint) {
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", t)
                        .op("e", t, "exp", {"a"})
                        .op("m", t, "mul", {"a", "e"})
                        .op("r", t, "add", {"m", "a"})
                        .returning({"r"})),
            (Pairs{{0, 0}}));
}

TEST(InPlace, BroadcastOperandsStay) {
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", t)
                        .argument("b", "tensor<40xf32>")
                        .op("r", t, "add", {"a", "b"})
                        .returning({"r"})),
            (Pairs{{0, 0}}));
  // As many elements as the result has, each read by a whole row or column.
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", "tensor<1x40xf32>")
                        .argument("b", "tensor<40x1xf32>")
                        .op("p", square, "mul", {"a", "b"})
                        .op("r", "tensor<1x40xf32>", "reduce_max", {"p"}, sums(0))
                        .op("s", "tensor<1x40xf32>", "neg", {"r"})
                        .returning({"s"})),
            (Pairs{{0, 0}})); // only column k reads element k of a
}

TEST(InPlace, MovedOperandsStay) {
  const std::string swap = "perm = array<i64: 1, 0>";
  EXPECT_EQ(pairsOf(Body().argument("a", square).op("r", square, "transpose", {"a"}, swap).returning({"r"})), Pairs());
  // Read where it is written, and elsewhere.
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", square)
                        .op("m", square, "transpose", {"a"}, swap)
                        .op("r", square, "add", {"a", "m"})
                        .returning({"r"})),
            Pairs());
  // Moved and moved back.
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", square)
                        .op("m", square, "transpose", {"a"}, swap)
                        .op("e", square, "exp", {"m"})
                        .op("r", square, "transpose", {"e"}, swap)
                        .returning({"r"})),
            (Pairs{{0, 0}}));
  const std::string x = "tensor<2x6x3x5xf32>";
  const std::string plain = "array<i64>", last = "array<i64: 0, 2, 3, 1>";
  const Body relu = Body().argument("a", x).op("r", x, "relu", {"a"});
  EXPECT_EQ(pairsOf(relu.returning({"r"}, "[" + last + ", " + last + "]")), (Pairs{{0, 0}}));
  EXPECT_EQ(pairsOf(relu.returning({"r"}, "[" + plain + ", " + last + "]")), Pairs());
}

TEST(InPlace, WindowsAndTablesStay) {
  const std::string x = "tensor<1x4x9x9xf32>";
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", x)
                        .op("r", x, "max_pool", {"a"},
                            "kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>")
                        .returning({"r"})),
            Pairs());
  const std::string index = "tensor<40xi32>";
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", "tensor<40xf32>")
                        .argument("i", index)
                        .op("r", "tensor<40xf32>", "gather", {"a", "i"}, "axis = 0 : i64")
                        .returning({"r"})),
            Pairs()); // the index is read where its result is written, but what decides addresses is not followed
}

// A row is read as a whole before it is written, whoever works on the other rows.
TEST(InPlace, RowsOfReductions) {
  auto softmax = [](int axis, const std::string &reduced) {
    return Body()
        .argument("a", t)
        .op("m", reduced, "reduce_max", {"a"}, sums(axis))
        .op("d", t, "sub", {"a", "m"})
        .op("e", t, "exp", {"d"})
        .op("s", reduced, "reduce_sum", {"e"}, sums(axis))
        .op("r", t, "div", {"e", "s"});
  };
  EXPECT_EQ(pairsOf(softmax(1, "tensor<6x1xf32>").returning({"r"})), (Pairs{{0, 0}}));
  EXPECT_EQ(pairsOf(softmax(0, "tensor<1x40xf32>").returning({"r"})), (Pairs{{0, 0}}));
  // The second result comes from the rows that the first one has been written over.
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", t)
                        .op("m", "tensor<6x1xf32>", "reduce_max", {"a"}, sums(1))
                        .op("d", t, "sub", {"a", "m"})
                        .op("s", "tensor<6x1xf32>", "reduce_sum", {"d"}, sums(1))
                        .op("r", t, "mul", {"a", "s"})
                        .returning({"d", "r"})),
            (Pairs{{0, 1}}));
}

// What one row needs of the others would be gone.
TEST(InPlace, ReductionsOverOtherRowsStay) {
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", t)
                        .op("s", "tensor<1x1xf32>", "reduce_sum", {"a"}, "axes = array<i64: 0, 1>, keepdims = 1 : i64")
                        .op("r", t, "sub", {"a", "s"})
                        .returning({"r"})),
            Pairs());
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", square)
                        .op("s", "tensor<40x1xf32>", "reduce_sum", {"a"}, sums(1))
                        .op("c", "tensor<1x40xf32>", "reduce_sum", {"a"}, sums(0))
                        .op("d", square, "sub", {"a", "s"})
                        .op("r", square, "mul", {"d", "c"})
                        .returning({"r"})),
            Pairs());
  // Row k needs column k, in the same iteration.
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", square)
                        .op("m", square, "transpose", {"a"}, "perm = array<i64: 1, 0>")
                        .op("s", "tensor<40x1xf32>", "reduce_max", {"m"}, sums(1))
                        .op("r", square, "sub", {"a", "s"})
                        .returning({"r"})),
            Pairs());
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", square)
                        .argument("b", square)
                        .op("r", square, "matmul", {"a", "b"})
                        .returning({"r"})),
            Pairs());
}

TEST(InPlace, EachOfSeveralResults) {
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", t)
                        .argument("b", t)
                        .op("r", t, "relu", {"a"})
                        .op("s", t, "add", {"a", "b"})
                        .returning({"r", "s"})),
            (Pairs{{0, 0}, {0, 1}, {1, 1}})); // b is read after r has been written
}

TEST(InPlace, SizesOfElements) {
  auto cast = [](const std::string &from, const std::string &to) {
    return Body()
        .argument("a", "tensor<6x40x" + from + ">")
        .op("r", "tensor<6x40x" + to + ">", "cast", {"a"}, "to = \"" + to + "\"")
        .returning({"r"});
  };
  EXPECT_EQ(pairsOf(cast("f32", "i32")), (Pairs{{0, 0}}));
  EXPECT_EQ(pairsOf(cast("f32", "f16")), Pairs());
  EXPECT_EQ(pairsOf(cast("i8", "i64")), Pairs());
}

// The code generator proves the pairs of a request itself.
TEST(InPlace, UnprovenPairsAreErrors) {
  const std::string text =
      Body().argument("a", square).op("r", square, "transpose", {"a"}, "perm = array<i64: 1, 0>").returning({"r"});
  for (const plan::InPlacePair &pair : Pairs{{0, 0}, {1, 0}}) {
    llvm::Expected<KernelLibrary> library = compileKernels({{"k", text, 0, {pair}}}, {}, 1);
    ASSERT_FALSE(bool(library));
    EXPECT_NE(llvm::toString(library.takeError()).find("an operand that it still needs"), std::string::npos);
  }
}

namespace {

std::string piece(const std::string &shape, const std::string &starts, const std::string &steps = "1, 1") {
  return "shape = array<i64: " + shape + ">, starts = array<i64: " + starts + ">, steps = array<i64: " + steps + ">";
}

} // namespace

// The state of a cell is written over the one before it, beside gates that are slices of one operand.
TEST(InPlace, BesideSlices) {
  for (int width : {40, 16, 7}) {
    const std::string n = std::to_string(width), part = "tensor<6x" + n + "xf32>",
                      gates = "tensor<6x" + std::to_string(3 * width) + "xf32>";
    Body body;
    body.argument("gates", gates).argument("state", part);
    for (int k = 0; k < 3; ++k)
      body.op("p" + std::to_string(k), part, "slice", {"gates"}, piece("6, " + n, "0, " + std::to_string(k * width)));
    body.op("f", part, "sigmoid", {"p0"}).op("i", part, "sigmoid", {"p1"}).op("g", part, "tanh", {"p2"});
    body.op("kept", part, "mul", {"f", "state"}).op("new", part, "mul", {"i", "g"});
    body.op("cell", part, "add", {"kept", "new"});
    EXPECT_EQ(pairsOf(body.op("y", part, "tanh", {"cell"}).returning({"cell", "y"})), (Pairs{{1, 0}, {1, 1}}));
  }
}

// Every element is read where another one is written.
TEST(InPlace, ReversedSlicesStay) {
  const std::string reversed = piece("6, 40", "0, 39", "1, -1");
  Body body;
  body.argument("a", t).op("s", t, "slice", {"a"}, reversed).op("r", t, "add", {"a", "s"});
  EXPECT_EQ(pairsOf(body.returning({"r"})), (Pairs{}));
  EXPECT_EQ(pairsOf(Body()
                        .argument("a", t)
                        .argument("b", t)
                        .op("s", t, "slice", {"a"}, piece("6, 40", "5, 0", "-1, 1"))
                        .op("r", t, "sub", {"b", "s"})
                        .returning({"r"})),
            (Pairs{{1, 0}}));
}
