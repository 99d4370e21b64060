"""One model through aicc: compiled, compared with ONNX Runtime at its outputs, and with the reference interpreter everywhere.

A model lies in a folder: model.onnx, NAME.npy for each input, and wanted.npz with the outputs and what they may be off.
"""
import json
import os
import re
import shutil
import subprocess

import numpy as np
import onnx

from values import bfloat16, explain

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
AICC = os.environ.get("AICC", os.path.join(os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build")), "bin", "aicc"))
SECONDS = 60


def save(folder, model, feeds, wanted, allowed):
    os.makedirs(folder, exist_ok=True)
    onnx.save(model, os.path.join(folder, "model.onnx"))
    for name, array in feeds.items():
        np.save(os.path.join(folder, name + ".npy"), array.view("V2") if array.dtype == bfloat16 else array)
    plain = {f"o{i}": a.view(np.uint16) if a.dtype == bfloat16 else a for i, a in enumerate(wanted)}
    np.savez(os.path.join(folder, "wanted.npz"), allowed=np.array(allowed, np.float64), **plain)


def load(folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    feeds = {i.name: np.load(os.path.join(folder, i.name + ".npy")) for i in model.graph.input}
    with np.load(os.path.join(folder, "wanted.npz")) as file:
        wanted = [file[f"o{i}"] for i in range(len(model.graph.output))]
        return model, feeds, wanted, list(file["allowed"])


def command(folder, extra=()):
    model = onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False)
    parts = [AICC, "verify", os.path.join(folder, "model.onnx"), "--json", "--output-dir", os.path.join(folder, "out")]
    for value in model.graph.input:
        parts += ["--input", f"{value.name}=@{os.path.join(folder, value.name)}.npy"]
    return [*parts, *extra]


def verify(folder, extra=()):
    """What is wrong, as (kind, message): crash, hang, refused, pass, dispatches, kernel, program, wrong; or None."""
    shutil.rmtree(os.path.join(folder, "out"), ignore_errors=True)
    parts = command(folder, ["--threads", "2", *extra])
    try:
        process = subprocess.run(parts, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "hang", f"no answer after {SECONDS} s"
    try:
        report = json.loads(process.stdout)
    except ValueError:
        report = None
    if process.returncode not in (0, 1, 3) or report is None:
        return "crash", f"exit code {process.returncode}: {process.stderr.strip()[-300:]}"
    if report["divergence"]:
        found = report["divergence"]
        return found["stage"], f"{found['node']} {found['op']} {found['pass']}{found['kernel']} {found['tensor']} {found['what']}"
    if process.returncode:
        kind = "refused" if process.returncode == 1 else "crash"
        return kind, "; ".join(report["errors"])[:300]
    model, _, wanted, allowed = load(folder)
    for i, (want, limit, value) in enumerate(zip(wanted, allowed, model.graph.output)):
        got = np.load(os.path.join(folder, "out", f"output_{i}.npy"))
        if value.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16:
            got, want = got.view(bfloat16), want.view(bfloat16)
        if what := explain(want, got, limit):
            return "wrong", f"output {value.name} {what}"
    return None


def signature(problem):
    """What stays the same while a model gets smaller."""
    if problem is None:
        return None
    kind, message = problem
    if kind in ("refused", "crash"):
        return kind, re.sub(r"\"[^\"]*\"|'[^']*'|\(.*?\)|[-\d.]+", "", message)[:80]
    return (kind,)
