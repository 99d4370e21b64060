"""How benchmark results read: the machine, and docs/benchmarks.md made from results.json's contents."""
import datetime
import os
import re
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TITLES = {"aicc": "aicc", "ort": "ONNX Runtime", "openvino": "OpenVINO"}
LIMITS = {"fma": "FMA peak", "tile_l1": "tile from L1", "tile_l2": "tile from L2"}
INTERESTING = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8"]


# ---- the machine ----

def machine():
    text = open("/proc/cpuinfo").read()
    field = lambda name: (re.search(rf"^{name}\s*:\s*(.*)$", text, re.M) or ["", "unknown"])[1]
    flags = field("flags").split()
    memory = int(re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo").read())[1]) * 1024
    return {"cpu": field("model name"), "model": f"family {field('cpu family')}, model {field('model')}",
            "cores": os.cpu_count(), "features": [f for f in INTERESTING if f in flags], "caches": caches(),
            "memory_bytes": memory, "date": datetime.date.today().isoformat()}


def caches():
    """{"L1d": "48K", ...} of the first core."""
    base, found = "/sys/devices/system/cpu/cpu0/cache", {}
    for entry in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        read = lambda name: open(os.path.join(base, entry, name)).read().strip()
        try:
            if read("type") != "Instruction":
                found["L" + read("level") + ("d" if read("type") == "Data" else "")] = read("size")
        except OSError:
            pass
    return found


def versions():
    from importlib.metadata import version
    revision = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {"onnxruntime": version("onnxruntime"), "openvino": version("openvino"), "aicc": revision.stdout.strip()}


# ---- tables ----

def milliseconds(place):
    if "ms" not in place:
        return "failed" if "failed" in place else "–"
    digits = 3 if place["ms"] < 1 else 2 if place["ms"] < 100 else 1
    return f"{place['ms']:.{digits}f}" + ("" if place["quiet"] else "\\*")


def ratio(by_peer):
    return f"{by_peer['ratio']:.2f}" if "ratio" in by_peer else "–"


def latency_line(threads, by_peer):
    """One line for the terminal."""
    parts = [f"{TITLES[p]} {milliseconds(by_peer[p])}" for p in TITLES if p in by_peer]
    return f"{threads} thread{'s' if threads != '1' else ' '}  " + "   ".join(parts).replace("\\*", "*") + \
        f"   ratio {ratio(by_peer)}"


def table(header, rows):
    align = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, align, *rows]) + "\n"


def best_limit(limits, threads):
    return max((rates.get(str(threads), 0) for rates in limits.values()), default=0)


def latency_table(results):
    rows = []
    for model in results["models"]:
        if model["name"].startswith("gemm_"):
            continue
        for threads, by_peer in model["latency"].items():
            rows.append([model["name"], f"{model['gflop']:.2f}", threads, *(milliseconds(by_peer[p]) for p in TITLES),
                         ratio(by_peer)])
    return table(["model", "GFLOP", "threads", *(f"{t}, ms" for t in TITLES.values()), "aicc / the better peer"], rows)


def gemm_table(results):
    def cell(model, place, threads):
        peak = best_limit(results["limits"], threads)
        if "ms" not in place:
            return milliseconds(place)
        rate = model["gflop"] / place["ms"] * 1e3
        if "shares" in place:
            return f"{rate:.0f} ({place['shares']['fma']:.0%})" + ("" if place["quiet"] else "\\*")
        return f"{rate:.0f} ({rate / peak:.0%})" + ("" if place["quiet"] else "\\*") if peak else f"{rate:.0f}"

    def limit(by_peer, point):
        rates = [r for p in TITLES for r in by_peer.get(p, {}).get("bursts", {}).get(point, [])]
        return f"{statistics.median(rates):.0f}" if rates else "–"

    rows = []
    for model in results["models"]:
        if model["name"].startswith("gemm_"):
            for threads, by_peer in model["latency"].items():
                rows.append([model["name"][5:].replace("x", "×"), threads,
                             *(cell(model, by_peer[p], threads) for p in TITLES), ratio(by_peer),
                             *(limit(by_peer, point) for point in LIMITS)])
    return table(["M×N×K", "threads", *(f"{t}, GFLOP/s" for t in TITLES.values()), "aicc / the better peer",
                  *LIMITS.values()], rows)


def compile_table(results):
    rows = []
    for model in results["models"]:
        if "compile_s" in model:
            over = (model["compile_peak_bytes"] - model["model_bytes"]) / 1e6
            rows.append([model["name"], f"{model['model_bytes'] / 1e6:.1f}", f"{model['compile_s']:.1f}",
                         f"{model['compile_peak_bytes'] / 1e6:.0f}", f"{over:+.0f}", f"{model['module_bytes'] / 1e6:.1f}",
                         f"{model['load_ms']:.2f}" if "load_ms" in model else "–",
                         f"{model['error']:.1e}" if "error" in model else model.get("failed", "–")])
    return table(["model", "ONNX file, MB", "compile, s", "peak memory, MB", "over the file, MB", "module, MB", "load, ms",
                  "error"], rows)


def markdown(results):
    m, v, limits = results["machine"], results["versions"], results["limits"]
    peaks = "; ".join(f"{isa} " + ", ".join(f"{rate:.0f} on {n} thread{'s' if n != '1' else ''}" for n, rate in rates.items())
                      for isa, rates in limits.items())
    cache = ", ".join(f"{k} {size}" for k, size in m["caches"].items())
    noisy = any(not p["quiet"] for r in results["models"] for t in r["latency"].values() for p in t.values()
                if isinstance(p, dict))
    failed = [f"- {r['name']}: {r['failed']}" for r in results["models"] if "failed" in r]
    return f"""# Benchmarks

Made by `make bench` (test/bench); the numbers are in test/bench/results.json too. Generated: edit report.py, not this page.

- Machine: {m['cpu']} ({m['model']}), {m['cores']} cores, {cache}, {m['memory_bytes'] / 2**30:.0f} GiB, {', '.join(m['features'])}
- Date: {m['date']}; aicc {v['aicc']}, ONNX Runtime {v['onnxruntime']}, OpenVINO {v['openvino']} (fp32 forced)
- Measured fp32 FMA peak in GFLOP/s: {peaks}

Each figure is the median of {results['rounds']} rounds' medians; every measurement is a process of its own, the three take turns, and
buffers are kept from run to run. Batch 1, 128 tokens for the encoders; weights are random but for MiniLM's.\
{chr(10) + chr(92) + '* other processes took CPU during each attempt: read such a figure with care.' if noisy else ''}

## Latency

{latency_table(results)}
## Matrix products

With constant weights, fp32; in brackets the share of the measured FMA peak: the median of the rounds' ratios of a product's rate
to FMA bursts on registers, which are measured immediately before it, on as many threads, each about as long as the product.
(Rows without the three columns on the right: over the best burst of the run.) The tiles are those bursts with the loads of an
8×48 register tile, its operands in L1 or in L2, nothing stored: a bound for a product by that tile. Register-only
FMAs measured right after such bursts are slow too for some milliseconds, so more than waiting for the loads is at work: the
processor seems to throttle dense FMAs with loads. There are no counters here to tell how.

{gemm_table(results)}
## Compiling

One instance, for the machine itself. Peak memory is VmHWM of `aicc compile`. Load: `aicc_module_load_file` with a warm page
cache. Error: the largest difference from ONNX Runtime's outputs, relative to the largest value.

{compile_table(results)}{chr(10) + 'Failed:' + chr(10) + chr(10).join(failed) + chr(10) if failed else ''}"""
