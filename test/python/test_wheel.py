"""Installs the Python package by pip into an environment of its own, and runs its tests there.

The wheel is made in the build folder that there is, so that nothing is compiled twice. Last line: "N passed, M failed".
"""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
VENV = os.path.join(BUILD, "venv")


def main():
    environment = {**os.environ, "PATH": os.path.join(VENV, "bin") + ":" + os.environ["PATH"]}
    with tempfile.TemporaryDirectory() as folder:
        # What the build needs is in the build's environment; what the tests need, too.
        target = os.path.join(folder, "site")
        command = [os.path.join(VENV, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "--no-build-isolation",
                   "--no-deps", f"--config-settings=build-dir={BUILD}", "--target", target, ROOT]
        result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if result.returncode:
            print(result.stdout[-6000:])
            print("0 passed, 1 failed")
            return 1
        environment.update(PYTHONPATH=target, AICC_INSTALLED="1")
        tests = os.path.join(ROOT, "test", "python", "test_aicc.py")
        return subprocess.run([os.path.join(VENV, "bin", "python"), tests], cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
