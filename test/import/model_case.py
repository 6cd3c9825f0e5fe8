"""Building blocks of the corpora: a case is a model file with options and the exit codes that are right for it."""
import dataclasses
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F = TensorProto.FLOAT
I = TensorProto.INT64
B = TensorProto.BOOL


@dataclasses.dataclass
class Case:
    name: str
    path: str
    codes: set
    options: list
    says: str


class Corpus:
    def __init__(self, folder):
        self.folder = folder
        self.cases = []

    def add(self, name, model, codes, *options, says=""):
        """`model` is a ModelProto or bytes; `codes` one exit code or several."""
        path = os.path.join(self.folder, name + ".onnx")
        with open(path, "wb") as file:
            file.write(model if isinstance(model, bytes) else model.SerializeToString())
        self.add_path(name, path, codes, *options, says=says)

    def add_path(self, name, path, codes, *options, says=""):
        codes = {codes} if isinstance(codes, int) else set(codes)
        assert all(case.name != name for case in self.cases), name
        self.cases.append(Case(name, path, codes, list(options), says))


def value(name, shape=(2, 3), kind=F):
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split() if isinstance(inputs, str) else inputs,
                            outputs.split() if isinstance(outputs, str) else outputs, **attributes)


def graph(nodes, inputs, outputs, weights=(), name="g"):
    return helper.make_graph(list(nodes), name, list(inputs), list(outputs), list(weights))


def model(nodes, inputs, outputs, weights=(), opset=17, functions=(), domains=()):
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in domains]
    made = helper.make_model(graph(nodes, inputs, outputs, weights), opset_imports=imports, functions=list(functions))
    made.ir_version = 10
    return made


def single(op, shapes, weights=(), opset=17, kind=F, out_kind=F, outputs="y", inputs="", **attributes):
    """One node; `shapes` of its activations x0, x1...; weights follow unless `inputs` gives an order."""
    activations = [value(f"x{k}", shape, kind) for k, shape in enumerate(shapes)]
    names = inputs or " ".join([v.name for v in activations] + [w.name for w in weights])
    names = [] if not names else [("" if n == "_" else n) for n in names.split()]
    results = [helper.make_tensor_value_info(n, out_kind, None) for n in outputs.split()]
    return model([node(op, names, outputs, **attributes)], activations, results, weights, opset)


def relu(extra=()):
    return model([node("Relu", "x", "y")], [value("x")], [value("y")], extra)
