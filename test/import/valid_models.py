"""Valid but unusual models: all of them must import."""
import os

import numpy as np
from onnx import TensorProto, helper

from model_case import B, F, I, Corpus, graph, model, node, relu, single, value, weight


def typed_fields(c):
    def tensor(kind, field, data, dims):
        t = TensorProto(name="w", data_type=kind, dims=dims)
        getattr(t, field).extend(data)
        return t

    for name, kind, field, data in [
            ("float", F, "float_data", [1.5, -2, 3]), ("double", TensorProto.DOUBLE, "double_data", [1, 2, 3]),
            ("int64", I, "int64_data", [1, -2, 1 << 40]), ("uint64", TensorProto.UINT64, "uint64_data", [1, 2, (1 << 64) - 1]),
            ("uint32", TensorProto.UINT32, "uint64_data", [1, 2, (1 << 32) - 1]),
            ("int32", TensorProto.INT32, "int32_data", [1, -2, -(1 << 31)]),
            ("int8", TensorProto.INT8, "int32_data", [1, -128, 127]), ("bool", B, "int32_data", [0, 1, 1]),
            ("half", TensorProto.FLOAT16, "int32_data", [0, 15360, 64512])]:
        m = model([node("Identity", "w", "y")], [value("x")], [value("y", (3,), kind)], [tensor(kind, field, data, [3])])
        c.add("typed_" + name, m, 0)
    # Repeated numbers may be stored one by one as well: field 4, wire type 5.
    m = model([node("Add", "x w", "y")], [value("x", (3,))], [value("y", (3,))],
              [TensorProto(name="w", data_type=F, dims=[3])])
    bare = m.graph.initializer[0].SerializeToString()
    unpacked = bare + b"".join(b"\x25" + np.float32(k).tobytes() for k in range(3))
    m.graph.ClearField("initializer")
    inner = m.graph.SerializeToString() + b"\x2a" + bytes([len(unpacked)]) + unpacked
    m.ClearField("graph")
    c.add("typed_unpacked", m.SerializeToString() + b"\x3a" + bytes([len(inner)]) + inner, 0)


def names(c):
    c.add("empty_names", model([node("Relu", "x", "a", name=""), node("Relu", "a", "y", name="")], [value("x")],
                               [value("y")]), 0)
    c.add("duplicate_node_names", model([node("Relu", "x", "a", name="n"), node("Relu", "a", "y", name="n")],
                                        [value("x")], [value("y")]), 0)
    c.add("node_named_like_values", model([node("Relu", "x", "a", name="x"), node("Relu", "a", "y", name="y")],
                                          [value("x")], [value("y")]), 0)
    m = relu()
    m.graph.output[0].type.tensor_type.ClearField("shape")
    c.add("output_without_shape", m, 0)
    m = relu()
    m.graph.input[0].type.tensor_type.ClearField("shape")
    c.add("input_without_shape", m, 0, "--shape", "x=2x3")
    c.add("input_is_output", model([node("Relu", "x", "y")], [value("x")], [value("x"), value("y")]), 0)
    c.add("weight_is_output", model([node("Relu", "x", "y")], [value("x")], [value("w", (2,)), value("y")],
                                    [weight("w", np.ones(2, np.float32))]), 0)
    w = weight("w", np.ones((2, 3), np.float32))
    m = model([node("Add", "x w", "y")], [value("x"), value("w")], [value("y")], [w])
    c.add("weight_is_input", m, 0, says="in x:f32[2x3] out")
    c.add("weight_is_replaced", m, 0, "--value", "w=1,2,3,4,5,6")
    m = relu()
    m.graph.output.append(m.graph.output[0])
    c.add("output_listed_twice", m, 0, says="out y:f32[2x3] out y:f32[2x3]")
    m = relu()
    m.opset_import[0].domain = "ai.onnx"
    c.add("domain_ai_onnx", m, 0)
    c.add("dead_unknown_operator", model([node("Nonsense", "x", "z", domain="d"), node("Relu", "x", "y")],
                                         [value("x")], [value("y")], domains=["d"]), 0)


