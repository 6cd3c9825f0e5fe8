"""Elementwise operators and reductions along rows, columns and everything, with movement between them, so that few of
them share a kernel: which results may be written over an operand differs from step to step."""

from graph_builder import GraphBuilder


def alternating(seed=0, size=24, rounds=2):
    g = GraphBuilder("alternating", seed)
    turn = lambda value: g.op("Transpose", value, perm=[1, 0])
    x = first = g.input("x", [size, size])
    for _ in range(rounds):
        rows = g.op("Softmax", g.op("Mul", x, g.weight(size, scale=2, name="gain")), axis=0)
        columns = g.op("Softmax", g.op("Log", rows), axis=1)
        both = g.op("Sub", columns, turn(columns))  # read where it is written, and elsewhere
        grown = g.op("Mul", both, g.op("Exp", both))  # read twice at one place
        normal = g.layer_norm(turn(grown), size)
        kept = g.op("Add", normal, rows)  # `rows` has been read long ago
        mean = g.op("ReduceMean", kept, keepdims=1)
        x = g.op("Sub", turn(g.op("Sub", kept, mean)), g.op("Mul", first, both))
    g.output(x, "y")
    g.output(kept, "kept")
    # Rows that are parts of the input, of a computed value, and of such a part; columns, read beside each other.
    piece = lambda value, axis, begin, end: g.op("Slice", value, g.integers(begin), g.integers(end), g.integers(axis))
    half = size // 2
    lower = piece(turn(x), 0, half, size)
    g.output(g.op("MatMul", piece(first, 0, 2, half + 2), turn(lower)), "products")
    g.output(turn(piece(lower, 0, 2, half)), "rows")
    g.output(g.op("Mul", g.op("Sigmoid", piece(kept, 1, 0, half)), piece(kept, 1, half, size)), "gated")
    return g.build()
