"""Compiles every model of makers.py and compares its outputs with ONNX Runtime's: `run_models.py [--only REGEX]`.

A case is made, run by ONNX Runtime, compiled with `aicc compile` and run with `aicc run` once for each of its bindings;
symbolic cases run several sizes from one module.  Equal means (as everywhere in this project): max|y - y'| <= tolerance
* max|y|, NaNs and infinities in the same places, integers and booleans exact.  The reference itself is checked too: an
output that is constant proves nothing and fails the case.

expected_failures.txt lists cases that may fail, each with its reason; one that passes all the same fails the run.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from makers import cases  # noqa: E402

COMPILE_SECONDS, RUN_SECONDS = 300, 120


class Failure(Exception):
    """What is printed behind the case's name."""


# ---- comparing ----

def compare(name, want, got, tolerance, steps=0):
    """Raises Failure where got does not equal want; returns the error relative to the largest value."""
    if want.dtype != got.dtype:
        raise Failure(f"{name}: {got.dtype}, wanted {want.dtype}")
    if want.shape != got.shape:
        raise Failure(f"{name}: shape {list(got.shape)}, wanted {list(want.shape)}")
    if want.dtype.kind != "f":
        wrong = int((want != got).sum())
        if steps and wrong * 100 <= max(want.size, 100) and \
                np.abs(want.astype(np.int64) - got.astype(np.int64)).max() <= steps:
            return 0.0
        if wrong:
            raise Failure(f"{name}: {wrong} of {want.size} integers differ")
        return 0.0
    for what, test in (("NaN", np.isnan), ("infinity", np.isinf)):
        if (test(want) != test(got)).any():
            raise Failure(f"{name}: {what} in {int(test(got).sum())} places, wanted {int(test(want).sum())}")
    finite = np.isfinite(want)
    if (want[~finite & ~np.isnan(want)] != got[~finite & ~np.isnan(want)]).any():
        raise Failure(f"{name}: infinities of the other sign")
    if not finite.any():
        return 0.0
    error = np.abs(want[finite].astype(np.float64) - got[finite]).max()
    top = np.abs(want[finite]).max()
    if error > tolerance * top:
        where = np.unravel_index(np.where(finite, np.abs(want - got), 0).argmax(), want.shape)
        raise Failure(f"{name}: error {error:.3g} > {tolerance:g} * {top:.3g}, at {[int(i) for i in where]}: "
                      f"{got[where]:.6g}, wanted {want[where]:.6g}")
    return float(error / top) if top else 0.0


def check_reference(name, array):
    """A float output must vary: otherwise equality is luck."""
    if array.dtype.kind == "f" and array.size > 1:
        finite = array[np.isfinite(array)]
        if finite.size == 0 or np.ptp(finite) <= 1e-3 * np.abs(finite).max():
            raise Failure(f"the model is at fault: {name} is constant or not finite")


# ---- one case, in a worker process ----

def reference(path, feeds_list):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # What the model says, not integer kernels for what lies between quantizations.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return names, [session.run(None, feeds) for feeds in feeds_list]


def output_names(path):
    import onnx
    return [output.name for output in onnx.load(path, load_external_data=False).graph.output]


def command(what, arguments, seconds):
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"{what}: longer than {seconds} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        line = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "")
        status = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        raise Failure(f"{what}: {status}: {line[:300]}")


def run_case(case, options, folder):
    os.makedirs(folder, exist_ok=True)
    model = os.path.join(folder, "model.onnx")
    inputs = case.write(model)
    feeds_list = [case.feeds(inputs, b) for b in range(len(case.bindings))]
    if case.reference:
        names, wanted = output_names(model), [case.reference(feeds) for feeds in feeds_list]
    else:
        names, wanted = reference(model, feeds_list)
    for name, array in ((n, a) for outputs in wanted for n, a in zip(names, outputs)):
        check_reference(name, array)
    if options.reference_only:
        return "reference only"
    module, worst = os.path.join(folder, "model.aicc"), 0.0
    begin = time.time()
    command("compile", [options.aicc, "compile", model, "-o", module] + options.compile_flags, COMPILE_SECONDS)
    took = time.time() - begin
    for binding, feeds in enumerate(feeds_list):
        place = os.path.join(folder, f"run{binding}")
        os.makedirs(place, exist_ok=True)
        arguments = [options.aicc, "run", module, "--output-dir", place] + options.run_flags
        for number, (name, array) in enumerate(feeds.items()):
            np.save(os.path.join(place, f"input_{number}.npy"), array)
            arguments += ["--input", f"{name}=@{place}/input_{number}.npy"]
        sizes = ",".join(f"{k}={v}" for k, v in case.bindings[binding].items())
        try:
            command("run", arguments, RUN_SECONDS)
            for number, (name, want) in enumerate(zip(names, wanted[binding])):
                file = os.path.join(place, f"output_{number}.npy")
                if not os.path.exists(file):
                    raise Failure(f"{name}: no {os.path.basename(file)} written")
                worst = max(worst, compare(name, want, np.load(file), case.tolerance, case.steps))
        except Failure as failure:
            raise Failure(f"[{sizes}] {failure}") from None
    return f"error {worst:.1e}, compiled in {took:.1f} s"


