#!/usr/bin/env python3
"""Several different requests in flight at once, through the runtime's C interface: `ampc run` has one at a time.

    in_flight.py PLAN INPUTS.npz OUTPUTS.npz      arrays are named REQUEST:TENSOR; prints the number of slots

A process of its own, so that a crash of the runtime is the failure of one case. `run_in_flight` starts it."""

import ctypes
import os
import subprocess
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = os.environ.get("AMPC_RUNTIME", os.path.join(ROOT, "build", "lib", "libampc_runtime.so"))
TYPES = {1: np.float64, 2: np.float32, 3: np.float16, 5: np.int8, 6: np.int16, 7: np.int32, 8: np.int64, 9: np.uint8,
         10: np.uint16, 11: np.uint32, 12: np.uint64, 13: np.bool_}  # ampc_type; NumPy has no bf16


class NotExecuted(Exception):
    """The process that executed the requests failed."""


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("dimension_count", ctypes.c_uint32),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("byte_count", ctypes.c_uint64), ("is_state", ctypes.c_int)]


class Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("byte_count", ctypes.c_uint64), ("type", ctypes.c_int)]


def load_library():
    library = ctypes.CDLL(LIBRARY)
    handle, handle_pointer = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
    buffers = ctypes.POINTER(Buffer)
    for name, result, arguments in (
            ("ampc_session_open", handle, [ctypes.c_char_p, handle, handle_pointer]),
            ("ampc_session_close", None, [handle]),
            ("ampc_session_slot_count", ctypes.c_uint32, [handle]),
            ("ampc_session_input_count", ctypes.c_uint32, [handle]),
            ("ampc_session_output_count", ctypes.c_uint32, [handle]),
            ("ampc_session_input", ctypes.c_int, [handle, ctypes.c_uint32, ctypes.POINTER(TensorInfo)]),
            ("ampc_session_output", ctypes.c_int, [handle, ctypes.c_uint32, ctypes.POINTER(TensorInfo)]),
            ("ampc_session_submit", handle,
             [handle, buffers, ctypes.c_uint32, buffers, ctypes.c_uint32, handle_pointer]),
            ("ampc_request_wait", handle, [handle, ctypes.c_double, ctypes.POINTER(ctypes.c_int)]),
            ("ampc_request_free", None, [handle]),
            ("ampc_status_message", ctypes.c_char_p, [handle])):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Session:
    def __init__(self, plan):
        self.library, self.handle = load_library(), ctypes.c_void_p()
        self.check(self.library.ampc_session_open(plan.encode(), None, ctypes.byref(self.handle)))
        self.slots = self.library.ampc_session_slot_count(self.handle)
        self.inputs = self.tensors("input")
        self.outputs = self.tensors("output")

    def check(self, status):
        if status:
            raise SystemExit(self.library.ampc_status_message(status).decode(errors="replace"))

    def tensors(self, kind):
        """(name, type, shape) in the order of the plan."""
        found = []
        for position in range(getattr(self.library, f"ampc_session_{kind}_count")(self.handle)):
            info = TensorInfo()
            getattr(self.library, "ampc_session_" + kind)(self.handle, position, ctypes.byref(info))
            found.append((info.name.decode(), info.type, tuple(info.shape[:info.dimension_count])))
        return found

    def buffers(self, tensors, arrays):
        return (Buffer * len(tensors))(*[Buffer(array.ctypes.data, array.nbytes, kind)
                                         for (_, kind, _), array in zip(tensors, arrays)])

    def run_all(self, requests):
        """Submits every request (arrays by name) before it waits for the first; outputs by name of each."""
        running = []
        for request in requests:
            arrays = [np.ascontiguousarray(request[name], TYPES[kind]).reshape(shape)
                      for name, kind, shape in self.inputs]
            results = [np.full(shape, 77, TYPES[kind]) for _, kind, shape in self.outputs]
            handle = ctypes.c_void_p()
            self.check(self.library.ampc_session_submit(
                self.handle, self.buffers(self.inputs, arrays), len(arrays), self.buffers(self.outputs, results),
                len(results), ctypes.byref(handle)))
            running.append((handle, arrays, results))  # the arrays live until the request is done
        for handle, _, _ in running:
            self.check(self.library.ampc_request_wait(handle, -1, None))
            self.library.ampc_request_free(handle)
        return [{name: array for (name, _, _), array in zip(self.outputs, results)} for _, _, results in running]


def main():
    plan, inputs_file, outputs_file = sys.argv[1:]
    requests = {}
    for key, array in np.load(inputs_file).items():
        number, name = key.split(":", 1)
        requests.setdefault(int(number), {})[name] = array
    session = Session(plan)
    results = session.run_all([requests[number] for number in sorted(requests)])
    session.library.ampc_session_close(session.handle)
    np.savez(outputs_file, **{f"{number}:{name}": array for number, outputs in enumerate(results)
                              for name, array in outputs.items()})
    print(session.slots)


def run_in_flight(plan, input_sets, folder, timeout=600):
    """(slots, outputs by name of every input set), or raises NotExecuted."""
    inputs_file, outputs_file = os.path.join(folder, "requests.npz"), os.path.join(folder, "results.npz")
    np.savez(inputs_file, **{f"{number}:{name}": value for number, inputs in enumerate(input_sets)
                             for name, value in inputs.items()})
    try:
        done = subprocess.run([sys.executable, os.path.abspath(__file__), plan, inputs_file, outputs_file],
                              capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise NotExecuted(f"requests in flight: no end after {timeout} s") from None
    if done.returncode:
        message = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotExecuted(f"requests in flight: exit {done.returncode}: {message}")
    results = [{} for _ in input_sets]
    for key, array in np.load(outputs_file).items():
        number, name = key.split(":", 1)
        results[int(number)][name] = array
    return int(done.stdout), results


if __name__ == "__main__":
    main()
