#!/usr/bin/env python3
"""What compiling costs: seconds by phase, peak anonymous memory; then size of plan and runtime library, and load time.
Prints a Markdown table.

    compile_costs.py [--models a,b] [--devices 4]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time


sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_models import bench_cases
from ampc_command import PROGRAM, ROOT, ampc


def anonymous_bytes(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def compile_watched(*arguments):
    """(summary, seconds, peak anonymous memory sampled every 2 ms)."""
    begin = time.perf_counter()
    process = subprocess.Popen([PROGRAM, *map(str, arguments), "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={}, text=True)
    peak = [0]

    def watch():
        while process.poll() is None:
            peak[0] = max(peak[0], anonymous_bytes(process.pid))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, error = process.communicate()
    watcher.join()
    if process.returncode != 0:
        raise RuntimeError(error.splitlines()[0])
    return json.loads(output), time.perf_counter() - begin, peak[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models")
    parser.add_argument("--devices", type=int, default=4)
    arguments = parser.parse_args()
    print("| model | seconds | phases | peak MB | plan MB | load ms |")
    print("|---|---|---|---|---|---|")
    for case in bench_cases(arguments.models and arguments.models.split(",")):
        with tempfile.TemporaryDirectory(prefix="ampc-bench-") as folder:
            plan = os.path.join(folder, "model.plan")
            case.write(folder)
            try:
                summary, seconds, peak = compile_watched(case.path, "-o", plan, "--devices", arguments.devices,
                                                         *case.options())
            except RuntimeError as failure:
                print(f"| {case.name} | {failure} | | | | |", flush=True)
                continue
            load = json.loads(ampc("bench", plan, "--repeat", 1, "--json"))["load_seconds"]
            phases = ", ".join(f"{name} {value:.2f}" for name, value in summary["compile_seconds"].items())
            print(f"| {case.name} | {seconds:.2f} | {phases} | {peak / 1e6:.0f} | {os.path.getsize(plan) / 1e6:.1f} | "
                  f"{load * 1e3:.1f} |", flush=True)
    library = os.path.realpath(os.path.join(ROOT, "build", "lib", "libampc_runtime.so"))
    print(f"\nruntime library: {os.path.getsize(library) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
