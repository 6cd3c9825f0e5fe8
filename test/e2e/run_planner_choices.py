#!/usr/bin/env python3
"""Does the planner find by itself what an engineer would choose? Stacks of products whose best plan is known: data
parallelism for a large batch, split weights for one wide request, one device for little work, a pipeline for throughput,
a plan within a memory limit, generated code for small products. Presets name the devices, which need not exist. Prints
"N passed, N failed" at the end."""

import json
import os
import re
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(sys.path[0]), "models"))
import generate
from ampc_command import Failed, ampc, compile_plan, plan_summary, run_plan
from cases import run_cases

MIB = 1 << 20


def stack(folder, batch, widths):
    """A file with MatMul + Relu per pair of widths, and the bytes of its weights."""
    random = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    for number, (rows, columns) in enumerate(zip(widths, widths[1:])):
        matrix = (random.standard_normal((rows, columns)) / rows**0.5).astype(np.float32)
        weights.append(numpy_helper.from_array(matrix, f"w{number}"))
        nodes += [helper.make_node("MatMul", [value, f"w{number}"], [f"m{number}"]),
                  helper.make_node("Relu", [f"m{number}"], [f"r{number}"])]
        value = f"r{number}"
    graph = helper.make_graph(nodes, "stack", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, widths[0]])],
                              [helper.make_tensor_value_info(value, TensorProto.FLOAT, [batch, widths[-1]])], weights)
    path = os.path.join(folder, f"stack-{batch}-{len(widths)}-{widths[0]}.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path, sum(len(weight.raw_data) for weight in weights)


def fullest(summary):
    return max(device["bytes"] for device in summary["devices"])


def large_batch_splits_data(folder):
    path, weights = stack(folder, 4096, [512] * 7)
    for preset in ("cpux4", "h100x8"):
        summary = plan_summary(path, "--cluster", preset)
        assert summary["strategy"].startswith("grid"), summary["strategy"]
        assert fullest(summary) >= weights, "weights are split"
        assert summary["step_seconds"] < summary["one_device_seconds"] / 3


def wide_request_splits_weights(folder):
    path, weights = stack(folder, 1, [2048, 8192, 2048, 8192, 2048])
    for preset in ("cpux4", "h100x8"):
        summary = plan_summary(path, "--cluster", preset)
        assert fullest(summary) < weights / 2, "weights are not split"
        assert summary["step_seconds"] < summary["one_device_seconds"] / 2


def little_work_stays_on_one_device(folder):
    path, _ = stack(folder, 1, [64] * 4)
    for preset in ("cpux4", "h100x8"):
        assert plan_summary(path, "--cluster", preset)["strategy"] == "one device"


def throughput_makes_a_pipeline(folder):
    path, _ = stack(folder, 64, [1024] * 17)
    summary = plan_summary(path, "--cluster", "cpux4", "--objective", "throughput")
    assert summary["strategy"].startswith("pipeline"), summary["strategy"]


def values_that_skip_stages_do_not_stop_a_pipeline(folder):
    """Every layer of an encoder reads the attention mask, which the first stage makes: all stages work at once anyway."""
    path = os.path.join(folder, "bert.onnx")
    onnx.save(generate.make_model("bert"), path)
    summary = plan_summary(path, "--cluster", "cpux2", "--strategy", "pipeline", "--objective", "throughput")
    assert summary["step_seconds"] < summary["one_device_seconds"] / 1.6, summary["step_seconds"]


def mixtures_are_found(folder):
    path, _ = stack(folder, 64, [1024] * 17)
    summary = plan_summary(path, "--cluster", "cpux4")
    assert summary["strategy"] == "grid 2 x 2", summary["strategy"]
    for forced in ("data", "tensor", "pipeline"):
        assert summary["step_seconds"] <= plan_summary(path, "--cluster", "cpux4", "--strategy", forced)["step_seconds"]


def limits_are_kept(folder):
    path, weights = stack(folder, 64, [1024] * 17)
    free = plan_summary(path, "--cluster", "cpux4")
    limit = weights // 4 + 5 * MIB
    limited = plan_summary(path, "--cluster", "cpux4", "--memory-limit", limit)
    assert fullest(free) > limit >= fullest(limited)
    assert limited["step_seconds"] >= free["step_seconds"]
    try:
        plan_summary(path, "--cluster", "cpux4", "--memory-limit", weights // 8)
        raise AssertionError("an eighth of the weights cannot be enough for a fourth of them")
    except Failed as failure:
        assert failure.code == 5 and "remedy:" in failure.text, failure.text


def cards_hide_communication(folder):
    """The same cards with one queue and with two: experts, halos and stages communicate beside computation. The plans are
    read back, so that the loader has proven their waits; in a little memory they fit as those with one queue do."""
    reports, files = {}, {}
    path = os.path.join(folder, "mixture.onnx")
    onnx.save(generate.make_model("moe"), path)
    plan = os.path.join(folder, "mixture.plan")

    def report(*options):
        ampc("plan", path, "-o", plan, "--strategy", "tensor", "--quiet", *options)
        return json.loads(ampc("report", plan, "--format", "json"))

    hidden = lambda report: sum(device["hidden_communication_seconds"] for device in report["devices"])
    cluster = report("--cluster", "h100x8")["decisions"]["cluster"]
    for queues in (1, 2):
        cluster["devices"][0]["queues"] = queues
        files[queues] = os.path.join(folder, f"queues{queues}.json")
        with open(files[queues], "w") as file:
            json.dump(cluster, file)
        reports[queues] = report("--cluster", files[queues])
        rows = {event["tid"] for event in json.loads(ampc("report", plan, "--format", "trace"))["traceEvents"]
                if event["ph"] == "X"}
        assert rows == set(range(queues)), rows
    assert hidden(reports[1]) == 0 and hidden(reports[2]) > 0, hidden(reports[2])
    assert reports[2]["step_seconds"] < 0.95 * reports[1]["step_seconds"], reports[2]["step_seconds"]
    for device in reports[2]["devices"]:
        together = device["busy_seconds"] + device["communication_seconds"] - device["hidden_communication_seconds"]
        assert abs(together + device["wait_seconds"] - reports[2]["step_seconds"]) < 1e-9, device
    limit = fullest(reports[1])
    limited = report("--cluster", files[2], "--memory-limit", limit)
    assert fullest(limited) <= limit, fullest(limited)
    assert limited["step_seconds"] <= reports[1]["step_seconds"] * (1 + 1e-9), limited["step_seconds"]


def executors(folder, path, cluster, inputs):
    """Who executes each product (by the last dump), and the outputs, with a cluster description."""
    file, plan, dump = (os.path.join(folder, name) for name in ("cluster.json", "executors.plan", "executors"))
    with open(file, "w") as stream:
        json.dump(cluster, stream)
    compile_plan(path, plan, "--cluster", file, "--dump", dump)
    name = next(name for name in os.listdir(dump) if "kernelized" in name)
    with open(os.path.join(dump, name)) as stream:
        lines = [line for line in stream if "library_seconds" in line]
    # Both prices stand on every kernel that both could execute, and the cheaper one has it.
    for line in lines:
        price = {key: float(re.search(key + r"_seconds = ([0-9.E+-]+)", line)[1]) for key in ("library", "generated")}
        assert ("executor = \"generated\"" in line) == (price["generated"] < price["library"]), line
    chosen = [re.search(r'executor = "([a-z]+)', line)[1] for line in lines]
    return chosen, list(run_plan(plan, inputs, folder).values())


def products_go_where_they_are_cheap(folder):
    path, _ = stack(folder, 8, [64, 64, 32, 2048, 512])
    inputs = {"x": np.random.default_rng(1).standard_normal((8, 64)).astype(np.float32)}
    device = {"kind": "cpu", "peak_flops_per_second": {"f32": 190e9}, "memory_bytes": 1 << 33,
              "memory_bandwidth_bytes_per_second": 14e9, "launch_seconds": 1e-7,
              "efficiency": {"contraction": {"fraction": 0.85, "half_m": 1, "half_n": 8, "half_k": 4}}}
    cluster = {"ampc_cluster": 1, "name": "one", "devices": [device],
               "links": [{"transport": "shared-memory", "group_size": 1, "latency_seconds": 1e-6,
                          "bandwidth_bytes_per_second": 14e9}]}
    by_library, expected = executors(folder, path, cluster, inputs)
    assert by_library == ["library"] * 4, by_library
    device["library_call_seconds"] = 5e-7
    device["cache_bytes"], device["cache_bandwidth_bytes_per_second"] = 1 << 20, 60e9
    device["efficiency"]["generated_contraction"] = {"fraction": 0.95, "half_m": 1, "half_n": 16, "fade_n": 2048}
    by_price, outputs = executors(folder, path, cluster, inputs)
    assert by_price[:2] == ["generated"] * 2 and by_price[3] == "library", by_price
    for a, b in zip(expected, outputs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def main():
    cases = [large_batch_splits_data, wide_request_splits_weights, little_work_stays_on_one_device,
             throughput_makes_a_pipeline,
             values_that_skip_stages_do_not_stop_a_pipeline, mixtures_are_found, limits_are_kept,
             cards_hide_communication, products_go_where_they_are_cheap]
    with tempfile.TemporaryDirectory(prefix="ampc-choices-") as folder:
        return run_cases([(case.__name__, lambda case=case: case(folder)) for case in cases], Failed)


if __name__ == "__main__":
    sys.exit(main())
