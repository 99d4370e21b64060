"""`make bench`: our latency next to ONNX Runtime's and OpenVINO's, in one run on the same inputs and threads.

    bench.py [--only REGEX] [--quick] [--threads 1,2] [--rounds N] [--seconds S]

Every measurement is a process of its own; the three take turns, round after round, and a measurement during which other
processes took the machine's CPUs is made again (spin barriers collapse beside a busy neighbour, so such numbers say
nothing).  What is compared is the median of the rounds' medians, and ratios, never clock rates.  Compile time, peak
memory of the compiler (VmHWM), module size and load time come along, and the machine's measured FMA peak.

A full run writes docs/benchmarks.md and test/bench/results.json; with --only or --quick it only prints, unless --write.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import models  # noqa: E402
import report  # noqa: E402

AICC = os.path.join(ROOT, "build", "bin", "aicc")
PEERS = ["aicc", "ort", "openvino"]
ATTEMPTS, PATIENCE = 4, 2.0  # of a disturbed measurement: how often, and the pause before the next, in seconds
TOLERANCE = 1e-4
BURST_RATE = 200  # GFLOP/s a thread, roughly: how long a burst lasts that is compared with a product


class Failed(Exception):
    """A measurement that could not be made: one line that says why."""


# ---- processes ----

def busy_seconds():
    """CPU time of the whole machine, ours included; steal counts: it was taken from us."""
    fields = [int(v) for v in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid):
    """VmHWM in bytes, or None. Not ru_maxrss: that one inherits the parent's peak across fork."""
    try:
        with open(f"/proc/{pid}/status") as file:
            line = next((l for l in file if l.startswith("VmHWM")), None)
        return int(line.split()[1]) * 1024 if line else None
    except OSError:
        return None


