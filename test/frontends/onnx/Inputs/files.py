"""Writes models whose files matter: external data in and out of reach, large initializers, damaged ones.  FOLDER"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = os.path.join(sys.argv[1], "model")
os.makedirs(folder)
VALUES = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)


def save(name, weight):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with open(os.path.join(folder, name + ".onnx"), "wb") as file:
        file.write(model.SerializeToString())


def external(name, location, **more):
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 64], data_location=TensorProto.EXTERNAL)
    for key, value in dict(location=location, **more).items():
        weight.external_data.add(key=key, value=str(value))
    save(name, weight)


for path in ("model/data.bin", "outside.bin"):
    VALUES.tofile(os.path.join(sys.argv[1], path))
os.symlink("../outside.bin", os.path.join(folder, "link.bin"))
os.symlink("data.bin", os.path.join(folder, "alias.bin"))
os.symlink("..", os.path.join(folder, "up"))
os.link(os.path.join(sys.argv[1], "outside.bin"), os.path.join(folder, "hard.bin"))

external("good", "data.bin", offset=0, length=VALUES.nbytes)
external("alias", "alias.bin")
external("parent", "../outside.bin")
external("absolute", os.path.join(sys.argv[1], "outside.bin"))
external("symlink", "link.bin")
external("folder", "up/outside.bin")
external("hardlink", "hard.bin")
external("missing", "nothing.bin")
external("long", "data.bin", offset=4096)
external("overflow", "data.bin", offset=2**64 - 8, length=16384)
external("short", "data.bin", length=100)

save("raw", numpy_helper.from_array(VALUES, "w"))
save("typed", helper.make_tensor("w", TensorProto.FLOAT, [64, 64], VALUES.ravel()))
save("wrong-size", TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 65], raw_data=VALUES.tobytes()))
save("negative", TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-1, 64], raw_data=VALUES.tobytes()))
save("huge", TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**40, 2**40], raw_data=VALUES.tobytes()))

with open(os.path.join(folder, "raw.onnx"), "rb") as file:
    data = file.read()
for name, content in {"truncated": data[:-100], "empty": b"", "text": b"not a model at all\n",
                      "nested": b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"}.items():
    with open(os.path.join(folder, name + ".onnx"), "wb") as file:
        file.write(content)
