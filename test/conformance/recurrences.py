#!/usr/bin/env python3
"""LSTM, GRU and RNN in both forms, against ONNX Runtime: whole (one kernel of the library per direction) and unrolled
over time. Descriptions of devices on which launching kernels, or calling the library, takes forever make the compiler
prefer one form; whether it did is read off the kernels. Prints "N passed, N failed" at the end."""

import itertools
import json
import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from ampc_command import Failed, ampc, run_plan
from cases import run_cases

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Layer:
    """One node with random weights. `operands`: which optional ones it has, of "B", "lengths", "h", "c", "P". It is
    plain if the library's cells can do what it does."""

    def __init__(self, kind, sizes, operands="B", outputs="yhc", constant_weights=True, seed=5, **attributes):
        self.kind, self.outputs = kind, outputs
        self.attributes = dict(attributes, hidden_size=sizes[3])
        fed = "" if constant_weights else ", weights fed"
        self.text = f"{kind} {sizes} {operands} -> {outputs} {attributes}{fed}"
        random = np.random.default_rng(seed)
        steps, batch, width, hidden = sizes
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        floats = lambda *shape: random.uniform(-0.5, 0.5, shape).astype(np.float32)
        time_first = not attributes.get("layout")
        state = (directions, batch, hidden) if time_first else (batch, directions, hidden)
        gates = GATES[kind] * hidden
        values = {"x": floats(*((steps, batch, width) if time_first else (batch, steps, width))),
                  "w": floats(directions, gates, width), "r": floats(directions, gates, hidden)}
        names = ["x", "w", "r", "", "", "", "", ""]
        optional = [("B", "b", floats(directions, 2 * gates)),
                    ("lengths", "lengths", random.integers(1, steps + 1, batch).astype(np.int32)),
                    ("h", "h", floats(*state)), ("c", "c", floats(*state)), ("P", "p", floats(directions, 3 * hidden))]
        for k, (word, name, value) in enumerate(optional):
            if word in operands.split():
                values[name], names[3 + k] = value, name
        while not names[-1]:
            names.pop()
        self.values, self.names = values, names
        self.weights = [name for name in ("w", "r", "b", "p") if name in values] if constant_weights else []
        self.inputs = {name: value for name, value in values.items() if name not in self.weights}
        self.is_plain = not {"clip", "input_forget"} & set(attributes) and not {"lengths", "P"} & set(operands.split())

    def model(self, **attributes):
        of_type = lambda name: 6 if name == "lengths" else 1
        results = [name if name in self.outputs else "" for name in ("yhc" if self.kind == "LSTM" else "yh")]
        node = helper.make_node(self.kind, self.names, ["out_" + name if name else "" for name in results], "cell",
                                **attributes)
        graph = helper.make_graph(
            [node], "g", [helper.make_tensor_value_info(name, of_type(name), None) for name in self.inputs],
            [helper.make_tensor_value_info("out_" + name, 1, None) for name in results if name],
            [numpy_helper.from_array(self.values[name], name) for name in self.weights])
        for declared in graph.input:
            for extent in self.inputs[declared.name].shape:
                declared.type.tensor_type.shape.dim.add().dim_value = extent
        return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)])

    def expected(self):
        """By ONNX Runtime, which has the steps in front only."""
        if not self.attributes.get("layout"):
            return session(self.model(**self.attributes)).run(None, self.inputs)
        time_first = Layer.__new__(Layer)
        time_first.__dict__.update(self.__dict__)
        swapped = lambda value: value.transpose(1, 0, 2) if value.ndim == 3 else value
        time_first.inputs = {name: swapped(value) for name, value in self.inputs.items()}
        attributes = {name: value for name, value in self.attributes.items() if name != "layout"}
        results = session(time_first.model(**attributes)).run(None, time_first.inputs)
        return [value.transpose(2, 0, 1, 3) if value.ndim == 4 else swapped(value) for value in results]


