#!/usr/bin/env python3
"""Checks the rules that hold between folders: what each may include, the length of files, words that names avoid,
operators that only the op table may list.

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
# Files outside ir/ that name several operators, and why; everywhere else the op table is the only list.
MAY_NAME_OPERATORS = {
    "codegen/vector_math.cpp": "functions of scalar programs, some of which rows are named after",
    "cost_model/work.cpp": "symbols of library kernels: a plan holds no rows",
    "passes/library_kernel.cpp": "which products and operands oneDNN takes",
    "runtime/kernels/builtin_kernels.cpp": "the table of builtin kernels, which rows name",
    "runtime/kernels/onednn_post_ops.cpp": "the algorithms of oneDNN that stand for post-ops",
    "runtime/kernels/scatter.cpp": "values of the attribute `reduction`",
    "tools/product_kernels.cpp": "the two products that both executors have, which the probe compares",
}
LEAST_OPERATORS = 100  # fewer are found: the rows are written in another way than row_names knows
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


def code_of(path):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", read(path), flags=re.DOTALL)


def row_names(files):
    """(names of the tensor operators, names that ONNX rows say they become), as the files in ir/ops/ register them."""
    names, becomes = set(), set()
    for path in files:
        if not (is_in(path, "ir/ops") and path.endswith(".cpp")) or path == "ir/ops/storage.cpp":
            continue
        code = code_of(path)
        names.update(re.findall(r'(?:\.add|\badd\w*|\bwithReals)\(\s*(?:table,\s*)?\{?\s*"([a-z]\w*)"', code))
        names.update(re.findall(r'[{(]"([a-z]\w*)",\s*Reduction::', code))
        for row in re.findall(r"\baddOnnx\(\{(.*?)\}\);", code, re.DOTALL):
            if literal := re.search(r'"([a-z][\w, ]*)"\s*$', row):
                becomes.update(re.findall(r"\w+", literal.group(1)))
    return names, becomes - {"constant"}


def operators_are_listed_once(files, includes):
    names, becomes = row_names(files)
    if len(names) < LEAST_OPERATORS or becomes - names:
        yield f"{len(names)} operators found in ir/ops/, not among them: {sorted(becomes - names)}"
    for path in includes.lines:
        if not any(is_in(path, folder) for folder in ("passes", "codegen", "cost_model", "runtime", "tools")):
            continue
        named = sorted(names.intersection(re.findall(r'"(?:ampc\.)?([a-z]\w*)"', code_of(path))))
        # A pattern may name the one operator that it matches.
        if len(named) > 1 and path not in MAY_NAME_OPERATORS:
            yield f"{path} names {', '.join(named)}"
        if len(named) <= 1 and path in MAY_NAME_OPERATORS:
            yield f"{path} names no operators any more: MAY_NAME_OPERATORS need not have it"
    for path in set(MAY_NAME_OPERATORS) - set(includes.lines):
        yield f"MAY_NAME_OPERATORS has {path}, which does not exist"


RULES = (plain_folders_see_no_compiler, onnx_only_where_models_are_read, folders_include_what_they_may,
         files_are_short, names_say_what_is_inside, sources_say_what_they_are_for,
         operators_are_listed_once)


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
