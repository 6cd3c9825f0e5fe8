"""Random graphs with small prime extents: nothing divides evenly by the number of devices. Odd seeds are about images:
windows, resizing and movement along their dimensions. Equal seeds give equal graphs."""

import numpy as np

from graph_builder import GraphBuilder

PRIMES = [2, 3, 5, 7, 11, 13]
LARGER_PRIMES = [7, 11, 13, 17, 19, 23]
UNARY = ["Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Erf", "Softplus", "Sin"]
BINARY = ["Add", "Sub", "Mul", "Max", "Min"]


def random_graph(seed=0, nodes=12):
    g = GraphBuilder("random", seed)
    random = np.random.default_rng(seed + 7919)
    pick = lambda values: values[random.integers(len(values))]
    extent = lambda: int(pick(PRIMES))
    values = []  # (name, shape)
    for number in range(random.integers(1, 4)):
        shape = [extent() for _ in range(random.integers(2, 5))]
        values.append((g.input(f"x{number}", shape), shape))

    if seed % 2:
        shape = [int(pick([1, 2])), extent()] + [int(pick(LARGER_PRIMES)) for _ in range(random.integers(1, 4))]
        shape[2:] = shape[2:] if len(shape) < 5 else [int(pick(PRIMES)) for _ in shape[2:]]
        values.append((g.input("image", shape), shape))

    def unary():
        name, shape = pick(values)
        return g.op(pick(UNARY), name), shape

    def binary():
        name, shape = pick(values)
        same = [value for value in values if value[1] == shape]
        if len(same) > 1 and random.random() < 0.7:
            return g.op(pick(BINARY), name, pick(same)[0]), shape
        other = [int(size) if random.random() < 0.7 else 1 for size in shape[random.integers(len(shape)):]]
        return g.op(pick(BINARY), name, g.weight(*other, scale=1.0)), shape

    def product():
        name, shape = pick(values)
        width = extent()
        return g.op("MatMul", name, g.weight(shape[-1], width)), shape[:-1] + [width]

    def outer():
        name, shape = pick([value for value in values if len(value[1]) >= 2])
        swapped = list(range(len(shape)))
        swapped[-1], swapped[-2] = swapped[-2], swapped[-1]
        other = g.op("Transpose", name, perm=swapped)
        scaled = g.op("Mul", g.op("MatMul", name, other), g.constant(np.float32(1 / shape[-1])))
        return scaled, shape[:-1] + [shape[-2]]

    def reduction():
        name, shape = pick(values)
        axis = int(random.integers(len(shape)))
        result = g.op(pick(["ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin"]), name, g.integers(axis), keepdims=1)
        if random.random() < 0.5:
            return g.op("Sub", name, result), shape
        return result, shape[:axis] + [1] + shape[axis + 1:]

    def softmax():
        name, shape = pick(values)
        return g.op("Softmax", name, axis=int(random.integers(len(shape)))), shape

    def transpose():
        name, shape = pick(values)
        order = [int(axis) for axis in random.permutation(len(shape))]
        return g.op("Transpose", name, perm=order), [shape[axis] for axis in order]

    def reshape():
        name, shape = pick(values)
        at = int(random.integers(len(shape) - 1)) if len(shape) > 1 else 0
        merged = shape[:at] + [int(np.prod(shape[at:at + 2]))] + shape[at + 2:]
        return g.op("Reshape", name, g.integers(*merged)), merged

    def concat():
        name, shape = pick(values)
        axis = int(random.integers(len(shape)))
        same = [v for v in values if len(v[1]) == len(shape) and
                all(a == b for d, (a, b) in enumerate(zip(v[1], shape)) if d != axis)]
        other = pick(same)
        return (g.op("Concat", name, other[0], axis=axis),
                shape[:axis] + [shape[axis] + other[1][axis]] + shape[axis + 1:])

    def cut():
        name, shape = pick(values)
        axis = int(random.integers(len(shape)))
        begin = int(random.integers(shape[axis]))
        end = int(random.integers(begin + 1, shape[axis] + 1))
        step = int(random.integers(1, 3))
        size = (end - begin + step - 1) // step
        result = g.op("Slice", name, g.integers(begin), g.integers(end), g.integers(axis), g.integers(step))
        return result, shape[:axis] + [size] + shape[axis + 1:]

    def pad():
        name, shape = pick(values)
        before = [int(random.integers(3)) for _ in shape]
        after = [int(random.integers(3)) for _ in shape]
        result = g.op("Pad", name, g.integers(*before, *after), g.constant(np.float32(0.5)))
        return result, [a + b + c for a, b, c in zip(before, shape, after)]

    def gather():
        name, shape = pick(values)
        axis = int(random.integers(len(shape)))
        count = extent()
        indices = g.constant(random.integers(shape[axis], size=count).astype(np.int64))
        return g.op("Gather", name, indices, axis=axis), shape[:axis] + [count] + shape[axis + 1:]

    def convolution():
        images = [value for value in values if len(value[1]) == 4]
        if not images:
            return unary()
        name, shape = pick(images)
        channels, size = extent(), int(pick([1, 3]))
        result = g.op("Conv", name, g.weight(channels, shape[1], size, size), kernel_shape=[size, size],
                      pads=[size // 2] * 4)
        return result, [shape[0], channels] + shape[2:]

    def image():
        return pick([value for value in values if 3 <= len(value[1]) <= 5])

    def window(shape):
        """Attributes of a random window that fits, and the extents of its result."""
        attributes = dict(kernel_shape=[], strides=[], dilations=[], pads=[])
        after, result = [], []
        for size in shape[2:]:
            kernel = int(random.integers(1, min(size, 4) + 1))
            dilation = int(random.integers(1, 3)) if (kernel - 1) * 2 < size else 1
            span, stride = (kernel - 1) * dilation + 1, int(random.integers(1, 4))
            begin, end = (int(random.integers((span + 1) // 2)) for _ in range(2))
            for key, value in zip(attributes, (kernel, stride, dilation, begin)):
                attributes[key].append(value)
            after.append(end)
            result.append((size + begin + end - span) // stride + 1)
        attributes["pads"] += after
        return attributes, result

    def convolve():
        name, shape = image()
        attributes, result = window(shape)
        group = shape[1] if random.random() < 0.3 else 1
        channels = group * int(random.integers(1, 4)) if group > 1 else extent()
        weights = g.weight(channels, shape[1] // group, *attributes["kernel_shape"])
        return g.op("Conv", name, weights, group=group, **attributes), [shape[0], channels] + result

    def pool():
        name, shape = image()
        attributes, result = window(shape)
        if random.random() < 0.5:
            return g.op("MaxPool", name, **attributes), shape[:2] + result
        attributes["dilations"] = [1 for _ in result]
        result = [(size + begin + end - kernel) // stride + 1
                  for size, kernel, stride, begin, end in zip(shape[2:], attributes["kernel_shape"], attributes["strides"],
                                                             attributes["pads"], attributes["pads"][len(result):])]
        return g.op("AveragePool", name, count_include_pad=int(random.integers(2)), **attributes), shape[:2] + result

    def resize():
        name, shape = image()
        sizes = shape[:2] + [int(random.integers(2, 2 * size + 2)) for size in shape[2:]]
        mode = str(pick(["nearest", "linear"]))
        transform = str(pick(["half_pixel", "asymmetric", "align_corners"]))
        empty = g.constant(np.zeros(0, np.float32))
        result = g.op("Resize", name, empty, empty, g.integers(*sizes), mode=mode,
                      coordinate_transformation_mode=transform)
        return result, sizes

    def backwards():
        name, shape = pick(values)
        axis, step = int(random.integers(len(shape))), -int(random.integers(1, 3))
        begin = int(random.integers(shape[axis]))
        result = g.op("Slice", name, g.integers(begin), g.integers(-(1 << 40)), g.integers(axis), g.integers(step))
        return result, shape[:axis] + [begin // -step + 1] + shape[axis + 1:]

    def layer_norm():
        name, shape = pick(values)
        return g.layer_norm(name, shape[-1]), shape

    makers = [unary, binary, binary, product, product, outer, reduction, softmax, transpose, reshape, concat, cut, pad,
              gather, convolution, layer_norm]
    if seed % 2:
        makers += [convolve, convolve, convolve, pool, pool, resize, resize, backwards, concat, cut, pad, unary]
    for _ in range(nodes):
        name, shape = makers[random.integers(len(makers))]()
        if np.prod(shape) <= 60000 and len(shape) <= 6:
            values.append((name, shape))
    used = {operand for node in g.nodes for operand in node.input}
    leaves = [value for value in values if value[0] not in used and not value[0].startswith("x")]
    for number, (name, _) in enumerate(leaves[-4:] or values[-1:]):
        g.output(name, f"y{number}")
    return g.build()
