#!/usr/bin/env python3
"""What the command line refuses: exit codes, messages, no file left, no crash. Prints "N passed, N failed" at the
end."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import numpy as np
from command_line_shell import ERROR, PROGRAM, onnx, run_in_shell
from onnx import helper

CASES = []


def case(function):
    CASES.append(function)
    return function


@case
def usage_errors(shell):
    for arguments in (["mlp.onnx", "--devces", "2"], ["mlp.onnx", "--devices", "0"], ["verfy", "mlp.plan"],
                      ["mlp.onnx", "--devices", "8", "--cluster", "cpux4"], ["mlp.onnx", "--cluster", "cpux0"],
                      ["mlp.onnx", "--cluster", "h100x8", "--device-kind", "cpu"],
                      ["run", "mlp.plan"], ["run", "mlp.plan", "--input", "y=x.npy"], ["mlp.plan", "--devices", "2"],
                      ["run", "mlp.plan", "--devices", "4", "--input", "x=x.npy"],
                      ["mlp.onnx", "--stop-after", "nowhere"], ["mlp.onnx", "--shape", "nothing=1x2"]):
        shell.refused(2, *arguments)
    assert "--devices" in shell.refused(2, "mlp.onnx", "--devces", "2")
    for word in ("help", "--help"):
        assert "ampc help verify" in shell.refused(2, word, "verfy")
        assert "ampc help" in shell.refused(2, word, "quite_other")
    shell.refused(2, "run", "mlp.plan", "--input", "x=x.npy", "--input", "x=x.npy")
    for verb in ("run", "verify", "bench"):
        for operand in ("mlp.plan", "mlp.onnx"):
            assert "--weights-dir" in shell.refused(2, verb, operand, "--input", "x=x.npy", "--weights-dir", "nowhere")


@case
def impossible_values(shell):
    for option, values in {
            "--memory-limit": ["0", "-1", "99999999999999999999GiB", "1e400", "nan", "nanGiB", "inf"],
            "--devices": ["4097", "2x", "", "2=3"],
            "--threads-per-device": ["0", "1000000"], "--jobs": ["0", "100000"], "--time-limit": ["0", "nan", "-1"],
            "--strategy": ["random:", "random:-1", "random:99999999999999999999", ""], "--target-cpu": ["nonsense", ""],
            "--dim": ["N", "N=0", "N=99999999999999999999"], "--state": ["x=y", "x"], "--weights": ["none"],
            "--shape": ["x=8x", "x=8x-1", "x=9223372036854775807x2", "x=8x64x1"],
            "--value": ["x=[[[", "x=" + "[" * 100000], "--dump": [""], "-o": [""]}.items():
        for value in values:
            shell.refused(2, "mlp.onnx", option, value)
    for option, value in (("--repeat", "-1"), ("--input", "=x.npy"), ("--input", "x"), ("--random-inputs", "x")):
        shell.refused(2, "run", "mlp.plan", option, value)
    shell.refused(2, "verify", "mlp.plan", "--tolerance", "nan")
    for option, value, code in (("--dump", "/proc/none", 6), ("-o", "/dev/full", 6), ("--cluster", "y" * 100000, 6),
                                ("--cluster", "/dev/zero", 3), ("--cluster", "/dev/null", 3)):
        shell.refused(code, "mlp.onnx", option, value)
    shell.refused(6, "run", "mlp.plan", "--input", "x=/dev/zero")
    shell.refused(6, "run", "/dev/zero")


@case
def later_features(shell):
    for arguments in (["train", "mlp.onnx"], ["mlp.onnx", "--training"], ["explain", "mlp.plan", "x"],
                      ["mlp.onnx", "--cluster", "h100x8"], ["report", "mlp.plan", "--format", "html"]):
        shell.refused(4, *arguments)


@case
def wrong_tensors(shell):
    x = np.load(shell.path("x.npy"))
    for number, array in enumerate((x[:, :63], x.astype(np.float64), x.reshape(64, 8), x.astype(np.complex64))):
        np.save(shell.path("wrong.npy"), array)
        shell.refused(3, "run", "mlp.plan", "--input", "x=wrong.npy", "--output-dir", "out")
    good = shell.read("x.npy")
    for content in (b"", b"\x93NUMPY", good[:-1], good + b"x", good.replace(b"<f4", b"<q4"), b"no tensor"):
        shell.write("wrong.npy", content)
        shell.refused(3, "run", "mlp.plan", "--input", "x=wrong.npy")
    shell.write("wrong.pb", b"")
    assert "wrong.pb" in shell.refused(3, "run", "mlp.plan", "--input", "x=wrong.pb")
    os.remove(shell.path("wrong.pb"))
    shell.refused(6, "run", "mlp.plan", "--input", "x=missing.npy")
    os.remove(shell.path("wrong.npy"))


@case
def damaged_plans(shell):
    good, random = shell.read("mlp.plan"), np.random.default_rng(1)
    for trial in range(40):
        content = bytearray(good)
        if trial % 4 == 0:
            content = content[:int(random.integers(16, len(good)))]
        else:
            content[int(random.integers(16, len(content)))] ^= 1 << int(random.integers(8))
        shell.write("damaged.plan", bytes(content))
        done = shell.call("run", "damaged.plan", "--input", "x=x.npy")
        # A flipped bit in padding between sections is no damage to anything that is read.
        assert done.returncode in (0, 3), f"trial {trial}: exit {done.returncode}: {done.stderr}"
        assert done.returncode == 0 or ERROR.match(done.stderr)
    os.remove(shell.path("damaged.plan"))


@case
def damaged_models(shell):
    good, random = shell.read("mlp.onnx"), np.random.default_rng(2)
    for trial in range(30):
        content = bytearray(good)
        if trial % 3 == 0:
            content = content[:int(random.integers(len(good)))]
        else:
            for _ in range(5):
                content[int(random.integers(min(len(content), 2000)))] = int(random.integers(256))
        shell.write("damaged.onnx", bytes(content))
        before = shell.files()
        done = shell.call("damaged.onnx", "--devices", "2", "-o", "damaged.plan", timeout=60)
        assert done.returncode in (0, 2, 3, 4), f"trial {trial}: exit {done.returncode}: {done.stderr}"
        if done.returncode == 0:
            os.remove(shell.path("damaged.plan"))
        assert shell.files() == before
    os.remove(shell.path("damaged.onnx"))


@case
def file_system_errors(shell):
    shell.refused(6, "missing.onnx")
    shell.refused(6, "mlp.onnx", "-o", "no/such/folder/x.plan")
    shell.refused(6, "run", "mlp.plan", "--input", "x=x.npy", "--output-dir", "mlp.onnx")
    shell.refused(6, ".")
    os.mkfifo(shell.path("pipe"))
    shell.refused(6, "run", "pipe")
    os.remove(shell.path("pipe"))


@case
def nothing_is_written_over_what_is_read(shell):
    os.makedirs(shell.path("own/out"))
    for name in ("mlp.onnx", "mlp.plan", "x.npy"):
        shutil.copy(shell.path(name), shell.path("own/" + name))
    shutil.copy(shell.path("x.npy"), shell.path("own/out/output_0.npy"))
    shutil.copy(shell.path("x.npy"), shell.path("own/out/x.npy"))
    shutil.copy(shell.path("mlp.onnx"), shell.path("own/model.plan"))
    onnx.save(onnx.load(shell.path("mlp.onnx")), shell.path("own/split.onnx"), save_as_external_data=True,
              location="weights.bin", size_threshold=0)
    os.symlink("mlp.onnx", shell.path("own/symbolic.plan"))
    os.link(shell.path("own/mlp.onnx"), shell.path("own/hard.plan"))
    shell.good("own/mlp.onnx", "--weights", "external", "-o", "own/thin.plan")
    shell.good("probe", "--devices", "2", "-o", "own/host.json", "--quiet")
    files = {path: open(path, "rb").read() for path in shell.files()}
    given = ["--input", "x=own/x.npy"]
    for arguments, written, read in (
            (["own/mlp.onnx", "-o", "own/mlp.onnx"], "own/mlp.onnx", "own/mlp.onnx"),
            (["own/mlp.onnx", "-o", "own/symbolic.plan"], "own/symbolic.plan", "own/mlp.onnx"),
            (["own/symbolic.plan", "-o", "own/hard.plan"], "own/hard.plan", "own/symbolic.plan"),
            (["plan", "own/mlp.onnx", "-o", "own/../own/mlp.onnx"], "own/../own/mlp.onnx", "own/mlp.onnx"),
            (["own/mlp.onnx", "--cluster", "own/host.json", "-o", "own/host.json"], "own/host.json", "own/host.json"),
            (["own/split.onnx", "-o", "own/weights.bin"], "own/weights.bin", "own/weights.bin"),
            (["run", "own/split.onnx", *given, "--trace", "own/weights.bin"], "own/weights.bin", "own/weights.bin"),
            (["run", "own/mlp.onnx", *given, "--trace", "own/mlp.onnx"], "own/mlp.onnx", "own/mlp.onnx"),
            (["run", "own/mlp.plan", *given, "--trace", "own/x.npy"], "own/x.npy", "own/x.npy"),
            (["bench", "own/mlp.plan", "--trace", "own/mlp.plan"], "own/mlp.plan", "own/mlp.plan"),
            (["bench", "own/mlp.plan", "--inputs", "own/out", "--trace", "own/out/x.npy"], "own/out/x.npy",
             "own/out/x.npy"),
            (["run", "own/thin.plan", *given, "--trace", "own/mlp.onnx"], "own/mlp.onnx", "own/mlp.onnx"),
            (["report", "own/mlp.plan", "-o", "own/mlp.plan"], "own/mlp.plan", "own/mlp.plan"),
            (["run", "own/mlp.plan", "--input", "x=own/out/output_0.npy", "--output-dir", "own/out"],
             "own/out/output_0.npy", "own/out/output_0.npy")):
        text = shell.refused(2, *arguments)
        assert f"  written: {written}\n" in text and f"  read: {read}\n" in text, (arguments, text)
    # Without -o, a model that is called .plan.
    process = subprocess.run([PROGRAM, "model.plan"], cwd=shell.path("own"), env={}, capture_output=True, text=True)
    assert process.returncode == 2 and "-o FILE" in process.stderr, process
    assert files == {path: open(path, "rb").read() for path in shell.files()}
    # What is not read may go, and files beside an input are no inputs.
    shell.good("own/mlp.onnx", "-o", "own/mlp.plan")
    os.rename(shell.path("own/out/output_0.npy"), shell.path("own/out/output_1.npy"))
    shell.good("run", "own/mlp.plan", "--input", "x=own/out/output_1.npy", "--output-dir", "own/out")
    shell.good("run", "own/mlp.plan", "--inputs", "own/out", "--output-dir", "own/out")
    shutil.rmtree(shell.path("own"))


def allow_small_files_only():
    """In the new process: what a full disk does to a file that outgrows it, without one."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


