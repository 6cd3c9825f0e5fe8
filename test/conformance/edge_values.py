#!/usr/bin/env python3
"""Values and settings at which implementations differ, compiled and executed by `ampc run` on 1 and 2 devices, against
ONNX Runtime: ties and lengths of Resize, borders of GridSample and RoiAlign, what is not finite in ConvTranspose,
saturated functions, denormals, sums that overflow, sequences without steps. The node tests of the onnx package have few
of them. Prints "N passed, N failed" at the end."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from ampc_command import Failed, ampc, run_plan
from cases import run_cases

onnxruntime.set_default_logger_severity(4)
RANDOM = np.random.default_rng(11)
CASES = []


def floats(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


def model_of(nodes, inputs, outputs, constants, opset):
    """`outputs`: name -> element type, or a list of names of floats."""
    types = outputs if isinstance(outputs, dict) else dict.fromkeys(outputs, TensorProto.FLOAT)
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
              for name, value in inputs.items()]
    results = [helper.make_empty_tensor_value_info(name) for name in types]
    for result in results:
        result.type.tensor_type.elem_type = types[result.name]
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", values, results, weights)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def check(model, inputs, tolerance):
    """Tolerance 0: bit for bit, but for the sign of zero and for what NaN is made of."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(None, inputs)))
    with tempfile.TemporaryDirectory(prefix="ampc-edge-") as folder:
        path, plan = os.path.join(folder, "model.onnx"), os.path.join(folder, "model.plan")
        onnx.save(model, path)
        for devices, strategy in ((1, "auto"), (2, "random:1")):
            ampc(path, "-o", plan, "--devices", devices, "--strategy", strategy, "--quiet")
            found = run_plan(plan, inputs, folder)
            for name in names:
                right, ours = expected[name], found[name]
                assert ours.shape == right.shape, f"{name}: {ours.shape} instead of {right.shape}"
                if tolerance == 0 or right.dtype.kind in "biu":
                    same = np.array_equal(ours, right, equal_nan=right.dtype.kind == "f")
                else:
                    same = np.allclose(ours, right, rtol=tolerance, atol=tolerance * np.abs(right).max(initial=0))
                assert same, f"{name} on {devices}: {ours.ravel()[:12]} instead of {right.ravel()[:12]}"


def case(name, nodes, inputs, outputs, constants=None, opset=17, tolerance=0):
    CASES.append((name, lambda: check(model_of(nodes, inputs, outputs, constants or {}, opset), inputs, tolerance)))


# --- Resize ------------------------------------------------------------------------------------------------------

COORDINATES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn",
               "half_pixel_symmetric", "tf_crop_and_resize")
SCALES = (0.1, 0.15, 0.25, 0.3, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.3, 1.5, 1.7, 1.75, 2.0, 2.3, 3.3)


def resize_case(name, extents, targets, tolerance, opset=19, **attributes):
    """One model: every extent by every target, a float for a scale and an integer for a size."""
    inputs, nodes, constants, outputs = {}, [], {}, []
    corners = attributes.get("coordinate_transformation_mode") == "align_corners"
    if attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        constants["roi"] = np.array([0, 0, 0.13, 0.2, 1, 1, 0.87, 1.1], np.float32)
    for extent in extents:
        inputs[f"x{extent}"] = floats(1, 2, 3, extent)
        for number, target in enumerate(targets):
            # Where f32 and f64 disagree on the length, ONNX infers another one than ONNX Runtime computes: refused.
            if isinstance(target, float) and (int(np.float32(target) * np.float32(extent)) == 0 or int(
                    np.float32(target) * np.float32(extent)) != int(float(np.float32(target)) * extent)):
                continue
            # ONNX's node tests align the corners of the length before it is cut, ONNX Runtime those of the result.
            if (corners and isinstance(target, float)
                    and not float(np.float32(target) * np.float32(extent)).is_integer()):
                continue
            wanted, output = f"t{number}", f"y{extent}_{target}"
            if isinstance(target, float):
                constants[wanted] = np.array([1, 1, 2 if corners else 1.5, target], np.float32)
                operands = [f"x{extent}", "roi" if "roi" in constants else "", wanted]
            else:
                constants[wanted] = np.array([1, 2, 4, target], np.int64)
                operands = [f"x{extent}", "roi" if "roi" in constants else "", "", wanted]
            nodes.append(helper.make_node("Resize", operands, [output], **attributes))
            outputs.append(output)
    case(name, nodes, inputs, outputs, constants, opset, tolerance)


