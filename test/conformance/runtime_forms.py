#!/usr/bin/env python3
"""Models that ONNX Runtime executes although ONNX's checker refuses them or its shape inference gives other extents: compiled
and executed by `ampc run` on 1 and 2 devices, against ONNX Runtime. Prints "N passed, N failed" at the end."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from ampc_command import Failed, ampc, write_inputs
from cases import run_cases

RANDOM = np.random.default_rng(11)


def floats(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


# Name, opset, attributes, operands (None: absent), constant ones (by position).
FORMS = []


def form(name, opset, operands, constants=(), **attributes):
    FORMS.append((name, opset, attributes, operands, constants))


for scale in (0.7, 0.9, 1.3, 3.3, 0.35):
    for extent in (10, 40, 100):
        form("Resize", 13, [floats(1, 2, extent), None, np.array([1, 1, scale], np.float32)], [2], mode="linear")
form("Upsample", 9, [floats(1, 2, 10, 40), np.array([1, 1, 1.3, 3.3], np.float32)], [1], mode="nearest")
for pool in ("MaxPool", "AveragePool"):
    for kernel, stride, extent, pads in ((1, 2, 6, (0, 0)), (2, 3, 6, (0, 0)), (2, 3, 7, (0, 0)), (2, 2, 5, (1, 1)),
                                         (2, 3, 6, (0, 1)), (4, 2, 9, (0, 3))):
        for opset in (13, 22):
            form(pool, opset, [floats(1, 2, extent)], kernel_shape=[kernel], strides=[stride], pads=pads, ceil_mode=1)
for kernel, stride in ((1, 2), (2, 3)):
    form("LpPool", 18, [floats(1, 2, 6)], kernel_shape=[kernel], strides=[stride], ceil_mode=1)
form("Einsum", 13, [floats(4, 1, 6), floats(4, 5, 6)], equation="bij,bij->bi")
form("Einsum", 13, [floats(4, 5, 6), floats(1, 5, 1)], equation="bij,bij->bi")
for shape, groups in (((2, 6, 4, 5), 3), ((1, 8, 7), 2)):
    form("GroupNormalization", 18, [floats(*shape), floats(groups), floats(groups)], num_groups=groups, epsilon=0.01)
    form("GroupNormalization", 20, [floats(*shape), floats(groups), floats(groups)], [1, 2], num_groups=groups)
    form("GroupNormalization", 21, [floats(*shape), floats(shape[1]), floats(shape[1])], num_groups=groups)


def model_of(name, opset, attributes, operands, constants):
    names = ["" if value is None else f"x{k}" for k, value in enumerate(operands)]
    inputs = [helper.make_tensor_value_info(f"x{k}", 1, value.shape) for k, value in enumerate(operands)
              if value is not None and k not in constants]
    weights = [numpy_helper.from_array(operands[k], f"x{k}") for k in constants]
    graph = helper.make_graph([helper.make_node(name, names, ["y"], **attributes)], "g", inputs,
                              [helper.make_tensor_value_info("y", 1, None)], weights)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def compare(model, inputs, devices, folder):
    """All outputs by position: two may have one name."""
    path, plan, given, out = (os.path.join(folder, name) for name in ("model.onnx", "model.plan", "in", "out"))
    onnx.save(model, path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ampc(path, "-o", plan, "--devices", devices, "--strategy", "random:1" if devices > 1 else "auto", "--quiet")
    write_inputs(given, inputs)
    ampc("run", plan, "--inputs", given, "--output-dir", out, "--quiet")
    for k, expected in enumerate(session.run(None, inputs)):
        found = np.load(os.path.join(out, f"output_{k}.npy"))
        assert found.shape == expected.shape, f"output {k}: {found.shape} instead of {expected.shape}"
        error = np.abs(found - expected).max() / np.abs(expected).max()
        assert error < 1e-5, f"output {k}: error {error:.2g}"


def output_listed_twice(devices, folder):
    y = helper.make_tensor_value_info("y", 1, [3, 4])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g",
                              [helper.make_tensor_value_info("x", 1, [3, 4])], [y, y])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    compare(model, {"x": floats(3, 4)}, devices, folder)


def main():
    with tempfile.TemporaryDirectory(prefix="ampc-forms-") as folder:
        cases = []
        for devices in (1, 2):
            cases.append((f"output listed twice, {devices} devices",
                          lambda devices=devices: output_listed_twice(devices, folder)))
            for name, opset, attributes, operands, constants in FORMS:
                inputs = {f"x{k}": value for k, value in enumerate(operands) if value is not None and k not in constants}
                model = model_of(name, opset, attributes, operands, constants)
                shapes = [None if value is None else value.shape for value in operands]
                cases.append((f"{name} of opset {opset} {shapes} {attributes}, {devices} devices",
                              lambda m=model, i=inputs, d=devices: compare(m, i, d, folder)))
        return run_cases(cases, Failed, RuntimeError)


if __name__ == "__main__":
    sys.exit(main())
