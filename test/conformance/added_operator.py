#!/usr/bin/env python3
"""A new elementwise operator is a change of at most two files: add_elementwise_op.patch adds one. Prints "N passed, N
failed" at the end.

    added_operator.py           applies the patch to a copy of the files that it names
    added_operator.py --full    builds a copy of the sources with it, walks the new row, executes models with the operator
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
PATCH = os.path.join(FOLDER, "add_elementwise_op.patch")
NOT_COPIED = shutil.ignore_patterns("build", ".git", "__pycache__", ".cache")


def run(*command, folder=None, environment=None):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace",
                          env={**os.environ, **(environment or {})})
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}"
    return done.stdout


def apply_patch(folder):
    # Neither this checkout's repository nor one around the folder has a say.
    run("git", "apply", PATCH, folder=folder, environment={"GIT_CEILING_DIRECTORIES": os.path.dirname(folder)})


def touched_files():
    with open(PATCH) as file:
        return re.findall(r"^\+\+\+ b/(\S+)", file.read(), re.MULTILINE)


def the_patch_applies():
    files = touched_files()
    assert 1 <= len(files) <= 2, files
    with tempfile.TemporaryDirectory(prefix="ampc-patch-") as folder:
        for name in files:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(folder, name))
        apply_patch(folder)
        for name in files:
            with open(os.path.join(ROOT, name)) as before, open(os.path.join(folder, name)) as after:
                assert before.read() != after.read(), name


def check_operator(build, folder):
    """The operator in a build that has it: listed, walked, and executed on 1 to 3 devices in `folder`."""
    import numpy as np
    import onnx
    from onnx import helper

    def run_model(program, devices, x):
        info = lambda name: helper.make_tensor_value_info(name, 1, x.shape)
        graph = helper.make_graph([helper.make_node("SquarePlus", ["x"], ["y"], domain="ampc.example")], "g", [info("x")],
                                  [info("y")])
        imports = [helper.make_opsetid("", 20), helper.make_opsetid("ampc.example", 1)]
        onnx.save(helper.make_model(graph, ir_version=10, opset_imports=imports), os.path.join(folder, "model.onnx"))
        np.save(os.path.join(folder, "x.npy"), x)
        run(program, "run", "model.onnx", "--devices", str(devices), "--strategy", "random:1", "--input", "x=x.npy",
            "--output-dir", "out", folder=folder)
        return np.load(os.path.join(folder, "out", "output_0.npy"))

    program = os.path.join(build, "bin", "ampc")
    assert "SquarePlus" in run(program, "ops")
    walk = run(os.path.join(build, "bin", "codegen_test"), "--gtest_filter=Row.Elementwise")
    assert "[  PASSED  ] 1 test" in walk, walk
    x = np.random.default_rng(3).uniform(-5, 5, (7, 13)).astype(np.float32)
    for devices in (1, 2, 3):
        y = run_model(program, devices, x)
        assert np.allclose(y, 0.5 * (x + np.sqrt(x * x + 4)), rtol=1e-6), devices


def the_operator_works():
    with tempfile.TemporaryDirectory(prefix="ampc-patch-") as folder:
        copy = os.path.join(folder, "sources")
        build = os.path.join(copy, "build")  # where the compiler cache knows it
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        apply_patch(copy)
        cache = os.environ.get("AMPC_CACHE", os.path.expanduser("~/.cache/ampc"))
        cmake = os.path.join(cache, "venv", "bin", "cmake")
        ccache = {"CCACHE_BASEDIR": copy, "CCACHE_NOHASHDIR": "1"}
        run(cmake, "-S", copy, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", f"-DAMPC_CACHE={cache}")
        run(cmake, "--build", build, "--target", "ampc", "codegen_test", environment=ccache)
        check_operator(build, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    passed = failed = 0
    for check in [the_patch_applies] + ([the_operator_works] if arguments.full else []):
        try:
            check()
            passed += 1
        except AssertionError as error:
            failed += 1
            print(f"FAILED {check.__name__}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
