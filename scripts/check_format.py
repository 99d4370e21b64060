#!/usr/bin/env python3
"""The form of every tracked file: clang-format, a file's length, no vendor's name in the core, no machine's paths.

Prints what is wrong and exits with 1. --fix applies clang-format instead, and checks the rest.
"""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAX_LINES = 600
FORMATTED = (".h", ".hpp", ".c", ".cpp", ".cc")
CODE = FORMATTED + (".td", ".py", ".sh", ".cmake", ".mlir", ".test", ".fbs", "CMakeLists.txt", "Makefile")
CORE = ("compiler/", "dialects/", "passes/", "frontends/", "runtime/")

# Long files that have a reason to be: path: reason.
LONG = {}
# Files clang-format must leave alone, by prefix: reason.
UNFORMATTED = {}

VENDORS = re.compile(
    r"(?<![a-z0-9])(cuda|nvidia|nvptx|nvvm|nvgpu|ptx|cubin|rocm|rocdl|hip|hsaco|amd|amdgpu|radeon|intel|openvino|oneapi|level[_ -]?zero"
    r"|opencl|spir-?v|arm ltd)(?![a-z0-9])",
    re.IGNORECASE,
)
# Lines of the core that must name a vendor: (path, the whole line without its margins): reason.
VENDOR_EXCEPTIONS = {}
# Folders of the machine it was written on: not below any root that a reader could have.
MACHINE = re.compile(r"(?<![\w.\-/$}])/(?:root|work|home/\w+|tmp/\w+)/")


def tracked():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [path for path in listing.decode().split("\0") if path and os.path.isfile(os.path.join(ROOT, path))]


def read(path):
    """The file's text, or None if it is not text."""
    with open(os.path.join(ROOT, path), "rb") as stream:
        data = stream.read()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def check_text(path, text):
    """What is wrong with one file's text, as lines."""
    problems = []
    lines = text.splitlines()
    if path.endswith(CODE) and len(lines) > MAX_LINES and path not in LONG:
        problems.append(f"{path}: {len(lines)} lines, more than {MAX_LINES}")
    if path.endswith(CODE) and text and not text.endswith("\n"):
        problems.append(f"{path}: no newline at the end")
    for number, line in enumerate(lines, 1):
        if path.startswith(CORE):
            match = VENDORS.search(line)
            if match and (path, line.strip()) not in VENDOR_EXCEPTIONS:
                problems.append(f"{path}:{number}: the core names a vendor: {match.group(0)}")
        match = MACHINE.search(line)
        if match and path != "scripts/check_format.py":
            problems.append(f"{path}:{number}: a path of one machine: {match.group(0)}")
        if path.endswith(CODE) and line != line.rstrip() and not path.endswith((".mlir", ".test")):
            problems.append(f"{path}:{number}: space at the end of the line")
    return problems


def clang_format(files, fix):
    """Runs clang-format on `files`; the complaints as lines."""
    program = shutil.which("clang-format-19")
    if not program:
        return ["clang-format-19 is not installed: run make deps"]
    files = [path for path in files if not path.startswith(tuple(UNFORMATTED))]
    if not files:
        return []
    mode = ["-i"] if fix else ["--dry-run"]
    result = subprocess.run([program, *mode, "--ferror-limit=1", *files], cwd=ROOT, capture_output=True, text=True)
    bad = sorted({line.split(":")[0] for line in result.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    if result.returncode != 0 and not bad:
        return result.stderr.splitlines()
    return [f"{path}: not formatted: run make format" for path in bad]


def main():
    files = tracked()
    problems = clang_format([path for path in files if path.endswith(FORMATTED)], "--fix" in sys.argv[1:])
    for path in files:
        text = read(path)
        if text is not None:
            problems += check_text(path, text)
    print("\n".join(problems) if problems else f"format: {len(files)} files are clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
