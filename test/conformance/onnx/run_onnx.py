"""ONNX's own test suite: `run_onnx.py [--mode given|dynamic|constant] [--device D] [--only REGEX] [--sample N] [--json F]`.

All node cases of the onnx package, and the models that it ships, go through the Python package. Modes: `given`, the models as they
are; `dynamic`, every dimension of every input symbolic; `constant`, every input an initializer, so that folding is tested.
Workers run one case at a time, each in a process of its own; one that crashes or hangs costs its case, and is replaced.

expected_failures.txt lists cases that may fail, a line each: the case, the modes, the reason. REASONS below is all the reasons there are.
One that passes all the same fails the run. Last line: "N passed, M failed"; cases that fail as expected count as neither.
"""
import argparse
import collections
import glob
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import sys
import time
import traceback
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(BUILD, "python"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import numpy_helper  # noqa: E402

CASE_SECONDS = 60
MODES = ("given", "dynamic", "constant")
# What may fail, and how one sees it in the message.
REASONS = {
    "string-tensor": ("strings are no tensors that devices compute with", r"STRING|of strings"),
    "run-time-length": ("a sequence or an optional whose length, or presence, only a run tells",
                        r"is not a tensor; a sequence|sequences of different lengths|sizes? of the parts|is missing|split dimension"),
    "run-time-rank": ("a number of dimensions that only a run tells",
                      r"the number of (axes|the shape's dimensions|starts|parts|paddings) must|how many there are on sizes|of rank"),
    "image-codec": ("decoding image files is no computation on tensors", r"decode images"),
    "gradient": ("the derivative of a graph is not made", r"gradients' computation"),
    "not-symbolic": ("a size that the operator needs when it is compiled",
                     r"must be known at compile time|is not a multiple of|are not a multiple of|needs indices whose last size"
                     r"|no decomposition for these inputs|the size \w+ must be \d+, or"),
    "device": ("the target has no kernel for it", r"target has no kernel|needs f64|double precision"),
}
# The expected values are one draw of many: sizes and types are compared (distributions are test/models' matter).
RANDOM = re.compile(r"^test_(bernoulli|training_dropout)")

Case = collections.namedtuple("Case", "name ops model data_sets rtol")


class Failure(Exception):
    """What is printed behind the case's name."""


# ---- cases ----

def node_cases():
    from onnx.backend.test.case.node import collect_testcases
    for case in collect_testcases(None):
        yield Case(case.name, sorted({node.op_type for node in case.model.graph.node}), case.model, case.data_sets, case.rtol)


def load_value(path, value_type):
    with open(path, "rb") as stream:
        data = stream.read()
    if value_type.HasField("sequence_type"):
        sequence = onnx.SequenceProto.FromString(data)
        return numpy_helper.to_list(sequence)
    if value_type.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def shipped_cases():
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for kind in ("simple", "pytorch-operator", "pytorch-converted"):
        for folder in sorted(glob.glob(os.path.join(data, kind, "*"))):
            path = os.path.join(folder, "model.onnx")
            if not os.path.exists(path):
                continue
            model = onnx.load(path)
            held = {each.name for each in model.graph.initializer}
            inputs = [each for each in model.graph.input if each.name not in held]
            sets = []
            for data_set in sorted(glob.glob(os.path.join(folder, "test_data_set_*"))):
                read = lambda what, values: [  # noqa: E731
                    load_value(os.path.join(data_set, f"{what}_{i}.pb"), value.type) for i, value in enumerate(values)]
                sets.append((read("input", inputs), read("output", model.graph.output)))
            yield Case(f"{kind}.{os.path.basename(folder)}", sorted({n.op_type for n in model.graph.node}), model, sets, 1e-3)


# ---- modes ----

def make_dynamic(model, _):
    model = onnx.ModelProto.FromString(model.SerializeToString())
    held = {each.name for each in model.graph.initializer}
    for i, value in enumerate(model.graph.input):
        if value.name in held or not value.type.HasField("tensor_type"):
            continue
        for d, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"d{i}_{d}"
    for value in model.graph.output:
        if value.type.HasField("tensor_type"):
            for dim in value.type.tensor_type.shape.dim:
                dim.Clear()
    del model.graph.value_info[:]
    return model


def make_constant(model, arrays):
    model = onnx.ModelProto.FromString(model.SerializeToString())
    held = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in held]
    for value, array in zip(inputs, arrays):
        if value.type.HasField("tensor_type") and isinstance(array, np.ndarray) and array.dtype.kind not in "OSU":
            tensor = numpy_helper.from_array(array, value.name)
            if tensor.data_type == value.type.tensor_type.elem_type:
                model.graph.initializer.append(tensor)
                model.graph.input.remove(value)
    return model


