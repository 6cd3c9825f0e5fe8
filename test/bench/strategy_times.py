#!/usr/bin/env python3
"""Is what `auto` chooses the fastest on this machine? Measures the plans of every strategy on 2 devices in turns, and
prints (best forced time) / (auto's time) per model: below 1, a forced strategy was faster. Models whose step takes less
than a millisecond are left out of the summary.

    strategy_times.py [--models a,b] [--devices 2] [--rounds 3] [--strategies data,tensor,pipeline,random:1]
"""

import argparse
import json
import os
import statistics
import sys
import tempfile


sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_models import bench_cases
from ampc_command import Failed, ampc, compile_plan
from step_times import geometric_mean

FORCED = ["data", "tensor", "pipeline"] + [f"random:{seed}" for seed in range(1, 6)]
SHORTEST_SECONDS = 1e-3


def measure(case, devices, strategies, rounds, folder):
    """Strategy -> median seconds over `rounds` turns."""
    plans = {}
    for strategy in strategies:
        plan = os.path.join(folder, strategy.replace(":", "-") + ".plan")
        compile_plan(case.path, plan, "--devices", devices, "--threads-per-device", 1, "--strategy", strategy,
                     *case.options(), timeout=1800)
        plans[strategy] = plan
    seconds = {strategy: [] for strategy in strategies}
    for _ in range(rounds):
        for strategy, plan in plans.items():
            seconds[strategy].append(json.loads(ampc("bench", plan, "--json", timeout=1800))["median_seconds"])
    return {strategy: statistics.median(times) for strategy, times in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models")
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strategies", default=",".join(FORCED))
    arguments = parser.parse_args()
    strategies = ["auto"] + arguments.strategies.split(",")
    print("| model | auto ms | best forced | ms | forced / auto |")
    print("|---|---|---|---|---|")
    ratios = []
    for case in bench_cases(arguments.models and arguments.models.split(",")):
        with tempfile.TemporaryDirectory(prefix="ampc-bench-") as folder:
            case.write(folder)
            try:
                seconds = measure(case, arguments.devices, strategies, arguments.rounds, folder)
            except Failed as failure:
                print(f"| {case.name} | {failure} | | | |", flush=True)
                continue
        best = min(strategies[1:], key=seconds.get)
        ratio = seconds[best] / seconds["auto"]
        if seconds["auto"] > SHORTEST_SECONDS:
            ratios.append(ratio)
        print(f"| {case.name} | {seconds['auto'] * 1e3:.3f} | {best} | {seconds[best] * 1e3:.3f} | {ratio:.2f} |",
              flush=True)
    if ratios:
        print(f"\n{len(ratios)} models above 1 ms: geometric mean {geometric_mean(ratios):.3f}, least {min(ratios):.3f}")


if __name__ == "__main__":
    main()
