#!/usr/bin/env python3
"""The environment in which devices for tests are found: OpenCL on the host's cores by the package of scripts/requirements.txt,
and Level Zero by the test driver over it.

    scripts/device_env.py COMMAND ARGUMENT...

runs a command in it. What is set already stays, so that a machine's own devices can be tested as well.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))


def opencl(build=BUILD):
    """Variables that make the system's OpenCL loader take the package's implementation; none where it isn't installed."""
    library = os.path.join(build, "venv", "lib", "libintelocl.so")
    # Debian's loader knows the first, the Khronos loader the second.
    return {"OCL_ICD_VENDORS": library, "OCL_ICD_FILENAMES": library} if os.path.exists(library) else {}


def level_zero(build=BUILD):
    """Variables that make the Level Zero loader take the test driver; none where that isn't built."""
    library = os.path.join(build, "test", "lib", "libze_test_driver.so")
    if not os.path.exists(library):
        return {}
    return {**opencl(build), "ZE_ENABLE_ALT_DRIVERS": library, "ZE_ENABLE_VALIDATION_LAYER": "1",
            "ZE_ENABLE_PARAMETER_VALIDATION": "1"}


def environment(build=BUILD):
    """All of them, where they are not set already."""
    return {name: value for name, value in level_zero(build).items() or opencl(build).items() if name not in os.environ}


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    os.environ.update(environment())
    os.execvp(sys.argv[1], sys.argv[1:])
