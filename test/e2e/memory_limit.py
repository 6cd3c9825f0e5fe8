#!/usr/bin/env python3
"""A model whose weights need the memory of all devices: compiled and executed under --memory-limit, its numbers are ONNX
Runtime's, and the peak memory of `ampc run` stays below the sum of the limits and a slack for program and library.
Prints "N passed, N failed" at the end.

    memory_limit.py            240 MB of weights on 4 devices of 80 MiB
    memory_limit.py --full     also 1.2 GB on 4 devices of 400 MiB
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.join(os.path.dirname(FOLDER), "models")]
import generate
import numpy as np
import onnx
from ampc_command import PROGRAM, Failed, compile_plan, write_inputs
from reference import TOLERANCE, Reference

MIB = 1 << 20
DEVICES = 4
# Name, sizes of the encoder, limit per device, slack beyond the sum of the limits.
SCALED = ("scaled", dict(batch=1, length=64, width=768, heads=12, layers=7, vocabulary=12000), 72 * MIB, 50_000_000)
FULL = ("full", dict(batch=1, length=128, width=1024, heads=16, layers=22, vocabulary=30522), 400 * MIB, 200_000_000)


# A child's peak counts what its parent had when it started it, so a small interpreter starts the program.
STARTER = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], {})
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss * 1024, flush=True)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_of(*arguments):
    """The most memory that `ampc` with these arguments ever had (VmHWM)."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", STARTER, PROGRAM, *arguments], capture_output=True,
                          text=True)
    if done.returncode:
        raise Failed(arguments, done.returncode, done.stderr)
    return int(done.stdout.splitlines()[-1])


def check(name, sizes, limit, slack, strategy):
    with tempfile.TemporaryDirectory(prefix="ampc-memory-") as folder:
        path, plan = os.path.join(folder, "model.onnx"), os.path.join(folder, "model.plan")
        model = generate.make_model("bert", **sizes)
        weights = sum(len(weight.raw_data) for weight in model.graph.initializer)
        onnx.save(model, path)
        del model
        reference = Reference(path)
        summary = compile_plan(path, plan, "--devices", DEVICES, "--memory-limit", limit, "--strategy", strategy)
        inputs, outputs = os.path.join(folder, "in"), os.path.join(folder, "out")
        write_inputs(inputs, reference.input_sets[0])
        peak = peak_of("run", plan, "--inputs", inputs, "--output-dir", outputs, "--repeat", "2")
        with open(os.path.join(outputs, "outputs.json")) as file:
            listed = json.load(file)
        results = {entry["name"]: np.load(os.path.join(outputs, entry["file"])) for entry in listed}
        error = reference.largest_error([results])
        print(f"{name} {strategy}: {weights / 1e6:.0f} MB of weights, {DEVICES} x {limit / 1e6:.0f} MB, "
              f"peak {peak / 1e6:.0f} MB, error {error:.2g}", flush=True)
        assert error < TOLERANCE, error
        assert peak <= DEVICES * limit + slack, f"{peak} bytes, {DEVICES * limit + slack} allowed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    passed = failed = 0
    for case in [SCALED, FULL] if arguments.full else [SCALED]:
        for strategy in ("auto", "tensor", "pipeline"):
            try:
                check(*case, strategy)
                passed += 1
            except (AssertionError, Failed) as error:
                failed += 1
                print(f"FAILED {case[0]} {strategy}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
