"""What kernels for a graphics processor should take, by static facts alone: gpu_model.py [--target T] [--aicc PROGRAM].

One model of each class of kernel is compiled; grid, workgroup size and workgroup memory come from the kernel as the
code generator writes it, registers and spills from the assembler (PTX; without one that column is empty). The time is
the larger of what memory and arithmetic need at the rates below, divided by how full the processor is in its last
wave of workgroups and by a share of the peak that the class can be expected to reach. Numbers to be proven wrong by
a device, not results."""

import argparse
import glob
import os
import re
import subprocess
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# One processor like an H200: units, clock in GHz, bandwidth in GB/s, multiply-adds of a unit in one clock (mma.sync
# reaches about two thirds of what the newest instructions do), registers, workgroup memory and threads of a unit.
UNITS, CLOCK, BANDWIDTH = 132, 1.755, 4800
RATES = {"f16": 1300, "f32 in three": 650 / 3, "f32": 128}
REGISTERS, SHARED, THREADS = 65536, 227 << 10, 2048

# Share of the peak: contractions and attention by mma.sync without ldmatrix; memory-bound kernels.
REACHED = {"matmul": 0.7, "conv": 0.6, "attention": 0.5, "few rows": 0.85}

TYPES = {"f16": (TensorProto.FLOAT16, np.float16, 2), "f32": (TensorProto.FLOAT, np.float32, 4)}


def save(path, nodes, inputs, outputs, weights=(), opset=17):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10), path)


def make_matmul(path, kind, m, k, n):
    code, dtype, _ = TYPES[kind]
    info = helper.make_tensor_value_info
    save(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], [info("x", code, [m, k])], [info("y", code, [m, n])],
         [numpy_helper.from_array(np.zeros((k, n), dtype), "w")])


def make_conv(path, kind, n, c, size, m, taps):
    code, dtype, _ = TYPES[kind]
    info = helper.make_tensor_value_info
    save(path, [helper.make_node("Conv", ["x", "w"], ["y"], pads=[taps // 2] * 4)], [info("x", code, [n, c, size, size])],
         [info("y", code, [n, m, size, size])], [numpy_helper.from_array(np.zeros((m, c, taps, taps), dtype), "w")])


def make_attention(path, kind, heads, length, depth):
    code = TYPES[kind][0]
    tensors = [helper.make_tensor_value_info(name, code, [1, heads, length, depth]) for name in "qkvy"]
    save(path, [helper.make_node("Attention", ["q", "k", "v"], ["y"])], tensors[:3], tensors[3:], opset=23)


def cases():
    """(name, class, type, function that writes the model, multiply-adds, bytes of memory)."""
    for kind in ("f16", "f32"):
        size = TYPES[kind][2]
        for n in (4096, 8192):
            yield (f"matmul {n}³", "matmul", kind, lambda p, k=kind, n=n: make_matmul(p, k, n, n, n), n**3, 3 * n * n * size)
        yield ("matmul 128×768×768", "matmul", kind, lambda p, k=kind: make_matmul(p, k, 128, 768, 768), 128 * 768**2,
               (2 * 128 * 768 + 768**2) * size)
        yield ("matmul 1×4096×4096", "few rows", kind, lambda p, k=kind: make_matmul(p, k, 1, 4096, 4096), 4096**2,
               4096**2 * size)
        yield ("conv 3×3 32×14²×256", "conv", kind, lambda p, k=kind: make_conv(p, k, 32, 256, 14, 256, 3),
               32 * 196 * 256 * 256 * 9, (2 * 32 * 196 * 256 + 9 * 256 * 256) * size)
        for length in (1024, 4096):
            yield (f"attention 32 heads of 128, {length}", "attention", kind,
                   lambda p, k=kind, s=length: make_attention(p, k, 32, s, 128), 2 * 32 * length**2 * 128,
                   4 * 32 * length * 128 * size)


def facts(aicc, target, model, folder):
    """Grid, threads, workgroup memory in bytes, registers (None: not known), spilled bytes, matrix instructions."""
    kernel = os.path.join(folder, "kernel.mlir")
    subprocess.run([aicc, "compile", model, "--target", target, "--compile-to=kernel", "-o", kernel], check=True)
    with open(kernel, encoding="utf-8") as stream:
        text = stream.read()
    maps = dict(re.findall(r"^(#map\d*) = affine_map<\(\) -> \((\d+)\)>", text, flags=re.M))
    grid = int(maps[re.search(r"exe\.launch .* grid (#map\d*)", text).group(1)])
    threads = int(re.search(r"aicc\.threads = (\d+)", text).group(1))
    size = {"f32": 4, "f16": 2, "bf16": 2, "f64": 8, "i32": 4, "i8": 1, "i64": 8}
    shared = sum(int(n) * size[t] for n, t in re.findall(r"llvm\.mlir\.global .*array<(\d+) x (\w+)>", text))
    subprocess.run([aicc, "compile", model, "--target", target, "-o", os.path.join(folder, "m.aicc"), f"--dump={folder}"],
                   check=True)
    registers, spills, matrix = None, 0, 0
    for path in glob.glob(os.path.join(folder, "**", "*.ptxas.txt"), recursive=True):
        with open(path, encoding="utf-8") as stream:
            log = stream.read()
        registers = int(re.search(r"Used (\d+) registers", log).group(1))
        spills = sum(int(n) for n in re.findall(r"(\d+) bytes spill", log))
    for path in glob.glob(os.path.join(folder, "**", "*.ptx"), recursive=True):
        with open(path, encoding="utf-8") as stream:
            matrix = len(re.findall(r"mma\.sync", stream.read()))
    return grid, threads, shared, registers, spills, matrix


def predict(kernel_class, kind, work, size, grid, threads, shared, registers, matrix):
    """Microseconds, and workgroups that one unit holds."""
    held = max(1, min(THREADS // threads, SHARED // max(1, shared), REGISTERS // (threads * (registers or 128)), 32))
    slots = UNITS * held
    fullness = grid / (-(-grid // slots) * slots) if grid < 8 * slots else 1.0
    if kernel_class == "few rows":
        fullness = min(1.0, grid * threads / (UNITS * 512))  # enough loads under way
    rate = RATES[kind] if kind == "f16" or not matrix else RATES["f32 in three"]
    if not matrix:
        rate = RATES["f32"]
    arithmetic = work / (UNITS * rate * CLOCK * 1e3 * REACHED[kernel_class] * fullness)
    memory = size / (BANDWIDTH * 1e3 * 0.85 * (fullness if kernel_class == "few rows" else 1))
    return max(arithmetic, memory) + 2, held


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="cuda:sm_90a")
    parser.add_argument("--aicc", default=os.path.join(ROOT, "build", "bin", "aicc"))
    arguments = parser.parse_args()
    print("| kernel | type | workgroups × threads | workgroup memory | registers | spills | matrix instructions "
          "| held by a unit | multiply-adds of a workgroup | bytes | µs |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, kernel_class, kind, make, work, size in cases():
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "m.onnx")
            make(model)
            grid, threads, shared, registers, spills, matrix = facts(arguments.aicc, arguments.target, model, folder)
        time, held = predict(kernel_class, kind, work, size, grid, threads, shared, registers, matrix)
        print(f"| {name} | {kind} | {grid} × {threads} | {shared / 1024:.1f} kB | {registers or '?'} | {spills} | {matrix} "
              f"| {held} | {work / grid:.3g} | {size:.3g} | {time:.1f} |", flush=True)


if __name__ == "__main__":
    main()
