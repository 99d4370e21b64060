"""Lowers kernels of every operation that kernel IR has, on scalars and vectors, to SPIR-V, validates them, runs them on an OpenCL
device and compares the results with numpy's.

usage: run_kernels.py KERNEL-TO-SPIRV [FILTER]
"""

import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import kernel_cases
import opencl
import special_cases


def main():
    tool = sys.argv[1]
    cases = [c for c in [*kernel_cases.make(), *special_cases.make()] if len(sys.argv) < 3 or sys.argv[2] in c.name]
    generator = np.random.default_rng(7)
    device = opencl.Device()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "k.mlir"), os.path.join(folder, "k.spv")
        # Kernels of a group share a binary; a group that fails is taken apart to name the culprit.
        groups = [cases[i : i + 200] for i in range(0, len(cases), 200)]
        ran = 0
        while groups:
            group = groups.pop()
            error = None
            with open(source, "w") as f:
                f.write("\n".join(c.module for c in group))
            lowered = subprocess.run([tool, source, binary], capture_output=True, text=True)
            if lowered.returncode != 0:
                error = lowered.stderr
            elif shutil.which("spirv-val"):
                validated = subprocess.run(["spirv-val", "--target-env", "spv1.3", binary], capture_output=True, text=True)
                if validated.returncode != 0:
                    error = validated.stderr
            if error is None:
                try:
                    program = device.build(open(binary, "rb").read(), "-cl-fp32-correctly-rounded-divide-sqrt")
                except opencl.Error as e:
                    error = str(e)
            if error is not None:
                if len(group) == 1:
                    failures.append(f"{group[0].name}: {error.strip()}")
                else:
                    half = len(group) // 2
                    groups += [group[:half], group[half:]]
                continue
            for case in group:
                ran += 1
                try:
                    problem = case.run(device, program, generator)
                except opencl.Error as e:
                    problem = str(e)
                if problem:
                    failures.append(f"{case.name}: {problem}")
    for failure in failures:
        print("FAIL", failure)
    print(f"{ran} kernels ran on {device.info(0x102B)}, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
