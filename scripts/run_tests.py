#!/usr/bin/env python3
"""Runs every test suite of the table below, streams their output, and ends with one line "N passed, N failed".

A suite is a command, and a way to count: lit's and GoogleTest's own reports, or the suite's last line "N passed, N failed";
a command without such a line counts as one test. A suite that cannot start, that ends with an error but reports no failure,
or that reports no test at all is a failure: nothing is left out in silence. A suite that this machine cannot run says so
in the summary. --suite NAME... runs some of them.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import device_env

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
PYTHON = os.path.join(BUILD, "venv", "bin", "python")
CMAKE = os.path.join(BUILD, "venv", "bin", "cmake")
JOBS = str(os.cpu_count() or 2)
# Each test program gets this long before it counts as hanging.
TIMEOUT_SECONDS = 1800

# What a sanitizer finds ends the program. Detecting leaks needs ptrace, which containers often forbid; the loader's tests
# count allocations themselves.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "halt_on_error=1:detect_leaks=0:detect_container_overflow=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:allocator_may_return_null=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
}


def stream(command, env=None):
    """Runs a command with its output passed on; returns its exit code and its lines. Code 127: it could not start."""
    lines = []
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )
    except OSError as error:
        print(error)
        return 127, lines
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        lines.append(line.rstrip("\n"))
    return process.wait(), lines


def settle(code, passed, failed):
    """The counts of a command that ended with `code`: an error must show as a failure."""
    if failed == 0 and (code != 0 or passed == 0):
        failed = 1
        print(f"exit code {code}, {passed} passed: counted as a failure")
    return passed, failed


def script(*command):
    """A suite whose last line says what passed, or else its exit code."""

    def run(_):
        code, lines = stream(command)
        for line in reversed(lines):
            match = re.fullmatch(r"(\d+) passed, (\d+) failed", line.strip())
            if match:
                return settle(code, int(match.group(1)), int(match.group(2)))
        return (1, 0) if code == 0 else (0, 1)

    return run


def lit(_):
    """The .mlir and .test files below test/."""
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "lit.json")
        tests = os.path.join(BUILD, "test")
        lit_program = os.path.join(BUILD, "venv", "bin", "lit")
        code, _ = stream(
            ["timeout", str(TIMEOUT_SECONDS), lit_program, "-v", "--no-progress-bar", "-j", JOBS, "-o", report, tests]
        )
        try:
            with open(report, encoding="utf-8") as stream_:
                codes = [test["code"] for test in json.load(stream_)["tests"]]
        except (OSError, ValueError, KeyError):
            codes = []
    good = ("PASS", "XFAIL", "FLAKYPASS")
    passed = sum(each in good for each in codes)
    return settle(code, passed, len(codes) - passed)


def instance(architecture, needed):
    """A few models of each family by the portable module's kernels for one level of the instruction set, whatever this CPU
    would choose. Returns why not, where the CPU lacks an instruction set of `needed`."""
    models = script(
        PYTHON, "test/models/run_models.py", "--cpu-instance", architecture, "--only",
        "^(minilm/symbolic|llama_step/symbolic|mobilenet_v3/static|resnet_bottleneck/symbolic|unet_bilinear/symbolic"
        "|lstm_tagger/symbolic|forms_opset13/static|attributes_opset9/static)$",
    )

    def run(options):
        with open("/proc/cpuinfo", encoding="utf-8") as stream_:
            flags = next((line.split(":")[1].split() for line in stream_ if line.startswith("flags")), [])
        lacking = [flag for flag in needed if flag not in flags]
        return f"this CPU lacks {', '.join(lacking)}" if lacking else models(options)

    return run


def mock_device(_):
    """A few models on the mock device, whose memory the host cannot reach: what the runtime does for accelerators, with real
    programs. Needs no hardware; kernels are the cpu's."""
    plugins = os.path.join(BUILD, "test", "lib", "aicc")
    command = [
        PYTHON, "test/models/run_models.py", "--device", "mock:1", "--only",
        "^(minilm/symbolic|llama_step/symbolic|mobilenet_v3/static|lstm_tagger/symbolic|forms_opset13/static)$",
    ]
    return script("env", f"AICC_PLUGIN_PATH={plugins}", *command)(_)


