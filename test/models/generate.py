#!/usr/bin/env python3
"""Writes a test model: generate.py NAME -o FILE [--variant small|full] [--seed S] [--size NAME=VALUE ...].

`small` variants are for CI: two layers, batch of at most 8. `full` ones have the proportions of the networks that they
are named after."""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import alternating
import language
import onnx
import random_graph
import recurrent
import vision

MODELS = {
    "mlp": (vision.mlp, dict(), dict(batch=64, width=1024, layers=8, classes=1000)),
    "cnn": (vision.cnn, dict(), dict(batch=8, size=64, channels=64, blocks=4)),
    "mobile": (vision.mobile, dict(), dict(batch=4, size=112, channels=24, blocks=8)),
    "resnet50": (vision.resnet50, dict(batch=2, size=32, width=8, layers=(1, 1, 1, 1), classes=13), dict()),
    "unet": (vision.unet, dict(), dict(size=128, channels=32, depth=3)),
    "vit": (vision.vit, dict(), dict(batch=1, size=224, patch=16, width=768, heads=12, layers=12, classes=1000)),
    "bert": (language.bert, dict(), dict(batch=4, length=128, width=768, heads=12, layers=12, vocabulary=30522)),
    "gpt2": (language.gpt2, dict(), dict(batch=1, length=128, width=768, heads=12, layers=12, vocabulary=50257)),
    "llama": (language.llama, dict(), dict(batch=1, length=128, width=1024, heads=16, groups=4, layers=16, inner=2816,
                                           vocabulary=32000)),
    "moe": (language.moe, dict(), dict(batch=4, length=64, width=256, experts=8, inner=1024, layers=4)),
    "lstm": (recurrent.lstm, dict(), dict(batch=8, length=50, width=128, hidden=256)),
    "gru": (recurrent.gru, dict(), dict(batch=8, length=50, width=128, hidden=256)),
    "rnn": (recurrent.rnn, dict(), dict(batch=8, length=50, width=128, hidden=256)),
    "alternating": (alternating.alternating, dict(), dict(size=1024, rounds=6)),
    "random": (random_graph.random_graph, dict(), dict(nodes=40)),
}


def make_model(name, variant="small", seed=0, **sizes):
    make, small, full = MODELS[name]
    return make(seed=seed, **{**(full if variant == "full" else small), **sizes})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(MODELS))
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--variant", choices=["small", "full"], default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    sizes = {key: int(value) for key, value in (pair.split("=") for pair in arguments.size)}
    onnx.save(make_model(arguments.name, arguments.variant, arguments.seed, **sizes), arguments.output)


if __name__ == "__main__":
    main()
