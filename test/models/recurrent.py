"""Recurrent networks."""

import numpy as np

from graph_builder import GraphBuilder


def recurrent(kind, gates, seed=0, batch=3, length=7, width=12, hidden=16, layers=2, direction="bidirectional",
              classes=5):
    g = GraphBuilder(kind.lower(), seed)
    x = g.input("x", [length, batch, width])
    directions = 2 if direction == "bidirectional" else 1
    for layer in range(layers):
        with g.scope(f"layer{layer}"):
            operands = [x, g.weight(directions, gates * hidden, width, scale=width ** -0.5),
                        g.weight(directions, gates * hidden, hidden, scale=hidden ** -0.5),
                        g.weight(directions, 2 * gates * hidden, scale=0.1, name="bias")]
            outputs = g.op(kind, *operands, outputs=3 if kind == "LSTM" else 2, hidden_size=hidden,
                           direction=direction)
            x = g.op("Transpose", outputs[0], perm=[0, 2, 1, 3])
            x = g.op("Reshape", x, g.integers(length, batch, directions * hidden))
            width = directions * hidden
    g.output(outputs[1], "final_state")
    g.output(g.linear(x, width, classes), "scores")
    return g.build()


def lstm(seed=0, **sizes):
    return recurrent("LSTM", 4, seed, **sizes)


def gru(seed=0, **sizes):
    return recurrent("GRU", 3, seed, **sizes)


def rnn(seed=0, **sizes):
    return recurrent("RNN", 1, seed, **sizes)
