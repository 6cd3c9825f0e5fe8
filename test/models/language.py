"""Transformers over tokens: encoder, decoder, grouped queries with rotary positions, mixture of experts."""

import numpy as np

from graph_builder import GraphBuilder


def split_heads(g, x, batch, length, heads, size):
    x = g.op("Reshape", x, g.integers(batch, length, heads, size))
    return g.op("Transpose", x, perm=[0, 2, 1, 3])


def merge_heads(g, x, batch, length, width):
    x = g.op("Transpose", x, perm=[0, 2, 1, 3])
    return g.op("Reshape", x, g.integers(batch, length, width))


def attend(g, q, k, v, size, mask=None):
    scores = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2]))
    scores = g.op("Div", scores, g.constant(np.float32(np.sqrt(size))))
    if mask is not None:
        scores = g.op("Add", scores, mask)
    return g.op("MatMul", g.op("Softmax", scores, axis=-1), v)


def gelu(g, x):
    inner = g.op("Erf", g.op("Div", x, g.constant(np.float32(np.sqrt(2)))))
    x = g.op("Mul", x, g.op("Add", inner, g.constant(np.float32(1))))
    return g.op("Mul", x, g.constant(np.float32(0.5)))


def tanh_gelu(g, x):
    cube = g.op("Pow", x, g.constant(np.float32(3)))
    inner = g.op("Add", x, g.op("Mul", cube, g.constant(np.float32(0.044715))))
    inner = g.op("Tanh", g.op("Mul", inner, g.constant(np.float32(np.sqrt(2 / np.pi)))))
    half = g.op("Mul", x, g.constant(np.float32(0.5)))
    return g.op("Mul", half, g.op("Add", inner, g.constant(np.float32(1))))


def encoder_layer(g, x, batch, length, width, heads, mask=None, pre_norm=False, activation=gelu, fused=False):
    size = width // heads
    y = g.layer_norm(x, width) if pre_norm else x
    if fused:
        packed = g.linear(y, width, 3 * width)
        q, k, v = g.op("Split", packed, g.integers(width, width, width), axis=2, outputs=3)
    else:
        q, k, v = (g.linear(y, width, width) for _ in range(3))
    q, k, v = (split_heads(g, t, batch, length, heads, size) for t in (q, k, v))
    y = merge_heads(g, attend(g, q, k, v, size, mask), batch, length, width)
    x = g.op("Add", x, g.linear(y, width, width))
    if not pre_norm:
        x = g.layer_norm(x, width)
    y = g.layer_norm(x, width) if pre_norm else x
    y = g.linear(activation(g, g.linear(y, width, 4 * width)), 4 * width, width)
    x = g.op("Add", x, y)
    return x if pre_norm else g.layer_norm(x, width)


def bert(seed=0, batch=2, length=16, width=32, heads=4, layers=2, vocabulary=101):
    """Post-norm encoder with an attention mask computed from an input."""
    g = GraphBuilder("bert", seed)
    ids = g.input("input_ids", [batch, length], np.int64, index_bound=vocabulary)
    types = g.input("token_type_ids", [batch, length], np.int64, index_bound=2)
    attention = g.input("attention_mask", [batch, length], np.int64)
    x = g.op("Gather", g.weight(vocabulary, width, scale=0.5, name="words"), ids)
    x = g.op("Add", x, g.op("Gather", g.weight(2, width, scale=0.5, name="types"), types))
    x = g.layer_norm(g.op("Add", x, g.weight(length, width, scale=0.5, name="positions")), width)
    mask = g.op("Unsqueeze", g.op("Cast", attention, to=1), g.integers(1, 2))
    mask = g.op("Mul", g.op("Sub", g.constant(np.float32(1)), mask), g.constant(np.float32(-10000)))
    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            x = encoder_layer(g, x, batch, length, width, heads, mask)
    g.output(x, "last_hidden_state")
    first = g.op("Gather", x, g.constant(np.array(0, np.int64)), axis=1)
    g.output(g.op("Tanh", g.linear(first, width, width)), "pooled")
    return g.build()


def causal_mask(g, length):
    mask = np.triu(np.full((length, length), -1e9, np.float32), 1)
    return g.constant(mask, "mask")


