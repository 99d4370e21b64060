"""Random ONNX models against ONNX Runtime and the reference interpreter: `run_random.py [--seeds N] [--first N]`.

The same seed makes the same model. What fails is made small and kept in build/random/SEED, which `run_random.py --again
build/random/SEED` runs once more. Differences that are ONNX Runtime's, or that the standard leaves open, are in known.py.
Ends with "N passed, N failed".
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import check  # noqa: E402
import known  # noqa: E402

OUTPUT = os.path.join(os.environ.get("AICC_BUILD_DIR", os.path.join(check.ROOT, "build")), "random")


def run_seed(seed, options):
    """(kind, message) of what happened; kind is "ok" or "nothing" where there is nothing to say."""
    from generator import Graph

    built = Graph(seed, options.only).build()
    if built is None:
        return "nothing", ""
    model, *rest = built
    with tempfile.TemporaryDirectory() as folder:
        check.save(folder, model, *rest)
        problem = check.verify(folder, options.extra)
        if problem is None:
            return "ok", ""
        if reason := known.find(model, problem):
            return "known", reason
        # A symbolic size may be one that nothing proves to fit; the same model with its sizes must do.
        if problem[0] == "refused" and any(d.dim_param for i in model.graph.input for d in i.type.tensor_type.shape.dim):
            for value, array in zip(model.graph.input, rest[0].values()):
                for dim, size in zip(value.type.tensor_type.shape.dim, array.shape):
                    dim.Clear()
                    dim.dim_value = size
            check.save(folder, model, *rest)
            problem = check.verify(folder, options.extra) or ("symbolic", problem[1])
            if problem[0] == "symbolic":
                return problem
            if reason := known.find(model, problem):
                return "known", reason
        keep = os.path.join(OUTPUT, str(seed))
        shutil.rmtree(keep, ignore_errors=True)
        os.makedirs(OUTPUT, exist_ok=True)
        if options.no_reduce:
            shutil.copytree(folder, keep)
            return problem
        import reduce

        problem = reduce.reduce(folder, keep, options.extra)
        return problem[0], f"{problem[1]}\n{reduce.describe(keep)}"


def work(options):
    """A worker: seeds from standard input, one line of JSON for each."""
    for line in sys.stdin:
        try:
            result = run_seed(int(line), options)
        except Exception as error:  # the generator's own fault: as bad as a failure
            result = "generator", f"{type(error).__name__}: {error}"
        print(json.dumps([int(line), *result]), flush=True)


class Pool:
    """Workers that may die: a seed that kills one (ONNX Runtime crashes, too) costs a line."""

    def __init__(self, options, report):
        self.seeds = iter(range(options.first, options.first + options.seeds))
        self.lock = threading.Lock()
        self.report = report
        self.command = [sys.executable, os.path.abspath(__file__), "--worker", *sys.argv[1:]]

    def feed(self):
        process = None
        while True:
            with self.lock:
                seed = next(self.seeds, None)
            if seed is None:
                break
            if process is None:
                process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process.stdin.write(f"{seed}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if line:
                result = json.loads(line)
            else:
                # aicc runs in a process of its own: this was the reference.
                result = [seed, "reference died", f"with {process.wait()}"]
                process = None
            with self.lock:
                self.report(*result)
        if process:
            process.stdin.close()
            process.wait()

    def run(self, count):
        threads = [threading.Thread(target=self.feed) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=500, help="how many (default 500)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--only", nargs="+", metavar="FAMILY", help="operators of these families (see operators.py) only")
    parser.add_argument("--again", metavar="DIR", help="run a kept model once more")
    parser.add_argument("--no-reduce", action="store_true", help="keep failing models as they are")
    parser.add_argument("--verbose", action="store_true", help="say what is known, and which symbolic sizes are refused")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="more options for `aicc verify`: comes last")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options)
    if options.again:
        problem = check.verify(options.again, options.extra)
        print(" ".join(check.command(options.again, options.extra)))
        print(f"{problem[0]}: {problem[1]}" if problem else "all right")
        return 1 if problem else 0
    counts, start = {}, time.monotonic()

    def report(seed, kind, message):
        counts[kind] = counts.get(kind, 0) + 1
        if options.verbose and kind not in ("ok", "nothing"):
            print(f"seed {seed}: {kind}: {message}", flush=True)
        if kind not in ("ok", "nothing", "known", "symbolic", "reference died"):
            print(f"seed {seed}: {kind}: {message}", flush=True)
            print(f"  again: {sys.executable} {os.path.relpath(__file__)} --again {os.path.join(OUTPUT, str(seed))}", flush=True)

    Pool(options, report).run(options.jobs)
    passed = sum(counts.get(kind, 0) for kind in ("ok", "nothing", "known", "symbolic", "reference died"))
    print(", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())), f"in {time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {options.seeds - passed} failed")
    return 0 if passed == options.seeds else 1


if __name__ == "__main__":
    sys.exit(main())
