#!/usr/bin/env python3
"""One recurrent layer on one core: the library's cell (recurrent_rates, the time of the cell alone), our plans of the
layer (`ampc bench`): whole, unrolled, and the one that the compiler takes by itself, ONNX Runtime. They take turns, so
that ratios are those of one machine in one state.
Times are the least of many runs: on a machine that others use, medians of steps this short measure the others. Prints a
Markdown table.

    ninja -C build ampc recurrent_rates; test/bench/recurrent_times.py [--rounds 3]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from step_times import runtime_session
from ampc_command import ROOT, ampc, compile_plan
from graph_builder import GraphBuilder

# kind, length, batch, width, hidden, directions
LAYERS = [(kind, *sizes) for kind in ("lstm", "gru", "lbr_gru") for sizes in [
    (1, 1, 128, 128, 1), (8, 1, 128, 128, 1), (32, 1, 128, 128, 1), (50, 8, 128, 256, 2), (7, 3, 12, 16, 2),
    (16, 1, 256, 256, 1), (16, 4, 256, 256, 1), (64, 1, 256, 256, 2), (16, 1, 512, 512, 1), (16, 8, 512, 512, 1),
    (64, 8, 512, 512, 2)]]


def layer_model(kind, length, batch, width, hidden, directions):
    g = GraphBuilder(kind)
    gates = 4 if kind == "lstm" else 3
    x = g.input("x", [length, batch, width])
    attributes = {"linear_before_reset": 1} if kind == "lbr_gru" else {}
    outputs = g.op("LSTM" if kind == "lstm" else "GRU", x, g.weight(directions, gates * hidden, width, scale=0.1),
                   g.weight(directions, gates * hidden, hidden, scale=0.1),
                   g.weight(directions, 2 * gates * hidden, scale=0.1), outputs=2, hidden_size=hidden,
                   direction="bidirectional" if directions == 2 else "forward", **attributes)
    g.output(outputs[0], "y")
    g.output(outputs[1], "state")
    return g.build()


def least_seconds(session, inputs, seconds=0.5):
    times, begin = [], time.perf_counter()
    while len(times) < 20 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    return min(times)


# What is dear there decides the form: launching kernels, or calling the library in every step.
FORMS = {"whole": {"launch_seconds": 1e-3, "library_call_seconds": 0}, "unrolled": {"library_call_seconds": 4e-6},
         "auto": {}}


def compile_forms(model, folder):
    """A plan for every form, by name."""
    plans = {form: os.path.join(folder, f"{form}.plan") for form in FORMS}
    compile_plan(model, plans["auto"], "--devices", 1, "--threads-per-device", 1)
    cluster = json.loads(ampc("report", plans["auto"], "--format", "json"))["decisions"]["cluster"]
    for form in ("whole", "unrolled"):
        description = os.path.join(folder, f"{form}.json")
        with open(description, "w") as file:
            json.dump({**cluster, "devices": [{**device, **FORMS[form]} for device in cluster["devices"]]}, file)
        compile_plan(model, plans[form], "--threads-per-device", 1, "--cluster", description)
    return plans


def measure(layer, rounds, folder):
    """Least seconds by name: "library" (the cell alone), the forms, "ONNX Runtime"; the cell's implementation."""
    kind, length, batch, width, _, _ = layer
    model = os.path.join(folder, "layer.onnx")
    onnx.save(layer_model(*layer), model)
    plans = compile_forms(model, folder)
    session = runtime_session(model, 1)
    inputs = {"x": np.random.default_rng(0).standard_normal((length, batch, width)).astype(np.float32)}
    times = {name: [] for name in ("library", *FORMS, "ONNX Runtime")}
    program = os.path.join(ROOT, "build", "bin", "recurrent_rates")
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    for _ in range(rounds):
        line = subprocess.run([program, *map(str, layer)], capture_output=True, text=True, check=True, env=environment)
        seconds, implementation = line.stdout.split()
        times["library"].append(float(seconds))
        for form, plan in plans.items():
            times[form].append(json.loads(ampc("bench", plan, "--json"))["min_seconds"])
        times["ONNX Runtime"].append(least_seconds(session, inputs))
    return {name: min(values) for name, values in times.items()}, implementation


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| cell | T x N x I | H | directions | library us | whole us | unrolled us | taken us | ONNX Runtime us | "
          "unrolled / whole | ONNX Runtime / taken | library's implementation |\n" + "|---" * 12 + "|")
    ratios = []
    for layer in LAYERS:
        with tempfile.TemporaryDirectory(prefix="ampc-bench-") as folder:
            times, implementation = measure(layer, arguments.rounds, folder)
        kind, length, batch, width, hidden, directions = layer
        ratios.append(times["auto"] / min(times["whole"], times["unrolled"]))
        columns = " | ".join(f"{times[name] * 1e6:.1f}" for name in ("library", *FORMS, "ONNX Runtime"))
        print(f"| {kind} | {length} x {batch} x {width} | {hidden} | {directions} | {columns} | "
              f"{times['unrolled'] / times['whole']:.2f} | {times['ONNX Runtime'] / times['auto']:.2f} | "
              f"{implementation} |", flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"\nwhat is taken / the faster form: geometric mean {mean:.2f}, at most {max(ratios):.2f}")


if __name__ == "__main__":
    main()
