#!/usr/bin/env python3
"""build/bin/search_bench from outside: exit codes, the result line, solution and trace files, time limits, signals.
Prints "N passed, N failed" at the end."""

import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

from cases import run_cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "build", "bin", "search_bench")
FORBIDDEN = 10**18
SLACK = 1.0  # what a busy machine may add to a time limit
CASES = []


def case(function):
    CASES.append(function)
    return function


def choices(name, intervals, costs, usages, edges, matrices, limit=None):
    problem = {"name": name, "nodes": {"intervals": intervals, "costs": costs, "usages": usages},
               "edges": {"nodes": edges, "costs": matrices}}
    if limit is not None:
        problem["usage_limit"] = limit
    return {"problem": problem}


def small():
    return choices("small", [[0, 3], [1, 4], [2, 5]], [[15, 5], [3, 9], [4, 1]], [[10, 40], [10, 5], [8, 8]],
                   [[0, 1], [1, 2]], [[30, 40, 50, 10], [7, 2, FORBIDDEN, 4]], 50)


def grid(side, choice_count, seed, slack):
    """A grid of nodes that live for a while; what `hidden` chooses is legal, and fits when slack >= 1."""
    rng = random.Random(seed)
    count = side * side
    intervals, costs, usages = [], [], []
    for _ in range(count):
        begin = rng.randrange(count // 4)
        intervals.append([begin, begin + rng.randrange(1, 40)])
        usages.append(sorted(rng.randrange(1, 1000) for _ in range(choice_count)))
        costs.append(sorted((rng.randrange(1000) for _ in range(choice_count)), reverse=True))
    edges = [[i, i + 1] for i in range(count) if (i + 1) % side] + [[i, i + side] for i in range(count - side)]
    hidden = [rng.randrange(2) for _ in range(count)]
    matrices = []
    for u, v in edges:
        matrix = [rng.randrange(1000) if rng.random() > 0.3 else FORBIDDEN for _ in range(choice_count**2)]
        matrix[hidden[u] * choice_count + hidden[v]] = 500
        matrices.append(matrix)
    peak = max(sum(usages[u][hidden[u]] for u in range(count) if intervals[u][0] <= t < intervals[u][1])
               for t in range(count // 4 + 40))
    return choices("grid", intervals, costs, usages, edges, matrices, int(peak * slack))


def cost_of(problem, chosen):
    """The cost of a solution file, or why it is none; shares nothing with the program."""
    problem = problem["problem"]
    nodes = problem["nodes"]
    assert len(chosen) == len(nodes["costs"]), "not one choice per node"
    total = sum(costs[i] for costs, i in zip(nodes["costs"], chosen))
    for (u, v), matrix in zip(problem["edges"]["nodes"], problem["edges"]["costs"]):
        entry = matrix[chosen[u] * len(nodes["costs"][v]) + chosen[v]]
        assert entry < FORBIDDEN, f"the pair {u}, {v} is forbidden"
        total += entry
    events = {}
    for (begin, end), usages, i in zip(nodes["intervals"], nodes["usages"], chosen):
        if end > begin:
            events[begin] = events.get(begin, 0) + usages[i]
            events[end] = events.get(end, 0) - usages[i]
    used = 0
    for when in sorted(events):
        used += events[when]
        assert used <= problem["usage_limit"], f"memory at {when}"
    return total


def graph(times, edges, accelerators, cpus=0, memory=0, sizes=None, cost=1):
    nodes = [{"id": 10 + i, "fpgaLatency": t, "cpuLatency": 10 * t, "size": sizes[i] if sizes else 1,
              "isBackwardNode": 0} for i, t in enumerate(times)]
    return {"maxFPGAs": accelerators, "maxCPUs": cpus, "maxSizePerFPGA": memory, "nodes": nodes,
            "edges": [{"sourceId": 10 + a, "destId": 10 + b, "cost": cost} for a, b in edges]}


class Shell:
    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        opened = gzip.open(self.path(name), "wt") if name.endswith(".gz") else open(self.path(name), "w")
        with opened as file:
            file.write(text)
        return name

    def run(self, code, *arguments):
        """Runs to the end; returns the result line (None when there is none) and standard error."""
        begin = time.monotonic()
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=120)
        self.seconds = time.monotonic() - begin
        assert done.returncode == code, f"{arguments}: exit {done.returncode}: {done.stdout}{done.stderr}"
        lines = done.stdout.splitlines()
        assert len(lines) <= 1, f"{arguments}: {len(lines)} lines"
        # json accepts Infinity and NaN, which no other reader does.
        def strict(word):
            raise AssertionError(f"{word} is no JSON")
        return (json.loads(lines[0], parse_constant=strict) if lines else None), done.stderr

    def read(self, name):
        with open(self.path(name)) as file:
            return json.load(file)


@case
def solves_and_writes_one_choice_per_node(shell):
    for name in ("small.json", "small.json.gz"):
        shell.write(name, small())
        line, _ = shell.run(0, "iopddl", name, "--solution", "out.json")
        assert {"instance", "cost", "bound", "gap", "feasible", "seconds", "peak_bytes"} <= set(line), line
        assert line["feasible"] is True and line["cost"] == line["bound"] and line["gap"] == 0, line
        assert cost_of(small(), shell.read("out.json")) == line["cost"]
        assert line["peak_bytes"] > 0 and 0 < line["seconds"] < 60
    assert not [name for name in os.listdir(shell.folder) if name.endswith(".part")]


@case
def limit_counts_from_process_start(shell):
    problem = grid(40, 8, 3, 1.5)
    shell.write("grid.json", problem)
    for limit in (1.0, 2.5):
        line, _ = shell.run(0, "iopddl", "grid.json", "--time-limit", str(limit), "--solution", "out.json", "--trace",
                            "trace.jsonl")
        assert shell.seconds < limit + SLACK, f"{shell.seconds} s for a limit of {limit} s"
        assert cost_of(problem, shell.read("out.json")) == line["cost"]
        assert line["bound"] <= line["cost"]
        with open(shell.path("trace.jsonl")) as file:
            trace = [json.loads(text) for text in file]
        assert len(trace) >= 2
        for before, after in zip(trace, trace[1:]):
            assert before["seconds"] <= after["seconds"] and before["bound"] <= after["bound"]
            assert before["cost"] is None or after["cost"] <= before["cost"]
        for entry in trace:
            if entry["cost"]:
                assert abs(entry["gap"] - (entry["cost"] - entry["bound"]) / entry["cost"]) < 1e-5, entry
        assert trace[-1]["cost"] == line["cost"] and trace[-1]["bound"] == line["bound"]


@case
def nothing_in_time(shell):
    shell.write("grid.json", grid(30, 8, 4, 1.0))
    line, _ = shell.run(9, "iopddl", "grid.json", "--time-limit", "0.002", "--solution", "out.json")
    assert line["cost"] is None and line["feasible"] is False and line["gap"] == 1 and line["reason"], line
    assert os.listdir(shell.folder) == ["grid.json"]


@case
def infeasible_is_proven(shell):
    shell.write("few.json", choices("few", [[0, 5], [3, 9]], [[1, 2], [1]], [[8, 7], [6]], [], [], 10))
    line, _ = shell.run(5, "iopddl", "few.json", "--solution", "out.json")
    assert "time point 3" in line["reason"] and "13 bytes" in line["reason"], line
    assert os.listdir(shell.folder) == ["few.json"]


@case
def malformed_files(shell):
    for text in ("", "{", "[1, 2]", '{"problem": {}}', json.dumps(small())[:-30]):
        shell.write("bad.json", text)
        for command in ("iopddl", "placement"):
            line, error = shell.run(3, command, "bad.json", "--solution", "out.json")
            assert line is None and error.startswith("search_bench: error: bad.json"), error
    assert os.listdir(shell.folder) == ["bad.json"]
    shell.run(6, "iopddl", "absent.json")


@case
def unwritable_results_are_refused_before_the_search(shell):
    shell.write("grid.json", grid(30, 8, 5, 1.1))
    shell.write("graph.json", graph([1, 2, 3], [[0, 1], [1, 2]], 2))
    for option in ("--solution", "--trace"):
        line, error = shell.run(6, "iopddl", "grid.json", "--time-limit", "20", option, "absent/out")
        assert line is None and "absent/out" in error and shell.seconds < 10, error
    line, error = shell.run(6, "placement", "graph.json", "--solution", "absent/out")
    assert line is None and "absent/out" in error, error


@case
def a_failing_write_does_not_lose_the_line(shell):
    shell.write("small.json", small())
    line, error = shell.run(6, "iopddl", "small.json", "--solution", "/dev/full")
    assert line["feasible"] is True and "/dev/full" in error, (line, error)


@case
def signals_end_with_the_best_so_far(shell):
    problem = grid(40, 8, 6, 1.5)
    shell.write("grid.json", problem)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([PROGRAM, "iopddl", "grid.json", "--time-limit", "60", "--solution", "out.json",
                                    "--trace", "trace.jsonl"], cwd=shell.folder, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if os.path.exists(shell.path("trace.jsonl")):
                with open(shell.path("trace.jsonl")) as file:
                    if any('"cost": null' not in entry for entry in file if entry.endswith("\n")):
                        break
        process.send_signal(number)
        begin = time.monotonic()
        text, _ = process.communicate(timeout=30)
        assert time.monotonic() - begin < 2, "did not stop at once"
        assert process.returncode == 128 + number, process.returncode
        line = json.loads(text)
        assert line["feasible"] and cost_of(problem, shell.read("out.json")) == line["cost"], line
        os.remove(shell.path("trace.jsonl"))


@case
def same_result_for_one_and_two_threads(shell):
    shell.write("grid.json", grid(16, 5, 7, 1.05))
    results = []
    for threads in ("1", "2", "2"):
        line, _ = shell.run(0, "iopddl", "grid.json", "--threads", threads, "--effort", "0.3", "--solution", "out.json")
        results.append((line["cost"], line["bound"], shell.read("out.json")))
    assert results[0] == results[1] == results[2]


@case
def memory_stays_small_and_its_end_is_no_crash(shell):
    problem = grid(45, 20, 8, 1.5)  # 1.6 million entries
    shell.write("grid.json", problem)
    line, _ = shell.run(0, "iopddl", "grid.json", "--time-limit", "5")
    assert line["peak_bytes"] < 400 * 2**20, line
    codes = set()
    for megabytes in (30, 60, 90, 120, 150, 180):
        def limited():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20,) * 2)
        done = subprocess.run([PROGRAM, "iopddl", "grid.json", "--time-limit", "3"], cwd=shell.folder,
                              capture_output=True, text=True, timeout=60, preexec_fn=limited)
        assert done.returncode in (0, 9), f"{megabytes} MiB: exit {done.returncode}: {done.stderr}"
        codes.add(done.returncode)
    assert 9 in codes, codes


@case
def placement_names_every_node(shell):
    shell.write("graph.json.gz", graph([3, 4, 5, 2, 6], [[0, 1], [1, 2], [2, 3], [3, 4]], 2, cpus=1))
    line, _ = shell.run(0, "placement", "graph.json.gz", "--solution", "out.json")
    assert {"max_load", "bound", "seconds"} <= set(line) and line["max_load"] == line["bound"] == 13, line
    devices = shell.read("out.json")
    assert sorted(devices) == ["10", "11", "12", "13", "14"] and set(devices.values()) <= {0, 1, 2}, devices


@case
def placement_without_a_chain(shell):
    shell.write("graph.json", graph([1, 1, 1], [[0, 1], [1, 2]], 2, memory=10, sizes=[6, 10, 4]))
    line, _ = shell.run(5, "placement", "graph.json")
    assert line["max_load"] is None and line["bound"] is None and line["reason"], line
    line, _ = shell.run(0, "placement", "graph.json", "--non-contiguous", "--solution", "out.json")
    devices = shell.read("out.json")
    assert devices["10"] == devices["12"] != devices["11"], devices
    # Work 2, two values in and out.
    assert line["max_load"] == 4 and line["bound"] <= 4, line


@case
def placement_limit(shell):
    rng = random.Random(3)
    times = [rng.randrange(5, 15) for _ in range(20 * 30)]
    shell.write("wide.json", graph(times, [[i, i + 1] for i in range(600) if (i + 1) % 30], 6))
    line, _ = shell.run(0, "placement", "wide.json", "--time-limit", "3")
    assert shell.seconds < 3 + SLACK and line["ideals"] > 300000, (shell.seconds, line)
    assert line["gap"] < 0.02, line


@case
def placement_of_very_many_nodes(shell):
    rng = random.Random(4)
    count = 60000
    times = [rng.randrange(5, 15) for _ in range(count)]
    edges = [[max(0, i - 1 - rng.randrange(20)), i] for i in range(1, count)]
    shell.write("many.json", graph(times, edges, 6))
    line, _ = shell.run(0, "placement", "many.json", "--time-limit", "8")
    assert shell.seconds < 8 + SLACK and line["peak_bytes"] < 2 * 2**30, (shell.seconds, line)
    assert line["gap"] < 0.1, line


@case
def options_that_do_nothing_are_refused(shell):
    shell.write("graph.json", graph([1], [], 1))
    for arguments in (["--threads", "2"], ["--trace", "t"], ["--effort", "2"], ["--seed=2"], ["--nonsense"]):
        _, error = shell.run(2, "placement", "graph.json", *arguments)
        assert "no option" in error and "usage:" in error, error
    for arguments in (["--non-contiguous"], ["--time-limit", "-1"], ["--time-limit", "soon"], ["--solution"],
                      ["b.json"]):
        shell.run(2, "iopddl", "graph.json", *arguments)
    shell.run(2)
    shell.run(2, "other")
    shell.run(2, "iopddl")


def main():
    wanted = sys.argv[1:]

    def in_own_folder(function):
        with tempfile.TemporaryDirectory() as folder:
            function(Shell(folder))

    return run_cases([(function.__name__, lambda function=function: in_own_folder(function)) for function in CASES
                      if not wanted or function.__name__ in wanted], Exception)


if __name__ == "__main__":
    sys.exit(main())