def session(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def layers():
    for kind, direction in itertools.product(GATES, ("forward", "reverse", "bidirectional")):
        yield Layer(kind, (5, 3, 4, 6), direction=direction)
    for kind in GATES:
        states = "B h c" if kind == "LSTM" else "B h"
        yield Layer(kind, (4, 2, 3, 5), states, direction="bidirectional")
        yield Layer(kind, (4, 5, 3, 5), states, layout=1)
        yield Layer(kind, (1, 1, 8, 16), "")
        yield Layer(kind, (6, 1, 3, 32), "", outputs="h")
        yield Layer(kind, (3, 4, 7, 9), outputs="y", constant_weights=False)
        yield Layer(kind, (5, 4, 3, 6), "B lengths")
        yield Layer(kind, (3, 2, 3, 4), clip=0.3)
    yield Layer("GRU", (5, 3, 4, 6), "B h", linear_before_reset=1, direction="bidirectional")
    yield Layer("GRU", (3, 7, 5, 8), "", linear_before_reset=1)
    yield Layer("RNN", (4, 3, 5, 7), "B h", activations=["Relu"])
    yield Layer("LSTM", (3, 2, 4, 5), "B c")
    yield Layer("LSTM", (3, 2, 4, 5), "B P")
    yield Layer("LSTM", (3, 2, 4, 5), input_forget=1)
    yield Layer("LSTM", (3, 2, 4, 5), outputs="c")


def cluster_file(folder, devices, form):
    """As this machine, but for what decides between the forms."""
    plan, file = os.path.join(folder, "described.plan"), os.path.join(folder, f"{form}-{devices}.json")
    if os.path.exists(file):
        return file
    model = os.path.join(folder, "described.onnx")
    onnx.save(helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", *(
        [helper.make_tensor_value_info(name, 1, [8, 8])] for name in "xy"))), model)
    ampc("plan", model, "--devices", devices, "--strategy", "data", "-o", plan, "--quiet")
    cluster = json.loads(ampc("report", plan, "--format", "json"))["decisions"]["cluster"]
    for device in cluster["devices"]:
        device["launch_seconds"], device["library_call_seconds"] = (1e-3, 0) if form == "whole" else (1e-9, 1)
    with open(file, "w") as stream:
        json.dump(cluster, stream)
    return file


def check(layer, form, devices, strategy, folder):
    model, plan, dumps = (os.path.join(folder, name) for name in ("layer.onnx", "layer.plan", "dumps"))
    onnx.save(layer.model(**layer.attributes), model)
    ampc(model, "-o", plan, "--devices", devices, "--strategy", strategy, "--quiet", "--dump", dumps, "--cluster",
         cluster_file(folder, devices, form))
    [kernelized] = [name for name in os.listdir(dumps) if name.endswith("kernelized.mlir")]
    with open(os.path.join(dumps, kernelized)) as file:
        is_whole = 'library:onednn.recurrence' in file.read()
    # Fed weights are brought into the library's order at every step, which may cost more than the steps save.
    if strategy == "auto" and devices == 1 and "w" in layer.weights:
        assert is_whole == (form == "whole" and layer.is_plain), f"the layer is {'whole' if is_whole else 'unrolled'}"
    for found, value in zip(run_plan(plan, layer.inputs, folder).values(), layer.expected()):
        assert found.shape == value.shape, f"{found.shape} instead of {value.shape}"
        error = np.abs(found - value).max()
        assert error < 2e-6, f"error {error:.2g}"


def main():
    with tempfile.TemporaryDirectory(prefix="ampc-recurrences-") as folder:
        cases = []
        for layer, form in itertools.product(layers(), ("whole", "unrolled")):
            for devices, strategy in ((1, "auto"), (2, "data"), (3, "random:1")):
                cases.append((f"{layer.text}, {form}, {strategy} on {devices}",
                              lambda l=layer, f=form, d=devices, s=strategy: check(l, f, d, s, folder)))
        return run_cases(cases, Failed, RuntimeError)


if __name__ == "__main__":
    sys.exit(main())
