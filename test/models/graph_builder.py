"""Writes ONNX graphs node by node with seeded weights. It knows operators only by name; the models stand in the files
beside this one."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 10


class GraphBuilder:
    def __init__(self, name, seed=0, opset=OPSET):
        self.name = name
        self.opset = opset
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.metadata = {}
        self.counter = 0
        self.scopes = []

    def scope(self, name):
        """Prefixes the names of nodes and weights made inside `with`."""
        builder = self

        class Scope:
            def __enter__(self):
                builder.scopes.append(name)

            def __exit__(self, *unused):
                builder.scopes.pop()

        return Scope()

    def unique(self, name):
        self.counter += 1
        return "/".join(self.scopes + [f"{name}_{self.counter}"])

    def input(self, name, shape, dtype=np.float32, index_bound=None):
        """`index_bound`: the input indexes a table of so many rows (recorded for whoever makes random inputs)."""
        element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        if index_bound is not None:
            self.metadata[f"index_bound:{name}"] = str(index_bound)
        return name

    def constant(self, value, name="constant"):
        array = np.asarray(value)
        tensor = numpy_helper.from_array(array, self.unique(name))
        self.initializers.append(tensor)
        return tensor.name

    def integers(self, *values):
        return self.constant(np.array(values, np.int64), "shape")

    def weight(self, *shape, scale=None, name="weight"):
        """Normal values; `scale` defaults to one over the root of the fan-in (all but the first dimension of
        convolution weights, the first one of matrices)."""
        if scale is None:
            fan_in = shape[0] if len(shape) == 2 else int(np.prod(shape[1:])) if len(shape) > 2 else shape[0]
            scale = 1.0 / np.sqrt(fan_in)
        values = self.random.standard_normal(shape, np.float32) * np.float32(scale)
        return self.constant(values, name)

    def uniform(self, low, high, *shape, name="weight"):
        return self.constant(self.random.uniform(low, high, shape).astype(np.float32), name)

    def op(self, kind, *operands, outputs=1, **attributes):
        names = [self.unique(kind.lower()) for _ in range(outputs)]
        node = helper.make_node(kind, list(operands), names, name=self.unique(kind), **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def linear(self, x, fan_in, fan_out, bias=True):
        y = self.op("MatMul", x, self.weight(fan_in, fan_out))
        return self.op("Add", y, self.weight(fan_out, scale=0.1, name="bias")) if bias else y

    def layer_norm(self, x, width):
        gain = self.uniform(0.5, 1.5, width, name="gain")
        return self.op("LayerNormalization", x, gain, self.weight(width, scale=0.1, name="bias"), axis=-1)

    def output(self, value, name):
        self.nodes.append(helper.make_node("Identity", [value], [name], name=self.unique("result")))
        self.outputs.append(helper.make_empty_tensor_value_info(name))

    def build(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                  ir_version=IR_VERSION, producer_name="ampc test models")
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        known = {value.name: value for value in inferred.graph.output}
        for output in model.graph.output:
            output.CopyFrom(known[output.name])
        helper.set_model_props(model, self.metadata)
        onnx.checker.check_model(model)
        return model
