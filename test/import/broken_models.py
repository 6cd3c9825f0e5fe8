"""Models that must be refused with a diagnostic: no crash, no hang, no excuse. 3 is invalid, 4 valid but not supported,
2 an option, 6 a file. Where ONNX leaves open whether something is invalid or merely unwise, both are accepted."""
import os
import random

import numpy as np
from onnx import TensorProto, helper

import broken_attributes
from model_case import B, F, I, Corpus, graph, model, node, relu, single, value, weight


def files(c):
    c.add("empty", b"", 3)
    c.add("text", b"this is not a model\n" * 20, 3)
    c.add("zip", b"PK\x03\x04" + bytes(200), 3)
    c.add("zeros", bytes(4096), 3)
    c.add("huge_length", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 3)
    c.add("long_varint", b"\x08" + b"\xff" * 20, 3)
    c.add("group", b"\x3b\x3c", 3)
    c.add_path("missing", os.path.join(c.folder, "no_such_file.onnx"), 6)
    c.add_path("folder", c.folder, 6)
    os.mkfifo(os.path.join(c.folder, "fifo"))
    c.add_path("fifo", os.path.join(c.folder, "fifo"), 6)
    whole = model([node("Add", "x w", "a"), node("Softmax", "a", "y", axis=-1)], [value("x")], [value("y")],
                  [weight("w", np.ones((2, 3), np.float32))]).SerializeToString()
    for k in range(1, len(whole), 7):
        c.add(f"truncated_{k}", whole[:k], {0, 3})
    draw = random.Random(1)
    for k in range(60):
        damaged = bytearray(whole)
        for _ in range(draw.choice([1, 2, 8])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        c.add(f"damaged_{k}", bytes(damaged), {0, 2, 3, 4})
    twice = relu().graph.SerializeToString()
    c.add("graph_twice", relu().SerializeToString() + b"\x3a" + bytes([len(twice)]) + twice, 3)


def tensors(c):
    def use(t, codes, shape=(2, 3), kind=F, name="", **more):
        c.add(name, model([node("Identity", "w", "y")], [value("x")],
                          [helper.make_tensor_value_info("y", kind, None)], [t]), codes, **more)

    def raw(data, dims, kind=F):
        return TensorProto(name="w", data_type=kind, dims=dims, raw_data=data)

    use(raw(bytes(20), [2, 3]), 3, name="raw_short")
    use(raw(bytes(28), [2, 3]), 3, name="raw_long")
    use(raw(bytes(24), [-2, -3]), 3, name="negative_extents")
    use(raw(bytes(8), [1 << 40, 1 << 40]), 4, name="huge_extents")
    use(raw(b"", [0, 1 << 62, 1 << 62]), 4, name="zero_and_huge_extents")
    use(raw(bytes(4), [1] * 40), 4, name="high_rank")
    use(raw(bytes(6), [2, 3], B), 0, kind=B, name="bool_bytes_good")
    use(raw(b"\0\1\2\3\4\5", [2, 3], B), 3, kind=B, name="bool_bytes")
    use(raw(bytes(24), [2, 3], 99), 3, name="type_99")
    use(raw(bytes(24), [2, 3], 0), 3, name="type_0")
    use(raw(bytes(6), [2, 3], TensorProto.FLOAT8E4M3FN), 4, kind=TensorProto.FLOAT8E4M3FN, name="type_float8")
    use(raw(bytes(48), [2, 3], TensorProto.COMPLEX64), 4, kind=TensorProto.COMPLEX64, name="type_complex")
    use(raw(bytes(3), [2, 3], TensorProto.INT4), 4, kind=TensorProto.INT4, name="type_int4")
    use(TensorProto(name="w", data_type=TensorProto.STRING, dims=[1], string_data=[b"a"]), 4,
        kind=TensorProto.STRING, name="type_string")
    use(TensorProto(name="w", data_type=F, dims=[2]), 3, name="no_data")
    use(TensorProto(name="w", data_type=F, dims=[2], float_data=[1, 2, 3]), 3, name="typed_long")
    use(TensorProto(name="w", data_type=I, dims=[4], int64_data=[1, 2, 3]), 3, kind=I, name="typed_short")
    use(TensorProto(name="w", data_type=F, dims=[2], int64_data=[1, 2]), 3, name="typed_other_field")
    use(TensorProto(name="w", data_type=F, dims=[1], float_data=[1], raw_data=bytes(4)), 3, name="typed_and_raw")
    use(TensorProto(name="w", data_type=TensorProto.INT8, dims=[1], int32_data=[300]), 3, kind=TensorProto.INT8,
        name="typed_out_of_range")
    use(TensorProto(name="w", data_type=F, dims=[0], float_data=[1]), 3, name="empty_with_data")


def external(c):
    np.arange(8, dtype=np.float32).tofile(os.path.join(c.folder, "weights.bin"))
    outside = os.path.join(os.path.dirname(c.folder), "outside.bin")
    np.arange(8, dtype=np.float32).tofile(outside)
    os.symlink(outside, os.path.join(c.folder, "link.bin"))
    os.symlink("weights.bin", os.path.join(c.folder, "inner_link.bin"))
    os.symlink(os.path.dirname(c.folder), os.path.join(c.folder, "link"))
    os.mkfifo(os.path.join(c.folder, "weights.fifo"))
    for name, code, entries in [
            ("parent", 3, dict(location="../outside.bin")), ("absolute", 3, dict(location=outside)),
            ("link", 3, dict(location="link.bin")), ("inner_link", 3, dict(location="inner_link.bin")),
            ("linked_folder", 3, dict(location="link/outside.bin")),
            ("there_and_back", {3, 6}, dict(location="sub/../../outside.bin")),
            ("fifo", 3, dict(location="weights.fifo")), ("folder", 3, dict(location=".")),
            ("missing", 6, dict(location="nothing.bin")), ("proc", 3, dict(location="/proc/self/environ")),
            ("empty", 3, dict(location="")), ("no_location", 3, dict(offset="0")),
            ("nul", 3, dict(location="weights.bin\0.txt")),
            ("offset_beyond", 3, dict(location="weights.bin", offset="4096")),
            ("offset_partly", 3, dict(location="weights.bin", offset="12")),
            ("offset_huge", 3, dict(location="weights.bin", offset=str((1 << 64) - 8))),
            ("offset_negative", 3, dict(location="weights.bin", offset="-8")),
            ("offset_text", 3, dict(location="weights.bin", offset="eight")),
            ("offset_overflow", 3, dict(location="weights.bin", offset="9" * 30)),
            ("length_wrong", 3, dict(location="weights.bin", length="20")),
            ("length_huge", 3, dict(location="weights.bin", length=str(1 << 62))),
            ("length_text", 3, dict(location="weights.bin", length="0x18"))]:
        for kind, dims in [(F, [2, 3]), (I, [3])]:  # a weight, and one small enough to be read as value
            t = TensorProto(name="w", data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
            for key, text in entries.items():
                t.external_data.add(key=key, value=text)
            m = model([node("Identity", "w", "y")], [value("x")], [helper.make_tensor_value_info("y", kind, None)], [t])
            c.add(f"external_{name}_{'f32' if kind == F else 'i64'}", m, code)
    t = TensorProto(name="w", data_type=F, dims=[1 << 20, 1 << 18], data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value="weights.bin")
    c.add("external_larger_than_file", model([node("Identity", "w", "y")], [value("x")],
                                             [helper.make_tensor_value_info("y", F, None)], [t]), 3)


def structure(c):
    def one(name, codes, change, says="", options=()):
        m = relu()
        change(m)
        c.add(name, m, codes, *options, says=says)

    one("no_opset", 3, lambda m: m.ClearField("opset_import"))
    one("opset_999", 4, lambda m: setattr(m.opset_import[0], "version", 999), says="opset newer")
    one("opset_0", 3, lambda m: setattr(m.opset_import[0], "version", 0))
    one("opset_negative", 3, lambda m: setattr(m.opset_import[0], "version", -(1 << 62)))
    one("opset_twice", 3, lambda m: m.opset_import.add(domain="ai.onnx", version=11))
    one("ir_version_999", 4, lambda m: setattr(m, "ir_version", 999))
    one("no_graph", 3, lambda m: m.ClearField("graph"))
    one("output_unknown", 3, lambda m: setattr(m.graph.output[0], "name", "nothing"))
    one("output_other_type", 3, lambda m: setattr(m.graph.output[0].type.tensor_type, "elem_type", I))
    one("input_twice", 3, lambda m: m.graph.input.append(m.graph.input[0]))
    one("input_negative", 3, lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", -5))
    one("input_huge", 4, lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 1 << 62))
    one("input_without_type", {3, 4}, lambda m: m.graph.input[0].ClearField("type"))
    one("input_string", 4, lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.STRING))
    one("input_type_77", {3, 4}, lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 77))
    one("input_unbound", 2, lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_param", "batch"),
        says="--dim batch=")
    one("input_anonymous", 2, lambda m: m.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value"),
        says="--shape x=2xN")
    one("operator_unknown", 4, lambda m: setattr(m.graph.node[0], "op_type", "Nonsense"), says="Nonsense")
    one("operator_empty", 3, lambda m: m.graph.node[0].ClearField("op_type"))
    one("domain_unknown", 3, lambda m: setattr(m.graph.node[0], "domain", "nowhere"))
    one("attribute_unknown", 3, lambda m: m.graph.node[0].attribute.append(helper.make_attribute("wrong", 1)))
    one("attribute_reference", 3,
        lambda m: m.graph.node[0].attribute.add(name="alpha", type=1, ref_attr_name="slope"))
    one("value_info_negative", 3, lambda m: m.graph.value_info.append(value("v", (-3, 2))))
    for option, text in [("--shape", "x=4x4"), ("--shape", "x=2x3x4"), ("--shape", "z=2x3"), ("--dim", "n=3"),
                         ("--value", "x=1,2"), ("--value", "x=a,b,c,d,e,f"), ("--value", "x=[[1,2],[3,4,5]]"),
                         ("--value", "x=" + "[" * 5000), ("--value", "z=3"), ("--state", "x=z"), ("--state", "z=y")]:
        one(f"option_{len(c.cases)}", 2, lambda m: None, options=(option, text))
    for name, text in [("nul", b"y\0z"), ("not_utf8", b"\xff\xfey")]:
        raw = relu().SerializeToString().replace(b"Relu\x3a", b"Relu\x3a")
        m = model([node("Relu", "x", "y" * len(text))], [value("x")], [value("y" * len(text))])
        c.add("name_" + name, m.SerializeToString().replace(b"y" * len(text), text), 3)
    c.add("operator_in_domain", model([node("Nonsense", "x", "y", domain="d")], [value("x")], [value("y")],
                                      domains=["d"]), 4, says="d.Nonsense")
    c.add("cycle", model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")], [value("x")],
                         [value("y")]), 3)
    c.add("self_loop", model([node("Add", "x y", "y")], [value("x")], [value("y")]), 3)
    c.add("unsorted", model([node("Relu", "a", "y"), node("Relu", "x", "a")], [value("x")], [value("y")]), 3)
    c.add("undefined", model([node("Add", "x nothing", "y")], [value("x")], [value("y")]), 3)
    c.add("defined_twice", model([node("Relu", "x", "y"), node("Neg", "x", "y")], [value("x")], [value("y")]), 3)
    c.add("mixed_types", model([node("Add", "x z", "y")], [value("x"), value("z", kind=I)], [value("y")]), 3)
    c.add("wrong_type", model([node("Relu", "x", "y")], [value("x", kind=B)], [value("y", kind=B)]), 3)
    c.add("too_few_operands", model([node("Add", "x", "y")], [value("x")], [value("y")]), 3)
    c.add("absent_operand", model([node("Add", ["x", ""], "y")], [value("x")], [value("y")]), 3)
    c.add("deprecated", single("Upsample", [(1, 1, 2, 2)], [weight("s", np.ones(4, np.float32))], opset=17), {3, 4})
    c.add("shapes_differ", model([node("Add", "x z", "y")], [value("x"), value("z", (4, 5))], [value("y")]), 3)


