"""Runs the plain-tensor node tests of the onnx package and compares with the expected outputs: through the reference
evaluation (evaluate_model) or through the whole compiler and runtime (ampc run).

  node_tests.py --tool build/bin/evaluate_model [--shardings]
  node_tests.py --ampc build/bin/ampc [--devices 1,2,3,8] [--strategy S] [--jobs J]
    [--match TEXT] [--part K/M] [--cases FOLDER] [--least PERCENT] [--verbose]
  node_tests.py --tool build/bin/evaluate_model --write-refused     writes refused.txt anew

Exit 0 if nothing is wrong, fails or crashes, at least PERCENT pass, and exactly the cases in refused.txt are refused,
with the codes that stand there. With several numbers of devices the first is compared with that list, and what passes
there passes on the others; every case and number counts once in the last line."""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import node_cases

WRONG = ("wrong", "failed", "crashed", "unlisted")  # unlisted: refused or not, other than refused.txt says
REFUSED = pathlib.Path(__file__).resolve().parent / "refused.txt"


def run_tool(command, folders, work):
    """Name -> (status, detail). A crash or hang is pinned to the case it happened in; the rest goes on."""
    results = {}
    pending = list(folders)
    while pending:
        listing = pathlib.Path(work) / "cases.txt"
        listing.write_text("".join(f"{folder}\n" for folder in pending))
        try:
            process = subprocess.run([*command, str(listing)], capture_output=True, timeout=1800)
            text, why = process.stdout.decode(), f"exit {process.returncode}: {process.stderr.decode()[-300:]}"
        except subprocess.TimeoutExpired as expired:
            text, why = (expired.stdout or b"").decode(), "time limit"
        for line in text.splitlines():
            name, _, rest = line.partition(" ")
            status, _, detail = rest.partition(" ")
            results[name] = (status, detail) if status else ("crashed", " ".join(why.split()))
        done = set(results)
        rest = [folder for folder in pending if folder.name not in done]
        if len(rest) == len(pending):
            raise SystemExit(f"{command[0]} does not run: {why}")
        pending = rest
    return results


def tolerance_of(folder):
    for line in (folder / "manifest.txt").read_text().splitlines():
        if line.startswith("tolerance "):
            return tuple(map(float, line.split()[1:]))
    return 1e-3, 1e-7


def difference(folder, number, expected, got):
    """Empty if equal; the same tolerance as evaluate_model's."""
    a, b = numpy_helper.to_array(got), numpy_helper.to_array(expected)
    if got.data_type != expected.data_type or a.shape != b.shape:
        return f"output {number} is {got.data_type} {a.shape} instead of {expected.data_type} {b.shape}"
    relative, absolute = tolerance_of(folder)
    if a.dtype.kind in "biu":
        return "" if np.array_equal(a, b) else f"output {number} differs"
    relative = max(relative, {TensorProto.BFLOAT16: 2e-2, TensorProto.FLOAT16: 3e-3}.get(expected.data_type, 0))
    a, b = a.astype(np.float64), b.astype(np.float64)
    finite = np.abs(b[np.isfinite(b)])
    absolute = max(absolute, 1e-6 * finite.max(initial=0))
    close = np.isclose(a, b, rtol=relative, atol=absolute, equal_nan=True)
    if close.all():
        return ""
    at = tuple(int(k) for k in np.argwhere(~close)[0])
    return f"output {number}{list(at)} is {a[at]} instead of {b[at]}"


def run_ampc(command, folder):
    """(status, detail) of one case through `ampc run`."""
    with tempfile.TemporaryDirectory() as work:
        arguments = [*command, str(folder / "model.onnx"), "--inputs", str(folder / "test_data_set_0"),
                     "--output-dir", work, "--output-format", "pb", "--quiet"]
        try:
            process = subprocess.run(arguments, capture_output=True, timeout=120)
        except subprocess.TimeoutExpired:
            return "failed", "time limit"
        message = " ".join(process.stderr.decode(errors="replace").split())[:300]
        if process.returncode == 4:
            return "refused", message
        if process.returncode:
            return ("crashed" if process.returncode < 0 else "failed"), f"exit {process.returncode}: {message}"
        expected = sorted((folder / "test_data_set_0").glob("output_*.pb"), key=lambda f: int(f.stem.split("_")[1]))
        for number, file in enumerate(expected):
            produced = pathlib.Path(work) / f"output_{number}.pb"
            if not produced.exists():
                return "wrong", f"output {number} is missing"
            text = difference(folder, number, onnx.load_tensor(file), onnx.load_tensor(produced))
            if text:
                return "wrong", text
    return "pass", ""


def run_all_ampc(options, folders, devices):
    command = [os.path.abspath(options.ampc), "run", "--devices", devices, "--strategy", options.strategy]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return dict(zip((f.name for f in folders), pool.map(lambda f: run_ampc(command, f), folders)))


