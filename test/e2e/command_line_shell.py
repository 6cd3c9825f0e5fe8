"""A folder in which the command line is tried from outside: every command starts `ampc` with an empty environment, and a
refused one must leave no file behind."""

import os
import re
import subprocess
import sys
import tempfile

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.join(os.path.dirname(FOLDER), "models")]
import generate
import onnx
from ampc_command import PROGRAM
from cases import run_cases

ERROR = re.compile(r"^ampc: error AMPC-\d{3}: [^\n]+$", re.MULTILINE)


class Shell:
    """A folder with a model, its plan for 2 devices, and inputs; commands run there."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *arguments, timeout=300):
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder, env={}, capture_output=True, text=True,
                              timeout=timeout, errors="replace")

    def good(self, *arguments):
        done = self.call(*arguments)
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}: {done.stderr.strip()}"
        return done.stdout

    def refused(self, code, *arguments):
        """Exits with `code`, prints one error line and nothing on standard output that looks like a result, and leaves
        no file."""
        before = self.files()
        done = self.call(*arguments)
        assert done.returncode == code, f"{arguments}: exit {done.returncode} instead of {code}: {done.stderr.strip()}"
        assert ERROR.match(done.stderr), f"{arguments}: no error line: {done.stderr!r}"
        assert f"AMPC-{code}" in done.stderr, f"{arguments}: wrong code: {done.stderr!r}"
        facts = [line for line in done.stderr.splitlines() if line.startswith("  ")]
        assert len(facts) == len(set(facts)), f"{arguments}: a fact is said twice: {done.stderr!r}"
        left = self.files() - before
        assert not left, f"{arguments}: left {left}"
        return done.stderr

    def files(self):
        return {os.path.join(where, name) for where, _, names in os.walk(self.folder) for name in names}

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()


def prepare(folder):
    shell = Shell(folder)
    onnx.save(generate.make_model("mlp"), shell.path("mlp.onnx"))
    onnx.save(generate.make_model("bert"), shell.path("bert.onnx"))
    np.save(shell.path("x.npy"), np.random.default_rng(0).uniform(-1, 1, (8, 64)).astype(np.float32))
    shell.good("mlp.onnx", "--devices", "2", "--strategy", "data")
    return shell


def run_in_shell(functions):
    """All functions, or those that the command line names, one after the other in one shell."""
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="ampc-command-line-") as folder:
        shell = prepare(folder)
        cases = [(function.__name__, lambda function=function: function(shell)) for function in functions
                 if not chosen or function.__name__ in chosen]
        return run_cases(cases, LookupError, OSError, ValueError, subprocess.TimeoutExpired)