def shapes(c):
    m = model([node("Add", "x z", "y")], [value("x", ("n", "?")), value("z", ("n", None))],
              [value("y", (None, None))])
    c.add("named_dimension", m, 0, "--shape", "x=4x5", "--shape", "z=4x5")
    c.add("dimension_of_other_input", model([node("Add", "x z", "y")], [value("x", ("n", 3)), value("z", ("n", 3))],
                                            [value("y", ("n", 3))]), 0, "--shape", "x=4x3")
    c.add("dimension_option", model([node("Relu", "x", "y")], [value("x", ("n", 3))], [value("y", ("n", 3))]), 0,
          "--dim", "n=7", says="f32[7x3]")
    m = model([node("Reshape", "x s", "y")], [value("x"), value("s", (2,), I)], [value("y", (None, None))])
    c.add("shape_by_value", m, 0, "--value", "s=3,-1", says="out y:f32[3x2]")
    c.add("zero_extent", model([node("Relu", "x", "y")], [value("x", (0, 3))], [value("y", (0, 3))]), 0)
    c.add("scalar", model([node("Relu", "x", "y")], [value("x", ())], [value("y", ())]), 0)
    # The chain that exporters write for x.view(x.shape[0], -1).
    c.add("shape_chain", model(
        [node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Unsqueeze", "n zeros", "n1"),
         node("Concat", "n1 minus", "t", axis=0), node("Reshape", "x t", "y")],
        [value("x", ("n", 3, 4))], [value("y", (None, None))],
        [weight("zero", np.int64(0)), weight("zeros", np.array([0])), weight("minus", np.array([-1]))]), 0,
        "--dim", "n=5", says="out y:f32[5x12]")


def control_flow(c):
    then = graph([node("Relu", "x", "t")], [], [value("t", None)])
    other = graph([node("Neg", "x", "e")], [], [value("e", None)])
    m = model([node("If", "c", "y", then_branch=then, else_branch=other)], [value("x"), value("c", (), B)],
              [value("y")])
    c.add("if_known", m, 0, "--value", "c=true", says="ops 3 ")
    c.add("if_unknown", m, 0)
    taller = graph([node("Concat", "x x", "e", axis=0)], [], [value("e", None)])
    c.add("if_unequal_known", model([node("If", "c", "y", then_branch=then, else_branch=taller)],
                                    [value("x"), value("c", (1,), B)], [value("y", (None, None))]), 0,
          "--value", "c=0", says="out y:f32[4x3]")
    body = graph([node("Add", "v x", "w"), node("Identity", "g", "h"), node("Relu", "w", "r")],
                 [value("i", (), I), value("g", (), B), value("v")], [value("h", (), B), value("w"), value("r")])
    m = model([node("Loop", ["m", "", "x"], "y all", body=body)], [value("x")], [value("y"), value("all", (None, 2, 3))],
              [weight("m", np.int64(3))])
    c.add("loop_unrolled", m, 0, says="out all:f32[3x2x3]")
    counting = graph([node("Add", "v x", "w"), node("Less", "i four", "h")],
                     [value("i", (), I), value("g", (), B), value("v")], [value("h", (), B), value("w")],
                     [weight("four", np.int64(4))])
    c.add("loop_by_condition", model([node("Loop", ["", "t", "x"], "y", body=counting)], [value("x")], [value("y")],
                                     [weight("t", np.bool_(True))]), 0)
    scan = graph([node("Add", "s a", "t"), node("Relu", "t", "o")], [value("s", (3,)), value("a", (3,))],
                 [value("t", (3,)), value("o", (3,))])
    for backward in (0, 1):
        c.add(f"scan_{backward}", model(
            [node("Scan", "z x", "y all", body=scan, num_scan_inputs=1, scan_input_directions=[backward],
                  scan_output_axes=[-1])],
            [value("x"), value("z", (3,))], [value("y", (3,)), value("all", (None, None))]), 0,
            says="out all:f32[3x2]")
    deep = graph([node("Relu", "x", "r0")], [], [value("r0", None)])
    for level in range(1, 9):
        deep = graph([node("If", "c", f"r{level}", then_branch=deep, else_branch=deep)], [],
                     [value(f"r{level}", None)]) if level < 8 else deep
    c.add("if_eight_deep", model([node("If", "c", "y", then_branch=deep, else_branch=deep)],
                                 [value("x"), value("c", (), B)], [value("y")]), 0, "--value", "c=1")
    ends = zip("abc", [-(1 << 63), (1 << 63) - 1, 1 << 62])
    c.add("range_of_all_integers", model([node("Range", "a b c", "r"), node("Add", "r x", "y")], [value("x", (1,), I)],
                                         [value("y", None, I)], [weight(n, np.int64(v)) for n, v in ends]), 0,
          says="out y:i64[4]")
    many = [node("SplitToSequence", "x", "s", axis=1), node("SequenceAt", "s one", "a"),
            node("SequenceInsert", "s a", "s2"), node("SequenceLength", "s2", "len"),
            node("ConcatFromSequence", "s2", "y", axis=1)]
    c.add("sequences", model(many, [value("x")], [value("y", None), value("len", (), I)],
                             [weight("one", np.int64(1))]), 0, says="out y:f32[2x4]")


