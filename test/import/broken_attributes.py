"""Single nodes whose attributes or constant operands make no sense: ONNX's checker and shape inference accept many."""
import math

import numpy as np

from model_case import B, F, I, model, node, single, value, weight

HUGE = (1 << 63) - 1
LOW = -(1 << 63)


def integers(name, *numbers):
    return weight(name, np.array(numbers, np.int64))


def floats(name, *numbers):
    return weight(name, np.array(numbers, np.float32))


def refuse(c, op, number, shapes, weights=(), codes=frozenset({3, 4}), says="", **options):
    c.add(f"{op.lower()}_{number}", single(op, shapes, weights, **options), codes, says=says)


def windows(c):
    kernel = [weight("w", np.ones((4, 2, 3, 3), np.float32))]
    image = [(1, 4, 8, 8)]
    for k, attributes in enumerate([
            dict(group=0), dict(group=-1), dict(group=3), dict(group=HUGE), dict(strides=[0, 1]), dict(strides=[-1, 1]),
            dict(dilations=[0, 1]), dict(dilations=[HUGE, 1]), dict(pads=[HUGE] * 4), dict(pads=[-9] * 4),
            dict(pads=[1, 1]), dict(strides=[1]), dict(kernel_shape=[5, 5]), dict(kernel_shape=[0, 0]),
            dict(auto_pad="NONSENSE"), dict(pads=[LOW] * 4)]):
        refuse(c, "Conv", k, image, kernel, **{**dict(group=2), **attributes})
    three = [weight("w", np.ones((3, 2, 3, 3), np.float32))]
    refuse(c, "Conv", 99, image, three, {3}, "group 2 does not divide 3 output channels", group=2)
    refuse(c, "ConvTranspose", 0, image, [weight("w", np.ones((4, 2, 3, 3), np.float32))], group=0)
    refuse(c, "ConvTranspose", 1, image, [weight("w", np.ones((4, 2, 3, 3), np.float32))], output_shape=[LOW, 3])
    refuse(c, "ConvTranspose", 2, image, [weight("w", np.ones((4, 2, 3, 3), np.float32))], strides=[HUGE, HUGE])
    refuse(c, "ConvTranspose", 3, image, [weight("w", np.ones((4, 2, 3, 3), np.float32))], codes={4}, strides=[1, 1 << 21])
    refuse(c, "ConvTranspose", 4, image, [weight("w", np.ones((4, 2, 23, 23), np.float32))], codes={4},
           strides=[17, 17], dilations=[3, 3])
    # Weights of which nothing is stored: time must not grow with them, and extents must not overflow.
    for k, (taps, attributes, codes) in enumerate([
            (1 << 35, {}, {0}), (1 << 35, dict(strides=[3]), {0}), (1 << 35, dict(strides=[6], dilations=[4]), {0}),
            (1 << 35, dict(strides=[4], output_shape=[5]), {0}), (1 << 35, dict(dilations=[1 << 30]), {4}),
            ((1 << 35) + 1, dict(dilations=[1 << 29]), {4})]):
        nodes = [node("Expand", "one shape", "w"), node("ConvTranspose", "x w", "y", **attributes)]
        c.add(f"convtranspose_huge_{k}", model(nodes, [value("x", (1, 1, 4))], [value("y", (None, None, None))],
                                               [floats("one", 1), integers("shape", 1, 1, taps)]), codes)
    for op in ("MaxPool", "AveragePool"):
        for k, attributes in enumerate([
                dict(kernel_shape=[0, 0]), dict(kernel_shape=[-1, 2]), dict(kernel_shape=[2]),
                dict(kernel_shape=[2, 2], strides=[0, 0]), dict(kernel_shape=[2, 2], pads=[-5] * 4),
                dict(kernel_shape=[9, 9]), dict(kernel_shape=[HUGE, HUGE]), dict(kernel_shape=[2, 2], pads=[HUGE] * 4)]):
            refuse(c, op, k, image, **attributes)
    refuse(c, "LpPool", 0, image, kernel_shape=[2, 2], p=0)
    refuse(c, "GlobalAveragePool", 0, [(3,)], codes={0, 3, 4})