# ---- comparing ----

def tolerance_of(want, case):
    names = {"float16": 2e-3, "bfloat16": 1e-2}
    default = names.get(want.dtype.name, 1e-4)
    return max(default, case.rtol if want.dtype.name != "float32" else min(case.rtol, 1e-3))


def compare(index, want, got, case):
    where = f"output {index}"
    if not isinstance(want, np.ndarray):
        want = np.asarray(want)
    if want.dtype.kind in "OSU":
        raise Failure(f"{where} is of strings")
    if got.dtype != want.dtype:
        raise Failure(f"{where}: {got.dtype}, wanted {want.dtype}")
    if got.shape != want.shape:
        raise Failure(f"{where}: shape {list(got.shape)}, wanted {list(want.shape)}")
    if RANDOM.match(case.name):
        if not np.isfinite(got.astype(np.float64)).all():
            raise Failure(f"{where}: not finite")
        return
    if want.dtype.kind in "biu" or want.dtype.name.startswith(("int", "uint")):
        wrong = int((want != got).sum())
        if wrong:
            raise Failure(f"{where}: {wrong} of {want.size} differ, as {got[want != got].ravel()[0]}, wanted {want[want != got].ravel()[0]}")
        return
    want, got, tolerance = want.astype(np.float64), got.astype(np.float64), tolerance_of(want, case)
    for what, test in (("NaN", np.isnan), ("infinity", np.isinf)):
        if (test(want) != test(got)).any():
            raise Failure(f"{where}: {what} in {int(test(got).sum())} places, wanted {int(test(want).sum())}")
    infinite = np.isinf(want)
    if (want[infinite] != got[infinite]).any():
        raise Failure(f"{where}: infinities of the other sign")
    finite = np.isfinite(want)
    if not finite.any():
        return
    error, top = np.abs(want[finite] - got[finite]).max(), np.abs(want[finite]).max()
    if error > tolerance * top + 1e-12:
        raise Failure(f"{where}: off by {error:.3g} of {top:.3g}, {error / max(top, 1e-300):.2g} relative")


def run_case(case, mode, device):
    """Raises Failure where the case fails."""
    import aicc
    for inputs, outputs in case.data_sets:
        model = case.model
        held = {each.name for each in model.graph.initializer}
        names = [each.name for each in model.graph.input if each.name not in held]
        values = dict(zip(names, (numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v for v in inputs)))
        # A sequence's tensors are outputs of their own.
        outputs = [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v
                   for each in outputs for v in (each if isinstance(each, list) else [each])]
        if mode == "dynamic":
            model = make_dynamic(model, values)
        elif mode == "constant":
            model = make_constant(model, [values[name] for name in names])
        try:
            compiled = aicc.compile(model, device=device, threads=1)
            results = compiled.run(**{each.name: values[each.name] for each in compiled.inputs})
        except (aicc.Error, TypeError) as error:
            raise Failure(str(error).replace("\n", " | ")) from None
        if len(results) != len(outputs):
            raise Failure(f"{len(results)} outputs, wanted {len(outputs)}")
        for i, (want, got) in enumerate(zip(outputs, results)):
            compare(i, want, got, case)


# ---- workers ----

def work(connection, cases, mode, device):
    while True:
        index = connection.recv()
        if index is None:
            return
        start = time.monotonic()
        try:
            run_case(cases[index], mode, device)
            message = None
        except Failure as failure:
            message = str(failure)
        except Exception:  # pylint: disable=broad-except
            message = "the test failed: " + traceback.format_exc().strip().replace("\n", " | ")
        connection.send((message, time.monotonic() - start))