def functions(c):
    def function(name, nodes, inputs=("a",), outputs=("b",), attributes=()):
        return helper.make_function("d", name, inputs, outputs, nodes,
                                    [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)], attributes)

    def call(name, functions, codes, inputs="x", outputs="y", says=""):
        c.add(name, model([node("F0", inputs, outputs, domain="d")], [value("x")], [value("y")], functions=functions,
                          domains=["d"]), codes, says=says)

    simple = [node("Relu", "a", "b")]
    call("function_operands", [function("F0", simple)], 3, inputs="x x")
    call("function_results", [function("F0", simple)], 3, outputs="y z")
    call("function_recursive", [function("F0", [node("F0", "a", "b", domain="d")])], 3)
    call("function_mutual", [function("F0", [node("F1", "a", "b", domain="d")]),
                             function("F1", [node("F0", "a", "b", domain="d")])], 3)
    call("function_twice", [function("F0", simple), function("F0", simple)], 3)
    call("function_without_result", [function("F0", [node("Relu", "a", "c")])], {3, 4})
    call("function_opset", [helper.make_function("d", "F0", ["a"], ["b"], simple, [helper.make_opsetid("", 999)])],
         {3, 4})
    bomb = [function(f"F{k}", [node(f"F{k + 1}", "a", "t", domain="d"), node(f"F{k + 1}", "t", "b", domain="d")])
            for k in range(30)] + [function("F30", simple)]
    call("function_bomb", bomb, 4, says="100000")
    call("function_chain", [function(f"F{k}", [node(f"F{k + 1}", "a", "b", domain="d")]) for k in range(90)] +
         [function("F90", simple)], 4)
    call("function_long_chain", [function(f"F{k}", [node(f"F{k + 1}", "a", "b", domain="d")]) for k in range(5000)] +
         [function("F5000", simple)], {3, 4})


