"""The models that benchmarks measure: the real ones, and generated ones in their full proportions."""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(FOLDER), name) for name in ("e2e", "models")]
import generate
from run_models import Case, all_cases

FULL = {
    "bert-base": lambda: generate.make_model("bert", "full"),
    "resnet50-4": lambda: generate.make_model("resnet50", "full"),
    "gpt2": lambda: generate.make_model("gpt2", "full"),
    "vit-base": lambda: generate.make_model("vit", "full"),
    "mlp-64": lambda: generate.make_model("mlp", "full"),
    "lstm-8": lambda: generate.make_model("lstm", "full"),
    "unet-128": lambda: generate.make_model("unet", "full"),
}


def bench_cases(names=None):
    """Cases whose reference is not made: benchmarks make their own inputs."""
    real = [case for case in all_cases("small", 0) if case.name not in generate.MODELS]
    cases = real + [Case(name, make) for name, make in FULL.items()]
    return [case for case in cases if not names or case.name in names]
