"""Calls build/bin/ampc the way a user does, with an empty environment, and reads back what it writes."""

import json
import os
import shutil
import subprocess

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("AMPC_PROGRAM", os.path.join(ROOT, "build", "bin", "ampc"))


class Failed(Exception):
    def __init__(self, arguments, code, text):
        self.code = code
        first = text.strip().splitlines()[0] if text.strip() else "no message"
        super().__init__(f"exit {code}: {first}")
        self.text = text


def ampc(*arguments, timeout=600, folder=None):
    """Standard output; raises Failed for every exit code but 0."""
    try:
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, env={},
                              cwd=folder, errors="replace")
    except subprocess.TimeoutExpired:
        raise Failed(arguments, "timeout", f"no end after {timeout} s") from None
    if done.returncode != 0:
        raise Failed(arguments, done.returncode, done.stderr)
    return done.stdout


def compile_plan(model, plan, *options, timeout=600):
    """The plan's JSON summary."""
    return json.loads(ampc(model, "-o", plan, "--json", *options, timeout=timeout))


def plan_summary(model, *options, timeout=600):
    """What `ampc plan` says; the devices need not exist."""
    return json.loads(ampc("plan", model, "--json", *options, timeout=timeout))


def write_inputs(folder, inputs):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name, value in inputs.items():
        np.save(os.path.join(folder, name.replace("/", "_") + ".npy"), value)


def run_plan(plan, inputs, folder, *options, timeout=600):
    """Outputs by name."""
    inputs_folder, outputs_folder = os.path.join(folder, "in"), os.path.join(folder, "out")
    write_inputs(inputs_folder, inputs)
    ampc("run", plan, "--inputs", inputs_folder, "--output-dir", outputs_folder, "--quiet", *options, timeout=timeout)
    with open(os.path.join(outputs_folder, "outputs.json")) as file:
        listed = json.load(file)
    return {entry["name"]: np.load(os.path.join(outputs_folder, entry["file"])) for entry in listed}