for mode in COORDINATES:
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        resize_case(f"resize nearest {mode} {rounding}", (5, 10, 24), SCALES + (1, 4, 7, 17), 0, mode="nearest",
                    coordinate_transformation_mode=mode, nearest_mode=rounding)
    for interpolation in ("linear", "cubic"):
        resize_case(f"resize {interpolation} {mode}", (5, 24), SCALES + (1, 4, 7, 17), 1e-5, mode=interpolation,
                    coordinate_transformation_mode=mode)

x = floats(1, 1, 1, 10)
for scale in (0.35, 0.75, 1.7):
    scales = np.array([1, 1, 1, scale], np.float32)
    case(f"resize 10 by {scale}", [helper.make_node("Resize", ["x", "s"], ["y"], mode="nearest")], {"x": x}, ["y"],
         {"s": scales}, opset=10)
case("upsample", [helper.make_node("Upsample", ["x", "s"], ["y"], mode="nearest")], {"x": x}, ["y"],
     {"s": np.array([1, 1, 1, 1.7], np.float32)}, opset=9)

# --- Functions ---------------------------------------------------------------------------------------------------

far = np.array([9.5, 20, 1e4, 3e38, np.inf], np.float32)
far = np.concatenate([far, -far, np.full(3, np.nan, np.float32), np.zeros(4, np.float32)])
case("saturated", [helper.make_node("Tanh", ["x"], ["t"]), helper.make_node("Erf", ["x"], ["e"]),
                   helper.make_node("Sub", ["one", "e"], ["complement"])],
     {"x": far}, ["t", "e", "complement"], {"one": np.float32(1)})
for approximation in ("none", "tanh"):
    case(f"gelu {approximation}", [helper.make_node("Gelu", ["x"], ["y"], approximate=approximation)],
         {"x": np.array([-np.inf, -1e4, -2e3, -50, -12, 12, 50, 1e4, np.inf, np.nan], np.float32)}, ["y"], opset=20)

# --- Denormals ---------------------------------------------------------------------------------------------------

tiny = np.array([1e-39, 2e-40, 1e-45, 0, -1e-39, 3e-38, 1], np.float32)
case("denormals",
     [helper.make_node("Greater", ["x", "zero"], ["above"]), helper.make_node("Mul", ["x", "large"], ["y"]),
      helper.make_node("Sqrt", ["positive"], ["root"]), helper.make_node("Mul", ["x", "half"], ["less"])],
     {"x": tiny, "positive": np.abs(tiny)},
     {"above": TensorProto.BOOL, "y": TensorProto.FLOAT, "root": TensorProto.FLOAT, "less": TensorProto.FLOAT},
     {"zero": np.float32(0), "large": np.float32(1e38), "half": np.float32(0.5)})
case("denormals f64", [helper.make_node("Mul", ["x", "large"], ["y"])], {"x": np.array([1e-310, 5e-320, 0, 1])},
     {"y": TensorProto.DOUBLE}, {"large": np.float64(1e300)})
case("logarithm of softmax", [helper.make_node("Softmax", ["x"], ["p"]), helper.make_node("Log", ["p"], ["y"])],
     {"x": np.array([[0, -80, -86, -88, -90, -93, -95]], np.float32)}, ["y"], tolerance=1e-3)

# --- Numbers without dimensions behind products ------------------------------------------------------------------

number = lambda value: np.array(value, np.float32)
AFTER = {"clip": [helper.make_node("Clip", ["p", "low", "high"], ["y"])],
         "relu, div": [helper.make_node("Relu", ["p"], ["r"]), helper.make_node("Div", ["r", "high"], ["y"])],
         "sub from": [helper.make_node("Sub", ["high", "p"], ["y"])],
         "add, mul": [helper.make_node("Add", ["p", "low"], ["a"]), helper.make_node("Mul", ["high", "a"], ["y"])],
         "max, min": [helper.make_node("Max", ["p", "low"], ["a"]), helper.make_node("Min", ["a", "high"], ["y"])]}