@case
def a_dump_that_does_not_fit(shell):
    for arguments in (["mlp.onnx", "-o", "dumped.plan", "--dump", "stages"],
                      ["plan", "mlp.onnx", "--dump", "stages", "--stop-after", "imported"]):
        process = subprocess.run([PROGRAM, *arguments], cwd=shell.folder, env={}, capture_output=True, text=True,
                                 preexec_fn=allow_small_files_only)
        assert process.returncode == 6 and ERROR.match(process.stderr), process
        assert "stages/00_imported.mlir" in process.stderr, process.stderr
        assert not os.listdir(shell.path("stages")), os.listdir(shell.path("stages"))
        assert not os.path.exists(shell.path("dumped.plan"))
    os.makedirs(shell.path("stages/00_imported.mlir/in the way"))
    assert "00_imported.mlir" in shell.refused(6, "mlp.onnx", "-o", "dumped.plan", "--dump", "stages")
    shutil.rmtree(shell.path("stages"))


@case
def infeasible_limit(shell):
    text = shell.refused(5, "bert.onnx", "--devices", "2", "--memory-limit", "10KB")
    assert "remedy:" in text


@case
def remedies_name_a_limit_that_is_enough(shell):
    for strategy in ("data", "tensor", "pipeline"):
        arguments = ["bert.onnx", "--devices", "2", "--strategy", strategy, "-o", "tight.plan", "--memory-limit"]
        text = shell.refused(5, *arguments, "1KB")
        limit = int(re.search(r"use --memory-limit (\d+)", text).group(1))
        shell.good(*arguments, str(limit))
        shell.good("run", "tight.plan", "--random-inputs", "0")
        os.remove(shell.path("tight.plan"))