def device_models(device, variables, part):
    """Some of the models on a device for tests, which `variables` (of device_env) makes the loaders find; the device's compiler
    takes about a second for each, and `run_models.py --target level_zero --device opencl:0` runs all. Returns why not, where
    the device cannot be had."""
    models = script(
        PYTHON, "scripts/device_env.py", PYTHON, "test/models/run_models.py", "--target", "level_zero", "--device", device,
        "--part", part,
    )

    def run(options):
        return models(options) if variables(BUILD) else f"{device} is not here: scripts/device_env.py finds nothing for it"

    return run


def device_onnx(options):
    """Every second case of ONNX's tests, more than 900, on the OpenCL device for tests."""
    if not device_env.opencl(BUILD):
        return "opencl:0 is not here: scripts/device_env.py finds nothing for it"
    return script(
        PYTHON, "scripts/device_env.py", PYTHON, "test/conformance/onnx/run_onnx.py", "--device", "opencl:0", "--sample", "2"
    )(options)


def programs(build, kind):
    """The programs that CMake listed while it configured `build`: their paths and arguments."""
    try:
        with open(os.path.join(build, f"{kind}.txt"), encoding="utf-8") as listing:
            return [line.split("\t") for line in listing.read().splitlines() if line]
    except OSError:
        return []


def run_googletest(command, env=None):
    """One unit-test program: what passed and failed, its exit code and its lines."""
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report.json")
        full = ["timeout", str(TIMEOUT_SECONDS), *command, "--gtest_brief=1", f"--gtest_output=json:{report}"]
        print(" ".join([os.path.basename(command[0]), *command[1:]]), flush=True)
        code, lines = stream(full, env)
        try:
            with open(report, encoding="utf-8") as stream_:
                counts = json.load(stream_)
            bad = counts["failures"] + counts.get("errors", 0)
            good = counts["tests"] - counts.get("disabled", 0) - bad
        except (OSError, ValueError, KeyError):
            good, bad = 0, 0
        return good, bad, code, lines


def googletest(build, env=None):
    """Every unit-test program of one build."""
    passed = failed = 0
    for command in programs(build, "unittests"):
        good, bad, code, _ = run_googletest(command, env)
        good, bad = settle(code, good, bad)
        passed, failed = passed + good, failed + bad
    return settle(0, passed, failed)


def unit(_):
    return googletest(BUILD, device_env.opencl(BUILD))


def drivers(_):
    """The conformance suite on the first device of every driver that was built. The program ends with 77 where a driver has
    no device, and its last line says why. (The suite over stand-ins of vendors' libraries is among the unit tests.)"""
    passed = failed = 0
    notes = []
    images = os.path.join(BUILD, "test", "conformance", "images")
    plugins = sorted(glob.glob(os.path.join(BUILD, "lib", "aicc", "libaicc_driver_*.so")))
    for driver in ["cpu", *plugins]:
        program = os.path.join(BUILD, "bin", "driver_conformance")
        good, bad, code, lines = run_googletest(
            [program, "--driver", driver, "--images", images], device_env.environment(BUILD)
        )
        if code == 77 and good + bad == 0:
            name = os.path.basename(driver)[len("libaicc_driver_") : -len(".so")]
            notes.append((name, lines[-1] if lines else "no reason given"))
            continue
        good, bad = settle(code, good, bad)
        passed, failed = passed + good, failed + bad
    return passed, failed, notes


def sanitized(name, sanitizers):
    """The runtime and its tests, built once more with sanitizers in a build folder of their own."""

    def run(_):
        build = f"{BUILD}-{name}"
        configure = [CMAKE, "-G", "Ninja", "-S", ROOT, "-B", build, "-DAICC_RUNTIME_ONLY=ON", f"-DAICC_SANITIZE={sanitizers}"]
        for command in (configure, ["ninja", "-C", build, "all", "aicc-tests"]):
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if result.returncode != 0:
                print(result.stdout[-8000:])
                return 0, 1
        return googletest(build, SANITIZER_ENV)

    return run


