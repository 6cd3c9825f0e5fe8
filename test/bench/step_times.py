#!/usr/bin/env python3
"""Step times against ONNX Runtime with equal threads, and 2 devices against 1. Both programs take turns in one run, so
that the ratios are those of one machine in one state. Prints a Markdown table.

    step_times.py [--models a,b] [--devices 1,2] [--rounds 3]
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time

import onnx
import onnxruntime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_models import bench_cases
from ampc_command import Failed, ampc, compile_plan
from reference import Reference


def runtime_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def measure_runtime(session, inputs, seconds=1.0):
    session.run(None, inputs)
    times, begin = [], time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - begin < seconds and len(times) < 1000):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(case, devices, rounds, folder):
    """(seconds of ampc, seconds of ONNX Runtime, predicted seconds) for `devices` devices of one thread each."""
    plan = os.path.join(folder, "bench.plan")
    compile_plan(case.path, plan, "--devices", devices, "--threads-per-device", 1, *case.options(), timeout=1800)
    session = runtime_session(case.path, devices)
    ours, theirs, predicted = [], [], 0
    for _ in range(rounds):
        result = json.loads(ampc("bench", plan, "--json", timeout=1800))
        ours.append(result["median_seconds"])
        predicted = result["predicted_seconds"]
        theirs.append(measure_runtime(session, case.inputs))
    os.remove(plan)
    return statistics.median(ours), statistics.median(theirs), predicted


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models")
    parser.add_argument("--devices", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    devices = [int(n) for n in arguments.devices.split(",")]
    print("| model | devices | ampc ms | ONNX Runtime ms | ratio | predicted ms | against 1 device |")
    print("|---|---|---|---|---|---|---|")
    ratios = {n: [] for n in devices}
    for case in bench_cases(arguments.models and arguments.models.split(",")):
        with tempfile.TemporaryDirectory(prefix="ampc-bench-") as folder:
            model = case.make()
            case.path = model if isinstance(model, str) else os.path.join(folder, "model.onnx")
            if not isinstance(model, str):
                onnx.save(model, case.path)
            case.inputs = Reference(case.path, case.shapes, case.values, most_sets=1).input_sets[0]
            first = None
            for n in devices:
                try:
                    ours, theirs, predicted = measure(case, n, arguments.rounds, folder)
                except Failed as failure:
                    print(f"| {case.name} | {n} | {failure} | | | | |", flush=True)
                    continue
                first = first or ours
                ratios[n].append(theirs / ours)
                print(f"| {case.name} | {n} | {ours * 1e3:.3f} | {theirs * 1e3:.3f} | {theirs / ours:.2f} | "
                      f"{predicted * 1e3:.3f} | {first / ours:.2f} |", flush=True)
    for n in devices:
        if ratios[n]:
            print(f"\n{n} devices: geometric mean {geometric_mean(ratios[n]):.3f}, least {min(ratios[n]):.3f}")


if __name__ == "__main__":
    main()