def control_flow(c):
    def nested(levels):
        """If in If, written directly as bytes: protobuf itself refuses to build deep ones."""
        def field(number, content):
            size, head = len(content), b""
            while size >= 0x80:
                head, size = head + bytes([size & 0x7f | 0x80]), size >> 7
            return bytes([number << 3 | 2]) + head + bytes([size]) + content

        output = field(12, field(1, b"r"))
        body = field(1, field(1, b"x") + field(2, b"r") + field(4, b"Relu")) + output
        for _ in range(levels):
            branches = b"".join(field(5, field(1, name) + field(6, body if name == b"then_branch" else b"") +
                                      b"\xa0\x01\x05") for name in (b"then_branch", b"else_branch"))
            body = field(1, field(1, b"c") + field(2, b"r") + field(4, b"If") + branches) + output
        outer = field(2, b"g") + field(11, value("x").SerializeToString())
        outer += field(11, value("c", (), B).SerializeToString())
        return b"\x08\x08" + field(8, b"\x10\x11") + field(7, body + outer)

    for levels in (9, 33, 40, 100, 8000):
        c.add(f"nested_{levels}", nested(levels), 4, says="nested deeper")
    then = graph([node("Relu", "x", "t")], [], [value("t", None)])
    taller = graph([node("Concat", "x x", "e", axis=0)], [], [value("e", None)])
    c.add("if_unequal", model([node("If", "c", "y", then_branch=then, else_branch=taller)],
                              [value("x"), value("c", (), B)], [value("y", (None, None))]), 4, says="--value c=")
    two = graph([node("Relu", "x", "t"), node("Relu", "x", "u")], [], [value("t", None), value("u", None)])
    for name, code in [("false", 3), ("true", 0)]:
        c.add("if_results_" + name, model([node("If", "c", "y z", then_branch=two, else_branch=then)],
                                          [value("x"), value("c", (), B)], [value("y"), value("z")]), code,
              "--value", "c=" + name)
    inner = graph([node("Relu", "nothing", "t")], [], [value("t", None)])
    c.add("if_undefined", model([node("If", "c", "y", then_branch=inner, else_branch=inner)],
                                [value("x"), value("c", (), B)], [value("y")]), 3)

    def loop(name, count, codes, body, inputs="x", results="y", says="", dynamic=False, condition=""):
        feeds = [value("x")] + ([value("m", (), I)] if dynamic else [])
        weights = ([] if dynamic else [weight("m", np.int64(count))]) + [weight("t", np.bool_(True))]
        c.add("loop_" + name, model([node("Loop", ["m" if count else "", condition] + inputs.split(), results.split(),
                                          body=body)], feeds, [value("y", None)], weights), codes, says=says)

    ok = [value("i", (), I), value("g", (), B), value("v")]
    body = graph([node("Relu", "v", "w"), node("Identity", "g", "h")], ok, [value("h", (), B), value("w")])
    loop("endless", 0, 4, body, condition="t", says="100000")
    loop("long", 1 << 62, 4, body, says="100000")
    loop("dynamic", 1, 4, body, dynamic=True, says="--value m=")
    loop("arity", 3, 3, body, inputs="x x")
    loop("results", 3, 3, body, results="y z")
    loop("condition", 3, 4, graph([node("ReduceMax", "v", "r", keepdims=0), node("Greater", "r zero", "h"),
                                   node("Relu", "v", "w")], ok, [value("h", (), B), value("w")],
                                  [weight("zero", np.float32(0))]))
    empty = graph([], ok, [value("g", (), B), value("v")])
    loop("empty_body", 1 << 62, 4, empty)
    growing = graph([node("Concat", "v v", "w", axis=0), node("Identity", "g", "h")], ok,
                    [value("h", (), B), value("w")])
    loop("growing", 100, 4, growing)
    scan = graph([node("Add", "s a", "t")], [value("s", (3,)), value("a", (3,))], [value("t", (3,))])
    for name, attributes in [("axis", dict(num_scan_inputs=1, scan_input_axes=[7])), ("count", dict(num_scan_inputs=5)),
                             ("none", dict(num_scan_inputs=0)), ("negative", dict(num_scan_inputs=-(1 << 62))),
                             ("directions", dict(num_scan_inputs=1, scan_input_directions=[1, 1, 1]))]:
        c.add("scan_" + name, model([node("Scan", "z x", "y", body=scan, **attributes)], [value("x"), value("z", (3,))],
                                    [value("y", (3,))]), 3)
    for name, position, codes in [("beyond", 9, 3), ("before", -9, 3)]:
        c.add("sequence_" + name, model([node("SplitToSequence", "x", "s", axis=1), node("SequenceAt", "s p", "y")],
                                        [value("x")], [value("y", None)], [weight("p", np.int64(position))]), codes)
    listed = helper.make_tensor_sequence_value_info("v", F, None)
    inserting = graph([node("SequenceInsert", "v x", "w"), node("Identity", "g", "h")],
                      [value("i", (), I), value("g", (), B), listed], [value("h", (), B), helper.make_tensor_sequence_value_info("w", F, None)])
    c.add("sequence_growing", model([node("SequenceConstruct", "x", "s"), node("Loop", ["m", "", "s"], "t", body=inserting),
                                     node("SequenceAt", "t p", "y")], [value("x")], [value("y", None)],
                                    [weight("m", np.int64(90000)), weight("p", np.int64(0))]), 4, says="elements in all")
    c.add("sequence_of_sequences", model([node("SequenceConstruct", "x", "s"), node("SequenceConstruct", "s", "t"),
                                          node("SequenceLength", "t", "y")], [value("x")], [value("y", (), I)]), 3)
    c.add("sequence_of_none", model([node("SequenceEmpty", "", "s"), node("ConcatFromSequence", "s", "y", axis=0)],
                                    [value("x")], [value("y", None)]), 3)
    c.add("sequence_as_tensor", model([node("SequenceConstruct", "x x", "s"), node("Relu", "s", "y")], [value("x")],
                                      [value("y", None)]), 3)
    c.add("tensor_as_sequence", model([node("SequenceAt", "x p", "y")], [value("x")], [value("y", None)],
                                      [weight("p", np.int64(0))]), 3)


