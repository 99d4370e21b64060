"""Compiles a model with 600 MB of weights into DIR and stops it, by three signals, once its temporary file is there."""
import os
import signal
import subprocess
import sys
import time

folder = sys.argv[1]
model, module = os.path.join(folder, "m.mlir"), os.path.join(folder, "m.aicc")
with open(model, "w") as file:
    file.write("func.func @main() -> (tensor<600x262144xf32>) {\n"
               "  %0 = nn.iota {axis = 1 : i64, shape = affine_map<() -> (600, 262144)>, type = f32} : () -> tensor<600x262144xf32>\n"
               "  return %0 : tensor<600x262144xf32>\n}\n")

for number, wanted in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGABRT, 3), (signal.SIGKILL, -signal.SIGKILL)):
    process = subprocess.Popen(["aicc", "compile", model, "-o", module], stderr=subprocess.PIPE, text=True)
    begin = time.time()
    # With something in it: between a file's making and its being noted for removal lies an instant.
    while not any(entry.stat().st_size for entry in os.scandir(folder) if ".tmp." in entry.name):
        assert process.poll() is None and time.time() - begin < 60, "it never began to write"
        time.sleep(0.001)
    process.send_signal(number)
    error = process.communicate()[1]
    left = sorted(os.listdir(folder))
    assert process.returncode == wanted, (number, process.returncode, error)
    assert not os.path.exists(module), left
    if number == signal.SIGABRT:
        assert error.startswith("error: aicc gave up in the phase 'module'") and error.count("\n") == 1, error
    if number != signal.SIGKILL:
        assert left == ["m.mlir"], left
