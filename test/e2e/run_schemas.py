#!/usr/bin/env python3
"""What `ampc` writes as JSON against the schemas in docs/; cluster files that the schema refuses against the reader,
which must refuse them too. Prints "N passed, N failed" at the end."""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.join(os.path.dirname(FOLDER), "models")]
import generate
import jsonschema
import onnx
from ampc_command import PROGRAM, ROOT, Failed, ampc
from referencing import Registry, Resource

PRESETS = ["cpux1", "cpux4", "cpux16", "hostx2", "h100x1", "h100x8", "h100x32", "a100x8", "a100x16"]
# Model and options of a plan.
COMPILED = [
    ("mlp", []), ("mlp", ["--devices", "3"]), ("bert", ["--devices", "4", "--strategy", "tensor"]),
    ("bert", ["--devices", "4", "--strategy", "pipeline", "--objective", "throughput"]),
    ("bert", ["--devices", "8", "--strategy", "random:5", "--memory-limit", "64MiB", "--threads-per-device", "2"]),
    ("unet", ["--devices", "3"]), ("lstm", ["--devices", "2"]), ("moe", ["--devices", "4", "--strategy", "random:2"]),
]
PLANNED = [("bert", ["--cluster", "h100x8"]), ("gpt2", ["--cluster", "a100x16", "--strategy", "pipeline"]),
           ("cnn", ["--cluster", "cpux4", "--strategy", "data"]), ("mlp", ["--devices", "300"])]


def read_schemas():
    found = {}
    for name in ("cluster", "report"):
        with open(os.path.join(ROOT, "docs", name + ".schema.json")) as file:
            found[name] = json.load(file)
        jsonschema.Draft202012Validator.check_schema(found[name])
    return found


SCHEMAS = read_schemas()
REGISTRY = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values())


def flaw(document, reference):
    """What the schema of that $id says against the document; empty if nothing."""
    validator = jsonschema.Draft202012Validator({"$ref": reference}, registry=REGISTRY)
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return f"{error.json_path}: {error.message[:300]}" if error else ""


def must_fit(document, reference):
    text = flaw(document, reference)
    assert not text, text


CLUSTER, REPORT, SUMMARY = "urn:ampc:cluster:1", "urn:ampc:report:1", "urn:ampc:report:1#/$defs/summary"


def check_plan(folder, verb, model, options):
    plan = os.path.join(folder, "schema.plan")
    must_fit(json.loads(ampc(*verb, os.path.join(folder, model + ".onnx"), *options, "-o", plan, "--json")), SUMMARY)
    report = json.loads(ampc("report", plan, "--format", "json"))
    must_fit(report, REPORT)
    must_fit(report["decisions"]["cluster"], CLUSTER)
    return report


def reports_without_a_field_are_refused(folder):
    """The schema is no rubber stamp: without any one of its fields, or with one more, a report does not fit."""
    report = check_plan(folder, [], "mlp", ["--devices", "2", "--strategy", "data"])
    optional = {"strategy", "one_device_seconds"}
    for field in set(report) - optional:
        assert flaw({key: value for key, value in report.items() if key != field}, REPORT), f"{field} may be missing"
    for place in (lambda r: r, lambda r: r["devices"][0], lambda r: r["devices"][0]["memory"],
                  lambda r: r["decisions"], lambda r: r["decisions"]["executors"][0],
                  lambda r: r["decisions"]["operators"][0], lambda r: r["collectives"][0],
                  lambda r: r["decisions"]["cluster"]["devices"][0]):
        changed = copy.deepcopy(report)
        changed.setdefault("collectives", []).append(
            {"kind": "send", "stage": 0, "axes": "", "count": 1, "bytes_per_device": 1.0, "seconds": 0.0})
        must_fit(changed, REPORT)
        place(changed)["surplus"] = 1
        assert flaw(changed, REPORT), "a surplus field"


def probed_clusters_fit(folder):
    path = os.path.join(folder, "host.json")
    ampc("probe", "--devices", "2", "-o", path, "--quiet")
    with open(path) as file:
        must_fit(json.load(file), CLUSTER)


def documented_cluster():
    with open(os.path.join(ROOT, "docs", "cluster_format.md")) as file:
        return json.loads(re.search(r"```json\n(.*?)```", file.read(), re.DOTALL).group(1))


def schema_and_reader_agree_about_clusters(folder):
    """Every member left out, misspelt, of another type, or out of range: what one refuses, the other refuses."""
    good = documented_cluster()
    good["links"][0]["protocols"] = [{"name": "ring", "base_seconds": 0, "step_seconds": 1e-6,
                                      "bandwidth_fraction": 0.5, "in_switch": True}]
    path = os.path.join(folder, "cluster.json")

    def is_read(document):
        with open(path, "w") as file:
            json.dump(document, file)
        done = subprocess.run([PROGRAM, "plan", os.path.join(folder, "mlp.onnx"), "--cluster", path, "--quiet"],
                              env={}, capture_output=True, text=True)
        assert done.returncode in (0, 3), f"exit {done.returncode}: {done.stderr}"
        return done.returncode == 0

    def places(value, way=()):
        if isinstance(value, (dict, list)):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield (*way, key)
                yield from places(value[key], (*way, key))

    must_fit(good, CLUSTER)
    assert is_read(good)
    seen = {True: 0, False: 0}
    for way in places(good):
        for change in ("leave out", "misspell", "x", -1, 0, 1.5, True):
            changed = copy.deepcopy(good)
            holder = changed
            for key in way[:-1]:
                holder = holder[key]
            if change in ("leave out", "misspell"):
                if isinstance(holder, list):
                    continue
                value = holder.pop(way[-1])
                if change == "misspell":
                    holder[way[-1] + "_"] = value
            else:
                holder[way[-1]] = change
            fits = not flaw(changed, CLUSTER)
            read = is_read(changed)
            # What relates several members, the schema does not say.
            assert read == fits or (fits and related(way)), f"{way}, {change!r}: schema {fits}, reader {read}"
            seen[fits] += 1
    assert min(seen.values()) > 30, seen


def related(way):
    """Groups must contain all devices; a cache is no slower than the memory behind it."""
    return way[-1] in ("count", "group_size", "links", "devices", "cache_bandwidth_bytes_per_second",
                       "cache_read_bandwidth_bytes_per_second", "memory_bandwidth_bytes_per_second")


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="ampc-schemas-") as folder:
        for model in sorted({model for model, _ in COMPILED + PLANNED}):
            onnx.save(generate.make_model(model), os.path.join(folder, model + ".onnx"))
        checks = [(f"{model} {' '.join(options)}", lambda v=verb, m=model, o=options: check_plan(folder, v, m, o))
                  for verb, table in (([], COMPILED), (["plan"], PLANNED)) for model, options in table]
        checks += [(preset, lambda p=preset: check_plan(folder, ["plan"], "mlp", ["--cluster", p]))
                   for preset in PRESETS]
        checks += [(check.__name__, lambda c=check: c(folder)) for check in
                   (probed_clusters_fit, reports_without_a_field_are_refused, schema_and_reader_agree_about_clusters)]
        for name, check in checks:
            try:
                check()
                passed += 1
            except (AssertionError, Failed, LookupError) as error:
                failed += 1
                print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