@case
def remedies_name_no_number_of_devices_that_was_not_tried(shell):
    for devices in ("2", "3", "5"):
        text = shell.refused(5, "mlp.onnx", "--devices", devices, "--memory-limit", "1KiB", "-o", "tight.plan")
        limit = re.search(r"^remedy: use --memory-limit (\d+)", text, re.MULTILINE).group(1)
        shell.good("mlp.onnx", "--devices", devices, "--memory-limit", limit, "-o", "tight.plan")
        os.remove(shell.path("tight.plan"))
        number = re.search(r"--devices (\d+)", text)
        if number:
            shell.good("mlp.onnx", "--devices", number.group(1), "--memory-limit", "1KiB", "-o", "tight.plan")


@case
def external_weights_of_one_name(shell):
    weights = [helper.make_tensor(name, 1, [8, 8], [0.5] * 64) for name in "AB"]
    nodes = [helper.make_node("MatMul", ["x", "A"], ["h"]), helper.make_node("MatMul", ["h", "B"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, 1, [2, 8]) for name in "xy")
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    for folder, weight in zip("ab", model.graph.initializer):
        os.makedirs(shell.path(folder))
        shell.write(folder + "/w.bin", np.full((8, 8), 0.5, np.float32).tobytes())
        weight.ClearField("float_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", folder + "/w.bin"), ("length", "256")):
            weight.external_data.add(key=key, value=value)
    shell.write("two.onnx", model.SerializeToString())
    text = shell.refused(2, "two.onnx", "--weights", "external", "-o", "two.plan")
    assert "a/w.bin" in text and "b/w.bin" in text and "rename" in text, text
    shell.good("two.onnx", "-o", "two.plan")
    shell.good("run", "two.plan", "--random-inputs", "0")
    os.remove(shell.path("b/w.bin"))  # one file under two names is no such case
    os.link(shell.path("a/w.bin"), shell.path("b/w.bin"))
    shell.good("two.onnx", "--weights", "external", "-o", "two.plan")
    shell.good("run", "two.plan", "--random-inputs", "0", "--weights-dir", "a")
    shell.write("b/w.bin", b"something else")
    os.remove(shell.path("a/w.bin"))
    assert "--weights-dir" in shell.refused(6, "run", "two.plan", "--random-inputs", "0", "--weights-dir", "a")
    for folder in "ab":
        shutil.rmtree(shell.path(folder))
    for name in ("two.onnx", "two.plan"):
        os.remove(shell.path(name))