def read_refused():
    """Name -> code of the cases that are refused."""
    lines = [line.split() for line in REFUSED.read_text().splitlines() if line and not line.startswith("#")]
    # Valid models only: no other code than those of exit code 4 may be listed.
    bad = [" ".join(line) for line in lines if len(line) != 2 or not re.fullmatch(r"AMPC-4\d\d", line[0])]
    assert not bad, f"{REFUSED}: a line is AMPC-4NN NAME, not {bad[0]}"
    return {name: code for code, name in lines}


def code_of(detail):
    found = re.search(r"AMPC-\d{3}", detail)
    return found.group(0) if found else "no code"


def write_refused(results):
    lines = sorted(f"{code_of(detail)} {name}" for name, (status, detail) in results.items() if status == "refused")
    header = ["# Node tests of the onnx package that are refused, with the error code (ir/error_code.h). Written by",
              "# node_tests.py --tool build/bin/evaluate_model --write-refused"]
    REFUSED.write_text("".join(line + "\n" for line in header + lines))


def compared_with_list(results, expected):
    """`results`, where a case that is refused and not listed so, or listed and not refused, is "unlisted"."""
    compared = {}
    for name, (status, detail) in results.items():
        code = code_of(detail) if status == "refused" else None
        if status in ("refused", "pass") and code != expected.get(name):
            says = f"{REFUSED.name} says {expected.get(name, 'nothing')}"
            status, detail = "unlisted", f"is refused, {says}: {detail}" if code else f"passes, {says}"
        compared[name] = (status, detail)
    return compared


def report(results, options):
    """Prints what is wrong and a line of totals; False if a case is wrong, fails or crashes, or too few pass."""
    counts = collections.Counter(status for status, _ in results.values())
    for name, (status, detail) in sorted(results.items()):
        if status in WRONG or (options.verbose and status != "pass"):
            print(f"{status:8} {name}: {detail}")
    bound = sum(status == "pass" and detail.startswith("bound") for status, detail in results.values())
    share = 100 * counts["pass"] / max(len(results), 1)
    print(f"{counts['pass']} of {len(results)} pass ({share:.1f} %; {bound} with inputs bound to values), " +
          ", ".join(f"{counts[status]} {status}" for status in ("refused", *WRONG)), flush=True)
    return not any(counts[status] for status in WRONG) and share >= options.least


def walk_devices(options, folders):
    """Every number of devices through `ampc run`; True if no check failed."""
    passed = failed = 0
    refused = read_refused()
    for position, devices in enumerate(options.devices.split(",")):
        results = run_all_ampc(options, folders, devices)
        if position == 0:
            results = compared_with_list(results, refused)
        else:
            results = {name: ("failed", detail) if status == "refused" else (status, detail)
                       for name, (status, detail) in results.items()}
        print(f"{devices} devices, {options.strategy}: ", end="")
        if not report(results, options) and not any(status in WRONG for status, _ in results.values()):
            failed += 1  # fewer than --least pass
        passed += sum(status == "pass" for status, _ in results.values())
        failed += sum(status in WRONG for status, _ in results.values())
        folders = [folder for folder in folders if results[folder.name][0] == "pass"]
    print(f"{passed} passed, {failed} failed")
    return failed == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", help="evaluate_model")
    parser.add_argument("--ampc")
    parser.add_argument("--devices", default="1", help="numbers, comma separated")
    parser.add_argument("--strategy", default="auto")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--match", default="")
    parser.add_argument("--part", default="1/1", help="K/M: every M-th case, starting with the K-th")
    parser.add_argument("--shardings", action="store_true", help="every operator under every sharding of one loop too")
    parser.add_argument("--cases", help="keep the cases in this folder; reuse it if it exists")
    parser.add_argument("--least", type=float, default=0, help="percentage that must pass")
    parser.add_argument("--write-refused", action="store_true", help="write refused.txt instead of comparing with it")
    parser.add_argument("--verbose", action="store_true", help="one line per case that does not pass")
    options = parser.parse_args()
    if bool(options.tool) == bool(options.ampc):
        parser.error("exactly one of --tool and --ampc is needed")
    is_whole = not options.match and options.part == "1/1"
    if options.write_refused and not (options.tool and is_whole):
        parser.error("--write-refused needs --tool and all cases")
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(options.cases or work + "/cases")
        if root.exists():
            folders = sorted(f for f in root.iterdir() if options.match in f.name and (f / "manifest.txt").exists())
        else:
            folders = sorted(node_cases.write_all(root, options.match))
        part, parts = map(int, options.part.split("/"))
        folders = folders[part - 1::parts]
        if options.tool:
            command = [options.tool] + ["--shardings"] * options.shardings
            results = run_tool(command, folders, work)
            if options.write_refused:
                write_refused(results)
            expected = read_refused()
            results = compared_with_list(results, expected)
            for name in sorted(set(expected) - set(results)) if is_whole else []:
                results[name] = ("unlisted", f"{REFUSED.name} has it, the onnx package does not")
            good = report(results, options)
            failed = sum(status in WRONG for status, _ in results.values())
            failed += not good and failed == 0  # fewer than --least pass
            print(f"{sum(status == 'pass' for status, _ in results.values())} passed, {failed} failed")
            return 0 if good else 1
        return 0 if walk_devices(options, folders) else 1


if __name__ == "__main__":
    sys.exit(main())
