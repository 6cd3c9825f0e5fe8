#!/usr/bin/env python3
"""Cost, bound and gap of the search core over time, one Markdown row per instance and mark.

    search_times.py --marks 2,5,10,30 FILE=LIMIT ...
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from ampc_command import ROOT

SEARCH_BENCH = os.path.join(ROOT, "build", "bin", "search_bench")


def solve(path, limit_seconds):
    """(result line, improvements) of one run; the limit is wall time from process start."""
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.jsonl")
        output = subprocess.run([SEARCH_BENCH, "iopddl", path, "--time-limit", str(limit_seconds), "--trace", trace],
                                stdout=subprocess.PIPE, check=True, text=True).stdout
        with open(trace) as file:
            return json.loads(output), [json.loads(line) for line in file]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instances", nargs="+", metavar="FILE=LIMIT")
    parser.add_argument("--marks", default="2,5,10,30,60,120,180,240", help="seconds to show, the limit besides")
    arguments = parser.parse_args()
    marks = [float(mark) for mark in arguments.marks.split(",")]
    print("| instance | s | cost | bound | gap |")
    print("|---|---|---|---|---|")
    for instance in arguments.instances:
        path, limit = instance.rsplit("=", 1)
        result, improvements = solve(path, limit)
        first = next((entry for entry in improvements if entry.get("cost") is not None), None)
        shown = [mark for mark in marks if mark < float(limit)] + [float(limit)]
        rows = [(first["seconds"], first)] if first else []
        rows += [(mark, ([entry for entry in improvements if entry["seconds"] <= mark] or [None])[-1]) for mark in shown]
        for seconds, entry in rows:
            if entry is None or entry.get("cost") is None:
                print(f"| {result['instance']} | {seconds:g} | - | - | - |")
            else:
                print(f"| {result['instance']} | {seconds:g} | {entry['cost']:,} | {entry['bound']:,} | {100 * entry['gap']:.3f} % |")
        print(f"| {result['instance']} | {result['seconds']:g}, end | {result['cost']:,} | {result['bound']:,} | "
              f"{100 * result['gap']:.3f} %, {result['peak_bytes'] >> 20} MiB |", flush=True)


if __name__ == "__main__":
    main()
