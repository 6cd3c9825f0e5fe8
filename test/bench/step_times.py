#!/usr/bin/env python3
"""Step times against ONNX Runtime with equal threads, and 2 devices against 1. Both programs take turns in one run, so
that the ratios are those of one machine in one state. Prints a Markdown table.

    step_times.py [--models a,b] [--devices 1,2] [--rounds 3] [--processor-time]

With --processor-time, one device is measured by the processor seconds of both programs, which other work on the machine
disturbs little; start and load of our program are taken off.
"""

import argparse
import json
import math
import os
import resource
import statistics
import sys
import tempfile
import time

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


def processor_seconds_of(*command):
    """User and system seconds of one run of ampc."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ampc(*command, timeout=1800)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_processor_time(case, rounds, folder):
    """Least processor seconds per step over the rounds, ours and ONNX Runtime's, and the predicted time."""
    plan, output = os.path.join(folder, "bench.plan"), os.path.join(folder, "out")
    compile_plan(case.path, plan, "--devices", 1, "--threads-per-device", 1, *case.options(), timeout=1800)
    predicted = json.loads(ampc("bench", plan, "--repeat", 1, "--json", timeout=1800))["predicted_seconds"]
    session = runtime_session(case.path, 1)
    session.run(None, case.inputs)
    run = lambda count: processor_seconds_of("run", plan, "--random-inputs", 0, "--repeat", count, "--output-dir", output)
    start, count = run(1), 4
    while run(count) - start < max(0.6, 2 * start) and count < 4000:
        count *= 4
    starts, totals, theirs = [start], [], []
    for _ in range(rounds):
        starts.append(run(1))
        totals.append(run(count + 1))
        begin, steps = time.process_time(), 0
        while steps < 3 or time.process_time() - begin < 0.6:
            session.run(None, case.inputs)
            steps += 1
        theirs.append((time.process_time() - begin) / steps)
    os.remove(plan)
    return (min(totals) - min(starts)) / count, min(theirs), predicted


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
    parser.add_argument("--processor-time", action="store_true")
    arguments = parser.parse_args()
    devices = [int(n) for n in arguments.devices.split(",")]
    print("| model | devices | ampc ms | ONNX Runtime ms | ratio | predicted ms | against 1 device |")
    print("|---|---|---|---|---|---|---|")
    ratios = {n: [] for n in devices}
    for case in bench_cases(arguments.models and arguments.models.split(",")):
        with tempfile.TemporaryDirectory(prefix="ampc-bench-") as folder:
            case.write(folder)
            case.inputs = Reference(case.path, case.shapes, case.values, most_sets=1).input_sets[0]
            first = None
            for n in devices:
                try:
                    if arguments.processor_time and n == 1:
                        ours, theirs, predicted = measure_processor_time(case, arguments.rounds, folder)
                    else:
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