def gpt2(seed=0, batch=2, length=16, width=32, heads=4, layers=2, vocabulary=101):
    """Pre-norm decoder, fused projections, head tied to the embedding."""
    g = GraphBuilder("gpt2", seed)
    ids = g.input("input_ids", [batch, length], np.int64, index_bound=vocabulary)
    table = g.weight(vocabulary, width, scale=0.5, name="words")
    x = g.op("Add", g.op("Gather", table, ids), g.weight(length, width, scale=0.5, name="positions"))
    mask = causal_mask(g, length)
    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            x = encoder_layer(g, x, batch, length, width, heads, mask, pre_norm=True, activation=tanh_gelu, fused=True)
    x = g.layer_norm(x, width)
    g.output(g.op("MatMul", x, g.op("Transpose", table, perm=[1, 0])), "logits")
    return g.build()


def rms_norm(g, x, width):
    square = g.op("ReduceMean", g.op("Pow", x, g.constant(np.float32(2))), g.integers(-1), keepdims=1)
    scale = g.op("Reciprocal", g.op("Sqrt", g.op("Add", square, g.constant(np.float32(1e-5)))))
    return g.op("Mul", g.op("Mul", x, scale), g.uniform(0.5, 1.5, width, name="gain"))


def rotate(g, x, cosines, sines, size):
    left = g.op("Slice", x, g.integers(0), g.integers(size // 2), g.integers(-1))
    right = g.op("Slice", x, g.integers(size // 2), g.integers(size), g.integers(-1))
    turned = g.op("Concat", g.op("Neg", right), left, axis=-1)
    return g.op("Add", g.op("Mul", x, cosines), g.op("Mul", turned, sines))


def llama(seed=0, batch=2, length=16, width=32, heads=4, groups=2, layers=2, inner=86, vocabulary=101):
    """Grouped queries, rotary positions, root-mean-square normalisation, gated activation."""
    g = GraphBuilder("llama", seed)
    ids = g.input("input_ids", [batch, length], np.int64, index_bound=vocabulary)
    x = g.op("Gather", g.weight(vocabulary, width, scale=0.5, name="words"), ids)
    size = width // heads
    angles = np.outer(np.arange(length), 10000.0 ** (-np.arange(0, size, 2) / size))
    angles = np.concatenate([angles, angles], 1).astype(np.float32)
    cosines, sines = g.constant(np.cos(angles), "cosines"), g.constant(np.sin(angles), "sines")
    mask = causal_mask(g, length)

    def repeat_groups(t):
        t = g.op("Unsqueeze", t, g.integers(2))
        t = g.op("Expand", t, g.integers(batch, groups, heads // groups, length, size))
        return g.op("Reshape", t, g.integers(batch, heads, length, size))

    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            y = rms_norm(g, x, width)
            q = split_heads(g, g.linear(y, width, width, bias=False), batch, length, heads, size)
            k = split_heads(g, g.linear(y, width, groups * size, bias=False), batch, length, groups, size)
            v = split_heads(g, g.linear(y, width, groups * size, bias=False), batch, length, groups, size)
            q, k = rotate(g, q, cosines, sines, size), rotate(g, k, cosines, sines, size)
            y = attend(g, q, repeat_groups(k), repeat_groups(v), size, mask)
            x = g.op("Add", x, g.linear(merge_heads(g, y, batch, length, width), width, width, bias=False))
            y = rms_norm(g, x, width)
            gate = g.linear(y, width, inner, bias=False)
            gate = g.op("Mul", gate, g.op("Sigmoid", gate))
            y = g.op("Mul", gate, g.linear(y, width, inner, bias=False))
            x = g.op("Add", x, g.linear(y, inner, width, bias=False))
    x = rms_norm(g, x, width)
    g.output(g.linear(x, width, vocabulary, bias=False), "logits")
    return g.build()


def moe(seed=0, batch=2, length=8, width=16, experts=4, inner=32, layers=2):
    """Mixture of experts as dense einsums: every expert on every token, weighted by the two best gates."""
    g = GraphBuilder("moe", seed)
    x = g.input("x", [batch, length, width])
    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            y = g.layer_norm(x, width)
            gates = g.op("Softmax", g.linear(y, width, experts, bias=False), axis=-1)
            best, _ = g.op("TopK", gates, g.integers(2), axis=-1, outputs=2)
            least = g.op("ReduceMin", best, g.integers(-1), keepdims=1)
            chosen = g.op("Where", g.op("GreaterOrEqual", gates, least), gates, g.constant(np.float32(0)))
            h = g.op("Einsum", y, g.weight(experts, width, inner, scale=width ** -0.5), equation="blw,ewi->blei")
            h = g.op("Relu", h)
            h = g.op("Einsum", h, g.weight(experts, inner, width, scale=inner ** -0.5), equation="blei,eiw->blew")
            x = g.op("Add", x, g.op("Einsum", h, chosen, equation="blew,ble->blw"))
    g.output(x, "y")
    return g.build()
