"""`exit_code.py CODE COMMAND...` runs the command and fails unless it exits with CODE."""
import subprocess
import sys

code = subprocess.run(sys.argv[2:], stderr=subprocess.STDOUT).returncode
if code != int(sys.argv[1]):
    print(f"exit code {code}, wanted {sys.argv[1]}")
    sys.exit(1)
