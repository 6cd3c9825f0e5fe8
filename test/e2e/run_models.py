#!/usr/bin/env python3
"""Partitioned models against ONNX Runtime: every model, number of devices and strategy is compiled, executed and
compared. Prints a line per model and number of devices, and "N passed, N failed" at the end. A model whose reference
has too few distinct values to prove anything is unproven, which counts as failed.

    run_models.py                     small variants, a fixed sample of the combinations
    run_models.py --full              everything
    run_models.py --models bert,cnn --devices 2,4 --strategies auto,random:1,pipeline+throughput

A strategy may name a variation: +throughput compiles for throughput and executes different requests in flight at once,
+threads gives every device two threads, +older compiles for an older processor, +library describes devices on which the
library executes whatever product it can, which the description of this machine leaves to generated code where it is small.
"""

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.join(os.path.dirname(FOLDER), "models")]
import generate
import onnx
import real_models
from ampc_command import Failed, ampc, compile_plan, run_plan
from in_flight import NotExecuted, run_in_flight
from reference import ENOUGH_VALUES, TOLERANCE, Reference

DEVICES = [1, 2, 3, 4, 8]
STRATEGIES = ["auto", "data", "tensor", "pipeline"] + [f"random:{seed}" for seed in range(1, 6)]
VARIATIONS = {"throughput": ["--objective", "throughput"], "threads": ["--threads-per-device", "2"],
              "older": ["--target-cpu", "x86-64-v3"], "library": []}
VARIED = ["pipeline+throughput", "random:1+throughput", "auto+throughput", "tensor+threads", "random:2+threads",
          "auto+older", "random:3+library", "auto+library"]
ONE_BY_ONE = 3  # input sets that `ampc run` executes; the others are executed in one process
MOST_DRAWS = 20  # random graphs: some have constants for outputs
GENERATED = [name for name in generate.MODELS if name != "random"]


class Case:
    """A model file, the options that pin it, and its reference (made on first use)."""

    def __init__(self, name, make, shapes=None, values=None, states=None):
        self.name, self.make = name, make
        self.shapes, self.values, self.states = shapes or {}, values or {}, states or {}
        self.path = self.reference = None

    def options(self):
        result = []
        for name, shape in self.shapes.items():
            result += ["--shape", f"{name}={'x'.join(map(str, shape))}"]
        for name, value in self.values.items():
            result += ["--value", f"{name}={value}"]
        for name, output in self.states.items():
            result += ["--state", f"{name}={output}"]
        return result

    def write(self, folder):
        """Sets `path`: the model's own file, or one in `folder` for a model that is generated."""
        model = self.make()
        self.path = model if isinstance(model, str) else os.path.join(folder, self.name + ".onnx")
        if self.path != model:
            onnx.save(model, self.path)

    def prepare(self, folder):
        if self.reference:
            return
        self.write(folder)
        drawn = {name: draw for (model, name), draw in real_models.DRAWN.items() if model == self.name}
        self.reference = Reference(self.path, self.shapes, self.values, drawn=drawn)

    def is_proven(self):
        return self.reference.has_enough()


class RandomCase(Case):
    """A random graph whose outputs vary: further ones are drawn until one is found."""

    def __init__(self, seed):
        super().__init__(f"random-{seed}", lambda: generate.make_model("random", seed=self.seed))
        self.seed = seed

    def prepare(self, folder):
        for _ in range(MOST_DRAWS):
            super().prepare(folder)
            if self.is_proven():
                return
            self.reference = None
            self.seed += 1000
        raise AssertionError(f"{self.name}: {MOST_DRAWS} graphs without enough distinct values")


def all_cases(variant, random_graphs):
    cases = [Case(name, lambda name=name: generate.make_model(name, variant)) for name in GENERATED]
    cases += [RandomCase(seed) for seed in range(random_graphs)]
    for name, path, shapes, values, states in real_models.trained_models():
        cases.append(Case(name, lambda path=path: path, shapes, values, states))
    for path in real_models.light_paths():
        name = os.path.basename(path)[:-len(".onnx")].replace("_", "-")
        cases.append(Case(name, lambda path=path: real_models.with_random_weights(path)))
    return cases


def execute(case, plan, is_in_flight, folder):
    """Outputs by name of the first input sets, at least as many as prove something."""
    reference = case.reference
    free = lambda sets: [{name: value for name, value in inputs.items() if name not in case.values} for inputs in sets]
    if is_in_flight:
        slots = int(json.loads(ampc("report", plan, "--format", "json"))["slots"])
        reference.extend(2 * slots + 1)  # so that every slot is used again
        return run_in_flight(plan, free(reference.input_sets), folder)[1]
    sets = free(reference.input_sets[:reference.needed_sets])
    results = [run_plan(plan, inputs, folder) for inputs in sets[:ONE_BY_ONE]]
    return results + (run_in_flight(plan, sets[ONE_BY_ONE:], folder)[1] if len(sets) > ONE_BY_ONE else [])


