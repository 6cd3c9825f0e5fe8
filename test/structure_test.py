#!/usr/bin/env python3
"""Checks the rules that hold between folders: what each may include, the length of files, words that names avoid.

Ends with the line "N passed, N failed", one count per rule. It reads only what git tracks or would add."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILER = re.compile(r"(mlir|llvm)(-c)?/")
ONNX = re.compile(r"(onnx|google/protobuf)/")
FORBIDDEN_NAME = re.compile(r"(^|[_./-])(utils?|helpers?|common|misc|manager|impl)([_./-]|$)")
FORBIDDEN_IDENTIFIER = re.compile(r"\b(?:class|struct|enum class|namespace)\s+(\w*(?:Utils?|Helpers?|Manager|Impl)\b)")
LARGEST_FILE_LINES = 800

# Folder -> the folders (or files) of ours that it may include directly; a folder not named may include everything.
# ir/sharding.h and ir/iteration.h are plain structs that plans and costs are described with.
MAY_INCLUDE = {
    "runtime": ("runtime", "ir/sharding.h"),
    "cost_model": ("cost_model", "runtime/plan", "ir/sharding.h", "ir/iteration.h"),
    "passes/search": ("passes/search", "cost_model", "runtime/plan", "ir/sharding.h", "ir/iteration.h"),
    "ir": ("ir", "runtime/plan", "runtime/kernels"),
    # The pipeline hands kernels to codegen through one interface of plain structs.
    "passes": ("passes", "ir", "cost_model", "runtime/plan", "runtime/kernels", "codegen/compile_kernels.h"),
    "codegen": ("codegen", "ir", "runtime/plan", "runtime/kernels"),
}
PLAIN_FOLDERS = ("runtime", "cost_model", "passes/search")


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    return sorted(path for path in listed.split("\0") if path and os.path.isfile(os.path.join(ROOT, path)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_code(path):
    return path.endswith((".cpp", ".h", ".c", ".hpp"))


def is_in(path, folder):
    return path == folder or path.startswith(folder + "/")


class Includes:
    """The include lines of every source file, quoted ones resolved to files of ours where they are."""

    def __init__(self, files):
        self.files = set(files)
        self.lines = {path: re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', read(path), re.MULTILINE)
                      for path in files if is_code(path)}

    def ours(self, path):
        for name in self.lines[path]:
            beside = os.path.join(os.path.dirname(path), name)
            for candidate in (name, beside, os.path.join("runtime/include", name)):
                if os.path.normpath(candidate) in self.lines:
                    yield os.path.normpath(candidate)
                    break

    def reached(self, path):
        """(file, how it is reached) for `path` and everything of ours that it includes, directly or not."""
        waiting, seen = [(path, path)], {path}
        while waiting:
            current, chain = waiting.pop()
            yield current, chain
            for other in self.ours(current):
                if other not in seen:
                    seen.add(other)
                    waiting.append((other, chain + " -> " + other))


def plain_folders_see_no_compiler(files, includes):
    for path in includes.lines:
        if not any(is_in(path, folder) for folder in PLAIN_FOLDERS):
            continue
        for reached, chain in includes.reached(path):
            for name in includes.lines[reached]:
                if COMPILER.match(name) or ONNX.match(name):
                    yield f"{chain} includes {name}"


def onnx_only_where_models_are_read(files, includes):
    for path, names in includes.lines.items():
        if is_in(path, "ir/onnx") or is_in(path, "test"):
            continue
        for name in names:
            if ONNX.match(name) and not (is_in(path, "codegen") and name.startswith("google/")):
                yield f"{path} includes {name}"


def folders_include_what_they_may(files, includes):
    for path in includes.lines:
        folder = max((name for name in MAY_INCLUDE if is_in(path, name)), key=len, default=None)
        if folder is None:
            continue
        for other in includes.ours(path):
            if not any(is_in(other, allowed) for allowed in MAY_INCLUDE[folder]):
                yield f"{path} includes {other}"


def files_are_short(files, includes):
    for path in files:
        if path.endswith((".cpp", ".h", ".c", ".hpp", ".py", ".sh", ".cmake", ".proto", ".mlir")):
            count = read(path).count("\n")
            if count > LARGEST_FILE_LINES:
                yield f"{path} has {count} lines"


def names_say_what_is_inside(files, includes):
    for path in files:
        if FORBIDDEN_NAME.search(path):
            yield f"the name {path}"
        if is_code(path):
            for name in FORBIDDEN_IDENTIFIER.findall(read(path)):
                yield f"{path} declares {name}"


def sources_say_what_they_are_for(files, includes):
    for path in includes.lines:
        if not read(path).lstrip().startswith(("//", "/*")):
            yield f"{path} has no header comment"


RULES = (plain_folders_see_no_compiler, onnx_only_where_models_are_read, folders_include_what_they_may,
         files_are_short, names_say_what_is_inside, sources_say_what_they_are_for)


def main():
    files = tracked_files()
    includes = Includes(files)
    failed = 0
    for rule in RULES:
        faults = list(rule(files, includes))
        failed += bool(faults)
        for fault in faults:
            print(f"{rule.__name__}: {fault}")
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