def fuzz(options):
    """Every fuzz target for a few seconds, from its seeds in test/fuzz/corpus/<name>. A finding stays in build/fuzz."""
    passed = failed = 0
    for path, *_ in programs(BUILD, "fuzzers"):
        name = os.path.basename(path)
        seeds = os.path.join(ROOT, "test", "fuzz", "corpus", name)
        corpus = os.path.join(BUILD, "fuzz", name)
        os.makedirs(corpus, exist_ok=True)
        more = []
        if name == "fuzz-importer":  # ONNX's own small cases, which are made, not stored
            cases = os.path.join(BUILD, "fuzz", "node-cases")
            if not os.path.isdir(cases):
                subprocess.run([PYTHON, "test/conformance/mutations/run_mutations.py", "--write-seeds", cases], cwd=ROOT, check=True)
            more = [cases]
        command = [
            path, f"-max_total_time={options.fuzz_seconds}", "-rss_limit_mb=4096", "-timeout=25", "-print_final_stats=1",
            "-verbosity=0", f"-artifact_prefix={corpus}-", corpus, *([seeds] if os.path.isdir(seeds) else []), *more,
        ]
        print(f"{name}: {options.fuzz_seconds} s", flush=True)
        code, _ = stream(command, SANITIZER_ENV)
        passed, failed = passed + (code == 0), failed + (code != 0)
    return settle(0, passed, failed)


# In this order: what fails fast comes first.
SUITES = {
    "layering-self-test": script(PYTHON, "scripts/check_layering.py", "--self-test"),
    "layering": script(PYTHON, "scripts/check_layering.py"),
    "format": script(PYTHON, "scripts/check_format.py"),
    "docs": script(PYTHON, "scripts/check_docs.py"),
    "lit": lit,
    "unit": unit,
    "drivers": drivers,
    "models": script(PYTHON, "test/models/run_models.py"),
    "python": script(PYTHON, "test/python/test_aicc.py"),
    "python-stub": script(PYTHON, "test/python/test_stub.py"),
    "wheel": script(PYTHON, "test/python/test_wheel.py"),
    "onnx": script(PYTHON, "test/conformance/onnx/run_onnx.py"),
    "onnx-constant": script(PYTHON, "test/conformance/onnx/run_onnx.py", "--mode", "constant"),
    "onnx-dynamic": script(PYTHON, "test/conformance/onnx/run_onnx.py", "--mode", "dynamic"),
    "random": script(PYTHON, "test/conformance/random/run_random.py"),
    "mutations": script(PYTHON, "test/conformance/mutations/run_mutations.py"),
    "models-v3": instance("x86-64-v3", ["avx2", "fma", "bmi2", "f16c"]),
    "models-v4": instance("x86-64-v4", ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]),
    "gpu-static": script(PYTHON, "test/targets/gpu/static_checks.py"),
    "models-mock-device": mock_device,
    "opencl": device_models("opencl:0", device_env.opencl, "0/3"),
    "onnx-opencl": device_onnx,
    "level_zero": device_models("level_zero:0", device_env.level_zero, "1/5"),
    "asan": sanitized("asan", "address,undefined"),
    "tsan": sanitized("tsan", "thread"),
    "fuzz": fuzz,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", nargs="+", choices=SUITES, default=list(SUITES), metavar="NAME", help=", ".join(SUITES))
    parser.add_argument("--fuzz-seconds", type=int, default=15, help="how long each fuzz target runs (default 15)")
    options = parser.parse_args()
    rows, left_out = [], []
    for name in options.suite:
        print(f"== {name}", flush=True)
        start = time.monotonic()
        result = SUITES[name](options)
        if isinstance(result, str):
            print(f"not run: {result}")
            left_out.append((name, result))
            continue
        passed, failed, *notes = result
        for part, reason in notes[0] if notes else ():
            left_out.append((f"{name}: {part}", reason))
        rows.append((name, passed, failed, time.monotonic() - start))
    print("== summary")
    for name, passed, failed, seconds in rows:
        print(f"{name:20} {passed:6} passed {failed:6} failed {seconds:8.1f} s")
    for name, reason in left_out:
        print(f"{name:20} not run: {reason}")
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
