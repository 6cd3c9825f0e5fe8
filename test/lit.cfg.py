# Configuration of the lit tests: MLIR text through passes, checked by FileCheck. Run by test/run_tests.sh.
import os

import lit.formats

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
config.name = "ampc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["models"]
config.test_source_root = os.path.join(root, "test")
config.test_exec_root = os.path.join(root, "build", "test", "lit")
llvm_tools = os.environ.get("AMPC_LLVM_TOOLS", "/usr/lib/llvm-22/bin")
config.environment["PATH"] = os.pathsep.join([os.path.join(root, "build", "bin"), llvm_tools, os.environ["PATH"]])
