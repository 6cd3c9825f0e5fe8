"""Imports every model of a corpus in a process of its own, with limits on time and memory, and compares exit codes.

usage: run_corpus.py valid|broken IMPORT_MODEL FOLDER [--sanitized] [NAME...]

--sanitized: the program is slow and reserves address space for its shadow memory.
"""
import concurrent.futures
import os
import resource
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the source folder stays clean
CPU_SECONDS = 20
WALL_SECONDS = 180  # the machine may be shared
MEMORY_BYTES = 3 << 30


def limit(is_sanitized):
    seconds = CPU_SECONDS * (8 if is_sanitized else 1)
    if not is_sanitized:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(tool, case, is_sanitized):
    begin = time.monotonic()
    try:
        done = subprocess.run([tool, case.path, *case.options], capture_output=True, timeout=WALL_SECONDS,
                              preexec_fn=lambda: limit(is_sanitized), errors="replace")
    except subprocess.TimeoutExpired:
        return case, "hangs", "", WALL_SECONDS
    seconds = time.monotonic() - begin
    problem = ""
    if done.returncode < 0:
        problem = f"ends by signal {-done.returncode}"
    elif done.returncode not in case.codes:
        problem = f"exits with {done.returncode} instead of {sorted(case.codes)}"
    elif done.returncode and done.stderr.count("ampc: error AMPC-") != 1:
        problem = "does not give one diagnostic"
    elif case.says and case.says not in done.stderr + done.stdout:
        problem = f"does not say `{case.says}`"
    return case, problem, done.stderr + done.stdout, seconds


def main():
    is_sanitized = "--sanitized" in sys.argv
    corpus, tool, folder, *names = [argument for argument in sys.argv[1:] if argument != "--sanitized"]
    module = __import__(f"{corpus}_models")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    cases = [case for case in module.cases(os.path.abspath(folder)) if not names or case.name in names]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for case, problem, text, seconds in pool.map(lambda case: run(tool, case, is_sanitized), cases):
            if problem:
                bad += 1
                print(f"{case.name}: {problem}\n    " + text[:600].strip().replace("\n", "\n    "))
            elif names:
                print(f"{case.name}: {seconds:.2f} s\n    " + text.strip().replace("\n", "\n    "))
            elif seconds > 30:
                print(f"{case.name}: slow, {seconds:.1f} s")
    print(f"{len(cases)} models, {bad} unexpected")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
