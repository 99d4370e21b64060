#!/usr/bin/env python3
"""Packs what scripts/gpu_check.sh needs on a machine with an NVIDIA GPU into one folder (build/gpu_check, under 64 MB): the
runtime, its driver and test programs, modules compiled here, their inputs, and ONNX Runtime's outputs.

    scripts/gpu_pack.py [--target cuda:sm_80,cuda:sm_90a] [--models REGEX] [--no-bench] [--output DIR]

Models come in order until the space is used up; what is left out, or cannot be compiled, is listed in left_out.txt.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
LIMIT = 60 << 20
PROGRAMS = ["bin/driver_conformance", "bin/run_module", "lib/libaicc.so.0", "lib/aicc/libaicc_driver_cuda.so"]
AICC = os.path.join(BUILD, "bin", "aicc")


def size_of(folder):
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)


def compile_module(model, module, options, *more):
    """Why it failed, or None."""
    command = [AICC, "compile", model, "-o", module, "--target", options.target, *more]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return "compile: longer than 600 s"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in lines if "error" in line), lines[0] if lines else f"exit code {done.returncode}")
    return f"compile: {reason}" if done.returncode else None


def pack_case(run_models, np, case, folder, options):
    """One model: its module, and a folder for each binding. Returns why not, or None."""
    os.makedirs(folder)
    model = os.path.join(folder, "model.onnx")
    inputs = case.write(model)
    if size_of(options.output) > LIMIT:  # a module is no smaller than its model
        return "no room"
    feeds_list = [case.feeds(inputs, binding) for binding in range(len(case.bindings))]
    names, wanted = run_models.reference(model, feeds_list)
    reason = compile_module(model, os.path.join(folder, "model.aicc"), options)
    os.remove(model)
    if reason:
        return reason
    for binding, (feeds, outputs) in enumerate(zip(feeds_list, wanted)):
        place = os.path.join(folder, f"run{binding}")
        os.makedirs(place)
        for kind, values in (("input", feeds.items()), ("output", zip(names, outputs))):
            with open(os.path.join(place, kind + "s.txt"), "w", encoding="utf-8") as listing:
                for number, (name, array) in enumerate(values):
                    np.save(os.path.join(place, f"{kind}{number}.npy"), np.ascontiguousarray(array).reshape(array.shape))
                    listing.write(f"{name}\t{kind}{number}.npy\n")
    with open(os.path.join(folder, "tolerance.txt"), "w", encoding="utf-8") as stream:
        # The matrix units round f32 operands to tf32 where numerics allow it; what the case allows stays the measure.
        stream.write(f"{case.tolerance:g}\n")
    return None


def matmul_model(onnx, path, kind, size):
    """size³, both operands inputs: nothing to store."""
    helper = onnx.helper
    values = [helper.make_tensor_value_info(name, kind, [size, size]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"], name="product")], "matmul", values[:2], values[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def gemv_model(onnx, path, kind, size):
    helper = onnx.helper
    a = helper.make_tensor_value_info("a", kind, [1, size])
    b = helper.make_tensor_value_info("b", kind, [size, size])
    c = helper.make_tensor_value_info("c", kind, [1, size])
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"], name="product")], "gemv", [a, b], [c])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def attention_model(onnx, path, kind, heads, length, head):
    """softmax(q kᵀ / sqrt(head)) v, as the importer raises it."""
    helper = onnx.helper
    shape = [1, heads, length, head]
    values = [helper.make_tensor_value_info(name, kind, shape) for name in ("q", "k", "v", "o")]
    scale = helper.make_tensor("scale", kind, [], [head**-0.5])
    nodes = [
        helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2], name="transpose"),
        helper.make_node("MatMul", ["q", "kt"], ["s"], name="scores"),
        helper.make_node("Mul", ["s", "scale"], ["t"], name="scaled"),
        helper.make_node("Softmax", ["t"], ["p"], axis=-1, name="softmax"),
        helper.make_node("MatMul", ["p", "v"], ["o"], name="attention"),
    ]
    graph = helper.make_graph(nodes, "attention", values[:3], values[3:], [scale])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def pack_bench(onnx, folder, options, left_out):
    """Products and attention, whose peers gpu_check.sh measures with PyTorch under the same names."""
    os.makedirs(folder)
    types = {"bf16": onnx.TensorProto.BFLOAT16, "f32": onnx.TensorProto.FLOAT, "f16": onnx.TensorProto.FLOAT16}
    makers = {}
    for kind, size in (("bf16", 4096), ("bf16", 8192), ("f32", 4096), ("f32", 8192), ("f16", 4096)):
        makers[f"matmul_{kind}_{size}"] = (matmul_model, types[kind], size)
    for kind, size in (("bf16", 8192), ("f32", 8192)):
        makers[f"gemv_{kind}_{size}"] = (gemv_model, types[kind], size)
    for length in (4096, 16384):
        makers[f"attention_bf16_{length}"] = (attention_model, types["bf16"], 16, length, 128)
    for name, (maker, *arguments) in makers.items():
        model = os.path.join(folder, name + ".onnx")
        maker(onnx, model, *arguments)
        if reason := compile_module(model, os.path.join(folder, name + ".aicc"), options):
            left_out.append(f"bench {name}\t{reason}")
        os.remove(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="cuda:sm_80,cuda:sm_90a")
    parser.add_argument("--models", default="", metavar="REGEX", help="cases of test/models/run_models.py (default: all)")
    parser.add_argument("--no-bench", action="store_true")
    parser.add_argument("--output", default=os.path.join(BUILD, "gpu_check"))
    options = parser.parse_args()
    sys.path.insert(0, os.path.join(ROOT, "test", "models"))
    import numpy as np
    import onnx
    import run_models

    missing = [name for name in PROGRAMS if not os.path.exists(os.path.join(BUILD, name))]
    if missing:
        sys.exit(f"build first (ninja -C build all aicc-tests): {', '.join(missing)}")
    shutil.rmtree(options.output, ignore_errors=True)
    for name in PROGRAMS:
        os.makedirs(os.path.dirname(os.path.join(options.output, name)), exist_ok=True)
        shutil.copy2(os.path.join(BUILD, name), os.path.join(options.output, name))
    os.makedirs(os.path.join(options.output, "images"))
    shutil.copy2(os.path.join(BUILD, "test", "conformance", "images", "ptx.img"), os.path.join(options.output, "images"))
    for name in ("gpu_check.sh", "gpu_peers.py"):
        shutil.copy2(os.path.join(ROOT, "scripts", name), options.output)

    left_out = []
    if not options.no_bench:
        pack_bench(onnx, os.path.join(options.output, "bench"), options, left_out)
    packed = 0
    for case in run_models.cases():
        if not re.search(options.models, case.id):
            continue
        folder = os.path.join(options.output, "models", case.id.replace("/", "."))
        try:
            reason = pack_case(run_models, np, case, folder, options)
        except Exception as error:  # the maker's or the reference's
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if not reason and size_of(options.output) > LIMIT:
            reason = "no room"
        if reason:
            shutil.rmtree(folder, ignore_errors=True)
            left_out.append(f"{case.id}\t{reason}")
            print(f"left out: {case.id}: {reason}", flush=True)
        packed += not reason
    with open(os.path.join(options.output, "left_out.txt"), "w", encoding="utf-8") as stream:
        stream.writelines(line + "\n" for line in left_out)
    print(f"{packed} models, {len(left_out)} left out, {size_of(options.output) / 1e6:.1f} MB in {options.output}")


if __name__ == "__main__":
    main()
