#!/usr/bin/env python3
"""One-node models of operators of ONNX Runtime's own domain (com.microsoft), compiled and executed by `ampc run` on 1 and
2 devices, against ONNX Runtime. ONNX has no schema for them, so wrong forms are refused by us: also tested. Prints "N
passed, N failed" at the end."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from ampc_command import PROGRAM, Failed, ampc, run_plan

DOMAIN = "com.microsoft"
RANDOM = np.random.default_rng(7)


def floats(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


def positions(batch, length):
    return np.tile(np.arange(length, dtype=np.int64)[::-1], (batch, 1)).copy()


# Name, operands (None: absent), number of results, attributes.
RIGHT = [
    ("Gelu", [floats(3, 5)], 1, {}),
    ("BiasGelu", [floats(2, 3, 8), floats(8)], 1, {}),
    ("FastGelu", [floats(2, 3, 8), floats(8)], 1, {}),
    ("FastGelu", [floats(4, 7)], 1, {}),
    ("QuickGelu", [floats(3, 5)], 1, {}),
    ("QuickGelu", [floats(3, 5)], 1, {"alpha": 0.5}),
    ("FusedMatMul", [floats(2, 3, 4), floats(2, 4, 5)], 1, {"alpha": 0.25}),
    ("FusedMatMul", [floats(2, 4, 3), floats(2, 4, 5)], 1, {"transA": 1}),
    ("FusedMatMul", [floats(2, 3, 4), floats(2, 5, 4)], 1, {"transB": 1, "alpha": 2.0}),
    ("FusedMatMul", [floats(3, 2, 4), floats(2, 4, 5)], 1, {"transBatchA": 1}),
    ("FusedMatMul", [floats(3, 2, 4), floats(5, 2, 4)], 1, {"transBatchA": 1, "transBatchB": 1, "transB": 1}),
    ("SkipLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8)], 1, {"epsilon": 1e-5}),
    ("SkipLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8), floats(8)], 4, {}),
    ("SkipLayerNormalization", [floats(2, 3, 8), floats(1, 3, 8), floats(8), None, floats(8)], 1, {"epsilon": 0.01}),
    ("SkipSimplifiedLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8)], 1, {"epsilon": 1e-5}),
    # Small numbers show which epsilon is meant where none is given.
    ("SkipLayerNormalization", [floats(2, 3, 8) / 99, floats(2, 3, 8) / 99, floats(8), floats(8)], 1, {}),
    ("SkipSimplifiedLayerNormalization", [floats(2, 3, 8) / 99, floats(2, 3, 8) / 99, floats(8), floats(8) / 99], 4, {}),
    ("RotaryEmbedding", [floats(2, 3, 8), positions(2, 3), floats(5, 2), floats(5, 2)], 1, {}),
    ("RotaryEmbedding", [floats(2, 4, 3, 6), positions(2, 3), floats(5, 3), floats(5, 3)], 1, {"interleaved": 1}),
    ("RotaryEmbedding", [floats(2, 3, 16), positions(2, 3), floats(5, 2), floats(5, 2)], 1,
     {"num_heads": 2, "rotary_embedding_dim": 4}),
]

# Name, operands, attributes, exit code.
WRONG = [
    ("BiasGelu", [floats(1, 1), floats(5)], {}, 3),
    ("BiasGelu", [floats(2, 5), floats(2, 5)], {}, 3),
    ("BiasGelu", [floats(2, 5)], {}, 3),
    ("BiasGelu", [floats(2, 5), floats(5).astype(np.float64)], {}, 3),
    ("Gelu", [floats(2, 5), floats(5)], {}, 3),
    ("Gelu", [np.ones((2, 5), np.int64)], {}, 3),
    ("QuickGelu", [floats(3)], {"alpha": 1}, 3),
    ("QuickGelu", [floats(3)], {"beta": 1.0}, 4),
    ("FusedMatMul", [floats(2, 3), floats(4, 5)], {}, 3),
    ("SkipLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(7)], {}, 3),
    ("SkipLayerNormalization", [floats(2, 3, 8), floats(3, 3, 8), floats(8)], {}, 3),
    ("SkipLayerNormalization", [floats(8), floats(8), floats(8)], {}, 3),
    ("RotaryEmbedding", [floats(2, 3, 8), positions(2, 4), floats(5, 2), floats(5, 2)], {}, 3),
    ("RotaryEmbedding", [floats(2, 3, 8), floats(2, 3), floats(5, 2), floats(5, 2)], {}, 3),
    ("NoSuchOperator", [floats(2, 3)], {}, 4),
    ("Attention", [floats(2, 3, 8), floats(8, 24), floats(24)], {"num_heads": 2}, 4),
]


def model_of(name, operands, results, attributes):
    inputs = [helper.make_tensor_value_info(f"x{k}", helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
              for k, value in enumerate(operands) if value is not None]
    # The statistics in the middle are left out, as exporters do.
    names = [f"y{k}" if k in (0, 3) else "" for k in range(results)]
    node = helper.make_node(name, ["" if value is None else f"x{k}" for k, value in enumerate(operands)], names,
                            domain=DOMAIN, **attributes)
    outputs = [helper.make_empty_tensor_value_info(output) for output in names if output]
    for output in outputs:
        output.type.tensor_type.elem_type = 1
    graph = helper.make_graph([node], "g", inputs, outputs)
    return helper.make_model(graph, ir_version=10,
                             opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)])


def check_right(name, operands, results, attributes, devices, folder):
    path, plan = os.path.join(folder, "model.onnx"), os.path.join(folder, "model.plan")
    model = model_of(name, operands, results, attributes)
    onnx.save(model, path)
    inputs = {f"x{k}": value for k, value in enumerate(operands) if value is not None}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    ampc(path, "-o", plan, "--devices", devices, "--strategy", "random:1" if devices > 1 else "auto", "--quiet")
    found = run_plan(plan, inputs, folder)
    for output, expected in zip(names, session.run(None, inputs)):
        assert found[output].shape == expected.shape, f"{output}: {found[output].shape} instead of {expected.shape}"
        error = np.abs(found[output] - expected).max() / np.abs(expected).max()
        assert error < 1e-5, f"{output}: error {error:.2g}"


def check_wrong(name, operands, attributes, code, folder):
    path = os.path.join(folder, "model.onnx")
    onnx.save(model_of(name, operands, 1, attributes), path)
    done = subprocess.run([PROGRAM, path, "-o", os.path.join(folder, "no.plan")], capture_output=True, text=True, env={})
    assert done.returncode == code, f"exit {done.returncode} instead of {code}: {done.stderr.strip()}"
    assert not os.path.exists(os.path.join(folder, "no.plan"))


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="ampc-contributed-") as folder:
        work = [(check_right, (*case, devices, folder)) for case in RIGHT for devices in (1, 2)]
        work += [(check_wrong, (*case, folder)) for case in WRONG]
        for check, arguments in work:
            try:
                check(*arguments)
                passed += 1
            except (AssertionError, Failed) as error:
                failed += 1
                shapes = [None if value is None else value.shape for value in arguments[1]]
                print(f"FAILED {arguments[0]} {shapes} {arguments[2:-1]}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
