"""Arrays for npy.mlir: `npy.py make DIR` writes them, `npy.py check DIR` compares them with DIR/out/output_<i>.npy."""
import sys

import numpy as np

folder = sys.argv[2]
rng = np.random.default_rng(0)
arrays = {
    "a": np.asfortranarray(rng.standard_normal((2, 3)).astype(np.float32)),
    "b": np.zeros(0, np.int64),
    "c": np.array([True, False, True]),
    "d": np.array(1.5),
    "e": rng.standard_normal((2, 2)).astype(np.float16),
    "f": np.array([0, 1, 254, 255], np.uint8),
    "g": np.asfortranarray(rng.integers(-9, 9, (2, 3, 4)).astype(">i4")),
    "h": np.array([1, 65535], np.uint16),
}
versions = {"e": (2, 0), "f": (3, 0)}
for number, (name, array) in enumerate(arrays.items()):
    if sys.argv[1] == "make":
        with open(f"{folder}/{name}.npy", "wb") as file:
            np.lib.format.write_array(file, array, version=versions.get(name))
    else:
        got = np.load(f"{folder}/out/output_{number}.npy")
        assert got.dtype == array.dtype.newbyteorder("="), (name, got.dtype)
        assert got.shape == array.shape and (got == array).all(), name
if sys.argv[1] == "make":
    whole = open(f"{folder}/a.npy", "rb").read()
    open(f"{folder}/cut.npy", "wb").write(whole[:-1])
