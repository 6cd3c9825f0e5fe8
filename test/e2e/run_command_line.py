#!/usr/bin/env python3
"""The command line from outside: what the verbs write, that it is the same every time, and interrupts. What is refused is
in run_refusals.py. Prints "N passed, N failed" at the end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
from command_line_shell import PROGRAM, generate, onnx, run_in_shell
from onnx import TensorProto, helper, numpy_helper

CASES = []


def case(function):
    CASES.append(function)
    return function


def stage_count(shell, plan):
    return len(json.loads(shell.good("report", plan, "--format", "json"))["stages"])


def step_names(trace, request):
    """Rank -> names of the steps that it executes for a request, of a measured or predicted trace."""
    ranks, names = {}, {}
    for event in trace["traceEvents"]:
        if event["ph"] == "M" and (rank := re.match(r"rank (\d+)", str(event["args"].get("name")))):
            # A process for each rank, or a thread.
            ranks[event["pid"], event["tid"] if event["name"] == "thread_name" else None] = int(rank.group(1))
    for event in trace["traceEvents"]:
        if event["ph"] == "X" and event["args"]["request"] == request:
            assert event["ts"] >= 0 and event["dur"] >= 0, event
            pid, tid = event["pid"], event["tid"]
            rank = ranks[pid, None] if (pid, None) in ranks else ranks[pid, tid]
            names.setdefault(rank, set()).add(event["name"])
    return names


@case
def compile_prints_the_next_commands(shell):
    text = shell.good("mlp.onnx", "--devices", "2", "-o", "other.plan")
    assert "ampc run other.plan" in text and "ampc verify other.plan" in text, text
    assert all(len(line) <= 120 for line in text.splitlines())
    os.remove(shell.path("other.plan"))


@case
def compile_as_json(shell):
    summary = json.loads(shell.good("mlp.onnx", "--devices", "2", "--strategy", "data", "-o", "json.plan", "--json"))
    assert len(summary["devices"]) == 2
    for device in summary["devices"]:
        assert set(device) >= {"id", "ops", "bytes", "busy_seconds"} and device["ops"] > 0 and device["bytes"] > 0
    assert summary["step_seconds"] > 0 and "bound_seconds" in summary and "gap" in summary
    os.remove(shell.path("json.plan"))


@case
def plans_are_deterministic(shell):
    pipeline = ["--strategy", "pipeline", "--objective", "throughput"]
    for model, stages, options in (("mlp", 1, []), ("bert", 3, pipeline)):
        os.makedirs(shell.path("elsewhere"))
        shutil.copy(shell.path(model + ".onnx"), shell.path("elsewhere/renamed.onnx"))
        devices = ["--devices", str(max(2, stages)), *options]
        shell.good(model + ".onnx", *devices, "-o", "a.plan", "--jobs", "1")
        shell.good("elsewhere/renamed.onnx", *devices, "-o", "elsewhere/b.plan", "--jobs", "3")
        assert stage_count(shell, "a.plan") == stages, model
        assert shell.read("a.plan") == shell.read("elsewhere/b.plan"), model
        assert shell.folder.encode() not in shell.read("a.plan"), model
        shutil.rmtree(shell.path("elsewhere"))
        os.remove(shell.path("a.plan"))


@case
def run_writes_outputs(shell):
    shell.good("run", "mlp.plan", "--input", "x=x.npy", "--output-dir", "out/deep")
    with open(shell.path("out/deep/outputs.json")) as file:
        listed = json.load(file)
    assert listed == [{"name": "probabilities", "dtype": "f32", "shape": [8, 11], "file": "output_0.npy"}], listed
    first = np.load(shell.path("out/deep/output_0.npy"))
    assert first.shape == (8, 11) and np.allclose(first.sum(-1), 1, atol=1e-5)
    shell.good("run", "mlp.plan", "--input", "x=x.npy", "--output-dir", "out/deep", "--output-format", "pb")
    tensor = TensorProto.FromString(shell.read("out/deep/output_0.pb"))
    assert np.array_equal(numpy_helper.to_array(tensor), first) and tensor.name == "probabilities"
    shutil.rmtree(shell.path("out"))


@case
def input_forms_agree(shell):
    x = np.load(shell.path("x.npy"))
    os.makedirs(shell.path("folder"))
    shell.write("folder/input_0.pb", numpy_helper.from_array(x, "anything").SerializeToString())
    shell.write("folder/output_0.pb", b"ignored")
    np.save(shell.path("column.npy"), np.asfortranarray(x))
    np.save(shell.path("big.npy"), x.astype(">f4"))
    results = []
    for arguments in (["--input", "x=x.npy"], ["--inputs", "folder"], ["--input=x=folder/input_0.pb"],
                      ["--input", "x=column.npy"], ["--input", "x=big.npy"]):
        shell.good("run", "mlp.plan", *arguments, "--output-dir", "out")
        results.append(shell.read("out/output_0.npy"))
    assert all(result == results[0] for result in results)
    for name in ("folder", "out"):
        shutil.rmtree(shell.path(name))


@case
def a_model_runs_without_a_plan(shell):
    shell.good("run", "mlp.plan", "--input", "x=x.npy", "--output-dir", "a")
    shell.good("run", "mlp.onnx", "--devices", "2", "--strategy", "data", "--input", "x=x.npy", "--output-dir", "b")
    assert shell.read("a/output_0.npy") == shell.read("b/output_0.npy")
    for name in ("a", "b"):
        shutil.rmtree(shell.path(name))


@case
def random_inputs_are_reproducible(shell):
    texts = [shell.good("run", "mlp.plan", "--random-inputs", seed) for seed in ("1", "1", "2")]
    assert texts[0] == texts[1] != texts[2]
    shell.good("run", "bert.onnx", "--random-inputs", "3")


@case
def verify_report_bench(shell):
    assert "equal: 2 devices against one" in shell.good("verify", "mlp.plan")
    assert json.loads(shell.good("verify", "bert.onnx", "--devices", "2", "--json"))["equal"] is True
    report = shell.good("report", "mlp.plan")
    assert all(len(line) <= 80 for line in report.splitlines()), max(report.splitlines(), key=len)
    assert json.loads(shell.good("report", "mlp.plan", "--format", "json"))["format"] == "ampc-report"
    trace = json.loads(shell.good("report", "mlp.plan", "--format", "trace"))
    assert trace
    bench = json.loads(shell.good("bench", "mlp.plan", "--repeat", "5", "--json"))
    assert bench["executions"] == 5 and bench["median_seconds"] > 0 and bench["predicted_seconds"] > 0


@case
def measured_and_predicted_traces_have_the_same_steps(shell):
    shell.good("bert.onnx", "--devices", "4", "--strategy", "tensor", "-o", "tensor.plan")
    shell.good("bert.onnx", "--devices", "2", "--strategy", "pipeline", "-o", "staged.plan")
    for plan, devices in (("mlp.plan", 2), ("tensor.plan", 4), ("staged.plan", 2)):
        # The first execution's events include what happens once, at load.
        shell.good("run", plan, "--random-inputs", "0", "--repeat", "2", "--trace", "trace.json")
        measured = step_names(json.loads(shell.read("trace.json")), request=1)
        predicted = step_names(json.loads(shell.good("report", plan, "--format", "trace")), request=0)
        assert sorted(measured) == list(range(devices)), (plan, sorted(measured))
        assert measured == predicted, {rank: measured[rank] ^ predicted.get(rank, set()) for rank in measured}
    for name in ("trace.json", "tensor.plan", "staged.plan"):
        os.remove(shell.path(name))


@case
def plan_without_kernels(shell):
    shell.good("plan", "mlp.onnx", "--devices", "4", "--cluster", "cpux4", "-o", "dry.plan")
    shell.refused(4, "run", "dry.plan", "--random-inputs", "0")
    shell.good("report", "dry.plan")
    os.remove(shell.path("dry.plan"))
    before = shell.files()
    shell.good("plan", "mlp.onnx", "--cluster", "h100x8")
    assert shell.files() == before, shell.files() - before


@case
def plans_name_the_processor_that_they_need(shell):
    def described(plan):
        return json.loads(shell.good("report", plan, "--format", "json"))

    own = described("mlp.plan")
    assert own["target_cpu"] and {"avx2", "fma"} <= set(own["cpu_features"]), own
    shell.good("mlp.onnx", "--target-cpu", "x86-64-v3", "-o", "old.plan")
    old = described("old.plan")
    assert old["target_cpu"] == "x86-64-v3" and "avx2" in old["cpu_features"], old
    assert not any(feature.startswith("avx512") for feature in old["cpu_features"]), old
    shell.good("run", "old.plan", "--input", "x=x.npy")
    shell.good("verify", "old.plan", "--input", "x=x.npy")
    # No processor has the extensions of all makers.
    shell.good("mlp.onnx", "--target-cpu", "bdver4", "-o", "exotic.plan")
    message = shell.refused(4, "run", "exotic.plan", "--input", "x=x.npy")
    assert "xop" in message, message
    shell.good("plan", "mlp.onnx", "--cluster", "h100x8", "-o", "cuda.plan")
    assert described("cuda.plan")["device_kind"] == "cuda"
    for name in ("old.plan", "exotic.plan", "cuda.plan"):
        os.remove(shell.path(name))


@case
def external_weights(shell):
    shell.good("mlp.onnx", "--devices", "2", "--weights", "external", "-o", "thin.plan")
    assert len(shell.read("thin.plan")) < len(shell.read("mlp.plan"))
    os.makedirs(shell.path("moved"))
    shutil.move(shell.path("thin.plan"), shell.path("moved/thin.plan"))
    assert "--weights-dir" in shell.refused(6, "run", "moved/thin.plan", "--input", "x=x.npy")
    thin = shell.good("run", "moved/thin.plan", "--input", "x=x.npy", "--weights-dir", ".")
    assert thin == shell.good("run", "mlp.plan", "--input", "x=x.npy")
    shutil.rmtree(shell.path("moved"))


@case
def other_verbs(shell):
    assert "Relu" in shell.good("ops")
    operators = {entry["name"]: entry for entry in json.loads(shell.good("ops", "--json")) if not entry["domain"]}
    assert operators["Relu"]["loops"] == "all" and operators["Relu"]["form"] == "row"
    assert {"f32", "f16", "i8"} <= set(operators["Relu"]["types"]) and "bool" not in operators["Relu"]["types"]
    assert "(k)" in operators["MatMul"]["loops"], operators["MatMul"]
    assert "(ic)" in operators["Conv"]["loops"] and "o0" in operators["Conv"]["loops"], operators["Conv"]
    assert operators["ReduceSum"]["loops"] == "d0 (d1)" and operators["Concat"]["loops"] == "all"
    # Every row has an example, or needs none.
    silent = [name for name, entry in operators.items() if entry["form"] == "row" and not entry["loops"]]
    assert all(operators[name]["becomes"] == "constant" for name in silent), silent
    assert operators["LayerNormalization"]["form"] == "expanded"
    assert [entry for entry in operators.values() if entry["form"] == "inlined"]
    assert json.loads(shell.good("doctor", "--json"))
    assert "ampc" in shell.good("--version") and "verify" in shell.good("help")


LIBRARY_KINDS, GENERATED_KINDS = {"contraction", "convolution"}, {"generated_contraction", "generated_convolution"}


def probed(shell, program, environment):
    """The device that a probe of one core describes, and its description; a plan can be made from it."""
    done = subprocess.run([program, "probe", "--devices", "1", "--threads-per-device", "1", "-o", "host.json"],
                          cwd=shell.folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    shell.good("plan", "mlp.onnx", "--cluster", "host.json")
    cluster = json.loads(shell.read("host.json"))
    os.remove(shell.path("host.json"))
    # What the terminal shows is what the file says.
    assert done.stdout.startswith(cluster["description"] + "\n"), done.stdout
    return cluster["devices"][0], cluster["description"]


@case
def a_probe_measures_both_executors_of_products(shell):
    # The program beside everything but its compiler.
    libraries = os.path.join(os.path.dirname(os.path.dirname(PROGRAM)), "lib")
    os.makedirs(shell.path("bare/bin"))
    os.makedirs(shell.path("bare/lib"))
    bare = shutil.copy(PROGRAM, shell.path("bare/bin/ampc"))
    for name in os.listdir(libraries):
        if ".so" in name and not name.startswith("libampc_compiler"):
            os.symlink(os.path.join(libraries, name), shell.path(os.path.join("bare/lib", name)))
    without = {"AMPC_ONEDNN": shell.path("nothing.so")}

    given, description = probed(shell, bare, without)
    for what in ("products of oneDNN", "products of generated code", "launches"):
        assert what + " not measured" in description, description
    for program, environment, kinds, members, missing in (
            (PROGRAM, {}, LIBRARY_KINDS | GENERATED_KINDS,
             {"library_call_seconds", "launch_seconds", "cache_read_bandwidth_bytes_per_second"}, set()),
            (PROGRAM, without, GENERATED_KINDS, {"launch_seconds", "cache_read_bandwidth_bytes_per_second"},
             {"oneDNN"}),
            (bare, {}, LIBRARY_KINDS, {"library_call_seconds", "cache_read_bandwidth_bytes_per_second"},
             {"generated code", "launches"})):
        device, description = probed(shell, program, environment)
        for what in ("oneDNN", "generated code", "launches"):
            assert (what + " not measured" in description) == (what in missing), description
        # All else is what a description without measurements has.
        changed = {kind for kind in device["efficiency"] if device["efficiency"][kind] != given["efficiency"][kind]}
        assert changed == kinds, changed
        for member in ("library_call_seconds", "launch_seconds", "cache_read_bandwidth_bytes_per_second"):
            assert (device.get(member) != given.get(member)) == (member in members), member
    shutil.rmtree(shell.path("bare"))


@case
def reports_say_who_executes_products(shell):
    onnx.save(generate.make_model("cnn"), shell.path("cnn.onnx"))
    # A library whose calls cost nothing, one whose calls cost much, and what is known of this host.
    cluster = json.loads(shell.good("report", "mlp.plan", "--format", "json"))["decisions"]["cluster"]
    for call, executors in ((0.0, {"library"}), (1.0, {"generated"}), (None, {"library", "generated"})):
        device = cluster["devices"][0]
        device["library_call_seconds"] = 5e-7 if call is None else call
        if call == 0.0:
            device["efficiency"]["contraction"] = device["efficiency"]["convolution"] = {"fraction": 1.0}
        elif call is None:
            device["efficiency"]["contraction"] = {"fraction": 1e-6}
            device["efficiency"]["convolution"] = {"fraction": 1.0}
            device["library_call_seconds"] = 0.0
        shell.write("own.json", json.dumps(cluster).encode())
        shell.good("cnn.onnx", "--cluster", "own.json", "--devices", "1", "--dump", "dump")
        found = json.loads(shell.good("report", "cnn.plan", "--format", "json"))["decisions"]["executors"]
        assert {entry["executor"] for entry in found} == executors, found
        assert {entry["kind"] for entry in found} == {"product", "convolution"}, found
        # They add up to what the last dump says about the kernels that run in every step.
        module = shell.read(os.path.join("dump", max(name for name in os.listdir(shell.path("dump"))
                                                     if "kernelized" in name))).decode()
        kernels = [line for line in module.splitlines() if "library_seconds" in line and "at_load = true" not in line]
        assert len(kernels) == sum(entry["count"] for entry in found), (kernels, found)
        for price in ("library_seconds", "generated_seconds"):
            dumped = sum(float(re.search(price + r" = ([0-9.eE+-]+)", line).group(1)) for line in kernels)
            assert np.isclose(dumped, sum(entry[price] for entry in found), rtol=1e-6), (price, found)
        report = shell.good("report", "cnn.plan")
        for entry in found:
            label = entry["kind"] + "s"
            who = "by oneDNN" if entry["executor"] == "library" else "generated"
            assert re.search(rf"^  {label} .*\b{entry['count']} {who} \(saves ", report, re.MULTILINE), report
        assert all(len(line) <= 80 for line in report.splitlines()), max(report.splitlines(), key=len)
        shutil.rmtree(shell.path("dump"))
    for name in ("cnn.onnx", "cnn.plan", "own.json"):
        os.remove(shell.path(name))


@case
def states_are_carried(shell):
    nodes = [helper.make_node("Add", ["x", "total"], ["next"]), helper.make_node("Identity", ["next"], ["y"])]
    info = lambda name: helper.make_tensor_value_info(name, 1, [4])
    graph = helper.make_graph(nodes, "g", [info("x"), info("total")], [info("y"), info("next")])
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]),
              shell.path("sum.onnx"))
    np.save(shell.path("ones.npy"), np.ones(4, np.float32))
    shell.good("sum.onnx", "--devices", "2", "--state", "total=next")
    shell.good("run", "sum.plan", "--input", "x=ones.npy", "--repeat", "3", "--output-dir", "out")
    assert np.array_equal(np.load(shell.path("out/output_0.npy")), np.full(4, 3, np.float32))
    # A file for the state is its value before the first execution, not before each.
    for repeat in (1, 2, 3):
        shell.good("run", "sum.plan", "--input", "x=ones.npy", "--input", "total=ones.npy", "--repeat", str(repeat),
                   "--output-dir", "out")
        assert np.array_equal(np.load(shell.path("out/output_1.npy")), np.full(4, 1 + repeat, np.float32)), repeat
    shell.good("verify", "sum.plan", "--input", "total=ones.npy")
    shell.good("bench", "sum.plan", "--input", "total=ones.npy", "--repeat", "3")
    shutil.rmtree(shell.path("out"))
    for name in ("sum.onnx", "sum.plan", "ones.npy"):
        os.remove(shell.path(name))


def save_model(shell, name, nodes, inputs, outputs):
    """`inputs` and `outputs`: name -> (element type, shape)."""
    info = lambda values: [helper.make_tensor_value_info(key, *value) for key, value in values.items()]
    graph = helper.make_graph(nodes, "g", info(inputs), info(outputs))
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]), shell.path(name))


@case
def only_inputs_that_decide_shapes_become_constants(shell):
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["r"], name="reshaped"),
             helper.make_node("Add", ["r", "total"], ["next"], name="summed"),
             helper.make_node("Mul", ["next", "factor"], ["y"], name="scaled")]
    inputs = {"x": (1, [4]), "shape": (7, [2]), "total": (1, [2, 2]), "factor": (1, [1])}
    save_model(shell, "bound.onnx", nodes, inputs, {"y": (1, [2, 2]), "next": (1, [2, 2])})
    os.makedirs(shell.path("folder"))
    values = {"x": np.arange(4, dtype=np.float32), "shape": np.array([2, 2]), "factor": np.array([3], np.float32),
              "total": np.ones((2, 2), np.float32)}
    for name, value in values.items():
        np.save(shell.path(f"folder/{name}.npy"), value)
    shell.good("run", "bound.onnx", "--inputs", "folder", "--output-dir", "out", "--trace", "trace.json")
    assert np.array_equal(np.load(shell.path("out/output_0.npy")), 3 * (np.arange(4).reshape(2, 2) + 1))
    names = set().union(*step_names(json.loads(shell.read("trace.json")), request=0).values())
    assert {"summed", "scaled"} & names, f"everything is a constant: {names}"
    # A state is no constant, whatever file there is for it.
    state = ["--state", "total=next", "--repeat", "3", "--output-dir", "out"]
    os.remove(shell.path("folder/total.npy"))
    shell.good("run", "bound.onnx", "--inputs", "folder", *state)
    assert np.array_equal(np.load(shell.path("out/output_1.npy")), 3 * np.arange(4).reshape(2, 2))
    for name in ("folder", "out"):
        shutil.rmtree(shell.path(name))
    for name in ("bound.onnx", "trace.json"):
        os.remove(shell.path(name))


@case
def an_empty_input_can_decide_a_shape(shell):
    save_model(shell, "sum.onnx", [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)],
               {"x": (1, [80]), "axes": (7, [0])}, {"y": (1, [1])})
    np.save(shell.path("x80.npy"), np.arange(80, dtype=np.float32))
    np.save(shell.path("axes.npy"), np.zeros(0, np.int64))
    shell.good("run", "sum.onnx", "--input", "x=x80.npy", "--input", "axes=axes.npy", "--output-dir", "out")
    assert np.array_equal(np.load(shell.path("out/output_0.npy")), [np.arange(80).sum()])
    shutil.rmtree(shell.path("out"))
    for name in ("sum.onnx", "x80.npy", "axes.npy"):
        os.remove(shell.path(name))


@case
def names_of_inputs_may_hold_equals_signs(shell):
    save_model(shell, "names.onnx", [helper.make_node("Sub", ["a", "a=b"], ["y"])], {"a": (1, [4]), "a=b": (1, [4])},
               {"y": (1, [4])})
    np.save(shell.path("b=5.npy"), np.full(4, 5, np.float32))
    np.save(shell.path("3.npy"), np.full(4, 3, np.float32))
    shell.good("names.onnx")
    for operand in ("names.onnx", "names.plan"):
        shell.good("run", operand, "--input", "a=b=3.npy", "--input", "a=./b=5.npy", "--output-dir", "out")
        assert np.array_equal(np.load(shell.path("out/output_0.npy")), np.full(4, 2, np.float32)), operand
    shutil.rmtree(shell.path("out"))
    for name in ("names.onnx", "names.plan", "b=5.npy", "3.npy"):
        os.remove(shell.path(name))


@case
def random_inputs_fill_what_no_file_gives(shell):
    save_model(shell, "two.onnx", [helper.make_node("Sub", ["a", "b"], ["y"])], {"a": (1, [64]), "b": (1, [64])},
               {"y": (1, [64])})
    os.makedirs(shell.path("folder"))
    given = np.full(64, 5, np.float32)
    np.save(shell.path("folder/a.npy"), given)
    shell.refused(2, "run", "two.onnx", "--inputs", "folder")
    drawn = {}
    for seed in ("1", "2"):
        shell.good("run", "two.onnx", "--inputs", "folder", "--random-inputs", seed, "--output-dir", "out")
        drawn[seed] = given - np.load(shell.path("out/output_0.npy"))
        assert np.abs(drawn[seed]).max() <= 1 and len(set(drawn[seed])) > 50
    assert not np.array_equal(drawn["1"], drawn["2"])
    for name in ("folder", "out"):
        shutil.rmtree(shell.path(name))
    os.remove(shell.path("two.onnx"))


def heed_interrupts():
    """In the new process: who starts these tests in the background has told all of them to ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@case