class Worker:
    def __init__(self, *arguments):
        self.connection, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=work, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.index, self.deadline = None, 0.0

    def give(self, index):
        self.index, self.deadline = index, time.monotonic() + CASE_SECONDS
        self.connection.send(index)

    def result(self):
        """(message, seconds) of the case, or None while it runs. The worker is dead where the message is of a crash."""
        if self.connection.poll(0):
            try:
                return self.connection.recv()
            except EOFError:
                self.process.join()
                return f"crashed: exit code {self.process.exitcode}", 0.0
        if time.monotonic() > self.deadline:
            self.process.kill()
            self.process.join()
            return f"not done in {CASE_SECONDS} s", CASE_SECONDS
        return None


def run_all(cases, options):
    """{name: (message or None, seconds)} of all cases."""
    arguments = (cases, options.mode, options.device)
    context = list(range(len(cases)))[::-1]
    workers, results = [], {}
    done = 0
    while context or any(worker.index is not None for worker in workers):
        while context and len(workers) < options.jobs:
            workers.append(Worker(*arguments))
        for worker in workers:
            if worker.index is None and context:
                worker.give(context.pop())
        multiprocessing.connection.wait([w.connection for w in workers if w.index is not None], timeout=1)
        for worker in list(workers):
            result = worker.result() if worker.index is not None else None
            if result is None:
                continue
            results[cases[worker.index].name] = result
            worker.index = None
            done += 1
            if not worker.process.is_alive():
                workers.remove(worker)
            if sys.stdout.isatty():
                print(f"\r{done}/{len(cases)}", end="", flush=True)
    for worker in workers:
        worker.connection.send(None)
    if sys.stdout.isatty():
        print("\r", end="")
    return results


# ---- expectations ----

def read_expected(mode, device):
    """{case: reason} of what may fail in a mode and on a device."""
    expected = {}
    with open(os.path.join(HERE, "expected_failures.txt"), encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            name, where, reason = words
            if reason not in REASONS:
                sys.exit(f"expected_failures.txt:{number}: {reason} is none of {', '.join(REASONS)}")
            # What fails on the host fails everywhere.
            if where in (mode, f"{mode}@{device.split(':')[0]}"):
                expected[name] = reason
    return expected


def update_expected(cases, results, options):
    """Lists what fails now for one of the reasons, and takes off what passes. What fails otherwise stays off the list."""
    path = os.path.join(HERE, "expected_failures.txt")
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    where = options.mode if options.device == "cpu" else f"{options.mode}@{options.device.split(':')[0]}"
    ran = {case.name for case in cases}
    known = read_expected(options.mode, options.device) if options.device != "cpu" else {}
    kept = [line for line in lines if line.startswith("#") or line.split()[1] != where or line.split()[0] not in ran]
    for case in cases:
        message = results[case.name][0]
        reason = next((name for name, (_, pattern) in REASONS.items() if message and re.search(pattern, message)), None)
        if reason and case.name not in known:
            kept.append(f"{case.name} {where} {reason}")
    head = [line for line in kept if line.startswith("#")]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join([*head, *sorted(line for line in kept if not line.startswith("#"))]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=MODES, default="given")
    parser.add_argument("--device", default="cpu", help="as aicc.compile takes it (default cpu)")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose names match")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", metavar="FILE", help="write what each case gave")
    parser.add_argument("--update", action="store_true", help="rewrite expected_failures.txt for this mode and device")
    parser.add_argument("-v", "--verbose", action="store_true", help="print expected failures, too")
    options = parser.parse_args()

    cases = [case for case in [*node_cases(), *shipped_cases()] if re.search(options.only, case.name)][::options.sample]
    results = run_all(cases, options)
    if options.update:
        update_expected(cases, results, options)
    expected = read_expected(options.mode, options.device)
    passed = failed = known = 0
    for case in cases:
        message, seconds = results[case.name]
        reason = expected.get(case.name)
        if message is None and reason is None:
            passed += 1
        elif message is None:
            failed += 1
            print(f"PASSES  {case.name}: listed as failing ({reason}); take it off the list")
        elif reason:
            known += 1
            if options.verbose:
                print(f"known   {case.name} ({reason}): {message[:300]}")
        else:
            failed += 1
            print(f"FAIL    {case.name}: {message[:400]}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump({
                "mode": options.mode, "device": options.device,
                "cases": [{"name": case.name, "ops": case.ops, "message": results[case.name][0],
                           "reason": expected.get(case.name), "seconds": round(results[case.name][1], 3)} for case in cases],
            }, stream, indent=0)
    print(f"{options.mode} on {options.device}: {len(cases)} cases, {known} fail as expected")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main())