for after, nodes in AFTER.items():
    for product, shape, weights in (("Conv", (2, 8, 9, 9), (16, 8, 3, 3)), ("Conv", (1, 8, 12), (16, 8, 3)),
                                    ("ConvTranspose", (1, 8, 5, 5), (8, 16, 2, 2)), ("MatMul", (3, 24), (24, 40))):
        used = {operand for node in nodes for operand in node.input}
        bounds = {"low": number(-0.25), "high": number(0.5)}
        constants = {"w": floats(*weights), **{name: value for name, value in bounds.items() if name in used}}
        case(f"{product} of {len(shape)} dimensions, {after}", [helper.make_node(product, ["x", "w"], ["p"]), *nodes],
             {"x": floats(*shape)}, ["y"], constants, tolerance=2e-6)

# --- GridSample --------------------------------------------------------------------------------------------------

grid = RANDOM.uniform(-2.5, 2.5, (1, 9, 11, 2)).astype(np.float32)
for padding in ("zeros", "border", "reflection"):
    for kind in ("linear", "nearest", "cubic"):
        for corners in (0, 1):
            node = helper.make_node("GridSample", ["x", "r"], ["y"], mode=kind, padding_mode=padding,
                                    align_corners=corners)
            case(f"grid_sample {kind} {padding} {corners}", [node], {"x": floats(1, 2, 5, 4), "r": grid}, ["y"],
                 opset=20, tolerance=2e-5)
            case(f"grid_sample {kind} {padding} {corners} of no place", [node],
                 {"x": floats(1, 1, 5, 4),
                  "r": np.array([[[[np.nan, 0.1], [np.inf, -np.inf], [0.2, 1e30]]]], np.float32)},
                 ["y"], opset=20, tolerance=1e-5)
case("grid_sample far away", [helper.make_node("GridSample", ["x", "r"], ["y"], mode="cubic", padding_mode="border")],
     {"x": floats(1, 1, 3, 3), "r": np.array([[[[1e4, 0], [-1e4, 0.2], [0.1, -3e5]]]], np.float32)}, ["y"], opset=20,
     tolerance=1e-5)

# --- RoiAlign ----------------------------------------------------------------------------------------------------

# In f64 the bins of the first regions are a little larger than whole numbers, which takes one sample more per bin; the
# others have samples at the borders of what counts.
PLACES = [[10, 20, 40, 80], [0, 0, 30, 90], [5, 5, 65, 35], [-21, -15, 9, 15], [0.1, 0.7, 5.3, 1e3], [3, 3, 3, 3]]
CORNERS = np.sort(RANDOM.uniform(-30, 130, (40, 2, 2)), axis=1).reshape(40, 4).round(1)
for kind in (np.float32, np.float64):
    regions = np.concatenate([PLACES, CORNERS]).astype(kind)
    batch = np.arange(len(regions)) % 2
    for mode in ("avg", "max"):
        for transform in ("half_pixel", "output_half_pixel"):
            nodes = [helper.make_node("RoiAlign", ["x", "r", "batch"], [f"y{scale}_{ratio}"], output_height=3,
                                      output_width=3, mode=mode, sampling_ratio=ratio, spatial_scale=scale,
                                      coordinate_transformation_mode=transform)
                     for scale in (0.1, 0.15, 0.3, 1.0) for ratio in (0, 2, 3)]
            outputs = dict.fromkeys((node.output[0] for node in nodes), helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
            case(f"roi_align {kind.__name__} {mode} {transform}", nodes,
                 {"x": floats(2, 3, 9, 11).astype(kind), "r": regions}, outputs, {"batch": batch})

# --- ConvTranspose -----------------------------------------------------------------------------------------------

# What is not finite reaches the positions that a tap reaches, and no others. All numbers are small integers: sums are
# exact.
spoilt = RANDOM.integers(-9, 9, (2, 4, 5, 6)).astype(np.float32)
spoilt[0, 1, 2, 3], spoilt[1, 0, 0, 5], spoilt[1, 3, 4, 1] = np.nan, np.inf, -np.inf
for kernel, settings in (((3, 3), dict(strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])),
                         ((4, 4), dict(strides=[2, 2], pads=[1, 1, 1, 1])), ((1, 2), dict(strides=[2, 3])),
                         ((5, 4), dict(strides=[3, 3], group=2)), ((3, 2), dict(dilations=[2, 3])),
                         ((3, 4), dict(strides=[2, 4], dilations=[2, 3])),
                         ((4, 3), dict(strides=[3, 2], dilations=[2, 3])),
                         ((3, 3), dict(strides=[2, 2], pads=[4, 0, 1, 5])),
                         ((5, 2), dict(strides=[4, 5], auto_pad="SAME_LOWER")),
                         ((2, 3), dict(strides=[3, 2], pads=[2, 5, 6, 0])),
                         ((2, 5), dict(strides=[3, 4], output_shape=[13, 22]))):
    case(f"conv_transpose {kernel} {settings}", [helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], **settings)],
         {"x": spoilt}, ["y"], {"w": RANDOM.integers(-9, 9, (4, 3) + kernel).astype(np.float32),
                                "b": np.arange(3 * settings.get("group", 1), dtype=np.float32)})

