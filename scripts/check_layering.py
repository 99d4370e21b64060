#!/usr/bin/env python3
"""Who may include whom, checked on every tracked source file.

Each file belongs to the layer with the longest matching path prefix, and each layer names the layers and the outside
libraries it may include. The table is the whole rule; the design's reason for it is one line beside each entry.
Prints the violations and exits with 1 if there are any. --self-test checks the checker on made-up trees.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = (".h", ".hpp", ".inc", ".c", ".cpp", ".cc")

# Layer (path prefix): the layers it may include besides itself, and the libraries. "*" is everything.
LAYERS = {
    # The C ABI: a C compiler and nothing else.
    "runtime/include": ([], []),
    # Runs without the compiler, wherever the module goes.
    "runtime": (["runtime/include"], ["flatbuffers", "gtest", "gmock"]),
    # Python sees both halves through their public headers.
    "runtime/python": (["runtime/include", "compiler/include"], ["nanobind"]),
    # The model's meaning; every other part of the compiler builds on it.
    "dialects": ([], ["mlir", "llvm"]),
    # The interfaces between the compiler's parts: all of them may be implemented out of tree.
    # The C ABI's plain types and the kernel ABI are what both halves share, so they may be seen from here.
    "compiler/include": (["dialects", "runtime/include"], ["mlir", "llvm"]),
    "frontends": (["dialects", "compiler/include"], ["mlir", "llvm", "onnx", "google"]),
    "passes/graph": (["dialects", "compiler/include"], ["mlir", "llvm"]),
    # Later phases ask the questions about constants that the graph phase answers.
    "passes/dispatch": (["dialects", "compiler/include", "passes/public"], ["mlir", "llvm"]),
    "passes/program": (["dialects", "compiler/include", "passes/public"], ["mlir", "llvm"]),
    # What code generators share, of every kind of device and of every vendor's graphics processor: plug-ins may use both.
    # Entries without a star come before those that match the same folder by one.
    "targets/kernel": (["dialects", "compiler/include", "passes/public", "runtime/include"], ["mlir", "llvm", "lld"]),
    "targets/gpu/codegen": (
        ["dialects", "compiler/include", "passes/public", "targets/kernel", "runtime/include"],
        ["mlir", "llvm"],
    ),
    "targets/gpu/driver": (["runtime/include"], ["gtest", "gmock"]),
    # A target's half that needs MLIR. Only headers at the top of a pass folder are public.
    "targets/*/codegen": (
        ["dialects", "compiler/include", "passes/public", "targets/kernel", "targets/gpu/codegen", "runtime/include"],
        ["mlir", "llvm", "lld"],
    ),
    # A target's half that runs: it may be a plug-in built by someone who has only the public headers.
    "targets/*/driver": (["runtime/include", "targets/gpu/driver"], ["gtest", "gmock"]),
    "compiler": (
        ["compiler/include", "dialects", "frontends", "passes/public", "targets/*/codegen", "runtime/include", "runtime"],
        ["mlir", "llvm", "lld", "flatbuffers", "nlohmann"],
    ),
    "tools": ("*", "*"),
    "test": ("*", "*"),
}

# Single files that may break the table: (file, included path): reason.
EXCEPTIONS = {}

EXTERNAL = ("mlir", "llvm", "lld", "onnx", "google", "flatbuffers", "gtest", "gmock", "CLI", "nlohmann", "benchmark", "nanobind")


def layer_of(path):
    """The layer a repository path belongs to, or None."""
    best = None
    for layer in LAYERS:
        pattern = re.escape(layer).replace(r"\*", "[^/]+")
        if re.match(pattern + "/", path) and (best is None or layer.count("/") > best.count("/")):
            best = layer
    return best


def resolve(root, source, name):
    """The repository path that an include names, or None for a file outside of the repository."""
    candidates = [os.path.normpath(os.path.join(os.path.dirname(source), name)), name]
    candidates += [os.path.join("runtime/include", name), os.path.join("compiler/include", name)]
    for candidate in candidates:
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    # Generated headers are included by the path of the folder they are generated from.
    if layer_of(name):
        return name
    return None


def allowed(source, target):
    """Whether one repository file may include another."""
    source_layer, target_layer = layer_of(source), layer_of(target)
    if source_layer is None or target_layer is None:
        return source_layer is None
    layers = LAYERS[source_layer][0]
    if layers == "*" or target_layer in layers:
        return True
    if target_layer.startswith("passes/") and target.count("/") == 2 and "passes/public" in layers:
        return True
    if source_layer == target_layer:
        # One target's folder is not another's.
        return "*" not in source_layer or source.split("/")[1] == target.split("/")[1]
    return False


def check(root, files):
    """All violations in `files` (paths below `root`), as lines of text."""
    violations = []
    for path in sorted(files):
        layer = layer_of(path)
        if not path.endswith(SOURCES) or layer is None:
            continue
        with open(os.path.join(root, path), encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
            if not match or (path, match.group(1)) in EXCEPTIONS:
                continue
            name = match.group(1)
            target = resolve(root, path, name)
            if target is not None:
                if not allowed(path, target):
                    violations.append(f"{path}:{number}: {layer} must not include {target}")
                continue
            library = name.split("/")[0]
            if library in EXTERNAL and LAYERS[layer][1] != "*" and library not in LAYERS[layer][1]:
                violations.append(f"{path}:{number}: {layer} must not include the library {library} ({name})")
    return violations


def self_test():
    """Made-up trees: (file, its include, what else exists, whether that is a violation)."""
    cases = [
        ("runtime/core/a.cpp", "dialects/nn/NN.h", "dialects/nn/NN.h", True),
        ("runtime/core/a.cpp", "mlir/IR/Value.h", None, True),
        ("runtime/core/a.cpp", "aicc/runtime.h", "runtime/include/aicc/runtime.h", False),
        ("runtime/core/a.cpp", "aicc/Target.h", "compiler/include/aicc/Target.h", True),
        ("runtime/core/a.cpp", "runtime/module/format.h", "runtime/module/format.h", False),
        ("dialects/nn/NN.cpp", "dialects/nn/NNOps.cpp.inc", None, False),
        ("dialects/nn/NN.cpp", "passes/graph/Passes.h.inc", None, True),
        ("dialects/nn/NN.cpp", "aicc/Target.h", "compiler/include/aicc/Target.h", True),
        ("passes/graph/Fold.cpp", "passes/dispatch/Passes.h", "passes/dispatch/Passes.h", True),
        ("passes/graph/Fold.cpp", "Detail.h", "passes/graph/Detail.h", False),
        ("passes/graph/Fold.cpp", "onnx/onnx_pb.h", None, True),
        ("frontends/onnx/Import.cpp", "onnx/onnx_pb.h", None, False),
        ("targets/cpu/codegen/Cpu.cpp", "passes/dispatch/Passes.h", "passes/dispatch/Passes.h", False),
        ("targets/cpu/codegen/Cpu.cpp", "passes/dispatch/lib/Inner.h", "passes/dispatch/lib/Inner.h", True),
        ("targets/cpu/codegen/Cpu.cpp", "targets/mock/codegen/Mock.h", "targets/mock/codegen/Mock.h", True),
        ("targets/mock/codegen/Mock.cpp", "targets/gpu/codegen/Gpu.h", "targets/gpu/codegen/Gpu.h", False),
        ("targets/gpu/codegen/Gpu.cpp", "targets/kernel/Kernel.h", "targets/kernel/Kernel.h", False),
        ("targets/gpu/codegen/Gpu.cpp", "targets/mock/codegen/Mock.h", "targets/mock/codegen/Mock.h", True),
        ("targets/kernel/Kernel.cpp", "targets/gpu/codegen/Gpu.h", "targets/gpu/codegen/Gpu.h", True),
        ("targets/mock/driver/d.cpp", "targets/gpu/driver/Stream.h", "targets/gpu/driver/Stream.h", False),
        ("targets/gpu/driver/d.cpp", "targets/gpu/codegen/Gpu.h", "targets/gpu/codegen/Gpu.h", True),
        ("targets/cpu/driver/d.cpp", "targets/cpu/codegen/Cpu.h", "targets/cpu/codegen/Cpu.h", True),
        ("targets/cpu/driver/d.cpp", "runtime/core/pool.h", "runtime/core/pool.h", True),
        ("compiler/Compile.cpp", "tools/aicc/Cli.h", "tools/aicc/Cli.h", True),
        ("tools/aicc/main.cpp", "compiler/Compile.h", "compiler/Compile.h", False),
    ]
    failures = 0
    for source, include, existing, bad in cases:
        with tempfile.TemporaryDirectory() as root:
            for path, text in ((existing, ""), (source, f'#include "{include}"\n')):
                if path:
                    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                    with open(os.path.join(root, path), "w", encoding="utf-8") as stream:
                        stream.write(text)
            if bool(check(root, [source])) != bad:
                print(f"self-test: {source} including {include}: expected {'a violation' if bad else 'none'}")
                failures += 1
    print(f"{len(cases) - failures} passed, {failures} failed")
    return failures


def main():
    if "--self-test" in sys.argv[1:]:
        return 1 if self_test() else 0
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    files = [path for path in listing.decode().split("\0") if path and os.path.isfile(os.path.join(ROOT, path))]
    violations = check(ROOT, files)
    print("\n".join(violations) if violations else f"layering: {len(files)} files are clean")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