def worker(task):
    """-> (seconds, why it failed or None, note).  Never raises: one broken case must not stop the others."""
    number, options, folder = task
    case = cases()[number]
    begin, why, note = time.time(), None, ""
    try:
        note = run_case(case, options, folder)
    except Failure as failure:
        why = str(failure)
    except Exception as error:  # the maker or the reference
        why = f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}"
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return time.time() - begin, why, note


# ---- the run ----

def expected_failures(path):
    """{case id: reason}; `ID  reason` a line, # begins a comment.  ID may end with /* for both modes."""
    found = {}
    for line in open(path) if os.path.exists(path) else []:
        line = line.split("#")[0].strip()
        if line:
            name, _, reason = line.partition(" ")
            if not reason.strip():
                sys.exit(f"{path}: {name} has no reason")
            for mode in ("static", "symbolic") if name.endswith("/*") else [None]:
                found[name[:-1] + mode if mode else name] = reason.strip()
    return found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="REGEX", default="", help="run the cases whose id matches")
    parser.add_argument("--part", metavar="K/N", default="0/1", help="the K-th of N parts of the cases, by their ids' hash")
    parser.add_argument("--list", action="store_true", help="print the cases' ids")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--keep", metavar="DIR", help="leave models, inputs, modules and outputs there")
    parser.add_argument("--aicc", default=os.path.join(ROOT, "build", "bin", "aicc"))
    parser.add_argument("--cpu-instance", metavar="ARCH", help="compile for x86-64-v3 and v4, run this one of them")
    parser.add_argument("--target", metavar="T", help="compile for this target (`aicc compile --target`)")
    parser.add_argument("--device", metavar="D", help="run on this device (`aicc run --device`)")
    parser.add_argument("--reference-only", action="store_true", help="make the models and run ONNX Runtime only")
    parser.add_argument("--expected-failures", default=os.path.join(HERE, "expected_failures.txt"))
    options = parser.parse_args()
    options.compile_flags, options.run_flags = [], []
    if options.cpu_instance:
        options.compile_flags = ["--target", "cpu:portable"]
        options.run_flags = ["--device", f"cpu:{options.cpu_instance}"]
    if options.target:
        options.compile_flags = ["--target", options.target]
    if options.device:
        options.run_flags = ["--device", options.device]
    return options


def main():
    options = arguments()
    part, parts = map(int, options.part.split("/"))
    chosen = [n for n, case in enumerate(cases())
              if re.search(options.only, case.id) and zlib.crc32(case.id.encode()) % parts == part]
    if options.list:
        print("\n".join(cases()[n].id for n in chosen))
        return 0
    if not chosen:
        sys.exit(f"no case matches {options.only!r}")
    if not options.reference_only and not os.path.exists(options.aicc):
        sys.exit(f"{options.aicc} is missing: build it first (make), or name it with --aicc")
    expected = {} if options.reference_only else expected_failures(options.expected_failures)
    unknown = sorted(set(expected) - {case.id for case in cases()})
    for name in unknown:
        print(f"FAIL {name}: listed in {os.path.basename(options.expected_failures)}, but there is no such case")
    place = options.keep or tempfile.mkdtemp(prefix="aicc-models-")
    tasks = [(n, options, os.path.join(place, cases()[n].id.replace("/", "."))) for n in chosen]
    passed, failed, excused = 0, len(unknown), 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for number, (seconds, why, note) in zip(chosen, pool.map(worker, tasks)):
            name = cases()[number].id
            if why is None and name in expected:
                why, word = f"passes, but is listed as an expected failure ({expected[name]})", "FAIL"
            elif why is not None and name in expected:
                word = "XFAIL"
            else:
                word = "ok" if why is None else "FAIL"
            passed, failed, excused = passed + (word == "ok"), failed + (word == "FAIL"), excused + (word == "XFAIL")
            print(f"{word:5s} {name:36s} {seconds:5.1f} s  {why or note}", flush=True)
    if not options.keep:
        shutil.rmtree(place, ignore_errors=True)
    if excused:
        print(f"{excused} failed as expected")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