def sizes(c):
    def filled(name, shape, codes, says=""):
        c.add(name, model([node("ConstantOfShape", "s", "a"), node("ReduceSum", "a", "y", keepdims=0)], [value("x")],
                          [value("y", None)], [weight("s", np.array(shape, np.int64))]), codes, says=says)

    filled("fill_2_62", [1 << 31, 1 << 31], 4)
    filled("fill_overflow", [1 << 40, 1 << 40, 1 << 40], 4)
    filled("fill_negative", [-1], 3)
    filled("fill_rank_40", [1] * 40, 4)
    filled("fill_rank_1000000", [1] * 1000000, 4)
    nodes = [node("Shape", "x", "s0")]
    for k in range(40):
        nodes.append(node("Concat", f"s{k} s{k}", f"s{k + 1}", axis=0))
    nodes += [node("ReduceProd", "s40", "p", keepdims=1), node("ConstantOfShape", "p", "y")]
    c.add("shape_doubling", model(nodes, [value("x")], [value("y", None)]), 4)
    nodes = [node("Concat", "x x", "c0", axis=0)]
    for k in range(60):
        nodes.append(node("Concat", f"c{k} c{k}", f"c{k + 1}", axis=0))
    c.add("tensor_doubling", model(nodes + [node("Relu", "c60", "y")], [value("x")], [value("y", None)]), 4)
    for name, limits in [("long", [0, 1 << 62, 1]), ("step_0", [0, 10, 0]), ("wide", [-(1 << 63), (1 << 63) - 1, 1])]:
        m = model([node("Range", "a b c", "r"), node("ReduceSum", "r", "y", keepdims=0)], [value("x")],
                  [value("y", (), I)], [weight(n, np.int64(v)) for n, v in zip("abc", limits)])
        c.add("range_" + name, m, {3, 4})
    c.add("reshape_by_data", model([node("Cast", "x", "s", to=I), node("Reshape", "x s", "y")], [value("x", (2,))],
                                   [value("y", None)]), 4, says="--value x=")
    c.add("nonzero", model([node("NonZero", "x", "y")], [value("x")], [value("y", None, I)]), 4)


def cases(folder):
    c = Corpus(folder)
    for family in (files, tensors, external, structure, functions, control_flow, sizes, broken_attributes.add):
        family(c)
    return c.cases