def inference(c):
    """Where ONNX's own inference gives other extents than runtimes compute, and a version that it calls deprecated."""
    c.add("resize_in_f32", single("Resize", [(1, 1, 10)], [weight("s", np.float32([1, 1, .7]))], inputs="x0 _ s"), 0,
          says="out y:f32[1x1x7]")
    c.add("pool_window_behind_the_input", single("MaxPool", [(1, 1, 6)], kernel_shape=[1], strides=[2], ceil_mode=1), 0,
          says="out y:f32[1x1x3]")
    c.add("einsum_of_extent_1", single("Einsum", [(4, 1, 6), (4, 5, 6)], equation="bij,bij->bi"), 0,
          says="out y:f32[4x5]")
    vectors = [weight(name, np.ones(2, np.float32)) for name in "ab"]
    c.add("group_normalization_18", single("GroupNormalization", [(1, 4, 3)], vectors, opset=18, num_groups=2), 0,
          says="out y:f32[1x4x3]")
    inner = node("GroupNormalization", "p q r", "s", num_groups=2, domain="ai.onnx")
    function = helper.make_function("d", "Norm", ["p", "q", "r"], ["s"], [inner], [helper.make_opsetid("", 18)])
    c.add("group_normalization_in_function", model([node("Norm", "x a b", "y", domain="d")], [value("x", (1, 4, 3))],
                                                   [value("y", (1, 4, 3))], vectors, opset=20, functions=[function],
                                                   domains=["d"]), 0)


def functions(c):
    inner = helper.make_function("d", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], [helper.make_opsetid("", 17)])
    leaky = node("LeakyRelu", "q", "r")
    leaky.attribute.add(name="alpha", type=1, ref_attr_name="slope")
    outer = helper.make_function("d", "Outer", ["p", "unused"], ["r", "q"], [node("Twice", "p", "q", domain="d"), leaky],
                                 [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)], ["slope"])
    m = model([node("Outer", "x", "y", domain="d", name="call", slope=0.25)], [value("x")], [value("y")],
              functions=[inner, outer], domains=["d"])
    c.add("function_nested", m, 0, "--dump", says="call/")
    for op, shapes, attributes in [("MeanVarianceNormalization", [(2, 3, 4, 4)], {}),
                                   ("Celu", [(2, 3)], {}), ("ReduceLogSumExp", [(2, 3)], {}),
                                   ("SoftmaxCrossEntropyLoss", None, {})]:
        if shapes:
            c.add("body_" + op, single(op, shapes, opset=18, **attributes), 0)


def external(c):
    np.arange(8, dtype=np.float32).tofile(os.path.join(c.folder, "weights.bin"))
    os.makedirs(os.path.join(c.folder, "sub"), exist_ok=True)
    np.arange(6, dtype=np.float32).tofile(os.path.join(c.folder, "sub", "inner.bin"))
    for name, entries in [("plain", dict(location="weights.bin", offset="8", length="24")),
                          ("without_length", dict(location="weights.bin")),
                          ("in_folder", dict(location="sub/inner.bin"))]:
        t = TensorProto(name="w", data_type=F, dims=[2, 3], data_location=TensorProto.EXTERNAL)
        for key, text in entries.items():
            t.external_data.add(key=key, value=text)
        c.add("external_" + name, model([node("Add", "x w", "y")], [value("x")], [value("y")], [t]), 0,
              says="weights 1 (24 bytes)")


def cases(folder):
    c = Corpus(folder)
    for family in (typed_fields, names, shapes, control_flow, inference, functions, external):
        family(c)
    return c.cases