@case
def unbound_dimensions_name_the_option(shell):
    node = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", 1, ["batch", 3])],
                              [helper.make_tensor_value_info("y", 1, ["batch", 3])])
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]),
              shell.path("open.onnx"))
    assert "--" in shell.refused(2, "open.onnx")
    shell.good("open.onnx", "--dim", "batch=5")
    np.save(shell.path("open.npy"), np.ones((7, 3), np.float32))
    shell.good("run", "open.onnx", "--input", "x=open.npy")
    for name in ("open.onnx", "open.plan", "open.npy"):
        os.remove(shell.path(name))


@case
def a_value_of_the_model_is_no_input(shell):
    tensors = [helper.make_tensor_value_info(name, 1, [3]) for name in "xwy"]
    weight = helper.make_tensor("w", 1, [3], [1, 2, 3])
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", tensors[:2], tensors[2:], [weight])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
              shell.path("default.onnx"))
    np.save(shell.path("three.npy"), np.ones(3, np.float32))
    inputs = ["--input", "x=three.npy", "--input", "w=three.npy"]
    shell.good("default.onnx", "-o", "default.plan")
    for file in ("default.onnx", "default.plan"):
        text = shell.refused(2, "run", file, *inputs)
        assert "a value of its own for 'w'" in text and "--value w=" in text and "initializer 'w'" in text, text
    shell.good("run", "default.onnx", "--value", "w=4,5,6", *inputs[:2], "--output-dir", "replaced")
    assert np.load(shell.path("replaced/output_0.npy")).tolist() == [5, 6, 7]
    for name in ("default.onnx", "default.plan", "three.npy"):
        os.remove(shell.path(name))
    shutil.rmtree(shell.path("replaced"))


if __name__ == "__main__":
    sys.exit(run_in_shell(CASES))
