"""Reference outputs by ONNX Runtime, and the comparison that decides: largest error over largest value per output,
integers exact."""

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(uint8)": np.uint8}
TOLERANCE = 1e-4
ENOUGH_VALUES = 100  # fewer distinct reference values prove nothing
MOST_INPUT_SETS = 110


class Reference:
    """A model with its input shapes pinned and enough input sets that every float output has ENOUGH_VALUES values.
    `drawn` makes the inputs, by name, that must not be noise: a function of shape and seed. Where `most_sets` are not
    enough, has_enough() is false, and agreement proves nothing."""

    def __init__(self, model, shapes=None, fixed=None, seed=0, drawn=None, most_sets=MOST_INPUT_SETS):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 2
        content = model if isinstance(model, (str, bytes)) else model.SerializeToString()
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.shapes, self.fixed, self.drawn = shapes or {}, fixed or {}, drawn or {}
        self.names = [output.name for output in self.session.get_outputs()]
        self.seed, self.input_sets, self.output_sets = seed, [], []
        self.extend(1)
        while not self.has_enough() and len(self.input_sets) < most_sets:
            self.extend(len(self.input_sets) + 1)
        self.needed_sets = len(self.input_sets)

    def extend(self, count):
        """At least `count` input sets."""
        while len(self.input_sets) < count:
            inputs = self.random_inputs(self.seed * 1000 + len(self.input_sets))
            self.input_sets.append(inputs)
            self.output_sets.append(self.session.run(None, inputs))

    def random_inputs(self, seed):
        random = np.random.default_rng(seed)
        bounds = self.session.get_modelmeta().custom_metadata_map
        inputs = {}
        for entry in self.session.get_inputs():
            shape = self.shapes.get(entry.name, entry.shape)
            dtype = TYPES[entry.type]
            bound = bounds.get("index_bound:" + entry.name)
            if entry.name in self.fixed:
                inputs[entry.name] = np.asarray(self.fixed[entry.name], dtype)
            elif entry.name in self.drawn:
                inputs[entry.name] = self.drawn[entry.name](shape, seed).astype(dtype)
            elif bound:
                inputs[entry.name] = random.integers(int(bound), size=shape).astype(dtype)
            elif np.issubdtype(dtype, np.floating):
                inputs[entry.name] = random.uniform(-1, 1, shape).astype(dtype)
            else:
                inputs[entry.name] = np.ones(shape, dtype)
        return inputs

    def has_enough(self):
        for position in range(len(self.names)):
            values = [outputs[position] for outputs in self.output_sets]
            if np.issubdtype(values[0].dtype, np.floating):
                if len(np.unique(np.concatenate([value.ravel() for value in values]))) < ENOUGH_VALUES:
                    return False
        return True

    def largest_error(self, result_sets):
        """Over all outputs, each pooled over the input sets, of which `result_sets` are the first. Infinity for wrong
        shapes, types and integers."""
        assert len(result_sets) >= self.needed_sets, f"{len(result_sets)} results for {self.needed_sets} input sets"
        worst = 0.0
        for position, name in enumerate(self.names):
            error, largest = 0.0, 0.0
            for outputs, results in zip(self.output_sets, result_sets):
                expected, found = outputs[position], results.get(name)
                if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
                    return float("inf")
                if not np.issubdtype(expected.dtype, np.floating):
                    if not np.array_equal(expected, found):
                        return float("inf")
                    continue
                if expected.size == 0:
                    continue
                a, b = expected.astype(np.float64), found.astype(np.float64)
                finite = np.isfinite(a)
                if not np.array_equal(finite, np.isfinite(b)) or not np.array_equal(a[~finite], b[~finite],
                                                                                   equal_nan=True):
                    return float("inf")
                if finite.any():
                    error = max(error, float(np.abs(a - b)[finite].max()))
                    largest = max(largest, float(np.abs(a)[finite].max()))
            worst = max(worst, error / largest if largest > 0 else error)
        return worst