def movement(c):
    for k, perm in enumerate([[0, 0], [0], [5, 1], [-1, 0], [HUGE, LOW]]):
        refuse(c, "Transpose", k, [(2, 3)], perm=perm)
    for k, shape in enumerate([[7], [-1, -1], [4, -1], [0, 0, 0], [-2, 3], [HUGE, 2], [1 << 32, 1 << 32]]):
        refuse(c, "Reshape", k, [(2, 3)], [integers("s", *shape)])
    for k, axes in enumerate([[5], [0, 0], [-9], [1000000], [HUGE]]):
        refuse(c, "Unsqueeze", k, [(2, 3)], [integers("a", *axes)])
        refuse(c, "Squeeze", k, [(2, 3)], [integers("a", *axes)])
    refuse(c, "Squeeze", 9, [(2, 3)], [integers("a", 0)])
    refuse(c, "Flatten", 0, [(2, 3)], axis=1000000)
    for axis in (2, -3, 1000000, HUGE, LOW):
        refuse(c, "Concat", axis, [(2, 3), (2, 3)], axis=axis)
        refuse(c, "Gather", axis, [(2, 3)], [integers("i", 0)], axis=axis)
        refuse(c, "Softmax", axis, [(2, 3)], axis=axis)
        refuse(c, "CumSum", axis, [(2, 3)], [weight("a", np.int64(axis))])
    refuse(c, "Concat", 99, [(2, 3), (3, 4)], axis=0)
    for k, (starts, ends, axes, steps) in enumerate([
            ([0], [2], [0], [0]), ([0], [2], [9], [1]), ([0], [2], [0, 1], [1, 1]), ([0], [2], [0, 0], [1, 1]),
            ([0, 0], [2, 2], [0, 0], [1, 1])]):
        refuse(c, "Slice", k, [(2, 3)], [integers("s", *starts), integers("e", *ends), integers("a", *axes),
                                         integers("t", *steps)])
    # Extreme bounds are clamped: these are valid.
    for k, (start, end, step) in enumerate([(LOW, HUGE, 1), (HUGE, LOW, -1), (HUGE, LOW, LOW), (0, HUGE, HUGE)]):
        c.add(f"slice_extreme_{k}", single("Slice", [(2, 3)], [integers("s", start), integers("e", end),
                                                               integers("a", 1), integers("t", step)]), 0)
    for k, pads in enumerate([[1, 1], [HUGE] * 4, [-9, 0, 0, 0], [LOW] * 4]):
        refuse(c, "Pad", k, [(2, 3)], [integers("p", *pads)])
    refuse(c, "Pad", 8, [(2, 3)], [integers("p", 5, 5, 5, 5)], mode="reflect", codes={0, 3, 4})
    refuse(c, "Pad", 9, [(2, 3)], [integers("p", 1, 1, 1, 1)], mode="nonsense")
    for k, sizes in enumerate([[1, 1], [-1, 4], [2, 2], []]):
        refuse(c, "Split", k, [(2, 3)], [integers("s", *sizes)], axis=1, outputs="y z")
    refuse(c, "Split", 8, [(2, 3)], axis=HUGE, outputs="y z")
    refuse(c, "Split", 9, [(2, 3)], axis=1, num_outputs=0, outputs="y z", opset=18)
    for k, repeats in enumerate([[2], [-1, 2], [HUGE, HUGE], [1 << 32, 1 << 32]]):
        refuse(c, "Tile", k, [(2, 3)], [integers("r", *repeats)])
    refuse(c, "Tile", 9, [(4, 3)], [integers("r", 1 << 62, 1)])  # the product is 0 in 64 bits
    for k, shape in enumerate([[4, 3], [-1, 3], [1 << 40, 2, 3], [HUGE, 2, 3]]):
        refuse(c, "Expand", k, [(2, 3)], [integers("s", *shape)])
    for op in ("DepthToSpace", "SpaceToDepth"):
        for size in (0, -1, 3, HUGE, 1 << 32):
            refuse(c, op, size, [(1, 4, 2, 2)], blocksize=size)
    refuse(c, "Gather", 0, [(2, 3)], [integers("i", 7)], codes={0, 3, 4})
    refuse(c, "GatherElements", 0, [(2, 3)], [integers("i", 7)])
    refuse(c, "GatherND", 0, [(2, 3)], [integers("i", 0, 0, 0)])
    refuse(c, "GatherND", 1, [(2, 3)], [integers("i", 0)], batch_dims=HUGE)
    refuse(c, "GatherND", 2, [(2, 3)], [integers("i", 0)], batch_dims=-1)
    refuse(c, "ScatterND", 0, [(2, 3), (4,)], [integers("i", 0, 0, 0)], inputs="x0 i x1")
    refuse(c, "ScatterElements", 0, [(2, 3), (4, 4)], [weight("i", np.zeros((4, 4), np.int64))], inputs="x0 i x1")


