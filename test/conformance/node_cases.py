"""Writes the plain-tensor node tests of the installed onnx package as folders: model.onnx, manifest.txt, raw tensors,
and ONNX's own test data layout (test_data_set_0/*.pb). It runs nothing."""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

TYPES = {
    TensorProto.DOUBLE: "f64", TensorProto.FLOAT: "f32", TensorProto.FLOAT16: "f16", TensorProto.BFLOAT16: "bf16",
    TensorProto.INT8: "i8", TensorProto.INT16: "i16", TensorProto.INT32: "i32", TensorProto.INT64: "i64",
    TensorProto.UINT8: "u8", TensorProto.UINT16: "u16", TensorProto.UINT32: "u32", TensorProto.UINT64: "u64",
    TensorProto.BOOL: "bool",
}

# Expected values that come from NumPy's random generator say nothing about an implementation.
RANDOM = ("test_bernoulli", "test_training_dropout", "test_dropout_random", "test_random")


def as_proto(value):
    """The TensorProto of a test's value, or None if it is no plain tensor."""
    if isinstance(value, TensorProto):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return numpy_helper.from_array(np.asarray(value))
    return None


def raw_bytes(proto):
    if proto.raw_data:
        return proto.raw_data
    array = numpy_helper.to_array(proto)
    return np.ascontiguousarray(array).tobytes()


def is_plain(value_info):
    """A tensor that is not of strings; its element type may still be one that ampc refuses."""
    kind = value_info.type
    return kind.HasField("tensor_type") and kind.tensor_type.elem_type != TensorProto.STRING


def plain_cases():
    """(case, inputs, outputs) with TensorProtos in graph order, for the first data set of each case."""
    seen = set()
    for case in collect_testcases(None):
        graph = case.model.graph
        if case.name in seen or not case.data_sets or case.name.startswith(RANDOM):
            continue
        if not all(is_plain(value) for value in [*graph.input, *graph.output]):
            continue
        inputs, outputs = case.data_sets[0]
        inputs = [as_proto(value) for value in inputs]
        outputs = [as_proto(value) for value in outputs]
        if any(proto is None for proto in [*inputs, *outputs]):
            continue
        seen.add(case.name)
        yield case, inputs, outputs


def write_case(folder, case, inputs, outputs):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    onnx.save(case.model, folder / "model.onnx")
    lines = [f"tolerance {case.rtol} {case.atol}"]
    for kind, protos, values in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
        for number, (proto, value) in enumerate(zip(protos, values)):
            file = f"{kind}_{number}.raw"
            known = proto.data_type in TYPES
            (folder / file).write_bytes(raw_bytes(proto) if known else b"")
            proto.name = value.name
            onnx.save_tensor(proto, data / f"{kind}_{number}.pb")
            lines.append(" ".join([kind, value.name, TYPES.get(proto.data_type, "unknown"), file, *map(str, proto.dims)]))
    (folder / "manifest.txt").write_text("\n".join(lines) + "\n")


def write_all(root, pattern=""):
    """Folders of all plain cases whose name contains `pattern`."""
    folders = []
    for case, inputs, outputs in plain_cases():
        if pattern not in case.name:
            continue
        folder = pathlib.Path(root) / case.name
        write_case(folder, case, inputs, outputs)
        folders.append(folder)
    return folders
