#!/usr/bin/env python3
"""Writes first inputs for the model and tensor fuzzers: seeds.py FOLDER makes FOLDER/model and FOLDER/tensor."""

import os
import shutil
import sys
import tempfile

import numpy as np
from onnx import numpy_helper

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "import"), os.path.join(TESTS, "models")]
import broken_models
import generate
import valid_models

LARGEST_MODEL_BYTES = 1 << 13
TYPES = "f4 f8 f2 i1 i2 i4 i8 u1 u2 u4 u8 ?".split()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def write_models(folder):
    """Both corpora, and generated models as far as they are small."""
    os.makedirs(folder)
    # The corpora hold links and pipes, too.
    with tempfile.TemporaryDirectory() as corpora:
        for module in (valid_models, broken_models):
            os.makedirs(os.path.join(corpora, module.__name__))
            for case in module.cases(os.path.join(corpora, module.__name__)):
                if os.path.isfile(case.path) and os.path.getsize(case.path) <= LARGEST_MODEL_BYTES:
                    shutil.copy(case.path, os.path.join(folder, case.name))
    for name in generate.MODELS:
        content = generate.make_model(name).SerializeToString()
        if len(content) <= 8 * LARGEST_MODEL_BYTES:
            write(os.path.join(folder, f"generated_{name}"), content)


def write_tensors(folder):
    os.makedirs(folder)
    for number, kind in enumerate(TYPES):
        array = (np.arange(12).reshape(3, 4) % 2).astype(kind)
        np.save(os.path.join(folder, f"row_{number}.npy"), array)
        write(os.path.join(folder, f"raw_{number}"), numpy_helper.from_array(array, "x").SerializeToString())
        tensor = numpy_helper.from_array(array, "x")
        tensor.ClearField("raw_data")
        field = {"float32": "float_data", "float64": "double_data", "int64": "int64_data", "uint32": "uint64_data",
                 "uint64": "uint64_data"}.get(str(array.dtype), "int32_data")
        getattr(tensor, field).extend((array.view(np.uint16) if kind == "f2" else array).ravel().tolist())
        write(os.path.join(folder, f"typed_{number}"), tensor.SerializeToString())
    np.save(os.path.join(folder, "column.npy"), np.asfortranarray(np.ones((2, 3), np.float32)))
    np.save(os.path.join(folder, "big.npy"), np.ones((2, 3), ">f4"))
    np.save(os.path.join(folder, "scalar.npy"), np.float32(1))
    np.save(os.path.join(folder, "empty.npy"), np.zeros((0, 3), np.int64))


if __name__ == "__main__":
    write_models(os.path.join(sys.argv[1], "model"))
    write_tensors(os.path.join(sys.argv[1], "tensor"))