def arithmetic(c):
    for k, equation in enumerate(["", "->", "ab", "ab,bc,cd->ad", "ab,bc->", "a1,bc->a", "aab...,->b", "ab,bc->zz",
                                  "...,...,...", "ab->ab,", "ab,bc->aa", "abc,bc->a", "a" * 5000 + ",b->b", ",,,,"]):
        refuse(c, "Einsum", k, [(2, 3), (4, 5)], equation=equation)
    # ONNX's own inference of these never ends.
    for k, equation in enumerate(["a1,bc->a", "a.,bc->a", "a\t,bc->a", "-a,bc->a", "a....,bc->a", "......a,bc->a"]):
        refuse(c, "Einsum", 20 + k, [(2,), (4, 5)], equation=equation)
    refuse(c, "MatMul", 0, [(2, 3), (2, 3)])
    refuse(c, "MatMul", 1, [(), (3,)])
    refuse(c, "MatMul", 2, [(2, 2, 3), (3, 3, 4)])
    refuse(c, "Gemm", 0, [(2, 3), (2, 3)])
    refuse(c, "Gemm", 1, [(2, 3, 4), (4, 3)])
    refuse(c, "Gemm", 2, [(2, 3), (3, 4), (7, 7)])
    for k, axes in enumerate([[2], [-3], [1000000], [HUGE], [0, 0], [0, -2]]):
        codes = {0, 3, 4} if len(axes) == 2 else {3, 4}  # an axis named twice may count once
        refuse(c, "ReduceMean", k, [(2, 3)], [integers("a", *axes)], opset=18, codes=codes)
    refuse(c, "ReduceSum", 0, [(2, 3), (2,)], codes={3})
    refuse(c, "ArgMax", 0, [(2, 3)], axis=9, out_kind=I)
    refuse(c, "Cast", 0, [(2, 3)], to=99)
    refuse(c, "Cast", 1, [(2, 3)], to=8)
    for k, count in enumerate([-1, 4, HUGE]):
        refuse(c, "TopK", k, [(2, 3)], [integers("k", count)], outputs="y z")
    refuse(c, "TopK", 8, [(2, 3)], [integers("k", 1)], outputs="y z", axis=HUGE)
    refuse(c, "BatchNormalization", 0, [(2, 3, 4)], [floats(n, 1, 2) for n in "abcd"])
    refuse(c, "LayerNormalization", 0, [(2, 3)], [floats("s", 1, 1, 1)], axis=5)
    refuse(c, "LayerNormalization", 1, [(2, 3)], [floats("s", 1, 1)], axis=-1)
    refuse(c, "InstanceNormalization", 0, [(2, 3, 4)], [floats("a", 1), floats("b", 1)])
    for groups in (0, -1, 3, HUGE):
        refuse(c, "GroupNormalization", groups, [(1, 4, 2)], [floats("a", *[1] * 4), floats("b", *[1] * 4)], opset=21,
               num_groups=groups)
    # A deprecated version that is imported all the same: ONNX's checker does not see such nodes.
    for number, vectors in enumerate([[4, 4], [2, 1], [2], [2, 2, 2], []]):
        refuse(c, "GroupNormalization", 10 + number, [(1, 4, 2)],
               [floats(name, *[1] * count) for name, count in zip("abc", vectors)], {3}, opset=18, num_groups=2)
    refuse(c, "GroupNormalization", 20, [(1, 4, 2)], [floats("a", 1, 1), floats("b", 1, 1)], {3}, opset=18)
    refuse(c, "LRN", 1, [(1, 4, 2, 2)], size=HUGE)
    for k, scales in enumerate([[1, 1, math.inf, 1], [1, 1, math.nan, 1], [1, 1, -2, 1], [1, 1, 0, 1], [1, 1, 1e30, 1],
                                [1, 1]]):
        refuse(c, "Resize", k, [(1, 1, 4, 4)], [floats("s", *scales)], inputs="x0 _ s", codes={0, 3, 4})
    for k, sizes in enumerate([[1, 1, -4, 4], [1, 1, 0, 4], [1, 1, HUGE, 4], [4, 4]]):
        refuse(c, "Resize", 10 + k, [(1, 1, 4, 4)], [integers("s", *sizes)], inputs="x0 _ _ s", codes={0, 3, 4})
    # Results and operands of a possible size whose tables are not.
    table = "interpolation table"
    refuse(c, "Resize", 20, [(1, 1, 1, 1)], [integers("s", 1, 1, 1, 1 << 36)], inputs="x0 _ _ s", codes={4}, says=table)
    refuse(c, "Resize", 21, [(1, 1, 1, 1)], [floats("s", 1, 1, 1, 1e10)], inputs="x0 _ s", codes={4}, mode="linear",
           says=table)
    refuse(c, "Resize", 22, [(1, 1, 1, 1 << 28)], [floats("s", 1, 1, 1, 4e-9)], inputs="x0 _ s", codes={4}, mode="linear",
           antialias=1, opset=18, says=table)
    refuse(c, "Resize", 23, [(1, 1, 4, 4)], [floats("r", *[math.inf] * 8), floats("s", 1, 1, 2, 2)], inputs="x0 r s",
           codes={3}, coordinate_transformation_mode="tf_crop_and_resize")
    refuse(c, "OneHot", 0, [(2,)], [weight("d", np.int64(-3)), floats("v", 0, 1)], kind=I)
    refuse(c, "OneHot", 1, [(2,)], [weight("d", np.int64(HUGE)), floats("v", 0, 1)], kind=I)
    refuse(c, "Trilu", 0, [(3,)])
    refuse(c, "EyeLike", 0, [(3,)])


