#!/usr/bin/env python3
"""The planner against itself: on every test model and preset the simulated time of `auto` must not exceed that of any
forced strategy. Devices need not exist. Prints a line per model and preset, and "N passed, N failed" at the end.

    run_planner.py                     small variants, a fixed sample of the models
    run_planner.py --full [--part K/M] all models and strategies
    run_planner.py --models bert,cnn --presets cpux4 --variant full
"""

import argparse
import os
import random
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.join(os.path.dirname(FOLDER), "models")]
from ampc_command import Failed, plan_summary
from run_models import all_cases

PRESETS = ["cpux4", "h100x8"]
STRATEGIES = ["data", "tensor", "pipeline"] + [f"random:{seed}" for seed in range(1, 6)]
ROUNDING = 1e-9  # sums of the same numbers in another order


def check(case, preset, strategies, folder):
    """Strategies that beat `auto`, and auto's summary."""
    case.write(folder)
    step = lambda strategy: plan_summary(case.path, "--cluster", preset, "--strategy", strategy, *case.options())
    auto = step("auto")
    times = {strategy: step(strategy)["step_seconds"] for strategy in strategies}
    return {name: seconds for name, seconds in times.items() if seconds < auto["step_seconds"] * (1 - ROUNDING)}, auto


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all models and strategies")
    parser.add_argument("--part", default="1/1", metavar="K/M", help="every M-th model and preset, starting with the K-th")
    parser.add_argument("--variant", choices=["small", "full"], default="small")
    parser.add_argument("--models", help="names, comma separated")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--sample", type=int, default=5, help="models without --full")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    arguments = parser.parse_args()
    cases = all_cases(arguments.variant, 0)
    strategies = STRATEGIES
    if arguments.models:
        cases = [case for case in cases if case.name in arguments.models.split(",")]
    elif not arguments.full:
        cases = random.Random(arguments.seed).sample(cases, arguments.sample)
        strategies = STRATEGIES[:3] + STRATEGIES[3:5]
    work = [(case, preset) for case in cases for preset in arguments.presets.split(",")]
    part, parts = map(int, arguments.part.split("/"))
    passed = failed = 0
    begin = time.time()
    with tempfile.TemporaryDirectory(prefix="ampc-planner-") as folder:
        for case, preset in work[part - 1::parts]:
            try:
                better, auto = check(case, preset, strategies, folder)
            except Failed as failure:
                print(f"    FAILED {case.name} {preset}: {failure}", flush=True)
                failed += 1
                continue
            print(f"{case.name:24} {preset:8} {auto['step_seconds'] * 1e3:10.4f} ms  {auto.get('strategy', '?'):20} "
                  f"gap {auto['gap']:.2%}", flush=True)
            for strategy, seconds in better.items():
                print(f"    FAILED {case.name} {preset}: {strategy} takes {seconds * 1e3:.4f} ms", flush=True)
            failed += bool(better)
            passed += not better
    print(f"planner: {time.time() - begin:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