def an_interrupt_leaves_no_partial_file(shell):
    for arguments, seconds in ((["bench", "mlp.plan", "--repeat", "100000000"], 0.7),
                               *((["bert.onnx", "--devices", "8", "-o", "stopped.plan"], 0.03 * k) for k in range(1, 6))):
        before = shell.files()
        process = subprocess.Popen([PROGRAM, *arguments], cwd=shell.folder, env={}, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        try:
            error = process.communicate(timeout=60)[1]
        finally:
            process.kill()  # nothing, if it has ended
        assert process.returncode == 130 and "interrupted" in error, (arguments, process.returncode, error)
        # What is complete stays: the best plan so far, if the search was what the signal met.
        if left := shell.files() - before:
            assert left == {shell.path("stopped.plan")}, left
            shell.good("report", "stopped.plan")
            os.remove(shell.path("stopped.plan"))


@case
def threads_of_a_device_give_the_same_bits(shell):
    shape = [384, 520]
    nodes = [helper.make_node("Softmax", ["x"], ["s"], axis=-1),
             helper.make_node("Transpose", ["s"], ["t"], perm=[1, 0]),
             helper.make_node("Tanh", ["t"], ["h"]), helper.make_node("ReduceSum", ["h"], ["y"], keepdims=0)]
    graph = helper.make_graph(nodes, "rows", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("h", TensorProto.FLOAT, shape[::-1]),
                               helper.make_tensor_value_info("y", TensorProto.FLOAT, [])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, shell.path("rows.onnx"))
    results = []
    for threads in ("1", "2", "3"):
        shell.good("run", "rows.onnx", "--threads-per-device", threads, "--random-inputs", "5", "--output-dir", "out")
        results.append(shell.read("out/output_0.npy") + shell.read("out/output_1.npy"))
    assert results[0] == results[1] == results[2]
    shutil.rmtree(shell.path("out"))
    os.remove(shell.path("rows.onnx"))


@case
def an_interrupted_search_writes_its_best_plan(shell):
    onnx.save(generate.make_model("bert", layers=6), shell.path("long.onnx"))
    process = subprocess.Popen([PROGRAM, "plan", "long.onnx", "--cluster", "h100x64", "-o", "early.plan"],
                               cwd=shell.folder, env={}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=heed_interrupts)
    while not process.stdout.readline().startswith("  one device:"):  # the search is what follows
        assert process.poll() is None
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "ended early" in shell.good("report", "early.plan")
    os.remove(shell.path("early.plan"))
    # So does one whose time is up.
    assert "ended early" in shell.good("plan", "long.onnx", "--cluster", "h100x64", "--time-limit", "0.001")
    os.remove(shell.path("long.onnx"))


@case
def outputs_are_bit_equal_over_runs_under_load(shell):
    """Devices that add up partial results, on cores that they share with others: who comes first must not matter."""
    shell.good("bert.onnx", "--devices", "4", "--strategy", "tensor", "-o", "tensor.plan")
    report = json.loads(shell.good("report", "tensor.plan", "--format", "json"))
    kinds = {entry["kind"] for entry in report["collectives"]}
    assert kinds & {"all_reduce", "reduce_scatter"}, f"nothing is reduced between devices: {kinds}"
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    results = set()
    try:
        for _ in range(20):
            shell.good("run", "tensor.plan", "--random-inputs", "5", "--output-dir", "out")
            results.add(tuple(shell.read(f"out/output_{k}.npy") for k in range(2)))
        assert all(process.poll() is None for process in busy), "the load has ended"
    finally:
        for process in busy:
            process.kill()
            process.wait()
    shutil.rmtree(shell.path("out"))
    os.remove(shell.path("tensor.plan"))
    assert len(results) == 1, f"{len(results)} different results"


if __name__ == "__main__":
    sys.exit(run_in_shell(CASES))