def where_the_library_wins(case, devices, folder):
    """The cluster description that a compile here takes, with generated products as dear as the library's."""
    plan, file = os.path.join(folder, "described.plan"), os.path.join(folder, "library.json")
    ampc("plan", case.path, "--devices", devices, "--strategy", "data", "-o", plan, "--quiet", *case.options())
    cluster = json.loads(ampc("report", plan, "--format", "json"))["decisions"]["cluster"]
    for device in cluster["devices"]:
        device.pop("library_call_seconds", None)
        for kind in [kind for kind in device["efficiency"] if kind.startswith("generated")]:
            del device["efficiency"][kind]
    with open(file, "w") as stream:
        json.dump(cluster, stream)
    return ["--cluster", file]


def check(case, devices, strategy, folder):
    """"ok", or what is wrong."""
    plan = os.path.join(folder, f"{case.name}-{devices}-{strategy.replace(':', '-')}.plan")
    placement, _, variation = strategy.partition("+")
    try:
        case.prepare(folder)
        if not case.is_proven():
            return f"unproven: {ENOUGH_VALUES} distinct values are needed of every output"
        options = where_the_library_wins(case, devices, folder) if variation == "library" else VARIATIONS.get(variation, [])
        summary = compile_plan(case.path, plan, "--devices", devices, "--strategy", placement, *options, *case.options())
        if placement.startswith("random"):
            idle = [device["id"] for device in summary["devices"] if device["ops"] == 0]
            if idle:
                return f"devices {idle} have nothing to do"
        error = case.reference.largest_error(execute(case, plan, variation == "throughput", folder))
        return "ok" if error < TOLERANCE else f"error {error:.2g}"
    except (Failed, NotExecuted) as failure:
        return str(failure)
    finally:
        if os.path.exists(plan):
            os.remove(plan)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all combinations; `random` graphs: 500")
    parser.add_argument("--part", default="1/1", metavar="K/M", help="every M-th combination, starting with the K-th")
    parser.add_argument("--variant", choices=["small", "full"], default="small")
    parser.add_argument("--models", help="names, comma separated; a name may end in *")
    parser.add_argument("--devices", help="numbers, comma separated")
    parser.add_argument("--strategies", help="comma separated")
    parser.add_argument("--random-graphs", type=int, default=None)
    parser.add_argument("--sample", type=int, default=6, help="combinations per model without --full")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    return parser.parse_args()


def sample_of_each_variation(pairs, picks):
    return [picks.choice([pair for pair in pairs if pair[1].endswith(variation)]) for variation in VARIATIONS]


def chosen(arguments):
    """(case, devices, strategy) in order of the cases."""
    graphs = arguments.random_graphs if arguments.random_graphs is not None else 500 if arguments.full else 20
    cases = all_cases(arguments.variant, graphs)
    if arguments.models:
        patterns = arguments.models.split(",")
        cases = [case for case in cases
                 if any(case.name == p or (p.endswith("*") and case.name.startswith(p[:-1])) for p in patterns)]
    devices = [int(n) for n in arguments.devices.split(",")] if arguments.devices else DEVICES
    strategies = arguments.strategies.split(",") if arguments.strategies else STRATEGIES
    for strategy in strategies:
        if "+" in strategy and strategy.split("+")[1] not in VARIATIONS:
            sys.exit(f"there is no variation {strategy}; known are {', '.join(VARIATIONS)}")
    picks = random.Random(arguments.seed)
    work = []
    for case in cases:
        is_random_graph = isinstance(case, RandomCase)
        fits = lambda strategy: not is_random_graph or strategy.startswith("random") or arguments.strategies
        own = [strategy for strategy in strategies if fits(strategy)]
        # One device leaves nothing to decide: one strategy is enough.
        pairs = [(n, s) for n, s in itertools.product(devices, own) if n > 1 or s == own[0]]
        varied = [] if arguments.strategies else [(n, s) for n in devices for s in VARIED if n > 1 and fits(s)]
        if not arguments.full and not (arguments.devices and arguments.strategies):
            count = 1 if is_random_graph else arguments.sample
            pairs = picks.sample(pairs, min(count, len(pairs)))
            varied = sample_of_each_variation(varied, picks) if varied and not is_random_graph else []
        work += [(case, n, s) for n, s in sorted(pairs + varied)]
    part, parts = map(int, arguments.part.split("/"))
    return work[part - 1::parts]


def main():
    arguments = parse_arguments()
    passed = failed = 0
    unproven = set()
    begin = time.time()
    with tempfile.TemporaryDirectory(prefix="ampc-e2e-") as folder:
        work = chosen(arguments)
        for (case, devices), group in itertools.groupby(work, key=lambda item: (item[0], item[1])):
            results = [(strategy, check(case, devices, strategy, folder)) for _, _, strategy in group]
            good = [strategy for strategy, result in results if result == "ok"]
            passed += len(good)
            failed += len(results) - len(good)
            print(f"{case.name:24} {devices} devices  ok: {' '.join(good) if good else '-'}", flush=True)
            for strategy, result in results:
                if result != "ok":
                    print(f"    FAILED {case.name} --devices {devices} --strategy {strategy}: {result}", flush=True)
                if result.startswith("unproven"):
                    unproven.add(case.name)
    print(" ".join([f"models: {time.time() - begin:.0f} s, {len(unproven)} unproven", *sorted(unproven)]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