def recurrent(c):
    def weights(gates, hidden, width):
        return [weight("w", np.ones((1, gates * hidden, width), np.float32)),
                weight("r", np.ones((1, gates * hidden, hidden), np.float32))]

    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for k, hidden in enumerate([0, -1, 5, HUGE]):
            refuse(c, op, k, [(2, 1, 3)], weights(gates, 4, 3), hidden_size=hidden)
        refuse(c, op, 7, [(2, 1, 9)], weights(gates, 4, 3), hidden_size=4)
        refuse(c, op, 8, [(2, 1, 3)], weights(gates, 4, 3), hidden_size=4, direction="sideways")
        refuse(c, op, 9, [(2, 1, 3)], weights(gates, 4, 3), hidden_size=4, activations=["Nonsense"] * 3)
    for k, attributes in enumerate([dict(q_num_heads=0, kv_num_heads=0), dict(q_num_heads=-1, kv_num_heads=1),
                                    dict(q_num_heads=5, kv_num_heads=1), dict(q_num_heads=4, kv_num_heads=3), dict()]):
        refuse(c, "Attention", k, [(1, 4, 8)] * 3, opset=23, **attributes)
    refuse(c, "RotaryEmbedding", 0, [(1, 4, 8), (4, 2), (4, 2)], opset=23, num_heads=0)
    refuse(c, "RotaryEmbedding", 1, [(1, 4, 8), (4, 2), (4, 2)], opset=23, num_heads=3)


def add(c):
    for family in (windows, movement, arithmetic, recurrent):
        family(c)