def execute(arguments, limit=900, poll=False, environment=None):
    """Runs a command -> (stdout, {"wall", "others", "peak"}).  others: how many CPUs' worth of time went elsewhere."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, own, begin, peak = busy_seconds(), sum(os.times()[:2]), time.monotonic(), 0
        child = subprocess.Popen(arguments, stdout=out, stderr=err, env=dict(os.environ, **(environment or {})))
        while True:
            peak = max(peak, peak_memory(child.pid) or 0) if poll else peak
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - begin > limit:
                child.kill()
                os.wait4(child.pid, 0)
                child.returncode = -9
                raise Failed(f"longer than {limit} s")
            time.sleep(0.005)
        wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        mine = usage.ru_utime + usage.ru_stime + sum(os.times()[:2]) - own
        others = max(0.0, busy_seconds() - busy - mine) / wall
        out.seek(0), err.seek(0)
        text, errors = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if child.returncode:
        lines = [l for l in errors.splitlines() if l.strip()] or [f"exit status {child.returncode}"]
        raise Failed(next((l for l in lines if "rror" in l), lines[-1])[:300])
    return text, {"wall": wall, "others": others, "peak": peak}


def last_json(text):
    begin = text.find("{")
    try:
        return json.loads(text[begin:])
    except ValueError:
        raise Failed("printed no JSON") from None


def quiet(others, threads):
    """Whether a measurement on `threads` CPUs was left alone while `others` CPUs were busy with something else."""
    spare = (os.cpu_count() or 1) - threads
    return others < max(0.1, spare - 0.4)


def undisturbed(measure, threads):
    """The first quiet one of some attempts, or the least disturbed; with "quiet" in it."""
    best = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PATIENCE)
        got = measure()
        if best is None or got["others"] < best["others"]:
            best = got
        if quiet(got["others"], threads):
            break
    best["quiet"] = quiet(best["others"], threads)
    return best


# ---- what is measured ----

def inputs_of(feeds):
    return [argument for name, path in feeds.items() for argument in ("--input", f"{name}=@{path}")]


def measure_latency(peer, model, threads, seconds):
    if peer == "aicc":
        command = [AICC, "bench", model["module"], "--threads", str(threads), "--json"] + inputs_of(model["feeds"])
    else:
        command = [sys.executable, os.path.join(HERE, "peers.py"), peer, model["onnx"], model["feeds_file"], str(threads),
                   str(seconds)]
    text, cost = execute(command, environment={"OMP_NUM_THREADS": str(threads)})
    return {**last_json(text), "others": cost["others"]}


def measure_compile(model):
    """Compiles as `aicc compile` does by default: one instance, for this host."""
    scratch = model["module"] + ".tmp"
    _, cost = execute([AICC, "compile", model["onnx"], "-o", scratch], poll=True)
    os.replace(scratch, model["module"])
    return {"compile_s": cost["wall"], "compile_peak_bytes": cost["peak"], "model_bytes": model_size(model["onnx"]),
            "module_bytes": os.path.getsize(model["module"]), "compile_others": cost["others"]}


def model_size(path):
    data = path.replace(".onnx", ".data")
    return os.path.getsize(path) + (os.path.getsize(data) if os.path.exists(data) else 0)


def measure_load(model):
    text, _ = execute([sys.executable, os.path.join(HERE, "load_time.py"), library(), model["module"]])
    return {"load_ms": last_json(text)["median_ms"]}


def library():
    return os.path.join(ROOT, "build", "lib", "libaicc.so")


def check_outputs(model):
    """Largest error of our outputs against ONNX Runtime's, relative to each output's largest value."""
    with tempfile.TemporaryDirectory() as folder:
        execute([AICC, "run", model["module"], "--output-dir", folder] + inputs_of(model["feeds"]))
        wanted_file = os.path.join(folder, "wanted.npz")
        execute([sys.executable, os.path.join(HERE, "peers.py"), "ort", model["onnx"], model["feeds_file"], "1", "0",
                 wanted_file])
        wanted, worst = np.load(wanted_file), 0.0
        for number, key in enumerate(wanted.files):
            want, got = wanted[key], np.load(os.path.join(folder, f"output_{number}.npy"))
            if want.shape != got.shape or not np.isfinite(got).all():
                raise Failed(f"output {number}: shape {list(got.shape)}, wanted {list(want.shape)}; or not finite")
            worst = max(worst, float(np.abs(want - got).max() / np.abs(want).max()))
    if worst > TOLERANCE:
        raise Failed(f"outputs differ from ONNX Runtime's by {worst:.1e} of the largest")
    return {"error": worst}


def limits_program():
    """Path of limits.c's program, built when it is older than its source."""
    source, program = os.path.join(HERE, "limits.c"), os.path.join(models.CACHE, "limits")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        compiler = os.environ.get("CC") or next((c for c in ("clang-19", "clang", "gcc", "cc") if which(c)), "cc")
        execute([compiler, "-O2", "-pthread", source, "-o", program])
    return program


def measure_limits(threads):
    """Each point's best: the peak is what is left when nobody disturbs."""
    return last_json(execute([limits_program(), str(max(threads))])[0])["isa"]


def measure_bursts(threads, gflop):
    """Medians of bursts about as long as a product of `gflop`, for about half a second a point."""
    seconds = max(0.002, gflop / (BURST_RATE * threads))
    count = max(5, min(200, round(0.5 / seconds)))
    return last_json(execute([limits_program(), str(threads), f"{seconds:.5f}", str(count)])[0])


def which(name):
    return any(os.access(os.path.join(p, name), os.X_OK) for p in os.environ.get("PATH", "").split(os.pathsep))


def better_limits(one, two):
    return {isa: {n: max(one.get(isa, {}).get(n, 0), rate) for n, rate in rates.items()} for isa, rates in two.items()}


# ---- the run ----