# --- Sequences without steps, means of integers ------------------------------------------------------------------

for cell, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    for direction, sides in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        inputs = {"x": floats(5, 3, 4), "lengths": np.array([0, 5, 2], np.int32), "h": floats(sides, 3, 3)}
        operands, outputs = ["x", "W", "R", "", "lengths", "h"], ["y", "y_h"]
        if cell == "LSTM":
            inputs["c"] = floats(sides, 3, 3)
            operands, outputs = operands + ["c"], outputs + ["y_c"]
        case(f"{cell} {direction}", [helper.make_node(cell, operands, outputs, hidden_size=3, direction=direction)],
             inputs, outputs, {"W": floats(sides, gates * 3, 4), "R": floats(sides, gates * 3, 3)}, tolerance=1e-5)

for kind in (np.int32, np.int64):
    top = np.iinfo(kind).max
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    rows = np.array([[top, top, top], [top - 1, top - 2, 5], [-top, -top, -top], [-7, 2, 0], [2**30 + 1] * 3,
                     [3, 3, 3]], kind)
    case(f"mean of {kind.__name__}",
         [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1]), helper.make_node("ReduceMean", ["many"], ["z"])],
         {"x": rows, "many": np.full((7, 7), 5, kind)}, {"y": element, "z": element})
for kind in (np.float32, np.int32):
    case(f"mean of nothing in {kind.__name__}", [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1])],
         {"x": np.zeros((3, 0), kind)}, {"y": helper.np_dtype_to_tensor_dtype(np.dtype(kind))})

# --- Indices outside the operand ---------------------------------------------------------------------------------

TABLE = np.arange(1, 15, dtype=np.float32).reshape(7, 2)


def check_refused(node, indices, outputs, updates):
    inputs = {"x": TABLE} | ({} if updates is None else {"u": np.zeros(updates, np.float32)})
    with tempfile.TemporaryDirectory(prefix="ampc-edge-") as folder:
        path = os.path.join(folder, "model.onnx")
        for shift, refused in ((0, False), (1, True)):
            onnx.save(model_of([node], inputs, outputs, {"i": np.asarray(indices) + shift}, 17), path)
            try:
                ampc(path, "-o", os.path.join(folder, "model.plan"), "--quiet")
                assert not refused, "compiled"
            except Failed as failure:
                assert refused and failure.code == 3 and "outside" in failure.text, failure


# The largest index that is inside, then one more.
for name, indices, updates in (("Gather", [6, -7], None), ("GatherElements", [[6, -7]], None),
                               ("GatherND", [[0, 1]], None), ("ScatterElements", [[6, -7]], (1, 2)),
                               ("ScatterND", [[6], [-7]], (2, 2))):
    node = helper.make_node(name, ["x", "i"] + (["u"] if updates else []), ["y"])
    CASES.append((f"indices of {name}", lambda node=node, indices=indices, updates=updates: check_refused(
        node, indices, ["y"], updates)))


def negative_batch():
    node = helper.make_node("GatherND", ["x", "i"], ["y"], batch_dims=-5)
    with tempfile.TemporaryDirectory(prefix="ampc-edge-") as folder:
        path = os.path.join(folder, "model.onnx")
        onnx.save(model_of([node], {"x": TABLE}, ["y"], {"i": np.array([[0]])}, 17), path)
        try:
            ampc(path, "-o", os.path.join(folder, "model.plan"), "--quiet")
            raise AssertionError("compiled")
        except Failed as failure:
            assert failure.code == 3, failure


CASES.append(("GatherND with negative batch_dims", negative_batch))


if __name__ == "__main__":
    selected = [entry for entry in CASES if all(word in entry[0] for word in sys.argv[1:])]
    sys.exit(run_cases(selected, Failed))