def prepare(name, options):
    """Makes, compiles, checks one model; what fails on our side is noted, and the peers are measured all the same."""
    path, feeds = models.prepare(name)
    feeds_file = path.replace("model.onnx", "feeds.abs.json")
    with open(feeds_file, "w") as out:
        json.dump(feeds, out)
    model = {"name": name, "onnx": path, "feeds": feeds, "feeds_file": feeds_file, "flops": models.flops(path),
             "module": path.replace(".onnx", ".aicc")}
    row = {"name": name, "gflop": model["flops"] / 1e9, "latency": {}}
    try:
        if not os.path.exists(AICC):
            raise Failed("build/bin/aicc is missing")
        row.update(measure_compile(model))
        row.update(check_outputs(model))
        row.update(measure_load(model))
    except Failed as why:
        row["failed"] = str(why)
    print(f"{name:24s} " + (f"aicc FAILED: {row['failed']}" if "failed" in row else
                            f"compiled in {row['compile_s']:.1f} s, error {row['error']:.1e}"), flush=True)
    return model, row


def measure(model, row, options):
    for _ in range(options.rounds):
        for threads in options.threads:
            for peer in PEERS:
                place = row["latency"].setdefault(str(threads), {}).setdefault(peer, {"medians": [], "quiet": True})
                if "failed" in place or (peer == "aicc" and "failed" in row):
                    continue
                try:
                    bursts = measure_bursts(threads, row["gflop"]) if model["name"].startswith("gemm_") else {}
                    got = undisturbed(lambda: measure_latency(peer, model, threads, options.seconds), threads)
                except Failed as why:
                    place["failed"] = str(why)
                    continue
                place["medians"].append(got["median_ms"])
                place["quiet"] &= got["quiet"]
                for point, rate in bursts.items():
                    place.setdefault("bursts", {}).setdefault(point, []).append(rate)
    for threads, by_peer in row["latency"].items():
        for peer, place in by_peer.items():
            if place["medians"]:
                place["ms"] = statistics.median(place["medians"])
            if "bursts" in place:
                place["shares"] = {point: statistics.median(row["gflop"] / ms * 1e3 / rate
                                                            for ms, rate in zip(place["medians"], rates))
                                   for point, rates in place["bursts"].items()}
        best = min((by_peer[p]["ms"] for p in PEERS[1:] if "ms" in by_peer[p]), default=None)
        if best and "ms" in by_peer["aicc"]:
            by_peer["ratio"] = by_peer["aicc"]["ms"] / best
        print("    " + report.latency_line(threads, by_peer), flush=True)


def arguments():
    numbers = lambda text: [int(n) for n in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="REGEX", default="", help="the models whose name matches")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--threads", type=numbers, default=sorted({1, min(2, os.cpu_count() or 1)}), metavar="N,N")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of a peer's measurement")
    parser.add_argument("--write", action="store_true", help="write the results of a partial run too")
    parser.add_argument("--list", action="store_true", help="print the models' names")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (0.7 if options.quick else 1.5)
    return options


def main():
    options = arguments()
    names = [name for name in models.MAKERS if re.search(options.only, name)]
    if options.list:
        print("\n".join(names))
        return 0
    if not names:
        sys.exit(f"no model matches {options.only!r}")
    os.makedirs(models.CACHE, exist_ok=True)
    limits, rows = measure_limits(options.threads), []
    for name in names:
        model, row = prepare(name, options)
        measure(model, row, options)
        limits = better_limits(limits, measure_limits(options.threads))
        rows.append(row)
    results = {"machine": report.machine(), "versions": report.versions(), "limits": limits, "models": rows,
               "rounds": options.rounds}
    text = report.markdown(results)
    print("\n" + text)
    if options.write or not (options.only or options.quick):
        with open(os.path.join(HERE, "results.json"), "w") as out:
            json.dump(results, out, indent=1)
        with open(os.path.join(ROOT, "docs", "benchmarks.md"), "w") as out:
            out.write(text)
    return 1 if any("failed" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
